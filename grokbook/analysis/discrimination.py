"""How well a number separates two kinds of runs, and how well it orders times.

The area under the ROC curve (AUROC) is the probability that a run of the one kind has the larger
number, ties counted half. Its variance is that of DeLong, DeLong & Clarke-Pearson (1988,
Biometrics 44, 837-845), which assumes no distribution. It includes the covariance of two numbers of
the same runs, so it compares them in pairs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from grokbook._support.errors import InputError
from grokbook.analysis.intervals import CONFIDENCE, Interval


class Difference(NamedTuple):
    """AUROC of the first number minus that of the second, and the p-value of no difference."""

    difference: float
    p_value: float


class FalseAlarms(NamedTuple):
    """A threshold, the share it detects, and the share of false alarms."""

    threshold: float
    detected: float
    false: float


def delong(positive: ArrayLike, negative: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the AUROC of several numbers of the same runs, and DeLong's covariance of them.

    With ψ(x, y) = 1, ½ or 0 where x is above, at or below y, placements
    :math:`V_i = \frac1n \sum_j ψ(x_i, y_j)` and :math:`W_j = \frac1m \sum_i ψ(x_i, y_j)`, the
    covariance is that of the V over m plus that of the W over n.

    Parameters
    ----------
    positive, negative
        (m, k) and (n, k): k numbers of each run of either kind.

    Returns
    -------
    tuple of array
        (k,) and (k, k).

    Raises
    ------
    InputError
        For fewer than 2 runs of a kind, a number that is not finite, or shapes that do not fit.

    Examples
    --------
    >>> areas, covariance = delong([[3.0], [2.0]], [[1.0], [2.0]])
    >>> float(areas[0]), float(covariance[0, 0])
    (0.875, 0.03125)
    """
    x, y = (np.asarray(each, dtype=float) for each in (positive, negative))
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise InputError(
            f"The numbers have shapes {x.shape} and {y.shape}, but need one row per run, at least"
            " 2 of each kind, and equally many columns in both."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("A number of a run is NaN or infinite, but must be finite.")
    above = (np.sign(x[:, None] - y[None]) + 1) / 2  # ψ, (m, n, k)
    placements = above.mean(axis=1), above.mean(axis=0)
    k = x.shape[1]
    parts = [np.cov(each, rowvar=False).reshape(k, k) / len(each) for each in placements]
    return above.mean(axis=(0, 1)), parts[0] + parts[1]


def auroc_interval(
    positive: ArrayLike, negative: ArrayLike, confidence: float = CONFIDENCE
) -> Interval:
    """Enclose the AUROC of one number by DeLong's normal approximation, cut at 0 and 1.

    If every pair of runs has the same order, DeLong's variance is 0 and gives no interval. The
    interval is then Clopper and Pearson's over min(m, n) disjoint pairs, which are independent.

    Parameters
    ----------
    positive, negative
        (m,) and (n,) numbers.
    confidence
        In (0, 1).

    Raises
    ------
    InputError
        As :func:`delong`.

    Examples
    --------
    >>> low, high, _ = auroc_interval(range(10, 20), range(10))
    >>> round(low, 3), high
    (0.692, 1.0)
    """
    areas, covariance = delong(_column(positive), _column(negative))
    area, variance = float(areas[0]), float(covariance[0, 0])
    tail = (1 - confidence) / 2
    if variance > 0:
        reach = float(stats.norm.isf(tail)) * math.sqrt(variance)
        return Interval(max(area - reach, 0.0), min(area + reach, 1.0), (area, area))
    pairs = min(len(_column(positive)), len(_column(negative)))
    ordered = area * pairs
    low = 0.0 if ordered == 0 else float(stats.beta.ppf(tail, ordered, pairs - ordered + 1))
    high = 1.0 if ordered == pairs else float(stats.beta.isf(tail, ordered + 1, pairs - ordered))
    return Interval(low, high, (area, area))


def auroc_difference(positive: ArrayLike, negative: ArrayLike) -> Difference:
    """Compare the AUROC of two numbers of the same runs: DeLong's paired test, two-sided.

    Parameters
    ----------
    positive, negative
        (m, 2) and (n, 2): both numbers of each run.

    Raises
    ------
    InputError
        As :func:`delong`.

    Examples
    --------
    >>> same = [[1.0, 1.0], [3.0, 3.0], [2.0, 2.0]]
    >>> auroc_difference(same, same)
    Difference(difference=0.0, p_value=1.0)
    """
    areas, covariance = delong(positive, negative)
    if len(areas) != 2:
        raise InputError(f"There are {len(areas)} numbers a run, but two are compared.")
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 1e-15:  # rounding errors of 0: both order all pairs alike
        return Difference(difference, 1.0 if difference == 0 else 0.0)
    return Difference(difference, float(2 * stats.norm.sf(abs(difference) / math.sqrt(variance))))


def false_alarms(positive: ArrayLike, negative: ArrayLike, detection: float) -> FalseAlarms:
    """Return the false alarms at the highest threshold that detects a share of the positive runs.

    A number at the threshold is an alarm.

    Examples
    --------
    >>> false_alarms([5, 4, 3, 2], [4.5, 1, 1, 1], 0.75)
    FalseAlarms(threshold=3.0, detected=0.75, false=0.25)
    """
    if not 0 < detection <= 1:
        raise InputError(f"detection is {detection}, but must lie in (0, 1].")
    x, y = _column(positive)[:, 0], _column(negative)[:, 0]
    needed = math.ceil(detection * len(x) - 1e-9)
    threshold = float(np.sort(x)[len(x) - needed])
    return FalseAlarms(threshold, float((x >= threshold).mean()), float((y >= threshold).mean()))


def concordance(
    times: ArrayLike, came: ArrayLike, score: ArrayLike, groups: ArrayLike | None = None
) -> float:
    """Return Harrell's concordance: how often the earlier of two runs has the larger score.

    A pair counts if it is known which run was earlier, that is, if the earlier one reached the
    event. A run censored at the time of another's event is later. Equal scores count half.

    Parameters
    ----------
    times
        (n,) times of the event, or of the last observation if it did not happen.
    came
        (n,) whether the event happened.
    score
        (n,) numbers, larger where the event is expected sooner.
    groups
        (n,) labels; pairs of two groups do not count.

    Returns
    -------
    float
        In [0, 1], ½ by chance; NaN where no pair counts.

    Examples
    --------
    >>> concordance([1, 2, 3], [True, True, False], [9.0, 5.0, 7.0])
    0.6666666666666666
    """
    t, s = np.asarray(times, dtype=float), np.asarray(score, dtype=float)
    event = np.asarray(came, dtype=bool)
    sooner = (t[:, None] < t) | ((t[:, None] == t) & ~event)
    counts = sooner & event[:, None]
    if groups is not None:
        labels = np.asarray(groups)
        counts &= labels[:, None] == labels
    right = (np.sign(s[:, None] - s) + 1) / 2
    return float(right[counts].mean()) if counts.any() else math.nan


def _column(values: ArrayLike) -> np.ndarray:
    return np.asarray(values, dtype=float).reshape(-1, 1)
