"""Named experiments: the single source of every setting.

An :class:`Experiment` is a frozen dataclass. Everything that changes a result is a field, nothing
else is, and :attr:`Experiment.id` is a hash of the fields. They are checked as it is made: what is
not allowed raises an `InputError`, and equal experiments have equal ids. :func:`experiment` builds
the paper's experiments by name, in three presets.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from grokbook.datasets import MNIST, Dataset, Digits, Loadable, ModularAddition
from grokbook.errors import InputError
from grokbook.fields import conform, non_negative, whole
from grokbook.measurements import GROUPS
from grokbook.models import MLP, Network, Transformer
from grokbook.seeding import generator
from grokbook.strategies import (
    AbelianRegularized,
    MirrorAugmented,
    Perturbed,
    Standard,
    Strategy,
)

Preset = Literal["paper", "quick", "smoke"]
PRESETS: tuple[str, ...] = get_args(Preset)


@dataclass(frozen=True)
class MLPConfig:
    """Sizes and initial scale of :class:`grokbook.models.MLP`; input and output follow the data."""

    hidden: tuple[int, ...] = (200, 200)
    init_scale: float = 8.0

    def __post_init__(self) -> None:
        conform(self)
        for width in self.hidden:
            whole("an entry of hidden", width, least=1)
        non_negative("init_scale", self.init_scale)


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of :class:`grokbook.models.Transformer`; the modulus follows the data."""

    d: int = 128
    heads: int = 4
    mlp: int = 512

    def __post_init__(self) -> None:
        conform(self)
        for name in ("d", "heads", "mlp"):
            whole(name, getattr(self, name), least=1)
        if self.d % self.heads:
            raise InputError(f"heads is {self.heads}, but must divide d = {self.d}.")


@dataclass(frozen=True)
class AdamW:
    """Optimiser: AdamW [Loshchilov & Hutter 2019], decay on every parameter.

    Parameters
    ----------
    lr : float
        Learning rate.
    weight_decay : float
        Decoupled ℓ₂ decay: each step multiplies the weights by 1 − lr · weight_decay.
    l1_decay : float
        Decoupled ℓ₁ decay, for Corollary 3.4: each step moves every weight towards 0 by
        lr · l1_decay and stops there.
    betas : pair of float
        Adam's two averaging rates, in [0, 1).
    warmup_steps : int
        Steps of linear learning-rate warm-up.
    """

    lr: float = 1e-3
    weight_decay: float = 0.01
    l1_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        conform(self)
        if not 0 < self.lr < float("inf"):
            raise InputError(f"lr is {self.lr}, but must be positive and finite.")
        for name in ("weight_decay", "l1_decay"):
            non_negative(name, getattr(self, name))
        whole("warmup_steps", self.warmup_steps, least=0)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas is {self.betas}, but both must lie in [0, 1).")


@dataclass(frozen=True)
class LogSchedule:
    """At which steps a run is measured.

    Parameters
    ----------
    spacing : "linear" or "geometric"
        Equal distances in steps, or equal ratios.
    points : int
        How many points, the start apart; on a geometric schedule those that round to the same
        step are merged.
    dear_every : int
        The costly metrics are computed at every ``dear_every``-th of these points, the first
        included.
    early_every, early_until : int
        Besides, everything is computed every ``early_every`` steps up to ``early_until``: the
        phase before training accuracy reaches 100 % is what section 5.2 looks at.

    Examples
    --------
    >>> LogSchedule("linear", 3).steps(150)
    [0, 50, 100, 150]
    >>> LogSchedule("geometric", 4).steps(1000)
    [0, 1, 10, 100, 1000]
    >>> early = LogSchedule("linear", 3, dear_every=3, early_every=20, early_until=60)
    >>> early.steps(150), early.dear_steps(150)
    ([0, 20, 40, 50, 60, 100, 150], [0, 20, 40, 60, 150])
    """

    spacing: Literal["linear", "geometric"] = "linear"
    points: int = 300
    dear_every: int = 1
    early_every: int = 1
    early_until: int = 0

    def __post_init__(self) -> None:
        conform(self)
        for name in ("points", "dear_every", "early_every"):
            whole(name, getattr(self, name), least=1)
        whole("early_until", self.early_until, least=0)

    def steps(self, total: int) -> list[int]:
        """Return the logged steps of a run of ``total`` steps, from 0 to ``total``."""
        return sorted({*self._regular(total), *self._early(total)})

    def dear_steps(self, total: int) -> list[int]:
        """Return those of :meth:`steps` at which the costly metrics are computed too."""
        return sorted({*self._regular(total)[:: self.dear_every], *self._early(total)})

    def _regular(self, total: int) -> list[int]:
        if self.spacing == "geometric":
            points = np.geomspace(1, total, self.points)
        else:
            points = np.linspace(0, total, self.points + 1)
        return sorted({0, total, *(round(step) for step in points.tolist())})

    def _early(self, total: int) -> range:
        return range(0, min(self.early_until, total) + 1, self.early_every)


