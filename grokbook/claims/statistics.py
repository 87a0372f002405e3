"""Numbers by seed that checks are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from grokbook.claims.rules import Check
from grokbook.moments import GROKKED, moments

Times = tuple["pd.Series[float]", int]
"""Steps by seed, and how many of them are censored."""

TASKS = {"MNIST": "mnist", "modulo addition": "modadd"}


def first_steps(runs: pd.DataFrame, column: str, threshold: float) -> Times:
    """Return one of the :func:`moments` by seed, censored at the last step, and how many were."""
    steps = moments(runs, (threshold,))[column]
    late = steps.isna()
    return steps.fillna(runs.groupby("seed")["step"].max().astype(float)), int(late.sum())


def grokked(runs: pd.DataFrame, task: str) -> Times:
    """Return the steps from which test accuracy stays at the task's ``GROKKED``."""
    threshold = GROKKED[task]
    return first_steps(runs, f"test_{100 * threshold:g}", threshold)


def train_100(runs: pd.DataFrame) -> Times:
    """Return the first steps with train accuracy 1."""
    return first_steps(runs, "train_100", 0.5)


def half_right(runs: pd.DataFrame) -> Times:
    """Return the steps from which test accuracy stays at 50 %."""
    return first_steps(runs, "test_50", 0.5)


def ratio(
    name: str,
    above: Times,
    below: Times,
    side: Literal["<", ">"],
    bound: float,
) -> Check:
    """Compare two times seed by seed, on the seeds recorded for both."""
    values = (above[0] / below[0]).dropna()
    return Check(name, values, side, bound, above[1] + below[1])


def value_at(runs: pd.DataFrame, column: str, steps: pd.Series[float]) -> pd.Series[float]:
    """Return a column at the first logged step that has one, at or after each seed's step."""
    logged = runs.dropna(subset=[column]).sort_values("step")
    return pd.Series(
        {
            seed: next(iter(run.loc[run["step"] >= steps[seed], column]), np.nan)
            for seed, run in logged.groupby("seed")
        },
        dtype=float,
    )


def at_end(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    """Return the last logged value of a column by seed."""
    return runs.dropna(subset=[column]).sort_values("step").groupby("seed")[column].last()


def per_seed(runs: pd.DataFrame, number: Callable[[pd.DataFrame], float]) -> pd.Series[float]:
    """Return one number a seed, from its log in the order of steps."""
    return pd.Series(
        {seed: number(run.sort_values("step")) for seed, run in runs.groupby("seed")}, dtype=float
    )


def rank_correlation(runs: pd.DataFrame, first: str, second: str) -> pd.Series[float]:
    """Return Spearman's rank correlation of two columns over the logged steps, by seed."""
    logged = runs.dropna(subset=[first, second])
    return per_seed(logged, lambda run: float(run[first].corr(run[second], method="spearman")))
