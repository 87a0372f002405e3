"""A foreign table becomes one of ours, or one sentence says why not."""

import numpy as np
import pandas as pd
import pytest

from grokbook import InputError
from grokbook.analysis.moments import moments
from grokbook.analysis.run_tables import as_runs


def foreign() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "step": [20, 0, 10],
            "train_accuracy": [1.0, 0.1, 0.6],
            "test_accuracy": [1.0, 0.1, 0.2],
            "weight_norm": [2.0, 3.0, 4.0],
        }
    )


def test_a_foreign_table_is_read_as_ours_and_stays_as_it_was() -> None:
    table = foreign()
    runs = as_runs(table, "theirs", 7)
    assert list(runs) == ["experiment", "seed", *foreign()] and runs["step"].tolist() == [0, 10, 20]
    assert moments(runs).loc[7].to_dict() == {
        "train_100": 20.0, "test_50": 20.0, "test_99": 20.0, "norm_peak": 10.0,
    }  # fmt: skip
    pd.testing.assert_frame_equal(table, foreign())
    pd.testing.assert_frame_equal(as_runs(runs), runs)


@pytest.mark.parametrize("column", ["step", "train_accuracy", "test_accuracy"])
def test_a_missing_column_is_named(column: str) -> None:
    for act in (as_runs, lambda table: moments(table.assign(seed=0))):
        with pytest.raises(InputError, match=f"needs the column {column}, which") as caught:
            act(foreign().drop(columns=column))
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.head(0), "has no row"),
        (lambda t: t.assign(weight_norm="low"), "column 'weight_norm' holds no numbers"),
        (lambda t: t.assign(step=[0, 0, 1]), "same step twice"),
        (lambda t: t.assign(step=[0, np.nan, 1]), "a row without a step"),
    ],
)
def test_what_is_no_table_of_runs_is_one_sentence(spoil, words: str) -> None:
    with pytest.raises(InputError, match=words):
        as_runs(spoil(foreign()))