@dataclass(frozen=True)
class Measurements:
    """Which metrics a run logs, and their settings (see :mod:`grokbook.measurements`).

    Parameters
    ----------
    groups : tuple of str
        Families of metrics; those in ``grokbook.measurements.GROUPS``.
    error_sigma : float
        σ of the perturbation error (Figure 2), in units of the input.
    information_sigma : float
        σ of PMI, PE, MID and ED (section 5), in units of the input.
    information_batch : int
        Samples a batch for the information metrics.
    probes : int
        Hutchinson probes for the transformer's sharpness, at least 2.
    """

    groups: tuple[str, ...] = ("accuracy", "norms")
    error_sigma: float = 0.04
    information_sigma: float = 0.1
    information_batch: int = 200
    probes: int = 4

    def __post_init__(self) -> None:
        conform(self)
        for group in self.groups:
            if group not in GROUPS:
                raise InputError(
                    f"groups has {group!r}, but only {', '.join(GROUPS)} can be measured."
                )
        non_negative("error_sigma", self.error_sigma)
        non_negative("information_sigma", self.information_sigma)
        whole("information_batch", self.information_batch, least=1)
        whole("probes", self.probes, least=2)


@dataclass(frozen=True)
class Experiment:
    """One training run, complete: the same experiment gives the same run.

    ``dataset`` and ``strategy`` may also be of your own: frozen dataclasses with the methods of
    :class:`grokbook.datasets.Loadable` and :class:`grokbook.strategies.Strategy`. ``dtype`` is that
    of the network; losses and spectra are float64 always. ``batch_size`` None
    means the full training set each step.
    """

    dataset: Dataset
    model: MLPConfig | TransformerConfig
    strategy: Standard | Perturbed | AbelianRegularized | MirrorAugmented
    loss: Literal["mse", "cross_entropy"]
    optimizer: AdamW
    steps: int
    log: LogSchedule
    measurements: Measurements
    batch_size: int | None = None
    seed: int = 0
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        conform(self, dataset=Loadable, strategy=Strategy)
        whole("steps", self.steps, least=1)
        whole("seed", self.seed, least=0)
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch_size is {self.batch_size}, but must be at least 1, or None.")
        pairs = isinstance(self.dataset, ModularAddition)
        if pairs != isinstance(self.model, TransformerConfig):
            raise InputError(
                f"{type(self.model).__name__} cannot read {type(self.dataset).__name__}: the"
                " transformer goes with ModularAddition, the MLP with MNIST and Digits."
            )
        if isinstance(self.strategy, AbelianRegularized | MirrorAugmented) and not pairs:
            raise InputError(
                f"{type(self.strategy).__name__} needs pairs (a, b), but the data set is"
                f" {type(self.dataset).__name__}; ModularAddition is allowed."
            )
        if "commutativity" in self.measurements.groups and not pairs:
            raise InputError(
                f"groups has 'commutativity', which needs pairs (a, b), but the data set is"
                f" {type(self.dataset).__name__}; ModularAddition is allowed."
            )

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits: SHA-256 of the fields as canonical JSON."""
        return id_of_fields(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Fields as plain JSON values; every nested dataclass names its class under ``type``."""
        return _encode(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Experiment:
        """Invert :meth:`to_dict`."""
        return _decode(fields)

    def build_model(self, inputs: int, classes: int) -> Network:
        """Return the initialised network for ``inputs`` features (MLP) and ``classes`` labels."""
        source = generator(self.seed, "init")
        dtype = getattr(torch, self.dtype)
        if isinstance(self.model, MLPConfig):
            sizes = (inputs, *self.model.hidden, classes)
            return MLP(sizes, self.model.init_scale, generator=source, dtype=dtype)
        config = self.model
        return Transformer(
            classes, config.d, config.heads, config.mlp, generator=source, dtype=dtype
        )


def id_of_fields(fields: dict[str, Any]) -> str:
    """Return the id of an experiment given by its :meth:`Experiment.to_dict`, of any version.

    An id outlives the growth of the package. A field that came later (``fields.later``) is left out
    at its default, and a class or field that was renamed goes by its first name.
    """
    canonical = json.dumps(_as_first_recorded(fields), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


_TYPES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *(ModularAddition, MNIST, Digits, MLPConfig, TransformerConfig),
        *(Standard, Perturbed, AbelianRegularized, MirrorAugmented),
        *(AdamW, LogSchedule, Measurements, Experiment),
    )
}

