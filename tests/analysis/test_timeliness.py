import numpy as np
import pandas as pd
import pytest

from grokbook.analysis.timeliness import (
    aligned,
    delay,
    halfway,
    halfway_fall,
    lag,
    rise_window,
    share_in_window,
    sharpness_of_change,
    timeliness,
)


def run(seed: int = 0, **columns) -> pd.DataFrame:
    rows = len(columns["step"])
    return pd.DataFrame({"seed": seed, "train_accuracy": np.ones(rows)} | columns)


def test_halfway_counts_from_train_100_and_waits_until_it_stays():
    table = run(
        step=[0, 10, 20, 30, 40, 50],
        train_accuracy=[0.2, 1, 0.9, 1, 1, 1],
        rising=[99, 0, 5, 4, 6, 10],  # 99 lies before train 100 %; back below 5 at step 30
        falling=[-99, 10, 4, 6, 5, 0],
    )
    assert halfway(table, "rising").to_dict() == {0: 40.0}
    assert halfway(table, "falling").to_dict() == {0: 40.0}  # 5 is the midpoint itself


def test_halfway_starts_at_the_first_logged_value_after_train_100():
    table = run(step=[0, 1, 2, 3, 4], metric=[0, np.nan, 10, np.nan, 20], train_accuracy=1.0)
    table.loc[0, "train_accuracy"] = 0.0
    # From 10, not from 0: the midpoint is 15.
    assert halfway(table, "metric").to_dict() == {0: 4.0}
    table.loc[0, "train_accuracy"] = 1.0
    assert halfway(table, "metric").to_dict() == {0: 2.0}


def test_halfway_of_what_does_not_change_or_is_never_fitted_is_nan():
    flat = run(step=[0, 1, 2], metric=[3, 7, 3])
    assert np.isnan(halfway(flat, "metric")[0])
    unfitted = run(step=[0, 1, 2], metric=[1, 2, 3], train_accuracy=[0.1, 0.5, 0.99])
    assert np.isnan(halfway(unfitted, "metric")[0])
    never = run(step=[0, 1, 2], metric=[np.nan] * 3)
    assert np.isnan(halfway(never, "metric")[0]) and np.isnan(halfway_fall(never, "metric")[0])


def test_halfway_fall_looks_from_the_peak_whenever_the_network_fits():
    table = run(
        step=[0, 10, 20, 30, 40],
        weight_norm=[1, 9, 4, 6, 1],  # midpoint 5; the early 1 is before the peak
        train_accuracy=[0, 0, 0, 0, 1],
    )
    assert halfway_fall(table).to_dict() == {0: 40.0}
    assert np.isnan(halfway_fall(table.assign(weight_norm=[1, 2, 3, 4, 5]))[0])


def test_delay_is_in_decades_and_lag_has_no_sign():
    table = run(
        step=[1, 10, 100, 1000],
        test_accuracy=[0, 0, 1, 1],
        early=[0, 1, 1, 1],
        late=[5, 5, 5, 1],
    )
    assert delay(table, "early")[0] == pytest.approx(-1)
    assert delay(table, "late")[0] == pytest.approx(1)
    assert lag(table, "early")[0] == pytest.approx(1)
    assert lag(table, "late")[0] == pytest.approx(1)
    assert lag(table, "test_accuracy")[0] == 0
    assert np.isnan(lag(table.assign(test_accuracy=0.1), "early")[0])


def test_rise_window_of_a_ramp():
    steps = np.arange(0, 201)
    ramp = run(step=steps, test_accuracy=0.2 + 0.6 * np.clip((steps - 50) / 96, 0, 1))
    # 10 % after 9.6 steps, 90 % after 86.4.
    assert rise_window(ramp).loc[0].to_dict() == {"t10": 60.0, "t90": 137.0}
    flat = ramp.assign(test_accuracy=0.5)
    falling = ramp.assign(test_accuracy=1 - ramp["test_accuracy"])
    assert rise_window(flat).isna().all(axis=None)
    assert rise_window(falling).isna().all(axis=None)


def ramp(**columns) -> pd.DataFrame:
    """Test accuracy rises from step 10 to step 95, 10 % and 90 % after 8.5 and 76.5 steps."""
    steps = np.arange(1, 1001)
    accuracy = np.clip((steps - 10) / 85, 0, 1)
    return run(step=steps, test_accuracy=accuracy, **columns)


def test_sharpness_of_a_column_with_two_slopes():
    steps = np.arange(1, 1001)
    (start, end) = rise_window(ramp()).loc[0]
    assert (start, end) == (19, 87)
    inside = np.clip(steps - start, 0, end - start)
    metric = 0.25 * steps + 0.5 * inside  # slope 0.75 inside, 0.25 outside
    assert sharpness_of_change(ramp(metric=metric), "metric", False)[0] == pytest.approx(3)
    assert sharpness_of_change(ramp(metric=-metric), "metric", False)[0] == pytest.approx(3)


def test_sharpness_on_a_logarithmic_axis():
    decades = np.log10(np.arange(1, 1001))
    inside = np.clip(decades, np.log10(19), np.log10(87))
    metric = 2 * decades + 6 * inside  # 8 a decade inside, 2 outside
    table = ramp(metric=metric)
    assert sharpness_of_change(table, "metric", True)[0] == pytest.approx(4)
    at_start = pd.concat([run(step=[0], test_accuracy=0.0, metric=-1e9), table])
    assert sharpness_of_change(at_start, "metric", True)[0] == pytest.approx(4), "step 0 has no log"


