import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from grokbook.experiments.named import task_of
from grokbook.figures.style import LABELS
from grokbook.figures.training_curves import compared, describe, mark_moments, with_accuracies

MODADD = task_of("modadd-standard")


def run(**columns: list[float]) -> pd.DataFrame:
    rows = len(columns["test_accuracy"])
    defaults = {
        "seed": 0,
        "step": range(0, 10 * rows, 10),
        "train_accuracy": np.ones(rows),
        "weight_norm": np.ones(rows),
    }
    return pd.DataFrame(defaults | columns)


def test_description_tells_the_numbers_of_the_data():
    runs = run(
        test_accuracy=[0.125, 0.25, 0.75, 0.75],
        train_accuracy=[0.5, 1, 1, 1],
        weight_norm=[2.0, 5.5, 3.0, 1.0],
    )
    text = describe("Panel", runs, ("test_accuracy", "weight_norm"), (0.5, 0.9))
    assert text == (
        "Panel, seed 0, steps 0 to 30: test accuracy from 0.125 to 0.75; weight norm ‖W‖₂"
        " from 2 to 1, largest 5.5 at step 10. Train accuracy reaches 100 % at step 10; test"
        " accuracy stays above 50 % from step 20;"
        " test accuracy stays above 90 % from no step of the run."
    )


def rising(seed: int, fit: int, half: int) -> pd.DataFrame:
    """Reaches train accuracy 1 at `fit`, test accuracy 0.5 at `half` and 1 at twice that."""
    steps = np.arange(0, 1001, 10)
    return pd.DataFrame(
        {
            "seed": seed,
            "step": steps,
            "train_accuracy": np.minimum(1, steps / fit),
            "test_accuracy": np.minimum(1, steps / (2 * half)),
            "weight_norm": 1.0,
        }
    )


def test_compared_trainings_have_their_moments_as_dots_on_their_curves():
    slow = pd.concat([rising(seed, 100, half) for seed, half in enumerate((300, 400, 500))])
    figure = compared("Both", {"Sums": (MODADD, {"slow": slow, "quick": rising(0, 50, 200)})})
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in dots] == [[100, 400, 800], [50, 200, 400]]
    assert all(line.get_ydata().tolist() == [100, 50, 99] for line in dots)
    curves = {line.get_label(): line for line in axes.lines}
    assert [line.get_color() for line in dots] == [
        curves[name].get_color() for name in ("slow", "quick")
    ]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "slow", "quick", "train accuracy", "train 100 %; test 50, 99 %",
    ]  # fmt: skip
    box, page = legend.get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 and box.x1 <= page.x1 and box.y1 <= page.y1


@pytest.mark.parametrize("column", LABELS)
def test_a_long_name_does_not_run_off_the_page(column: str):
    runs = rising(0, 100, 300).assign(**{column: 1.0})
    figure = with_accuracies("One", {"Sums": (MODADD, runs)}, column)
    (legend,) = figure.legends
    figure.draw_without_rendering()
    box, page = legend.get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 and box.x1 <= page.x1 and box.y1 <= page.y1


def test_compared_trainings_that_never_grok_have_no_dot_there():
    never = rising(0, 50, 10_000)
    figure = compared("One", {"Sums": (MODADD, {"never": never})})
    (dots,) = (line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert dots.get_xdata()[0] == 50 and np.isnan(dots.get_xdata()[1:]).all()


def test_a_mark_at_the_right_end_stays_clear_of_the_axis_there():
    axes = Figure().subplots()
    axes.set_xlim(0, 1000)
    mark_moments(axes, rising(0, 950, 300), (0.5,))
    assert [(text.get_text(), text.get_ha()) for text in axes.texts] == [
        ("train 100 %", "right"),
        ("test 50 %", "center"),
    ]


@pytest.mark.parametrize(
    ("fit", "half", "turned"),
    [
        (680, 460, ["right", "center", "right"]),  # the first and the last share a row
        (100, 460, ["center", "center", "right"]),  # far apart
        (30, 90, ["center", "center", "left"]),  # no room to the left of the first
    ],
)
def test_marks_close_together_are_turned_away_from_each_other(fit, half, turned):
    figure = Figure(figsize=(5.2, 3.1), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(0, 1000)
    mark_moments(axes, rising(0, fit, half), (0.5, 0.99))
    assert [text.get_ha() for text in axes.texts] == turned
    figure.draw_without_rendering()
    first, _, last = (text.get_window_extent() for text in axes.texts)
    assert last.x0 - first.x1 > 4, "the labels of a row do not touch"
