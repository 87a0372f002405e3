"""Log-normal times that may be censored, compared in pairs over seeds.

The model is the accelerated-failure-time model with log-normal times: log T = x·β + σ ε, ε ~ N(0,
1), with the same σ for all. The time of a run that has not reached the event by its last step is
known to be later. Expectation–maximisation finds the maximum of the likelihood [Dempster, Laird &
Rubin 1977]. Intervals come from the bootstrap over seeds, which keeps runs with the same split and
initial weights together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from grokbook._support.errors import InputError
from grokbook.analysis.by_seed import Times
from grokbook.analysis.intervals import FEWEST, Interval

RESAMPLES = 10_000
ROUNDS = 1000
"""Most rounds of expectation and maximisation; a few dozen suffice for most samples."""


class Effects(NamedTuple):
    """Coefficients of a fit on the sample and on its resamples.

    ``estimate`` is (k,), ``resampled`` (resamples, k). Infinite where all of one side is censored.
    """

    estimate: NDArray[np.float64]
    resampled: NDArray[np.float64]


def fit(
    design: NDArray[np.float64], logs: NDArray[np.float64], came: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return β of log T = x·β + σ ε by maximum likelihood.

    Parameters
    ----------
    design
        (n, k), of full rank.
    logs
        (..., n) logarithms of times; for a censored time, of the last step.
    came
        (..., n), false where censored.

    Returns
    -------
    ndarray
        (..., k).
    """
    inverse = np.linalg.pinv(design)
    expected = logs
    beta = expected @ inverse.T
    if came.all():
        return beta
    spread = np.maximum(_root_mean_square(logs - beta @ design.T), 1e-3)
    for _ in range(ROUNDS):
        middle = beta @ design.T
        beyond = (logs - middle) / spread
        # A standard normal z > c has mean h and variance 1 + c h - h², h the inverse Mills ratio.
        mills = np.exp(stats.norm.logpdf(beyond) - stats.norm.logsf(beyond))
        expected = np.where(came, logs, middle + spread * mills)
        variance = np.where(came, 0.0, 1 + beyond * mills - mills**2) * spread**2
        before, beta = beta, expected @ inverse.T
        residual = (expected - beta @ design.T) ** 2 + variance
        spread = np.maximum(np.sqrt(residual.mean(axis=-1, keepdims=True)), 1e-3)
        if np.abs(beta - before).max() < 1e-7:
            break
    return beta


def log_ratios(
    pairs: Sequence[tuple[Times, Times]], resamples: int = RESAMPLES, seed: int = 0
) -> Effects:
    """Return the log ratio of typical times of each pair, on the sample and on resamples.

    All pairs are resampled by the same seeds, so that differences of their effects keep the
    pairing.

    Parameters
    ----------
    pairs
        Times of two trainings; the ratio is the first's over the second's, on the seeds common to
        all.
    resamples, seed : int
        Of the bootstrap.

    Raises
    ------
    InputError
        For fewer than ``FEWEST`` common seeds.
    """
    logs, came = _resampled([times for pair in pairs for times in pair], resamples, seed)
    n = logs.shape[-1]
    design = np.stack([np.ones(2 * n), np.repeat([1.0, 0.0], n)], axis=1)
    found = []
    for k in range(0, len(logs), 2):
        times = np.concatenate([logs[k], logs[k + 1]], axis=-1)
        both = np.concatenate([came[k], came[k + 1]], axis=-1)
        never, never_below = ~came[k].any(axis=-1), ~came[k + 1].any(axis=-1)
        beta = np.where(never, np.where(never_below, np.nan, np.inf), -np.inf)
        known = ~never & ~never_below  # the likelihood has no maximum for the others
        beta[known] = fit(design, times[known], both[known])[:, 1]
        found.append(beta)
    effects = np.stack(found, axis=-1)
    return Effects(effects[0], effects[1:])


def ratio_interval(effects: Effects, which: int = 0) -> Interval:
    """Return the ratio of one pair with its 95 % percentile interval; NaN resamples widen it."""
    values = effects.resampled[:, which]
    low = np.quantile(np.where(np.isnan(values), -np.inf, values), 0.025, method="lower")
    high = np.quantile(np.where(np.isnan(values), np.inf, values), 0.975, method="higher")
    estimate = float(np.exp(effects.estimate[which]))
    return Interval(float(np.exp(low)), float(np.exp(high)), (estimate, estimate))


