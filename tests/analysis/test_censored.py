"""Censored log-normal times: the fit is lifelines', the bootstrap keeps pairs together."""

import math

import numpy as np
import pandas as pd
import pytest
from lifelines import LogNormalAFTFitter

from grokbook import InputError
from grokbook.analysis.by_seed import Times
from grokbook.analysis.censored import (
    arm_log,
    arm_times,
    fit,
    log_ratios,
    ratio_interval,
    slope_interval,
)


def times(steps: list[float], limit: float = math.inf, first: int = 100) -> Times:
    series = pd.Series(steps, index=range(first, first + len(steps)), dtype=float)
    return Times(series.clip(upper=limit), series > limit)


@pytest.mark.parametrize("limit", [math.inf, 6000.0, 3500.0])
def test_the_fit_is_that_of_lifelines(limit: float) -> None:
    source = np.random.default_rng(3)
    rho = np.repeat([0.4, 0.8, 1.2], 20)
    exact = np.exp(7 + 1.2 * rho + source.normal(0, 0.3, 60))
    came = exact <= limit
    table = pd.DataFrame({"t": np.minimum(exact, limit), "came": came, "rho": rho})
    theirs = LogNormalAFTFitter().fit(table, "t", "came").params_["mu_"]
    ours = fit(np.stack([np.ones(60), rho], axis=1), np.log(table["t"].to_numpy()), came)
    assert ours == pytest.approx([theirs["Intercept"], theirs["rho"]], rel=2e-3)


def test_a_batch_of_samples_is_fitted_as_one_by_one() -> None:
    source = np.random.default_rng(4)
    logs, came = source.normal(8, 0.4, (5, 12)), source.random((5, 12)) < 0.7
    design = np.stack([np.ones(12), np.repeat([1.0, 0.0], 6)], axis=1)
    together = fit(design, logs, came)
    for k in range(5):
        assert together[k] == pytest.approx(fit(design, logs[k], came[k]), abs=1e-6)


def test_pairing_removes_what_seeds_share() -> None:
    """Seeds differ by a factor of e, the two trainings of a seed by exactly 0.8."""
    source = np.random.default_rng(5)
    base = np.exp(source.normal(8, 1, 20))
    paired = ratio_interval(log_ratios([(times(list(0.8 * base)), times(list(base)))]))
    assert paired.low == pytest.approx(0.8) == paired.high
    unpaired = 0.8 * np.exp(source.normal(8, 1, 20))
    loose = ratio_interval(log_ratios([(times(list(unpaired)), times(list(base)))]))
    assert loose.high / loose.low > 1.5


def test_the_ratio_is_the_first_s_over_the_second_s_on_common_seeds() -> None:
    above, below = times([20.0] * 8), times([10.0] * 8, first=101)
    effects = log_ratios([(above, below)], resamples=50)
    assert np.exp(effects.estimate) == pytest.approx([2.0]) and effects.resampled.shape == (50, 1)


def test_a_training_that_never_gets_there_leaves_the_end_open() -> None:
    never, came = times([9e9] * 8, limit=100.0), times([10.0, 11, 12, 13, 14, 15, 16, 17])
    assert ratio_interval(log_ratios([(never, came)])).low == math.inf
    assert ratio_interval(log_ratios([(came, never)])).high == 0.0
    neither = ratio_interval(log_ratios([(never, never)]))
    assert (neither.low, neither.high) == (0.0, math.inf)


def test_resamples_of_which_all_are_censored_do_not_touch_the_others() -> None:
    """They have no maximum of likelihood: fitted along, they took a thousand rounds, 40 s."""
    below = times([1000.0, 1100, 900, 1200, 1300, 800])
    rare = times([2000.0, 9000, 9000, 9000, 9000, 9000], limit=5000)
    found = log_ratios([(rare, below), (below, rare), (rare, rare)], resamples=200)
    never = np.isinf(found.resampled[:, 0])
    assert 0.2 < never.mean() < 0.5, "(5/6)⁶ is 0.33"
    assert (found.resampled[never, 0] > 0).all() and (found.resampled[never, 1] < 0).all()
    assert np.isnan(found.resampled[never, 2]).all()
    assert np.isfinite(found.resampled[~never]).all()
    assert found.resampled[~never, 0] == pytest.approx(-found.resampled[~never, 1], abs=1e-5)


def test_the_slope_is_that_of_exact_times_and_needs_two_radii() -> None:
    at = {rho: times([math.exp(5 + 3 * rho)] * 8) for rho in (0.5, 1.0, 1.5)}
    found = slope_interval(at, 100)
    assert (found.low, found.high, *found.estimate) == pytest.approx([3.0] * 4)
    never = times([9e9] * 8, limit=100.0)
    with pytest.raises(InputError, match="two radii at which networks grok, not 1"):
        slope_interval({0.5: at[0.5], 1.0: never})


def test_too_few_seeds_are_refused_in_one_sentence() -> None:
    few = times([10.0] * 5)
    with pytest.raises(InputError, match="needs 6 seeds, but 5 are common"):
        log_ratios([(few, few)])


def test_an_arm_of_a_study_becomes_times_and_a_log() -> None:
    table = pd.DataFrame(
        {
            "arm": ["a", "a", "b"],
            "seed": [101, 100, 100],
            "endpoint": [np.nan, 40.0, 20.0],
            "steps": [100, 60, 40],
            "curve_step": [[0, 100], [0, 30, 60], [0]],
            "curve_test_accuracy": [[0.1, 0.2], [0.1, 0.5, 1.0], [1.0]],
        }
    )
    found = arm_times(table, "a")
    assert found.steps.to_dict() == {100: 40.0, 101: 100.0}
    assert found.censored.to_dict() == {100: False, 101: True}
    log = arm_log(table, "a")
    assert list(log.columns) == ["seed", "step", "test_accuracy"]
    assert log["step"].tolist() == [0, 30, 60, 0, 100] and log["test_accuracy"].iloc[2] == 1.0
    with pytest.raises(InputError, match="no run of the arm 'c'; it has a, b"):
        arm_times(table, "c")
