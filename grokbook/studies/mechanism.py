"""Study of the mechanism: does noise speed up grokking because it teaches the commutative law.

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
from grokbook.studies.workhorse import workhorse
from grokbook.tasks.subtraction import ModularSubtraction

NOISE = Perturbed(lambda_1=0.5, lambda_2=0.4)


def recipe(arm: str, seed: int) -> Experiment:
    """Return what a run of an arm trains."""
    rules = STUDY.rules["setting"]
    base = workhorse(rules, seed, limit=STUDY.limit(arm))
    if arm.startswith("sub"):
        base = replace(base, dataset=ModularSubtraction(rules["p"], rules["train_fraction"], seed))
    if arm.startswith("add-built"):
        model = TransformerConfig(d=rules["d"], mlp=rules["mlp"], shared_positions=True)
        base = replace(base, model=model)
    if arm.endswith("noise"):
        return replace(base, strategy=NOISE)
    if arm.endswith("abelian"):
        return replace(base, strategy=AbelianRegularized(100.0))
    if arm.endswith("mirrored"):
        return replace(base, strategy=MirrorAugmented())
    return base


def plan(table: pd.DataFrame) -> list[Planned]:
    """Return every run of the study, seed after seed."""
    return [
        Planned(arm, seed, recipe(arm, seed))
        for seed in STUDY.rules["setting"]["seeds"]
        for arm in STUDY.rules["arms"]
    ]


STUDY = Study("mechanism", plan)
