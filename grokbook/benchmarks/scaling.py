"""Time and memory of a step against modulus, width, training pairs and seeds trained together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from grokbook.benchmarks.package import gflop, held, training
from grokbook.benchmarks.timing import allocated, in_turns, summary
from grokbook.experiments.named import EXPERIMENTS, experiment
from grokbook.experiments.schema import Experiment
from grokbook.models.transformer import TransformerConfig
from grokbook.tasks.modular import ModularAddition

MODULI = (59, 83, 113, 163)
WIDTHS = (32, 64, 128, 256)
FRACTIONS = (0.1, 0.3, 0.6, 0.9)
SEEDS = (1, 2, 5)


def variants() -> dict[tuple[str, str, int], list[Experiment]]:
    """The trained experiments, by experiment, varied size and value.

    Each starts from the paper's settings. The number of training pairs grows with the modulus p as
    30 % of p²; the width of the MLP is four times d.
    """
    base = experiment("modadd-standard")
    assert isinstance(base.dataset, ModularAddition)
    sizes: list[tuple[str, int, Experiment]] = []
    for p in MODULI:
        dataset = dataclasses.replace(base.dataset, p=p)
        sizes.append(("p", p, dataclasses.replace(base, dataset=dataset)))
    for d in WIDTHS:
        config = TransformerConfig(d, mlp=4 * d)
        sizes.append(("d", d, dataclasses.replace(base, model=config)))
    for fraction in FRACTIONS:
        dataset = dataclasses.replace(base.dataset, train_fraction=fraction)
        sizes.append(("n", dataset.train_points, dataclasses.replace(base, dataset=dataset)))
    found = {("modadd-standard", varied, value): [recipe] for varied, value, recipe in sizes}
    for name in EXPERIMENTS:
        for count in SEEDS:
            found[name, "seeds", count] = [experiment(name, seed=seed) for seed in range(count)]
    return found


def measure(rounds: int) -> list[dict[str, Any]]:
    """Rows of the table ``scaling``; sizes of the same kind take turns."""
    rows = []
    every = variants()
    for axis in dict.fromkeys((name, varied) for name, varied, _ in every):
        mine = {key: recipes for key, recipes in every.items() if key[:2] == axis}
        trainers = {key: training(recipes) for key, recipes in mine.items()}
        steps = {key: trainer.step for key, trainer in trainers.items()}
        for key, taken in in_turns(steps, rounds).items():
            rows.append(
                {
                    **dict(zip(("experiment", "varied", "value"), key, strict=True)),
                    **summary(taken),
                    "mebibytes": (held(trainers[key]) + allocated(steps[key])) / 2**20,
                    "gflop": _gflop(mine[key]),
                }
            )
    return rows


def _gflop(recipes: Sequence[Experiment]) -> float | None:
    counted = isinstance(recipes[0].model, TransformerConfig)
    return sum(gflop(recipe) for recipe in recipes) if counted else None
