"""Study of the mechanism: whether noise speeds up grokking by teaching the commutative law.

Rules: ``rules/mechanism.toml``. The law is taught (noise, a regulariser, labelled mirror images),
built into the network, or absent from the task.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from grokbook.experiments.schema import Experiment
from grokbook.models.transformer import TransformerConfig
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.perturbation import Perturbed
from grokbook.studies.study import Planned, Study
from grokbook.studies.tables import soonest
from grokbook.studies.workhorse import workhorse
from grokbook.tasks.subtraction import ModularSubtraction


def recipe(arm: str, seed: int, lambda_2: float = 0.0) -> Experiment:
    """Return the experiment of a run of an arm; ``lambda_2`` is the strength of any noise."""
    rules = STUDY.rules["setting"]
    base = workhorse(rules, seed, limit=STUDY.limit(arm))
    if arm.startswith("sub"):
        share = rules["train_fraction_subtraction"]
        base = replace(base, dataset=ModularSubtraction(rules["p"], share, seed))
    if arm.startswith("add-built"):
        model = TransformerConfig(d=rules["d"], mlp=rules["mlp"], shared_positions=True)
        base = replace(base, model=model)
    if lambda_2:
        return replace(base, strategy=Perturbed(lambda_1=1.25 * lambda_2, lambda_2=lambda_2))
    if arm.endswith("abelian"):
        return replace(base, strategy=AbelianRegularized(100.0))
    if arm.endswith("mirrored"):
        return replace(base, strategy=MirrorAugmented())
    return base


def plan(table: pd.DataFrame) -> list[Planned]:
    """Return the search for the strength of the noise, arms without it, then arms with it."""
    rules, seeds = STUDY.rules, STUDY.rules["setting"]["seeds"]
    noisy = [arm for arm in rules["arms"] if arm.endswith("noise")]
    wanted = [
        Planned(arm, seed, recipe("add-free", seed, value))
        for seed in rules["search"]["seeds"]
        for arm, value in _strengths().items()
    ]
    wanted += [
        Planned(arm, seed, recipe(arm, seed))
        for seed in seeds
        for arm in rules["arms"]
        if arm not in noisy
    ]
    best = soonest(table, list(_strengths()), rules["search"]["seeds"], STUDY.limit("add-free"))
    if best is not None:
        strength = _strengths()[best]
        wanted += [
            Planned(arm, seed, recipe(arm, seed, strength)) for seed in seeds for arm in noisy
        ]
    return wanted


def _strengths() -> dict[str, float]:
    """λ₂ of each arm of the search."""
    return {f"noise at {value:g}": value for value in STUDY.rules["search"]["lambda_2"]}


STUDY = Study("mechanism", plan)
