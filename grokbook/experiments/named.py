"""The paper's experiments and our controls, by name, in three presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from grokbook._support.errors import InputError
from grokbook.experiments.names import PRESETS
from grokbook.experiments.schema import Dataset, Experiment, LogSchedule, Measurements
from grokbook.models.mlp import MLPConfig
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.base import Standard
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.perturbation import Perturbed
from grokbook.tasks.images import MNIST, Digits
from grokbook.tasks.modular import ModularAddition


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
        assert isinstance(recipe.optimizer, AdamW)
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
in :mod:`grokbook.studies.l1_search`."""

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