def test_sharpness_interpolates_where_the_column_is_not_logged_at_the_window_s_ends():
    metric = np.full(1000, np.nan)
    metric[[0, 54, 999]] = [0, 54, 54]  # linear from step 1 to step 55, then constant
    inside, outside = (55 - 19) / (87 - 19), 18 / (18 + 913)
    found = sharpness_of_change(ramp(metric=metric), "metric", False)[0]
    assert found == pytest.approx(inside / outside)


def test_sharpness_counts_every_wiggle():
    wiggle = np.arange(1, 1001) % 2.0
    assert sharpness_of_change(ramp(metric=wiggle), "metric", False)[0] == pytest.approx(1)


def test_sharpness_where_it_is_not_defined():
    step = np.arange(1, 1001)
    within = np.clip(step, 30, 80)
    assert sharpness_of_change(ramp(metric=within), "metric", False)[0] == np.inf
    assert np.isnan(sharpness_of_change(ramp(metric=1.0), "metric", False)[0])
    flat = ramp(metric=step).assign(test_accuracy=0.1)
    assert np.isnan(sharpness_of_change(flat, "metric", False)[0])
    at_once = ramp(metric=step).assign(test_accuracy=step >= 50)  # a window without length
    assert np.isnan(sharpness_of_change(at_once, "metric", False)[0])
    unfitted = ramp(metric=step).assign(train_accuracy=0.5)
    assert np.isnan(sharpness_of_change(unfitted, "metric", True)[0])


def test_share_in_window_is_blind_to_what_comes_and_goes():
    steps = np.arange(1, 1001)
    inside = np.clip(steps, 19, 87) - 19.0  # 68 inside the window, nothing outside
    assert share_in_window(ramp(metric=inside), "metric", False)[0] == pytest.approx(1)
    outside = 20 * (steps > 500)
    found = share_in_window(ramp(metric=-inside - outside), "metric", False)[0]
    assert found == pytest.approx(68 / 88)
    bump = np.where((steps > 200) & (steps < 300), 1000.0, 0.0)
    assert share_in_window(ramp(metric=inside + bump), "metric", False)[0] == pytest.approx(1)


def test_share_in_window_interpolates_along_the_axis():
    metric = np.full(1000, np.nan)
    metric[[0, 999]] = [0, 3]
    on_logarithms = np.log10(87 / 19) / 3
    for logarithmic, wanted in ((True, on_logarithms), (False, (87 - 19) / 999)):
        found = share_in_window(ramp(metric=metric), "metric", logarithmic)[0]
        assert found == pytest.approx(wanted)


def test_share_in_window_where_it_is_not_defined():
    step = np.arange(1, 1001)
    assert np.isnan(share_in_window(ramp(metric=1.0), "metric", True)[0])
    flat = ramp(metric=step).assign(test_accuracy=0.1)
    assert np.isnan(share_in_window(flat, "metric", False)[0])
    assert np.isnan(share_in_window(ramp(metric=np.nan), "metric", False)[0])


def test_seeds_are_kept_apart_and_row_order_does_not_matter():
    first = ramp(metric=np.arange(1000))
    second = ramp(metric=np.clip(np.arange(1000), 0, 100)).assign(seed=3)
    mixed = pd.concat([first, second]).sample(frac=1, random_state=0)
    table = timeliness(mixed, ["metric", "test_accuracy"], logarithmic=False)
    for part in (first, second):
        seed = part["seed"].iloc[0]
        alone = timeliness(part, ["metric", "test_accuracy"], logarithmic=False)
        for metric in ("metric", "test_accuracy"):
            pd.testing.assert_series_equal(table.loc[metric, seed], alone.loc[metric, seed])
    assert table.loc[("metric", 0), "halfway"] == 501  # 499.5 lies between 499 and 500
    assert table.loc[("metric", 3), "halfway"] == 51
    assert table.loc[("metric", 3), ["at_train_100", "end"]].tolist() == [0, 100]
    assert table.loc[("metric", 3), "delay"] == pytest.approx(np.log10(51 / 53))
    assert table.loc[("metric", 3), "lag"] == pytest.approx(np.log10(53 / 51))
    assert table.loc[("test_accuracy", 0), "lag"] == 0


def test_aligned_courses_cross_one_half_where_the_delay_says() -> None:
    steps = np.arange(1, 2001)
    runs = [
        pd.DataFrame(
            {
                "seed": seed, "step": steps, "train_accuracy": 1.0,
                "test_accuracy": 1 / (1 + np.exp(-(steps - middle) / 20)),
                "metric": 5 - 2 / (1 + np.exp(-(steps - 1.5 * middle) / 20)),
            }
        )
        for seed, middle in ((0, 500), (1, 700), (2, 600))
    ]  # fmt: skip
    found = aligned(pd.concat(runs), ["test_accuracy", "metric"], points=2001)
    crossed = (found >= 0.5).idxmax()
    assert crossed["test_accuracy"] == pytest.approx(0, abs=2e-3)
    assert crossed["metric"] == pytest.approx(np.log10(1.5), abs=2e-3)
    flat = pd.concat(runs).assign(test_accuracy=0.1)
    assert aligned(flat, ["test_accuracy"]).empty