_FIRST_NAMES: dict[str, str] = {}
"""Classes that were renamed since runs of them were recorded: today's name, and the first."""


def _as_first_recorded(value: Any) -> Any:
    """Return fields as the first version of each class would have written them."""
    if not isinstance(value, dict):
        return value
    kind = _type(value.get("type"))
    first = dict(value)
    if kind is not None:
        first["type"] = _FIRST_NAMES.get(kind.__name__, kind.__name__)
        for field in dataclasses.fields(kind):
            name = field.metadata.get("first_name", field.name)
            if field.name in first:
                first[name] = first.pop(field.name)
            if field.metadata.get("later") and first.get(name) == _encode(field.default):
                first.pop(name, None)
    return {key: _as_first_recorded(item) for key, item in first.items()}


def _type(name: Any) -> type | None:
    """Return the class of a name, today's or its first; None for one that is not ours."""
    today = {first: now for now, first in _FIRST_NAMES.items()}
    return _TYPES.get(today.get(name, name)) if isinstance(name, str) else None


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    return list(value) if isinstance(value, tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        kind = _type(value["type"])
        if kind is None:
            raise KeyError(value["type"])
        names: dict[str, str] = {
            field.metadata["first_name"]: field.name
            for field in dataclasses.fields(kind)
            if "first_name" in field.metadata
        }
        return kind(
            **{
                names.get(str(key), str(key)): _decode(item)
                for key, item in value.items()
                if key != "type"
            }
        )
    return tuple(value) if isinstance(value, list) else value


def _mnist(preset: str, seed: int) -> Experiment:
    dataset: Dataset = Digits() if preset == "smoke" else MNIST()
    # In `quick`, five times the paper's weight decay makes the MLP grok within two minutes.
    decay = {"paper": 0.01, "quick": 0.05, "smoke": 0.05}[preset]
    return Experiment(
        dataset=dataset,
        model=MLPConfig(hidden=(32, 32)) if preset == "smoke" else MLPConfig(),
        strategy=Standard(),
        loss="mse",
        optimizer=AdamW(weight_decay=decay),
        steps={"paper": 100_000, "quick": 20_000, "smoke": 200}[preset],
        log=LogSchedule(
            "geometric",
            points={"paper": 240, "quick": 120, "smoke": 20}[preset],
            dear_every={"paper": 2, "quick": 4, "smoke": 4}[preset],
        ),
        measurements=Measurements(_ALL_MNIST, information_sigma=0.1, information_batch=200),
        batch_size=50 if preset == "smoke" else 200,
        seed=seed,
    )


def _modadd(preset: str, seed: int) -> Experiment:
    p, fraction = {"paper": (113, 0.3), "quick": (59, 0.4), "smoke": (13, 0.5)}[preset]
    dataset = ModularAddition(p, fraction, seed)
    return Experiment(
        dataset=dataset,
        model=TransformerConfig(d=16, mlp=32) if preset == "smoke" else TransformerConfig(),
        strategy=Standard(),
        loss="cross_entropy",
        optimizer=AdamW(weight_decay=1.0, betas=(0.9, 0.98), warmup_steps=10),
        steps={"paper": 15_000, "quick": 6_000, "smoke": 200}[preset],
        log=LogSchedule(
            "linear",
            points={"paper": 300, "quick": 120, "smoke": 20}[preset],
            dear_every={"paper": 5, "quick": 4, "smoke": 4}[preset],
            early_every={"paper": 10, "quick": 20, "smoke": 20}[preset],
            early_until={"paper": 300, "quick": 300, "smoke": 60}[preset],
        ),
        # Ten batches of the training set; floor, so that no remainder of a few samples is left out
        # of proportion.
        measurements=Measurements(
            _ALL_MODADD, information_sigma=0.4, information_batch=max(1, dataset.train_points // 10)
        ),
        seed=seed,
    )


_ALL_MNIST = ("accuracy", "norms", "robustness", "sharpness", "information", "theory")
_ALL_MODADD = (*_ALL_MNIST, "commutativity")


def _with_strategy(
    base: Callable[[str, int], Experiment],
    strategy: Standard | Perturbed | AbelianRegularized | MirrorAugmented,
) -> Callable[[str, int], Experiment]:
    return lambda preset, seed: dataclasses.replace(base(preset, seed), strategy=strategy)


def _with_optimizer(
    base: Callable[[str, int], Experiment], change: Callable[[AdamW, str], AdamW]
) -> Callable[[str, int], Experiment]:
    """Replace the optimiser by a function of it and the preset."""

    def build(preset: str, seed: int) -> Experiment:
        recipe = base(preset, seed)
        return dataclasses.replace(recipe, optimizer=change(recipe.optimizer, preset))

    return build


def _l1_instead(task: str) -> Callable[[AdamW, str], AdamW]:
    """ℓ₁ decay in place of ℓ₂, scaled between the presets as the ℓ₂ decay of the task is."""

    def change(optimizer: AdamW, preset: str) -> AdamW:
        factor = _QUICK_DECAY if task == "mnist" and preset != "paper" else 1
        return dataclasses.replace(optimizer, weight_decay=0.0, l1_decay=L1_DECAY[task] * factor)

    return change


def _no_decay(optimizer: AdamW, preset: str) -> AdamW:
    return dataclasses.replace(optimizer, weight_decay=0.0)


def _mnist_unit_init(preset: str, seed: int) -> Experiment:
    recipe = _mnist(preset, seed)
    assert isinstance(recipe.model, MLPConfig)
    return dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, init_scale=1.0))


