"""Intervals cover what they say, against exact sums, simulation and an independent package."""

import math

import numpy as np
import pandas as pd
import pytest
from lifelines import LogNormalAFTFitter
from scipy import stats

from grokbook._support.errors import InputError
from grokbook.analysis.intervals import (
    FEWEST,
    error_rates,
    median_interval,
    power,
    power_of_no_difference,
    power_of_time_ratio,
    rank,
    share_interval,
    time_ratio_interval,
)

ALL = [True] * 6


@pytest.mark.parametrize("n", range(FEWEST, 41))
def test_order_statistics_enclose_the_median_exactly(n: int) -> None:
    """P(Bin(n, 1/2) lies in [k, n - k]), summed here, is at least 95 %, and not with k + 1."""
    sums = [math.comb(n, below) / 2**n for below in range(n + 1)]
    k = rank(n)
    assert sum(sums[k : n - k + 1]) >= 0.95 > sum(sums[k + 1 : n - k])


@pytest.mark.parametrize("draw", ["normal", "exponential", "cauchy"])
@pytest.mark.parametrize("n", [6, 10, 20])
def test_simulated_coverage_of_a_median(draw: str, n: int) -> None:
    source = np.random.default_rng(n)
    samples = {
        "normal": source.normal, "exponential": source.exponential, "cauchy": source.standard_cauchy
    }[draw](size=(4000, n))  # fmt: skip
    truth = math.log(2) if draw == "exponential" else 0.0
    found = [median_interval(sample) for sample in samples]
    covered = np.mean([each.low <= truth <= each.high for each in found])
    assert covered > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 4000)


def test_five_values_do_not_enclose_their_median_often_enough() -> None:
    assert 1 - 2 / 2**5 < 0.95
    for found in (median_interval, lambda values: share_interval(5, len(values))):
        with pytest.raises(InputError, match=r"There are 5 seeds, but an interval needs 6\.$"):
            found([1, 2, 3, 4, 5])


def test_a_value_in_a_range_counts_with_both_ends() -> None:
    known = median_interval([1, 2, 3, 4, 5, 6])
    later = median_interval([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, np.inf])
    assert (later.low, later.high, later.estimate) == (1, np.inf, known.estimate)
    nothing = median_interval([1, 2, 3, 4, 5, np.nan])
    assert (nothing.low, nothing.high) == (-np.inf, np.inf)
    with pytest.raises(InputError, match="lower end"):
        median_interval([2] * 6, [1] * 6)


@pytest.mark.parametrize("n", [6, 10, 20])
@pytest.mark.parametrize("truth", [0.1, 0.5, 0.9])
def test_a_share_is_covered(n: int, truth: float) -> None:
    """Exactly: the probabilities of all counts whose interval holds the truth."""
    covered = sum(
        stats.binom.pmf(count, n, truth)
        for count in range(n + 1)
        if share_interval(count, n).low <= truth <= share_interval(count, n).high
    )
    assert covered >= 0.95


def test_without_censoring_it_is_student_s_interval() -> None:
    source = np.random.default_rng(0)
    for n, m in ((6, 6), (10, 7), (20, 20)):
        above, below = (np.exp(source.normal(8, 0.4, size)) for size in (n, m))
        found = time_ratio_interval(above, [True] * n, below, [True] * m)
        student = stats.ttest_ind(np.log(above), np.log(below)).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx(np.exp(student), rel=1e-4)
        exact = math.exp(np.log(above).mean() - np.log(below).mean())
        assert found.estimate == pytest.approx((exact, exact), rel=1e-4)


def test_with_censoring_the_estimate_is_that_of_lifelines() -> None:
    source = np.random.default_rng(1)
    for seed in range(3):
        above, below = np.exp(source.normal(8.5, 0.4, 10)), np.exp(source.normal(8, 0.4, 10))
        came = above < np.quantile(above, 0.7)
        above = np.minimum(above, np.quantile(above, 0.7))
        table = pd.DataFrame(
            {"t": np.r_[above, below], "came": np.r_[came, [True] * 10], "g": [1] * 10 + [0] * 10}
        )
        fit = LogNormalAFTFitter().fit(table, "t", "came")
        found = time_ratio_interval(above, came, below, [True] * 10)
        assert found.estimate[0] == pytest.approx(math.exp(fit.params_["mu_", "g"]), rel=2e-3), seed
        # Its normal approximation is the shorter one.
        low, high = np.exp(fit.confidence_intervals_.loc[("mu_", "g")])
        assert found.low < low and high < found.high


