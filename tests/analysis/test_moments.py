import numpy as np
import pandas as pd
import pytest

from grokbook import InputError
from grokbook.analysis.moments import decline, first_step_staying, median_moments, moments


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


def test_any_column_may_be_asked_from_when_on_it_stays():
    table = run(test_accuracy=[0.0, 0.0, 0.0, 0.0], share=[0.9, np.nan, 0.1, 0.6])
    assert first_step_staying(table, "share", 0.5).to_dict() == {0: 30}
    table = run(test_accuracy=[0.0, 0.0, 0.0, 0.0], share=[0.1, 0.9, np.nan, 0.6])
    assert first_step_staying(table, "share", 0.5).to_dict() == {0: 10}
    assert np.isnan(first_step_staying(table, "share", 0.7)[0])
    assert np.isnan(first_step_staying(table.assign(share=np.nan), "share", 0.1)[0])


def test_moments_of_a_part_of_the_test_set_are_those_of_its_column():
    table = run(test_accuracy=[0.0, 0.0, 0.0], half=[0.0, 0.6, 1.0])
    named = moments(table.drop(columns="test_accuracy"), (0.5,), "half")
    assert named["test_50"].to_dict() == {0: 10}


def test_a_minimal_log_has_no_peak_of_the_norm_and_all_else():
    table = run(test_accuracy=[0.1, 0.6, 1.0])
    minimal = table.drop(columns="weight_norm")
    pd.testing.assert_frame_equal(moments(minimal), moments(table).drop(columns="norm_peak"))


@pytest.mark.parametrize("lacking", ["seed", "step", "train_accuracy", "test_accuracy"])
def test_a_table_that_lacks_a_column_is_told_which_in_one_sentence(lacking: str):
    table = run(test_accuracy=[0.1, 0.6, 1.0]).drop(columns=lacking)
    with pytest.raises(
        InputError, match=f"needs the column {lacking}, which the table lacks.*[.]$"
    ):
        moments(table)
