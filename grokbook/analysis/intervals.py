"""Intervals that cover at least 95 %, and how often a rule that reads them errs.

Each takes one number per seed. Below ``FEWEST`` seeds there is no interval, because the range of
five values holds their median only 93.75 % of the time.

- `median_interval`: order statistics of the sample. Exact for any distribution. A value known only
  to lie in a range enters with both ends.
- `share_interval`: Clopper and Pearson's for a binomial share.
- `time_ratio_interval`: the ratio of two trainings' typical times, log-normal, with times not
  reached within the run as censored. Without censoring it is Student's interval for the difference
  of two means of logarithms. With censoring, the same likelihood is profiled. (The package
  lifelines fits the same model, and the tests compare ours with it. Its intervals are normal
  approximations, which are too short for six seeds and do not exist if one training never reaches
  the event.)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, optimize, special, stats

from grokbook._support.errors import InputError

CONFIDENCE = 0.95
FEWEST = 6
"""Seeds below which no order statistics enclose the median with 95 % confidence."""


_LOG_ROOT_TWO_PI = math.log(2 * math.pi) / 2


class Interval(NamedTuple):
    """An estimate and the interval around it; all may be infinite.

    ``estimate`` is a pair: the two differ if censored values leave the estimate open between them.
    """

    low: float
    high: float
    estimate: tuple[float, float]


def median_interval(low: ArrayLike, high: ArrayLike | None = None) -> Interval:
    """Enclose the median of the population from which the values are sampled.

    Parameters
    ----------
    low, high
        (n,) values, or the ends of the ranges they are known to lie in. NaN is an unknown value.

    Returns
    -------
    Interval
        Between the k-th smallest of ``low`` and the k-th largest of ``high``, with the largest k
        for which both lie on one side of the median with a probability of at most 5 %.

    Raises
    ------
    InputError
        For fewer than ``FEWEST`` values, or ends in the wrong order.

    Examples
    --------
    >>> median_interval([1, 2, 3, 4, 5, 6])
    Interval(low=1.0, high=6.0, estimate=(3.5, 3.5))
    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9]).low
    2.0
    """
    below, above = _ends(low, -np.inf), _ends(low if high is None else high, np.inf)
    if len(below) != len(above) or np.any(below > above):
        raise InputError("Each value's lower end must be at most its upper end.")
    _require_seeds(len(below))
    k = rank(len(below))
    return Interval(
        float(np.sort(below)[k - 1]),
        float(np.sort(above)[-k]),
        (_median(below), _median(above)),
    )


def rank(n: int) -> int:
    """Return the largest k such that the k-th of n values from either end enclose the median.

    >>> rank(6), rank(9), rank(10), rank(20)
    (1, 2, 2, 6)
    """
    _require_seeds(n)
    # Fewer than k of n values lie below the median with probability P(Bin(n, 1/2) < k).
    return int(stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))


def share_interval(count: int, n: int) -> Interval:
    """Enclose the share of seeds with a property, seen on ``count`` of ``n`` seeds.

    Examples
    --------
    >>> low, high, estimate = share_interval(6, 6)
    >>> round(low, 3), high, estimate
    (0.541, 1.0, (1.0, 1.0))
    """
    _require_seeds(n)
    if not 0 <= count <= n:
        raise InputError(f"count is {count}, but must lie between 0 and n = {n}.")
    found = stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="exact")
    return Interval(float(found.low), float(found.high), (count / n, count / n))


def time_ratio_interval(
    above: ArrayLike, above_came: ArrayLike, below: ArrayLike, below_came: ArrayLike
) -> Interval:
    """Enclose the ratio of the typical times of two trainings.

    Times of a training are log-normal; both have one standard deviation of the logarithm. The
    ratio is that of their medians, which is that of their geometric means.

    Parameters
    ----------
    above, below
        (n,) and (m,) positive times, in steps: of the one training and of the other.
    above_came, below_came
        Whether the event happened at that time; if not, it is later (censored).

    Returns
    -------
    Interval
        All ratios that a likelihood ratio test does not refuse. Its bound makes the test Student's
        without censoring; with censoring, the number of events replaces the number of times. An end
        is infinite if the times do not bound it.

    Raises
    ------
    InputError
        For fewer than ``FEWEST`` times of either, or a time that is not positive and finite.

    Examples
    --------
    >>> low, high, estimate = time_ratio_interval(
    ...     [20, 22, 24, 20, 22, 24], [True] * 6, [10, 11, 12, 10, 11, 12], [True] * 6
    ... )
    >>> round(low, 2), round(high, 2), round(estimate[0], 6)
    (1.8, 2.22, 2.0)
    """
    times = [np.asarray(each, dtype=float) for each in (above, below)]
    came = [np.asarray(each, dtype=bool) for each in (above_came, below_came)]
    for each in times:
        _require_seeds(len(each))
        if not np.all((each > 0) & np.isfinite(each)):
            raise InputError("A time must be positive and finite.")
    logs = [np.log(each) for each in times]
    events = int(came[0].sum() + came[1].sum())
    if events < 3:  # no degree of freedom is left for the spread
        return Interval(0.0, math.inf, (0.0, math.inf))
    freedom = events - 2
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, freedom)
    allowed = events / 2 * math.log1p(quantile**2 / freedom)

    def loss(shift: float) -> float:
        """Smallest negative log-likelihood if the first training's logs lie ``shift`` higher."""
        return _normal_loss(np.r_[logs[0] - shift, logs[1]], np.r_[came[0], came[1]])

    # If one side has only censored times, the likelihood rises without end that way.
    open_ends = (not came[1].any(), not came[0].any())
    spread = max(float(np.ptp(np.r_[logs[0], logs[1]])), 1e-3)
    reach = 20 * spread
    if any(open_ends):
        best = reach if open_ends[1] else -reach
    else:
        guess = logs[0].mean() - logs[1].mean()
        found = optimize.minimize_scalar(
            loss, bracket=(guess - spread / 10, guess + spread / 10), tol=1e-8
        )
        best = float(found.x)
    lowest = loss(best)

    def end(direction: int) -> float:
        far = best + direction * spread / 4
        while loss(far) - lowest < allowed:
            far = best + 2 * (far - best)
            if abs(far - best) > 100 * reach:
                return direction * math.inf
        inner, outer = sorted((best, far))
        return float(
            optimize.brentq(lambda shift: loss(shift) - lowest - allowed, inner, outer, xtol=1e-6)
        )

    low = 0.0 if open_ends[0] else math.exp(end(-1))
    high = math.inf if open_ends[1] else math.exp(end(+1))
    middle = (
        (low if open_ends[0] else math.exp(best), high if open_ends[1] else math.exp(best))
        if not any(open_ends)
        else (low, high)
    )
    return Interval(low, high, middle)