L1_DECAY = {"mnist": 0.006, "modadd": 1.0}
"""ℓ₁ decay of the controls ``mnist-l1`` and ``modadd-l1`` at the paper's sizes, found by the search
in :mod:`grokbook.l1_search`."""

_QUICK_DECAY = 5  # the quick preset of MNIST has five times the decay over a fifth of the steps

EXPERIMENTS: dict[str, Callable[[str, int], Experiment]] = {
    "mnist-standard": _mnist,
    "mnist-perturbed": _with_strategy(_mnist, Perturbed(lambda_1=0.06, lambda_2=0.03)),
    "modadd-standard": _modadd,
    "modadd-perturbed": _with_strategy(_modadd, Perturbed(lambda_1=0.5, lambda_2=0.4)),
    "modadd-abelian": _with_strategy(_modadd, AbelianRegularized(100.0)),
}
"""The paper's five experiments."""

CONTROLS: dict[str, Callable[[str, int], Experiment]] = {
    "mnist-unit-init": _mnist_unit_init,
    "mnist-l1": _with_optimizer(_mnist, _l1_instead("mnist")),
    "mnist-no-decay": _with_optimizer(_mnist, _no_decay),
    "modadd-no-decay": _with_optimizer(_modadd, _no_decay),
    "modadd-l1": _with_optimizer(_modadd, _l1_instead("modadd")),
    "modadd-mirrored": _with_strategy(_modadd, MirrorAugmented()),
}
"""Ours, to ask what the paper's five cannot answer: usual initial weights (α = 1), ℓ₁ decay in
place of ℓ₂ (Corollary 3.4), no decay at all, and the mirror images of the training pairs with their
labels in place of the commutative law (section 4.1)."""


def experiment(name: str, preset: str = "paper", seed: int = 0) -> Experiment:
    """Return one of the paper's experiments, or a control.

    Parameters
    ----------
    name : str
        A key of ``EXPERIMENTS``: "mnist-standard", "mnist-perturbed", "modadd-standard",
        "modadd-perturbed", "modadd-abelian"; or of ``CONTROLS``: "mnist-unit-init", "mnist-l1",
        "mnist-no-decay", "modadd-no-decay", "modadd-l1", "modadd-mirrored".
    preset : {"paper", "quick", "smoke"}
        The paper's own settings; a real grokking run of minutes; seconds, on
        ``Digits`` and p = 13, to see that everything works.
    seed : int
        Seed of split, initial weights, batches and noise.

    Raises
    ------
    InputError
        On an unknown name or preset, or a seed that is no integer of at least 0.

    Examples
    --------
    >>> e = experiment("modadd-standard")
    >>> e.dataset.train_points, e.steps, e.optimizer.weight_decay
    (3830, 15000, 1.0)
    """
    known = EXPERIMENTS | CONTROLS
    if name not in known:
        raise InputError(f"There is no experiment {name!r}; known are {', '.join(known)}.")
    if preset not in PRESETS:
        raise InputError(f"There is no preset {preset!r}; known are {', '.join(PRESETS)}.")
    return known[name](preset, seed)
