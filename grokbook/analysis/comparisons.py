"""Compare trainings: values at moments, speed-up, values at equal accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from grokbook.analysis.moments import moments


def values_at_moments(
    runs: pd.DataFrame, columns: Sequence[str], thresholds: Sequence[float] = (0.5,)
) -> pd.DataFrame:
    """Return columns of the runs at the start, at the moments of each seed, and at the end.

    Parameters
    ----------
    runs
        Runs of one experiment, with ``columns`` and those that
        :func:`grokbook.analysis.moments.moments` needs.
    columns
        What to look up; costly metrics are logged at some of the steps only.
    thresholds
        Test accuracies, as in :func:`grokbook.analysis.moments.moments`.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``moment``: "start", "train_100", "test_<percent>", "end". The
        ``step`` of the first row at or after the moment that has all columns, and their values
        there; NaN where there is none.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "weight_norm": [3.0, 2.0, 1.0],
    ...     "train_accuracy": [0.1, 1.0, 1.0], "test_accuracy": [0.1, 0.1, 0.6]})
    >>> values_at_moments(run, ["weight_norm"])["weight_norm"].tolist()
    [3.0, 2.0, 1.0, 1.0]
    """
    times = moments(runs, thresholds).drop(columns="norm_peak", errors="ignore")
    wanted = ["step", *columns]
    rows: dict[tuple[object, str], dict[str, float]] = {}
    for seed, run in runs.dropna(subset=list(columns)).groupby("seed"):
        run = run.sort_values("step")
        ends = {"start": run["step"].iloc[0], "end": run["step"].iloc[-1]}
        at = {"start": ends["start"], **times.loc[seed].to_dict(), "end": ends["end"]}
        for moment, step in at.items():
            later = run.loc[run["step"] >= step, wanted]
            empty = dict.fromkeys(wanted, float("nan"))
            rows[seed, str(moment)] = later.iloc[0].to_dict() if len(later) else empty
    return by_seed_and(rows, "moment").astype(float)


def speed_up(
    standard: pd.DataFrame,
    perturbed: pd.DataFrame,
    thresholds: Sequence[float] = (0.5, 0.99),
    column: str = "test_accuracy",
) -> pd.DataFrame:
    """Compare the times of two trainings seed by seed; a seed fixes split and initial weights.

    Parameters
    ----------
    standard, perturbed
        Runs of the two, as in :func:`grokbook.analysis.moments.moments`; seeds that only one of
        them has are left out.
    thresholds, column
        Test accuracies, each in (0, 1], and their column, as in
        :func:`grokbook.analysis.moments.moments`.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``moment`` ("train_100", "test_<percent>"): the steps of the
        ``standard`` and the ``perturbed`` run, NaN where the moment is not within the run, and
        ``speed_up``, the first over the second. If one is missing, its run's last step replaces it,
        and ``reading`` says how the value bounds the truth: "at least", "at most", or "unknown"
        with a speed-up of NaN if both are missing.

    Raises
    ------
    ValueError
        If no seed was recorded for both.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": 1.0,
    ...     "train_accuracy": 1.0, "test_accuracy": [0.1, 0.1, 0.1, 0.6]})
    >>> sooner = run.assign(test_accuracy=[0.1, 0.6, 0.6, 1.0])
    >>> table = speed_up(run, sooner, [0.5, 0.9]).loc[0]
    >>> [(float(row.speed_up), row.reading) for row in table.itertuples()]
    [(nan, ''), (3.0, ''), (1.0, 'at least')]
    """
    seeds = sorted(set(standard["seed"]) & set(perturbed["seed"]))
    if not seeds:
        raise ValueError("No seed was recorded for both trainings.")
    times = [
        moments(runs, thresholds, column).drop(columns="norm_peak", errors="ignore")
        for runs in (standard, perturbed)
    ]
    lasts = [runs.groupby("seed")["step"].max() for runs in (standard, perturbed)]
    readings = {
        (False, False): "",
        (True, False): "at least",
        (False, True): "at most",
        (True, True): "unknown",
    }
    rows: dict[tuple[object, str], dict[str, Any]] = {}
    for seed in seeds:
        for moment in times[0].columns:
            steps = [table.loc[seed].to_dict()[moment] for table in times]
            missing = (bool(np.isnan(steps[0])), bool(np.isnan(steps[1])))
            filled = [
                float(last[seed]) if gone else step
                for step, gone, last in zip(steps, missing, lasts, strict=True)
            ]
            rows[seed, str(moment)] = {
                "standard": steps[0],
                "perturbed": steps[1],
                "speed_up": _ratio(*filled) if not all(missing) else float("nan"),
                "reading": readings[missing],
            }
    return by_seed_and(rows, "moment")


def at_equal_accuracy(
    standard: pd.DataFrame,
    perturbed: pd.DataFrame,
    columns: Sequence[str],
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Compare two trainings at the moment when each has reached the same test accuracy.

    Parameters
    ----------
    standard, perturbed
        Runs of the two, as in :func:`values_at_moments`; seeds that only one of them has are left
        out.
    columns
        Columns to compare; they must be positive, since they are compared by ratio.
    threshold
        The test accuracy, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``column``: the values of the ``standard`` and the ``perturbed`` run
        when test accuracy stays above the threshold; their ``ratio``, the second over the first;
        and ``gap``, the size of its logarithm as a share of that of the whole change in the
        standard run, from start to end. The gap is 0 if the column depends on the accuracy alone,
        and near 1 if the two are as far apart as start and end. NaN where a run does not reach the
        accuracy.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "weight_norm": [16.0, 4.0, 1.0],
    ...     "train_accuracy": 1.0, "test_accuracy": [0.1, 0.6, 0.9]})
    >>> other = run.assign(test_accuracy=[0.1, 0.2, 0.9])
    >>> row = at_equal_accuracy(run, other, ["weight_norm"]).iloc[0]
    >>> [float(value) for value in row]
    [4.0, 1.0, 0.25, 0.5]
    """
    moment = f"test_{100 * threshold:g}"
    rows: dict[tuple[object, str], dict[str, float]] = {}
    for column in columns:
        tables = [
            values_at_moments(runs, [column], (threshold,))[column].unstack("moment")
            for runs in (standard, perturbed)
        ]
        both = tables[0].join(tables[1][[moment]], rsuffix="_perturbed", how="inner")
        for row in both.reset_index().to_dict("records"):
            ratio = row[f"{moment}_perturbed"] / row[moment]
            whole = row["end"] / row["start"]
            rows[row["seed"], column] = {
                "standard": row[moment],
                "perturbed": row[f"{moment}_perturbed"],
                "ratio": ratio,
                "gap": float(abs(np.log(ratio)) / abs(np.log(whole))),
            }
    return by_seed_and(rows, "column").sort_index(level="seed", sort_remaining=False)


def by_seed_and(rows: Mapping[tuple[object, str], Mapping[str, Any]], name: str) -> pd.DataFrame:
    """Return a table of rows keyed by a seed and something else, in their order."""
    index = pd.MultiIndex.from_tuples(list(rows), names=["seed", name])
    return pd.DataFrame(list(rows.values()), index=index)


def _ratio(first: float, second: float) -> float:
    """Quotient of two steps; NaN if the second is step 0."""
    return first / second if second > 0 else float("nan")


def final_values(trainings: Mapping[str, pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return the last logged values of columns, one row per training and seed.

    Parameters
    ----------
    trainings
        Runs by the name of their training, with columns ``seed``, ``step`` and ``columns``.
    columns
        What to look up; costly metrics are logged at some of the steps only.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``training`` and ``seed``: the values at the last step that has all columns.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "entropy": [3.0, 2.0, None]})
    >>> final_values({"standard": run}, ["entropy"]).loc[("standard", 0)].to_dict()
    {'entropy': 2.0}
    """
    last = {
        name: runs.dropna(subset=list(columns)).sort_values("step").groupby("seed").last()
        for name, runs in trainings.items()
    }
    return pd.concat(last, names=["training"])[list(columns)]
