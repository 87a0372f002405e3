"""Study of sets: PMI and MID on training and test data over the whole of a run on MNIST.

Rules are in ``rules/sets.toml``. Each run is the recorded one of ``mnist-standard`` with the same
seed, trained again because that one logs neither metric on the test set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from grokbook.experiments.named import experiment
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.studies.study import Study, row_of, seed_by_seed, watched

SIGNALS = {"pmi": "perturbed_mutual_information", "mid": "mutual_information_difference"}
"""Columns of a log by signal; with ``test_`` before them, those of the test set."""


def recipe(arm: str, seed: int) -> Experiment:
    """Return the experiment of a run: ``mnist-standard`` with the metrics on both sets."""
    base = experiment("mnist-standard", seed=seed)
    groups = Measurements(
        ("accuracy", "information", "test_information"),
        information_sigma=base.measurements.information_sigma,
        information_batch=base.measurements.information_batch,
    )
    return replace(base, measurements=groups)


def run_one(recipe: Experiment, column: str, level: float, limit: int, tail: int) -> dict[str, Any]:
    """Train one run and return its row.

    The arguments are those of :func:`grokbook.studies.study.run_one`.

    Returns
    -------
    dict
        As there, with ``look_step`` and, for each of :data:`SIGNALS`, ``look_train_<signal>`` and
        ``look_test_<signal>``, lists of the values in nats.
    """
    run, reached = watched(recipe, column, level, limit, tail)
    columns = {
        f"look_{of}_{signal}": column if of == "train" else f"test_{column}"
        for signal, column in SIGNALS.items()
        for of in ("train", "test")
    }
    log = run.log.dropna(subset=list(columns.values()))
    looks = {name: log[column].tolist() for name, column in columns.items()}
    return row_of(run, reached) | {"look_step": log["step"].astype(int).tolist()} | looks


STUDY: Study = Study("sets", lambda _: seed_by_seed(STUDY.rules, recipe), run_one)


def steps_of_lowest(looks: pd.DataFrame, column: str, after: int) -> pd.Series[int]:
    """Return the step after ``after`` at which a column is lowest, by seed.

    Parameters
    ----------
    looks : DataFrame
        The study's table by :func:`grokbook.analysis.by_seed.unfolded`.
    column : str
        Such as "test_mid".
    after : int
        Steps.
    """
    late = looks[looks["step"] > after].sort_values(column)
    return late.groupby("seed")["step"].first().astype(int)
