import numpy as np
import pandas as pd
import pytest

from grokbook.analysis.moments import decline, median_moments, moments


def run(**columns: list[float]) -> pd.DataFrame:
    rows = len(columns["test_accuracy"])
    defaults = {
        "seed": 0,
        "step": range(0, 10 * rows, 10),
        "train_accuracy": np.ones(rows),
        "weight_norm": np.ones(rows),
    }
    return pd.DataFrame(defaults | columns)


def test_moments_wait_until_test_accuracy_stays():
    table = moments(run(test_accuracy=[0.1, 0.6, 0.4, 0.6, 1.0]), thresholds=(0.5, 0.99))
    assert table.loc[0, "test_50"] == 30
    assert table.loc[0, "test_99"] == 40


def test_moments_that_never_come_are_nan():
    table = moments(run(test_accuracy=[0.6, 0.6, 0.4], train_accuracy=[0.2, 0.4, 0.99]))
    assert table.loc[0, ["train_100", "test_50", "test_99"]].isna().all()


def test_moment_at_the_first_row():
    assert moments(run(test_accuracy=[0.7, 0.8]), thresholds=(0.5,)).loc[0, "test_50"] == 0


def test_train_moment_is_the_first_even_if_it_is_lost_again():
    table = moments(run(test_accuracy=[0, 0, 0, 0], train_accuracy=[0.5, 1.0, 0.9, 1.0]))
    assert table.loc[0, "train_100"] == 10


def test_norm_peak_passes_over_steps_without_a_norm():
    table = moments(run(test_accuracy=[0, 0, 0], weight_norm=[2.0, np.nan, 3.0]))
    assert table.loc[0, "norm_peak"] == 20


def test_moments_do_not_depend_on_row_order_and_keep_seeds_apart():
    first = run(test_accuracy=[0.1, 0.2, 0.9])
    second = run(test_accuracy=[0.1, 0.9, 0.9]).assign(seed=7)
    mixed = pd.concat([first, second]).sample(frac=1, random_state=0)
    assert moments(mixed, (0.5,))["test_50"].to_dict() == {0: 20, 7: 10}


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, float("nan")])
def test_impossible_threshold(threshold):
    with pytest.raises(ValueError, match=r"threshold lies in \(0, 1\]"):
        moments(run(test_accuracy=[0.5]), thresholds=(threshold,))


def test_empty_table():
    with pytest.raises(ValueError, match="at least one logged step"):
        moments(run(test_accuracy=[0.5]).iloc[:0])


def test_a_median_moment_counts_those_that_never_came_as_late():
    early, late, never = (
        run(test_accuracy=values).assign(seed=seed)
        for seed, values in enumerate(([0.9, 0.9, 0.9], [0.1, 0.9, 0.9], [0.1, 0.1, 0.1]))
    )
    assert median_moments(pd.concat([early, late, never]), (0.5,))["test_50"] == 10
    assert np.isnan(median_moments(pd.concat([early, never]), (0.5,))["test_50"])


def test_decline_of_a_curve_that_rises_first():
    run = pd.DataFrame({"seed": 4, "step": [30, 0, 20, 10], "S": [1.0, 5.0, np.nan, 9.0]})
    row = decline(run, "S").loc[4]
    assert row.to_dict() == {"start": 5, "peak": 9, "peak_step": 10, "end": 1, "falling": 0.5}
