"""Numbers by seed, and rank correlations of two columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from grokbook.analysis.moments import first_step_staying, moments
from grokbook.tasks.base import Task


class Times(NamedTuple):
    """Steps by seed; a step not reached within the run is *censored*: the last step."""

    steps: pd.Series[float]
    censored: pd.Series[bool]

    @property
    def came(self) -> pd.Series[float]:
        """The steps that were reached, NaN for the others."""
        return self.steps.where(~self.censored)


def norm_peak(runs: pd.DataFrame) -> Times:
    """Return the steps of the largest weight norm."""
    return _moment(runs, "norm_peak")


def staying(runs: pd.DataFrame, column: str, level: float) -> Times:
    """Return the :func:`first_step_staying` of a column at a level by seed."""
    steps = first_step_staying(runs, column, level)
    return Times(steps.fillna(last_steps(runs).steps), steps.isna())


def grokked(runs: pd.DataFrame, task: Task) -> Times:
    """Return the steps from which test accuracy stays at the threshold of grokking."""
    return staying(runs, "test_accuracy", task.grokked)


def reached(runs: pd.DataFrame, column: str, level: float) -> Times:
    """Return the first logged steps at which a column is at least a level, by seed."""
    steps = per_seed(runs, lambda run: float(run.loc[run[column] >= level, "step"].min()))
    return Times(steps.fillna(last_steps(runs).steps), steps.isna())


def train_100(runs: pd.DataFrame) -> Times:
    """Return the first steps with train accuracy 1."""
    return _moment(runs, "train_100")


def half_right(runs: pd.DataFrame) -> Times:
    """Return the steps from which test accuracy stays at 50 %."""
    return staying(runs, "test_accuracy", 0.5)


def last_steps(runs: pd.DataFrame) -> Times:
    """Return the last logged steps, which are never censored."""
    steps = runs.groupby("seed")["step"].max().astype(float)
    return Times(steps, steps.isna())


def value_at(runs: pd.DataFrame, column: str, steps: pd.Series[float]) -> pd.Series[float]:
    """Return a column's first logged value at or after each seed's step.

    NaN where there is none or the step is NaN.
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
    """Return one number per seed, from its log in the order of steps."""
    return pd.Series(
        {seed: number(run.sort_values("step")) for seed, run in runs.groupby("seed")}, dtype=float
    )


def rank_correlation(runs: pd.DataFrame, first: str, second: str) -> pd.Series[float]:
    """Return Spearman's rank correlation of two columns over the logged steps, by seed."""
    logged = runs.dropna(subset=[first, second])
    return per_seed(logged, lambda run: float(run[first].corr(run[second], method="spearman")))


def unfolded(table: pd.DataFrame) -> pd.DataFrame:
    """Return what a study's runs measured at their looks as one log.

    Parameters
    ----------
    table
        One row per run, with ``seed``, ``look_step`` and other lists ``look_<name>``.

    Returns
    -------
    DataFrame
        One row per run and look: ``seed``, ``step`` and each ``<name>``.

    Examples
    --------
    >>> table = pd.DataFrame({"seed": [4], "look_step": [[0, 10]], "look_mid": [[0.5, 0.25]]})
    >>> unfolded(table).values.tolist()
    [[4.0, 0.0, 0.5], [4.0, 10.0, 0.25]]
    """
    lists = [name for name in table if str(name).startswith("look_")]
    log = table[["seed", *lists]].explode(lists, ignore_index=True).astype(float)
    return log.astype({"seed": int}).rename(columns=lambda name: str(name).removeprefix("look_"))


def since_fit(runs: pd.DataFrame) -> pd.DataFrame:
    """Keep each seed's steps from its first training accuracy of 1 on, none if it has none.

    Parameters
    ----------
    runs
        Columns ``seed``, ``step`` and ``train_accuracy``.
    """
    return runs[runs["step"] >= runs["seed"].map(moments(runs, ())["train_100"])]


def rank_correlations(runs: pd.DataFrame, pairs: Mapping[str, tuple[str, str]]) -> pd.Series[float]:
    """Return Spearman's rank correlation of pairs of columns over the logged steps.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step`` and those named.
    pairs
        Pairs of columns, by name.

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


def _moment(runs: pd.DataFrame, moment: str) -> Times:
    steps = moments(runs, ())[moment]
    return Times(steps.fillna(last_steps(runs).steps), steps.isna())
