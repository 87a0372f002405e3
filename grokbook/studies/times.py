"""Study of times: ten more seeds of the paper's trainings on modulo addition, until they grok.

Rules are in ``rules/times.toml``.
"""

from __future__ import annotations

from dataclasses import replace

from grokbook.experiments.named import experiment
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.studies.study import Study, seed_by_seed


def recipe(arm: str, seed: int) -> Experiment:
    """Return the paper's experiment of that name, without the costly metrics."""
    cheap = Measurements(("accuracy", "norms", "commutativity"))
    return replace(experiment(arm, "paper", seed), measurements=cheap)


STUDY: Study = Study("times", lambda _: seed_by_seed(STUDY.rules, recipe))
