import numpy as np
import pandas as pd
import pytest

from grokbook import InputError
from grokbook.figures.comparison import comparison_figure, comparison_table

STEPS = np.arange(0, 1001, 50)


def log(test_from: int) -> pd.DataFrame:
    """A table of a foreign loop: no seed, no name."""
    return pd.DataFrame(
        {
            "step": STEPS,
            "train_accuracy": np.minimum(1, STEPS / 100),
            "test_accuracy": np.where(test_from <= STEPS, 1.0, 0.1),
        }
    )


def test_a_table_of_a_foreign_loop_stands_beside_ours() -> None:
    runs = {"mine": log(600), "theirs": log(300).assign(seed=3, experiment="other")}
    table = comparison_table(runs)
    assert table["seeds"].to_dict() == {"mine": "0", "theirs": "3"}
    assert table["test 50 %"].to_dict() == {"mine": "600", "theirs": "300"}
    figure = comparison_figure(runs)
    assert "mine: test accuracy 100 % at the end." in figure.get_label()


@pytest.mark.parametrize("draw", [comparison_table, comparison_figure])
def test_a_table_without_a_column_is_named(draw) -> None:
    with pytest.raises(InputError, match="needs the column test_accuracy"):
        draw({"mine": log(600).drop(columns="test_accuracy")})
    with pytest.raises(InputError, match="same step twice"):
        draw({"mine": pd.concat([log(600), log(300)])})
