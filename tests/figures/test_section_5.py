import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from grokbook.analysis.moments import moments
from grokbook.analysis.timeliness import delay, early, early_change
from grokbook.figures.section_5 import (
    TIMED,
    aligned_changes,
    early_with_and_without,
    figure_8,
    figure_9,
    figure_10,
    figure_11,
)
from grokbook.figures.style import LABELS, ROLES, png, svg

COLUMNS = {
    figure_8: "perturbed_mutual_information",
    figure_9: "perturbed_entropy",
    figure_10: "mutual_information_difference",
    figure_11: "entropy_difference",
}
FIGURES = list(COLUMNS)
EARLY = (figure_10, figure_11)


def sigmoid_run(seed: int, end: int, middle: float) -> pd.DataFrame:
    steps = np.unique(np.r_[0, np.geomspace(1, end, 60).astype(int)])
    fall = np.exp(-steps / middle)
    run = pd.DataFrame(
        {
            "experiment": "drawn-by-hand",
            "seed": seed,
            "step": steps,
            "train_accuracy": np.minimum(1, 0.1 + steps / (0.02 * end)),
            "test_accuracy": 0.1 + 0.9 / (1 + np.exp(-(steps - middle) / (0.01 * end))),
            "weight_norm": 10 + 90 * fall,
            "perturbed_mutual_information": 2 - fall,
            "perturbed_entropy": 2.2 + 0.1 * fall,
            "mutual_information_difference": 0.3 * np.exp(-steps / (0.01 * end)),
            "entropy_difference": 0.2 * np.exp(-steps / (0.02 * end)),
        }
    )
    run.loc[run.index[5::7], list(COLUMNS.values())] = np.nan  # the dear metrics are rarer
    return run


@pytest.fixture
def mnist():
    return sigmoid_run(0, 100_000, 30_000)


@pytest.fixture
def modadd():
    return pd.concat([sigmoid_run(seed, 15_000, 7_000 + 500 * seed) for seed in range(3)])


@pytest.mark.parametrize("draw", FIGURES)
def test_same_data_same_bytes_in_any_order_of_rows(draw, mnist, modadd):
    first = draw(mnist, modadd)
    again = draw(mnist.sample(frac=1, random_state=1), modadd.sample(frac=1, random_state=2))
    assert svg(first) == svg(again) and png(first) == png(again)


@pytest.mark.parametrize("draw", FIGURES)
def test_the_curves_drawn_are_the_data(draw, mnist, modadd):
    column = COLUMNS[draw]
    panel_a, panel_b, right_a, right_b = draw(mnist, modadd).axes
    kept = early if draw in EARLY else (lambda runs: runs)
    shown = kept(mnist)
    shown = shown[shown["step"] > 0].dropna(subset=[column])
    np.testing.assert_array_equal(right_a.lines[-1].get_xdata(), shown["step"])
    np.testing.assert_array_equal(right_a.lines[-1].get_ydata(), shown[column])
    median = kept(modadd).groupby("step")[column].median().dropna()
    np.testing.assert_allclose(right_b.lines[-1].get_ydata(), median)
    accuracy = {line.get_label(): line for line in panel_b.lines}["test accuracy"]
    median = kept(modadd).groupby("step")["test_accuracy"].median()
    np.testing.assert_allclose(accuracy.get_ydata(), 100 * median)
    assert panel_a.get_xscale() == "log" and panel_b.get_xscale() == "linear"
    assert right_a.get_ylabel() == LABELS[column]
    assert len(right_b.collections) == 1 and not right_a.collections, "a band for several seeds"


@pytest.mark.parametrize("draw", FIGURES)
def test_nothing_drawn_lies_outside_the_axis(draw, mnist, modadd):
    for right in draw(mnist, modadd).axes[2:]:
        low, high = right.get_ylim()
        for line in right.lines:
            assert low <= min(line.get_ydata()) and max(line.get_ydata()) <= high


def test_only_the_entropy_axis_does_not_start_at_zero(mnist, modadd):
    for draw in FIGURES:
        starts = {right.get_ylim()[0] for right in draw(mnist, modadd).axes[2:]}
        assert (0 not in starts) if draw is figure_9 else starts == {0}