def error_rates(n: int) -> dict[str, float]:
    """Return how often the rule decides at all if the truth lies on the bound.

    Parameters
    ----------
    n
        Seeds.

    Returns
    -------
    dict
        By kind of interval, the probability that the whole interval lies on one given side of the
        bound if the truth is on the bound; each of the two wrong outcomes has this probability.
        ``median``, exactly; ``share`` at a bound of one half, exactly; ``ratio of times``, without
        censoring.

    Examples
    --------
    >>> {kind: round(rate, 4) for kind, rate in error_rates(10).items()}
    {'median': 0.0107, 'share': 0.0107, 'ratio of times': 0.025}
    """
    one_sided = float(stats.binom.cdf(rank(n) - 1, n, 0.5))
    shares = sum(
        float(stats.binom.pmf(count, n, 0.5))
        for count in range(n + 1)
        if share_interval(count, n).low > 0.5
    )
    return {"median": one_sided, "share": shares, "ratio of times": (1 - CONFIDENCE) / 2}


def power(n: int, beyond: float, before: float | None = None) -> float:
    """Return how often ``n`` seeds decide, if a share ``beyond`` of all seeds is past the bound.

    It is that of the median's interval, and of a share against one half.

    Parameters
    ----------
    n
        Seeds.
    beyond, before
        Shares of all seeds on one side of the bound and on the other; the rest lies on it. All
        others are before it if ``before`` is not given.

    Examples
    --------
    >>> [round(power(n, 0.9), 2) for n in (6, 10, 20)]
    [0.53, 0.74, 0.99]
    >>> round(power(20, 0.0, 0.8), 2)
    0.8
    """
    before = 1 - beyond if before is None else before
    if not (beyond >= 0 and before >= 0 and beyond + before <= 1 + 1e-9):
        raise InputError(
            f"beyond is {beyond} and before {before}, but both must be 0 or more, and 1 at most"
            " together."
        )
    k = rank(n)
    return float(stats.binom.sf(n - k, n, beyond) + stats.binom.sf(n - k, n, before))


