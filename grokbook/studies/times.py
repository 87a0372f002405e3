"""Study of times: ten more seeds of the paper's trainings on modulo addition, until they grok.

Rules are in ``rules/times.toml``.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from grokbook.experiments.named import experiment
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.studies.study import Planned, Study


def recipe(arm: str, seed: int) -> Experiment:
    """Return the paper's experiment of that name, with the costly metrics left out."""
    cheap = Measurements(("accuracy", "norms", "commutativity"))
    return replace(experiment(arm, "paper", seed), measurements=cheap)


def plan(table: pd.DataFrame) -> list[Planned]:
    """Return every run, seed by seed."""
    rules = STUDY.rules
    return [
        Planned(arm, seed, recipe(arm, seed))
        for seed in rules["setting"]["seeds"]
        for arm in rules["arms"]
    ]


STUDY = Study("times", plan)
