"""Numbers by seed that checks are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from grokbook.claims.rules import Check
from grokbook.moments import GROKKED, moments


class Times(NamedTuple):
    """Steps by seed; where one did not come within the run it is *censored*: the last step."""

    steps: pd.Series[float]
    censored: pd.Series[bool]

    @property
    def came(self) -> pd.Series[float]:
        """The steps that came, NaN for the others."""
        return self.steps.where(~self.censored)


TASKS = {"MNIST": "mnist", "modulo addition": "modadd"}


def first_steps(runs: pd.DataFrame, column: str, threshold: float) -> Times:
    """Return one of the :func:`moments` by seed."""
    steps = moments(runs, (threshold,))[column]
    return Times(steps.fillna(last_steps(runs).steps), steps.isna())


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


def last_steps(runs: pd.DataFrame) -> Times:
    """Return the last logged steps, which always come."""
    steps = runs.groupby("seed")["step"].max().astype(float)
    return Times(steps, steps.isna())


def ratio(
    name: str,
    above: Times,
    below: Times,
    side: Literal["<", ">"],
    bound: float,
) -> Check:
    """Compare two times seed by seed, on the seeds recorded for both.

    Where neither came, nothing is known of their ratio, and it is NaN.
    """
    seeds = above.steps.index.intersection(below.steps.index)
    late = above.censored[seeds].astype(int) + below.censored[seeds]
    values = (above.steps[seeds] / below.steps[seeds]).where(late < 2)
    return Check(name, values, side, bound, int((late == 1).sum()))


def value_at(runs: pd.DataFrame, column: str, steps: pd.Series[float]) -> pd.Series[float]:
    """Return a column at the first logged step that has one, at or after each seed's step.

    NaN where there is none, and where the step is NaN.
    """
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
