"""The definition of an experiment: the single source of every setting.

An :class:`Experiment` is a frozen dataclass. Everything that changes a result is a field, nothing
else is, and :attr:`Experiment.id` is a hash of the fields. The constructor checks them: a value
that is not allowed raises an `InputError`. Equal experiments have equal ids. The paper's
experiments are in :mod:`grokbook.experiments.named`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from grokbook._support.errors import InputError
from grokbook._support.members import require_settings
from grokbook._support.seeding import generator
from grokbook._support.validation import conform, non_negative, shown, whole
from grokbook.models.base import DataShape, ModelConfig, Network
from grokbook.models.building import network_of, require_fit, shape_of
from grokbook.models.members import MEMBERS as MODELS
from grokbook.models.mlp import MLPConfig
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adam import Adam
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.base import OptimizerSettings
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.members import MEMBERS as OPTIMIZERS
from grokbook.optimizers.muon import Muon
from grokbook.optimizers.sgd import SGD
from grokbook.strategies.base import Standard, Strategy
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.jacobian import JacobianRegularized
from grokbook.strategies.losses import Loss, LossName
from grokbook.strategies.members import MEMBERS as STRATEGIES
from grokbook.strategies.perturbation import Perturbed
from grokbook.tasks.base import Loadable, Split, Task, described, require_pairs
from grokbook.tasks.division import ModularDivision
from grokbook.tasks.images import MNIST, Digits
from grokbook.tasks.modular import ModularAddition
from grokbook.tasks.multiplication import ModularMultiplication
from grokbook.tasks.random_labels import RandomLabels
from grokbook.tasks.sparse_parity import SparseParity
from grokbook.tasks.subtraction import ModularSubtraction
from grokbook.tasks.symmetric_group import SymmetricGroup

Dataset = (
    ModularAddition
    | MNIST
    | Digits
    | ModularSubtraction
    | ModularMultiplication
    | ModularDivision
    | SymmetricGroup
    | SparseParity
    | RandomLabels
)
GROUPS = (
    "accuracy", "norms", "commutativity", "laws", "robustness", "sharpness", "information",
    "test_information", "theory",
)  # fmt: skip
"""Families of metrics that a run may log; :mod:`grokbook.training.measurements` computes them."""


@dataclass(frozen=True)
class LogSchedule:
    """The steps at which a run is measured.

    Parameters
    ----------
    spacing : "linear" or "geometric"
        Equal distances in steps, or equal ratios.
    points : int
        Number of points, without the start; on a geometric schedule, points that round to the same
        step are merged.
    dear_every : int
        The costly metrics are computed at every ``dear_every``-th of these points, the first
        included.
    early_every, early_until : int
        Everything is also computed every ``early_every`` steps up to ``early_until``: section 5.2
        studies the phase before training accuracy reaches 100 %.

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
        """Return the subset of :meth:`steps` at which the costly metrics are also computed."""
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
    """Which metrics a run logs, and their settings (see :mod:`grokbook.training.measurements`).

    Parameters
    ----------
    groups : tuple of str
        Families of metrics, from ``grokbook.experiments.schema.GROUPS``.
    error_sigma : float
        σ of the perturbation error (Figure 2), in units of the input.
    information_sigma : float
        σ of PMI, PE, MID and ED (section 5), in units of the input.
    information_batch : int
        Samples per batch for the information metrics.
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
    """All settings of one training run: the same experiment gives the same run.

    Each class here may also be your own: a frozen dataclass with the methods of
    :class:`grokbook.tasks.base.Loadable` or a :class:`grokbook.tasks.base.Task`,
    :class:`grokbook.models.base.ModelConfig`,
    :class:`grokbook.strategies.base.Strategy`, :class:`grokbook.strategies.losses.Loss` or
    :class:`grokbook.optimizers.base.OptimizerSettings`. ``dtype`` is that of the network; the
    paper's losses and all spectra are always float64. ``batch_size`` None means the full training
    set each step.
    """

    dataset: Dataset
    model: MLPConfig | TransformerConfig
    strategy: Standard | Perturbed | AbelianRegularized | MirrorAugmented | JacobianRegularized
    loss: LossName
    optimizer: AdamW | Adam | SGD | Muon | Chain
    steps: int
    log: LogSchedule
    measurements: Measurements
    batch_size: int | None = None
    seed: int = 0
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        conform(
            self, dataset=Loadable, model=ModelConfig, strategy=Strategy, loss=Loss,
            optimizer=OptimizerSettings,
        )  # fmt: skip
        for name in ("dataset", "model", "strategy", "loss", "optimizer"):
            if not isinstance(getattr(self, name), str):
                require_settings(name, getattr(self, name))
        whole("steps", self.steps, least=1)
        whole("seed", self.seed, least=0)
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch_size is {self.batch_size}, but must be at least 1, or None.")
        name, pairs = type(self.dataset).__name__, self.task.inputs_kind == "pairs"
        if isinstance(self.model, TransformerConfig) and not pairs:
            raise InputError(
                f"TransformerConfig cannot read {name}, whose inputs are {self.task.inputs_kind}:"
                " it needs pairs of tokens; MLPConfig reads both."
            )
        if (
            isinstance(self.strategy, Perturbed)
            and not self.strategy.noise_on_equals
            and not isinstance(self.model, TransformerConfig)
        ):
            raise InputError(
                f"noise_on_equals is False, but {type(self.model).__name__} reads no token '=' that"
                " could be left without noise; only True is allowed."
            )
        if isinstance(self.strategy, AbelianRegularized | MirrorAugmented):
            strategy = type(self.strategy).__name__
            if not pairs:
                raise InputError(
                    f"{strategy} needs pairs (a, b), but the inputs of {name} are vectors."
                )
            if not self.task.commutes:
                raise InputError(
                    f"{strategy} teaches that a ∘ b = b ∘ a, which is false of {self.task.name}."
                )
            tied = isinstance(self.strategy, AbelianRegularized) and not self.strategy.test_mirrors
            if tied and self.batch_size is not None:
                raise InputError(
                    f"test_mirrors is False, which needs the full training set each step, but"
                    f" batch_size is {self.batch_size}; None is allowed."
                )
        for group in ("commutativity", "laws"):
            if group in self.measurements.groups and not pairs:
                raise InputError(
                    f"groups has {group!r}, which needs pairs (a, b), but the inputs of {name} are"
                    " vectors."
                )

    @property
    def task(self) -> Task:
        """The data set as a full task; your own data set gets defaults for what it lacks."""
        return described(self.dataset)

    def load(self) -> Split:
        """Return the data, after a check that the network can read them.

        Raises
        ------
        InputError
            If the inputs are not of the kind that the task declares, or hold tokens that the
            network cannot embed.
        DataError
            If the data are not available.
        """
        split = self.dataset.load()
        if self.task.inputs_kind == "pairs":
            require_pairs(split, self.task.name, split.classes)
        return split

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

    def build_model(self, inputs: int, classes: int, tokens: int | None = None) -> Network:
        """Return the initialised network for data of these sizes.

        Weights are drawn in float32 and then converted to the experiment's type, so float64 is the
        same run at higher precision.

        Parameters
        ----------
        inputs : int
            Features of an image, or tokens of a sample.
        classes : int
            Number of labels.
        tokens : int, optional
            Number of different tokens. The default for data sets of pairs is the number of labels.
        """
        if tokens is None and self.task.inputs_kind == "pairs":
            inputs, tokens = 2, classes
        network = network_of(
            self.model, DataShape(inputs, classes, tokens),
            generator=generator(self.seed, "init"), dtype=torch.float32,
        )  # fmt: skip
        return network.to(getattr(torch, self.dtype))

    def network(self, split: Split) -> Network:
        """Return the initialised network for these data, on the CPU, after a check of its logits.

        Raises
        ------
        InputError
            If a user's own model does not fit the data or is not a function of them.
        """
        pairs = self.task.inputs_kind == "pairs"
        shape = shape_of(split.train_x, split.test_x, split.classes, tokens=pairs)
        network = self.build_model(shape.inputs, shape.classes, shape.tokens)
        if type(self.model) not in MODELS:
            require_fit(network, type(self.model).__name__, split.train_x[:8].cpu(), split.classes)
        return network


def id_of_fields(fields: dict[str, Any]) -> str:
    """Return the id of an experiment given by its :meth:`Experiment.to_dict`, of any version.

    An id stays the same as the package grows. A field added later is left out at its default, and a
    renamed class or field keeps its first name in the id.
    """
    canonical = json.dumps(_as_first_recorded(fields), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


_TYPES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *(*get_args(Dataset), LogSchedule, Measurements, Experiment),
        *(*MODELS, *STRATEGIES, *OPTIMIZERS),
    )
}

_FIRST_NAMES: dict[str, str] = {}
"""Classes renamed after runs of them were recorded: the current name, then the first."""


def _as_first_recorded(value: Any) -> Any:
    """Return fields as the first version of each class would have written them."""
    if isinstance(value, list):
        return [_as_first_recorded(item) for item in value]
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
    """Return the class of a current or first name; None for a class that is not ours."""
    today = {first: now for now, first in _FIRST_NAMES.items()}
    return _TYPES.get(today.get(name, name)) if isinstance(name, str) else None


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(
        f"A field of the experiment is {shown(value)}, but must be a number, a text, a truth value,"
        " None, a tuple or a frozen dataclass of these."
    )


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
    return tuple(_decode(item) for item in value) if isinstance(value, list) else value