@pytest.mark.parametrize("draw", EARLY)
def test_early_panels_end_a_little_after_fitting_and_mark_it(draw, mnist, modadd):
    figure = draw(mnist, modadd)
    for panel, runs in zip(figure.axes[:2], (mnist, modadd), strict=True):
        fitted = moments(runs, ())["train_100"]
        assert [text.get_text() for text in panel.texts] == ["train 100 %"]
        assert panel.texts[0].xy[0] == fitted.median()
        assert fitted.max() <= panel.get_xlim()[1] <= 1.5 * fitted.max()
    assert "Train accuracy reaches 100 % at step" in figure.get_label()
    assert "test accuracy stays" not in figure.get_label()


def test_early_waits_for_the_latest_seed_and_keeps_all_of_a_run_that_never_fits():
    steps = np.arange(0, 101, 10)
    fast = pd.DataFrame(
        {"seed": 0, "step": steps, "train_accuracy": steps >= 20, "weight_norm": 1.0}
    )
    slow = fast.assign(seed=1, train_accuracy=steps >= 40)
    never = fast.assign(seed=2, train_accuracy=0.5)
    assert early(fast)["step"].max() == 30
    assert early(pd.concat([fast, slow]))["step"].max() == 60
    assert early(fast, beyond=1)["step"].max() == 20
    assert len(early(pd.concat([fast, never]))) == 2 * len(steps)


@pytest.mark.parametrize("draw", FIGURES)
def test_run_that_never_fits_nor_generalises_is_drawn(draw, mnist, modadd):
    poor = mnist.assign(train_accuracy=0.5, test_accuracy=0.1)
    figure = draw(poor, modadd)
    assert not figure.axes[0].texts
    assert figure.axes[0].get_xlim()[1] == mnist["step"].max()


def test_only_colours_of_roles_are_used(mnist, modadd):
    allowed = {role.light for role in ROLES.values()}
    for draw in FIGURES:
        for axes in draw(mnist, modadd).axes:
            assert {to_hex(line.get_color()) for line in axes.lines} <= allowed


def test_early_change_of_a_curve_drawn_by_hand():
    run = pd.DataFrame(
        {
            "seed": 4,
            "step": [0, 10, 20, 30, 40, 50],
            "train_accuracy": [0, 0.2, 0.4, 1, 1, 1],
            "weight_norm": 1.0,
            # Not logged at the moment itself: the next logged value counts.
            "metric": [0.3, 0.8, 0.1, np.nan, 0.2, 9.0],
        }
    )
    assert early_change(run, "metric").loc[4].to_dict() == pytest.approx(
        {
            "start": 0.3,
            "largest": 0.8,
            "smallest": 0.1,
            "at_train_100": 0.2,
            "left": 0.25,
            "falling": 1 / 3,
        }
    )


def test_early_change_of_a_run_that_never_fits_or_at_once():
    run = pd.DataFrame(
        {"seed": 0, "step": [0, 1, 2], "train_accuracy": 0.5, "weight_norm": 1.0, "metric": 1.0}
    )
    assert early_change(run, "metric").isna().all(axis=None)
    at_once = early_change(run.assign(train_accuracy=1.0), "metric").loc[0]
    assert at_once["left"] == 1 and np.isnan(at_once["falling"])


def test_with_and_without_decay_share_a_panel(modadd):
    none = modadd.assign(
        entropy_difference=2 * modadd["entropy_difference"],
        mutual_information_difference=3 * modadd["mutual_information_difference"],
    )
    figure = early_with_and_without(modadd, none)
    for axes, column in zip(
        figure.axes, ("mutual_information_difference", "entropy_difference"), strict=True
    ):
        for name, runs in (("with weight decay", modadd), ("without weight decay", none)):
            (line,) = [line for line in axes.lines if line.get_label() == name]
            median = early(runs).dropna(subset=[column]).groupby("step")[column].median()
            np.testing.assert_allclose(line.get_ydata(), median)
        assert axes.get_xlabel() and axes.get_ylabel() == LABELS[column]
    assert figure.get_label().count("without weight decay") == 2


def test_aligned_changes_mark_the_delays_and_say_them(mnist, modadd):
    figure = aligned_changes(mnist, modadd)
    assert svg(figure) == svg(aligned_changes(mnist, modadd.iloc[::-1]))
    for axes, runs in zip(figure.axes, (mnist, modadd), strict=True):
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert len(dots) == len(TIMED)
        for dot, (column, name) in zip(dots, TIMED.items(), strict=True):
            late = delay(runs, column).median()
            assert dot.get_xdata() == pytest.approx(late) and dot.get_ydata() == 0.5
            assert f"{name} {late:+.3f}" in figure.get_label()
