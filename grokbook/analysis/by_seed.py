"""Numbers by seed, and how alike two columns move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from grokbook.analysis.moments import GROKKED, moments


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


def staying(runs: pd.DataFrame, column: str, level: float) -> Times:
    """Return the first logged steps from which a column never again falls below a level.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step`` and ``column``; steps at which it was
        not logged are passed over.
    column
        Which one.
    level
        The level.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "share": [0.9, 0.1, 0.6, 0.7]})
    >>> staying(run, "share", 0.5).steps.to_dict(), bool(staying(run, "share", 0.8).censored[0])
    ({0: 20.0}, True)
    """
    logged = runs.dropna(subset=[column]).sort_values("step")
    found = {}
    for seed, run in logged.groupby("seed"):
        low = run.loc[run[column] < level, "step"]
        found[seed] = run.loc[run["step"] > (low.max() if len(low) else -1), "step"].min()
    steps = pd.Series(found, dtype=float)
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


ORDERS = ("0.5", "1", "2", "3")
"""Orders α that runs log."""


def by_order(column: str) -> dict[str, str]:
    """Return the columns that hold a quantity at every logged order, by order.

    >>> by_order("entropy")["0.5"], by_order("entropy")["1"]
    ('entropy_alpha_0.5', 'entropy')
    """
    return {alpha: column if alpha == "1" else f"{column}_alpha_{alpha}" for alpha in ORDERS}


def since_fit(runs: pd.DataFrame) -> pd.DataFrame:
    """Keep each seed's steps from its first training accuracy of 1 on, of none if it never is.

    Parameters
    ----------
    runs
        Columns ``seed``, ``step``, ``train_accuracy`` and ``weight_norm``.
    """
    return runs[runs["step"] >= runs["seed"].map(moments(runs, ())["train_100"])]


def rank_correlations(runs: pd.DataFrame, pairs: Mapping[str, tuple[str, str]]) -> pd.Series[float]:
    """Return how alike two columns move: Spearman's rank correlation over the logged steps.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step`` and those named.
    pairs
        Pairs of columns, by what to call them.

    Returns
    -------
    Series
        By name: the median over seeds of the correlation, in [-1, 1]; NaN where a column does not
        change. 1 means that the two rise and fall at the same steps.

    Examples
    --------
    >>> runs = pd.DataFrame({"seed": 0, "step": [0, 1, 2], "a": [1, 2, 3], "b": [1, 4, 9]})
    >>> rank_correlations(runs, {"a and b": ("a", "b")}).to_dict()
    {'a and b': 1.0}
    """

    def median(first: str, second: str) -> float:
        logged = runs.dropna(subset=[first, second])
        by_seed = [
            run[first].rank().corr(run[second].rank())
            for _, run in logged.groupby("seed")
            if min(run[first].nunique(), run[second].nunique()) > 1
        ]
        return float(np.median(by_seed)) if by_seed else np.nan

    return pd.Series({name: median(*pair) for name, pair in pairs.items()}, dtype=float)