def power_of_time_ratio(n: int, ratio: float, spread: float) -> float:
    """Return how often ``n`` seeds of either training show that a ratio of times is not 1.

    Parameters
    ----------
    n
        Seeds of each training.
    ratio
        The true ratio of their typical times, positive.
    spread
        Standard deviation of the natural logarithm of one training's times, positive.

    Examples
    --------
    >>> [round(power_of_time_ratio(n, 1.31, 0.32), 2) for n in (6, 10, 20)]
    [0.26, 0.43, 0.74]
    """
    _require_seeds(n)
    if not (ratio > 0 and spread > 0):
        raise InputError(f"ratio is {ratio} and spread {spread}, but both must be positive.")
    freedom = 2 * n - 2
    noncentral = abs(math.log(ratio)) / (spread * math.sqrt(2 / n))
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, freedom)
    return float(
        stats.nct.sf(quantile, freedom, noncentral) + stats.nct.cdf(-quantile, freedom, noncentral)
    )


def power_of_no_difference(n: int, spread: float, margin: float) -> float:
    """Return how often ``n`` seeds show that two trainings take equally long, if they do.

    That is how often the whole interval of the ratio lies within ``margin`` of 1.

    Parameters
    ----------
    n
        Seeds of each training.
    spread
        Standard deviation of the natural logarithm of one training's times, positive.
    margin
        Above 1: the ratio has to lie between ``1 / margin`` and ``margin``.

    Examples
    --------
    >>> [round(power_of_no_difference(n, 0.09, 1.1), 2) for n in (6, 10, 20)]
    [0.05, 0.25, 0.81]
    """
    _require_seeds(n)
    if not (spread > 0 and margin > 1):
        raise InputError(f"spread is {spread} and margin {margin}, but must be above 0 and 1.")
    freedom, error = 2 * n - 2, spread * math.sqrt(2 / n)
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, freedom)

    def within(scale: float) -> float:
        room = math.log(margin) / error - quantile * scale
        return max(2 * float(stats.norm.cdf(room)) - 1, 0.0)

    # The estimated standard error is the true one times a scaled chi.
    chi = stats.chi(freedom, scale=1 / math.sqrt(freedom))
    found, _ = integrate.quad(lambda scale: within(scale) * chi.pdf(scale), 0, 4, limit=200)
    return float(found)


def _normal_loss(values: np.ndarray, came: np.ndarray) -> float:
    """Return the smallest negative log-likelihood of a normal sample, some of it right-censored."""
    known, later = values[came], values[~came]
    mean, spread = float(known.mean()), max(float(known.std()), 1e-6)
    y, c = (known - mean) / spread, (later - mean) / spread
    events = len(known)
    scaled = events * math.log(spread)
    if not len(later):
        return scaled + float(y @ y) / 2
    # Newton's method in Olsen's parameters, mean / spread and 1 / spread, in which the
    # log-likelihood is concave.
    at, loss = np.array([0.0, 1.0]), math.inf
    for _ in range(100):
        gaps, censored = at[1] * y - at[0], at[1] * c - at[0]
        tail = special.log_ndtr(-censored)
        now = float(gaps @ gaps) / 2 - events * math.log(at[1]) - float(tail.sum())
        if not math.isfinite(loss) or now <= loss:
            converged = loss - now < 1e-10
            best, loss = at, now
            if converged:
                break
            mills = np.exp(-0.5 * censored**2 - _LOG_ROOT_TWO_PI - tail)
            bend = mills * (mills - censored)
            slope = np.array([gaps.sum() + mills.sum(), events / at[1] - gaps @ y - mills @ c])
            curvature = np.array(
                [
                    [events + bend.sum(), -(y.sum() + bend @ c)],
                    [-(y.sum() + bend @ c), events / at[1] ** 2 + y @ y + bend @ c**2],
                ]
            )
            step = np.linalg.solve(curvature, slope)
        else:
            step = step / 2
        while best[1] + step[1] <= 0:
            step = step / 2
        at = best + step
    return scaled + loss


def _ends(values: ArrayLike, unknown: float) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    return np.where(np.isnan(array), unknown, array)


def _median(values: np.ndarray) -> float:
    """Return the median; between two infinities of unlike sign nothing is known."""
    ordered = np.sort(values)
    middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
    if middle[0] == middle[-1]:
        return float(middle[0])
    return math.nan if np.isinf(middle).all() else float(middle.mean())


def _require_seeds(n: int) -> None:
    if n < FEWEST:
        raise InputError(f"There are {n} seeds, but an interval needs {FEWEST}.")
