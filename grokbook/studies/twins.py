"""Study of twins: MID and ED on random labels at the paper's size, up to training accuracy 100 %.

Rules are in ``rules/twins.toml``. The twin of each run, from the same split and initial weights and
with true labels, is the recorded run of ``modadd-standard`` with the same seed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from grokbook.analysis.intervals import FEWEST, median_interval
from grokbook.analysis.timeliness import early_change as change_of_runs
from grokbook.analysis.twins import early_change
from grokbook.experiments.named import experiment
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.studies.study import Study, row_of, seed_by_seed, watched

SIGNALS = {"mid": "mutual_information_difference", "ed": "entropy_difference"}
"""Columns of a log by signal."""


def recipe(arm: str, seed: int) -> Experiment:
    """Return the experiment of a run: ``modadd-random-labels``, logged closely to its end."""
    base = experiment("modadd-random-labels", seed=seed)
    close = replace(
        base.log, early_every=STUDY.rules["setting"]["log_every"], early_until=STUDY.limit(arm)
    )
    groups = Measurements(
        ("accuracy", "norms", "information"),
        information_sigma=base.measurements.information_sigma,
        information_batch=base.measurements.information_batch,
    )
    return replace(base, log=close, measurements=groups)


def run_one(recipe: Experiment, column: str, level: float, limit: int, tail: int) -> dict[str, Any]:
    """Train one run and return its row.

    The arguments are those of :func:`grokbook.studies.study.run_one`.

    Returns
    -------
    dict
        As there, with ``look_step`` and ``look_mid``, ``look_ed``, lists of the logged values.
    """
    run, reached = watched(recipe, column, level, limit, tail)
    log = run.log.dropna(subset=list(SIGNALS.values()))
    looks = {f"look_{signal}": log[column].tolist() for signal, column in SIGNALS.items()}
    return row_of(run, reached) | {"look_step": log["step"].astype(int).tolist()} | looks


STUDY: Study = Study("twins", lambda _: seed_by_seed(STUDY.rules, recipe), run_one)


def left(table: pd.DataFrame, runs: pd.DataFrame, signal: str) -> pd.DataFrame:
    """Return the share left of a signal at training accuracy 100 %, by seed of both.

    Parameters
    ----------
    table : DataFrame
        The study's.
    runs : DataFrame
        Runs of ``modadd-standard``.
    signal : str
        "mid" or "ed".

    Returns
    -------
    DataFrame
        Indexed by ``seed``: ``random labels``, ``true labels``, and ``ratio``, the first over the
        second.
    """
    found = pd.DataFrame(
        {
            "random labels": early_change(table, "random-labels", signal)["left"],
            "true labels": change_of_runs(runs, SIGNALS[signal])["left"],
        }
    ).dropna()
    return found.assign(ratio=found["random labels"] / found["true labels"]).rename_axis("seed")


def smaller_foretells(shares: pd.DataFrame) -> tuple[str, str]:
    """Return whether less of a signal is left where a network will grok, by the rules.

    Parameters
    ----------
    shares : DataFrame
        As :func:`left` returns it.

    Returns
    -------
    tuple of str
        "yes", "no" or "undecided"; and the median ratio with its interval in words, "not known"
        for fewer seeds than an interval takes.
    """
    if len(shares) < FEWEST:
        return "undecided", "not known"
    interval = median_interval(shares["ratio"].to_numpy())
    outcome = "yes" if interval.low > 1 else "no" if interval.high < 1 else "undecided"
    middle = interval.estimate[0]
    return outcome, f"{middle:.2f} ({interval.low:.2f} to {interval.high:.2f})"
