"""Study of the norm: whether its fall is sufficient for grokking, and whether it is necessary.

Rules are in ``rules/norm.toml``. No network can generalise from random labels, whatever its norm
does; a clamped norm cannot fall.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from grokbook import metrics
from grokbook.experiments.schema import Experiment
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.norm_clamp import NormClamp
from grokbook.studies.study import Planned, Study
from grokbook.studies.tables import soonest
from grokbook.studies.workhorse import workhorse
from grokbook.tasks.random_labels import RandomLabels


def recipe(arm: str, seed: int, coefficient: float = 0.0) -> Experiment:
    """Return the experiment of a run of an arm; ``coefficient`` is that of ℓ₁ decay."""
    base = workhorse(STUDY.rules["setting"], seed, limit=STUDY.limit(arm))
    assert isinstance(base.optimizer, AdamW)
    if arm == "random-labels":
        # The commutative law has no meaning here, and its columns would be useless.
        return replace(base, dataset=RandomLabels(base.dataset, seed))  # type: ignore[arg-type]
    if arm == "decay":
        return base
    free = replace(base.optimizer, weight_decay=0.0)
    if arm.startswith("clamp-"):
        radius = float(arm.removeprefix("clamp-")) * initial_norm(base)
        return replace(base, optimizer=Chain((), free, NormClamp(radius)))
    return replace(base, optimizer=replace(free, l1_decay=coefficient))


def initial_norm(recipe: Experiment) -> float:
    """ℓ₂ norm of a recipe's network before training."""
    return metrics.weight_norm(recipe.network(recipe.load()), 2)


def plan(table: pd.DataFrame) -> list[Planned]:
    """Return the search for the ℓ₁ coefficient, every arm, and, after the search, the arm ℓ₁."""
    rules = STUDY.rules
    search, seeds = rules["search"], rules["setting"]["seeds"]
    wanted = [
        Planned(f"l1 at {coefficient:g}", seed, recipe("l1", seed, coefficient))
        for seed in search["seeds"]
        for coefficient in search["coefficients"]
    ]
    wanted += [
        Planned(arm, seed, recipe(arm, seed))
        for seed in seeds
        for arm in rules["arms"]
        if arm != "l1"
    ]
    best = best_coefficient(table)
    if best is not None:
        wanted += [Planned("l1", seed, recipe("l1", seed, best)) for seed in seeds]
    return wanted


def best_coefficient(table: pd.DataFrame) -> float | None:
    """Return the ℓ₁ coefficient that the rules choose; None until the search is complete."""
    search = STUDY.rules["search"]
    arms = {f"l1 at {value:g}": value for value in search["coefficients"]}
    best = soonest(table, list(arms), search["seeds"], STUDY.limit("l1"))
    return None if best is None else arms[best]


STUDY = Study("norm", plan)