def slope_interval(
    times: Mapping[float, Times], resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return κ of T ∝ exp(κ ρ) over trainings at several ρ, with its 95 % percentile interval.

    Parameters
    ----------
    times : mapping
        Times by ρ.
    resamples, seed : int
        Of the bootstrap over the seeds that all have.

    Raises
    ------
    InputError
        For fewer than ``FEWEST`` common seeds, or fewer than two ρ at which a time came.
    """
    some = [rho for rho, each in times.items() if not each.censored.all()]
    if len(some) < 2:
        raise InputError(f"A slope needs two radii at which networks grok, not {len(some)}.")
    logs, came = _resampled(list(times.values()), resamples, seed)
    rho = np.repeat(list(times), logs.shape[-1])
    design = np.stack([np.ones(len(rho)), rho], axis=1)
    beta = fit(design, np.concatenate(list(logs), -1), np.concatenate(list(came), -1))[:, 1]
    low, high = np.quantile(beta[1:], [0.025, 0.975])
    return Interval(float(low), float(high), (float(beta[0]), float(beta[0])))


def _resampled(
    times: Sequence[Times], resamples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logarithms and whether they came, (trainings, 1 + resamples, seeds), the sample first."""
    seeds = sorted(set.intersection(*(set(each.steps.index) for each in times)))
    if len(seeds) < FEWEST:
        raise InputError(
            f"An interval needs {FEWEST} seeds, but {len(seeds)} are common to all trainings."
        )
    drawn = np.random.default_rng(seed).integers(len(seeds), size=(resamples, len(seeds)))
    chosen = np.concatenate([np.arange(len(seeds))[None], drawn])
    logs = np.stack([np.log(each.steps[seeds].to_numpy(float))[chosen] for each in times])
    return logs, np.stack([~each.censored[seeds].to_numpy(bool)[chosen] for each in times])


def arm_times(table: pd.DataFrame, arm: str) -> Times:
    """Return an arm's first passages from a study's table; a censored one is its last step.

    Raises
    ------
    InputError
        If the table has no run of the arm.
    """
    rows = _rows(table, arm)
    return Times(rows["endpoint"].fillna(rows["steps"]).astype(float), rows["endpoint"].isna())


def arm_train_100(table: pd.DataFrame, arm: str) -> Times:
    """Return the steps of training accuracy 100 % of an arm's runs, as :func:`arm_times`."""
    rows = _rows(table, arm)
    return Times(rows["train_100"].fillna(rows["steps"]).astype(float), rows["train_100"].isna())


def together(times: Sequence[Times]) -> Times:
    """Return the times of several sets of runs as one.

    Raises
    ------
    InputError
        If two of them have the same seed.
    """
    every = pd.concat([each.steps for each in times])
    if every.index.has_duplicates:
        twice = every.index[every.index.duplicated()][0]
        raise InputError(f"Seed {twice} is in two of the tables, but must be counted once.")
    return Times(every.sort_index(), pd.concat([each.censored for each in times]).sort_index())


def arm_log(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Return an arm's thin curves as a log: ``seed``, ``step``, and what the curves keep.

    Raises
    ------
    InputError
        If the table has no run of the arm.
    """
    rows = _rows(table, arm)
    curves = [
        name for name in map(str, rows) if name.startswith("curve_") and rows[name].notna().all()
    ]
    return (
        rows[curves]
        .explode(curves)
        .rename(columns=lambda name: name.removeprefix("curve_"))
        .astype({"step": int})
        .apply(pd.to_numeric)
        .reset_index()
    )


def _rows(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    rows = table[table["arm"] == arm].sort_values("seed").set_index("seed")
    if rows.empty:
        raise InputError(
            f"The study's table has no run of the arm {arm!r}; it has"
            f" {', '.join(sorted(table['arm'].unique()))}."
        )
    return rows


def _root_mean_square(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((values**2).mean(axis=-1, keepdims=True)))