@pytest.mark.parametrize("censored", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("n", [6, 10, 20])
def test_simulated_coverage_of_a_ratio_of_times(n: int, censored: float) -> None:
    source, draws, truth = np.random.default_rng(n), 200, 0.27
    end = math.exp(stats.norm.ppf(1 - censored, 8 + truth, 0.4)) if censored else math.inf
    covered = 0
    for _ in range(draws):
        above, below = np.exp(source.normal(8 + truth, 0.4, n)), np.exp(source.normal(8, 0.4, n))
        found = time_ratio_interval(
            np.minimum(above, end), above <= end, np.minimum(below, end), below <= end
        )
        covered += found.low <= math.exp(truth) <= found.high
    assert covered / draws > 0.95 - 3 * math.sqrt(0.05 * 0.95 / draws)


def test_a_training_that_never_gets_there_leaves_one_end_open() -> None:
    never, times = [False] * 6, [10.0, 11, 12, 13, 14, 15]
    above = time_ratio_interval([100.0] * 6, never, times, ALL)
    assert above.high == math.inf and above.low > 3 and above.estimate == (above.low, math.inf)
    below = time_ratio_interval(times, ALL, [100.0] * 6, never)
    assert below.low == 0 and below.high == pytest.approx(1 / above.low, rel=1e-4)
    neither = time_ratio_interval([100.0] * 6, never, [100.0] * 6, never)
    assert (neither.low, neither.high) == (0, math.inf)


def test_equal_times_have_the_ratio_one() -> None:
    found = time_ratio_interval([5.0] * 6, ALL, [5.0] * 6, ALL)
    assert found.low == pytest.approx(1, abs=1e-4) and found.high == pytest.approx(1, abs=1e-4)
    with pytest.raises(InputError, match="positive"):
        time_ratio_interval([0.0] * 6, ALL, [5.0] * 6, ALL)


@pytest.mark.parametrize("n", [6, 10, 20])
def test_on_the_bound_the_rule_errs_as_seldom_as_it_says(n: int) -> None:
    """Of samples whose median is 0, so often does the whole interval lie above 0."""
    samples = np.random.default_rng(0).normal(size=(4000, n))
    above = np.mean([median_interval(sample).low > 0 for sample in samples])
    rate = error_rates(n)["median"]
    assert rate <= 0.025 and above == pytest.approx(rate, abs=4 * math.sqrt(rate / 4000))
    assert power(n, 0.5) == pytest.approx(2 * rate)


def test_power_of_a_ratio_of_times_against_simulation() -> None:
    source, n = np.random.default_rng(0), 10
    decided = 0
    for _ in range(400):
        found = stats.ttest_ind(source.normal(math.log(1.31), 0.3, n), source.normal(0, 0.3, n))
        decided += found.pvalue < 0.05
    assert power_of_time_ratio(n, 1.31, 0.3) == pytest.approx(decided / 400, abs=0.075)
    with pytest.raises(InputError, match="positive"):
        power_of_time_ratio(n, 1.31, 0)
    with pytest.raises(InputError, match="beyond"):
        power(n, 1.2)


def test_seeds_on_the_bound_are_on_neither_side() -> None:
    """Two of ten tie and eight are before: the interval has to leave out all that tie."""
    source, n = np.random.default_rng(0), 20
    samples = source.choice([0.0, -1.0], p=[0.2, 0.8], size=(4000, n))
    decided = np.mean([median_interval(sample).high < 0 for sample in samples])
    assert power(n, 0.0, 0.8) == pytest.approx(decided, abs=0.03)
    with pytest.raises(InputError, match="both must be 0 or more"):
        power(n, 0.5, 0.6)


@pytest.mark.parametrize(("n", "spread"), [(6, 0.05), (20, 0.09), (20, 0.15)])
def test_power_of_no_difference_against_simulation(n: int, spread: float) -> None:
    source = np.random.default_rng(0)
    above, below = source.normal(0, spread, (2, 4000, n))
    ends = stats.ttest_ind(above, below, axis=1).confidence_interval(0.95)
    within = (ends.low > -math.log(1.1)) & (ends.high < math.log(1.1))
    assert power_of_no_difference(n, spread, 1.1) == pytest.approx(within.mean(), abs=0.03)
    with pytest.raises(InputError, match="margin"):
        power_of_no_difference(n, spread, 1.0)
