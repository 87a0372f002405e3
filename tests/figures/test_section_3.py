"""Figures 2 to 4 and their tables: what is drawn and told is what the runs hold."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from grokbook.analysis import comparisons, predicted_accuracy
from grokbook.analysis.moments import moments
from grokbook.figures import section_3
from grokbook.figures.style import ROLES, png, svg
from grokbook.theory import corollary_3_3


def drawn_by_hand(seed: int, end: int, middle: float) -> pd.DataFrame:
    steps = np.unique(np.r_[0, np.geomspace(1, end, 60).astype(int)])
    run = pd.DataFrame(
        {
            "experiment": "drawn-by-hand",
            "seed": seed,
            "step": steps,
            "train_accuracy": np.minimum(1, 0.1 + steps / (0.02 * end)),
            "test_accuracy": 0.1 + 0.9 / (1 + np.exp(-(steps - middle) / (0.01 * end))),
            "weight_norm": 10 + 90 * np.exp(-steps / middle),
            "perturbation_error": 1e3 * np.exp(-5 * steps / middle),
            "sharpness": 1e5 * np.exp(-7 * steps / middle),
            "epsilon": 1e-6 + 1e-4 * steps / end,
            "relu_radius": 1e-3 + 1e-2 * steps / end,
        }
    )
    # As in a run: costly metrics at every other step only.
    dear = ["perturbation_error", "sharpness", "epsilon", "relu_radius"]
    run.loc[run.index[1::2], dear] = np.nan
    return run


@pytest.fixture
def mnist():
    return drawn_by_hand(0, 100_000, 30_000)


@pytest.fixture
def modadd():
    return pd.concat([drawn_by_hand(seed, 15_000, 7_000 + 500 * seed) for seed in range(3)])


DISTANCES = pd.DataFrame(
    {"distance": [5e-5, 1.0, 2.0, 3.0], "same_label_distance": [5e-3, 1.0, 2.0, math.inf]}
)


def figures(mnist, modadd):
    return [
        section_3.figure_2(mnist, modadd),
        section_3.figure_3(modadd),
        section_3.figure_4(mnist, mnist, modadd, modadd),
        section_3.radii_along_run(mnist, {"nearest": 1.17}),
        section_3.decay(mnist, mnist, mnist, modadd, modadd, modadd),
    ]


def test_decay_draws_each_training_against_its_own_axis(mnist, modadd):
    later = modadd.assign(test_accuracy=modadd["test_accuracy"] / 2)
    figure = section_3.decay(mnist, mnist, mnist, modadd, later, modadd)
    first, second = figure.axes
    names = [line.get_label() for line in second.lines if not line.get_label().startswith("_")]
    assert names == ["ℓ₂ decay", "ℓ₁ decay", "no decay"]
    assert first.get_xscale() == "log" and second.get_xscale() == "linear"
    drawn = {line.get_label(): line.get_ydata() for line in second.lines}
    median = 50 * modadd.groupby("step")["test_accuracy"].median()
    np.testing.assert_allclose(drawn["ℓ₁ decay"], median)
    assert "Modulo addition, no decay, median of 3 seeds" in figure.get_label()


def test_same_data_same_bytes_in_any_order_of_rows(mnist, modadd):
    shuffled = modadd.sample(frac=1, random_state=1)
    for first, second in zip(figures(mnist, modadd), figures(mnist.copy(), shuffled), strict=True):
        assert svg(first) == svg(second)
        assert png(first) == png(second)


def test_only_colours_of_roles_are_used(mnist, modadd):
    allowed = {role.light for role in ROLES.values()}
    for figure in figures(mnist, modadd):
        for axes in figure.axes:
            assert {to_hex(line.get_color()) for line in axes.lines} <= allowed


def test_figure_2_has_the_paper_s_four_panels_each_with_its_own_column(mnist, modadd):
    figure = section_3.figure_2(mnist, modadd)
    panels, values = figure.axes[:4], figure.axes[4:]
    assert [axes.get_title(loc="left") for axes in panels] == [
        "(a) MNIST, perturbation error",
        "(b) Modulo addition, perturbation error",
        "(c) MNIST, sharpness",
        "(d) Modulo addition, sharpness",
    ]
    for axes, runs, column in zip(
        values,
        (mnist, modadd, mnist, modadd),
        ("perturbation_error", "perturbation_error", "sharpness", "sharpness"),
        strict=True,
    ):
        shown = runs.dropna(subset=[column])
        if runs is mnist:
            shown = shown[shown["step"] > 0]  # a logarithmic axis has no 0
        median = shown.groupby("step")[column].median()
        np.testing.assert_array_equal(axes.lines[-1].get_xdata(), median.index)
        np.testing.assert_array_equal(axes.lines[-1].get_ydata(), median)
        assert axes.get_yscale() == "log"
    assert [axes.get_xscale() for axes in panels] == ["log", "linear", "log", "linear"]
    assert all(len(axes.texts) == 3 for axes in panels), "moments are marked"
    assert "sharpness Tr ∇²L from 100,000 to" in figure.get_label()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["train accuracy", "test accuracy"]


def test_figure_3_draws_measured_printed_and_fitted(modadd):
    figure = section_3.figure_3(modadd)
    (axes,) = figure.axes
    drawn = {line.get_label(): line for line in axes.lines}
    median = modadd.groupby("step")["test_accuracy"].median()
    np.testing.assert_allclose(drawn["test accuracy, measured"].get_ydata(), 100 * median)
    printed = drawn["predicted, printed parameters"]
    np.testing.assert_allclose(
        printed.get_ydata(),
        100 * corollary_3_3.predicted_accuracy(printed.get_xdata(), 1925, 500, 0.5, 0.01),
    )
    assert axes.get_xscale() == "linear" and axes.get_xlim() == (0, 15_000)
    shaded = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert shaded.x0 == pytest.approx(16.54, abs=0.01)
    assert shaded.x1 == pytest.approx(15_000)
    words = figure.get_label()
    assert "printed parameters: 10 % at step 4,930, 50 % at step 6,643, 90 % at step 6,916" in words
    half = moments(modadd, (0.5,)).median()["test_50"]
    assert f"50 % from step {half:,.0f}" in words


def test_figure_3_follows_its_parameters(modadd):
    other = section_3.figure_3(modadd, a=1000, n=10, outputs=2)
    shaded = other.axes[0].patches[0].get_extents().transformed(other.axes[0].transData.inverted())
    feasible = corollary_3_3.feasible_until(10, 2, 1000, 500)
    assert shaded.x0 == pytest.approx(feasible)
    assert svg(other) != svg(section_3.figure_3(modadd))


def test_figure_3_of_a_run_that_never_generalises(modadd):
    figure = section_3.figure_3(modadd.assign(test_accuracy=0.01))
    assert "stays above 10 % from no step of the run" in figure.get_label()


def test_figure_4_draws_both_trainings(mnist, modadd):
    sooner = mnist.assign(test_accuracy=mnist["test_accuracy"].to_numpy() ** 0.5)
    figure = section_3.figure_4(mnist, sooner, modadd, modadd)
    curves = {line.get_label(): line for line in figure.axes[0].lines}
    shown = sooner[sooner["step"] > 0]
    np.testing.assert_allclose(curves["perturbed"].get_ydata(), 100 * shown["test_accuracy"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "(a) MNIST",
        "(b) Modulo addition",
    ]
    assert figure.get_label().count("median of 3 seeds") == 2


def test_radii_are_drawn_with_the_lengths_they_would_have_to_reach(mnist):
    figure = section_3.radii_along_run(mnist, {"nearest": 1.17, "limit": 0.02})
    (axes,) = figure.axes
    logged = mnist.dropna(subset=["epsilon"]).query("step > 0")
    drawn = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(drawn["ε(W), printed"].get_ydata(), logged["epsilon"])
    assert {line.get_ydata()[0] for line in axes.lines} >= {1.17, 0.02}
    assert [text.get_text() for text in axes.texts] == ["nearest: 1.17", "limit: 0.02"]
    assert "nearest, 1.17; limit, 0.02." in figure.get_label()
    with pytest.raises(ValueError, match="No step after 0"):
        section_3.radii_along_run(mnist.assign(epsilon=np.nan), {})


def test_values_at_moments_are_those_of_the_first_row_that_has_them(mnist):
    table = comparisons.values_at_moments(mnist, ["sharpness"], (0.5, 0.8)).loc[0]
    times = moments(mnist, (0.5, 0.8)).loc[0]
    logged = mnist.dropna(subset=["sharpness"])
    assert list(table.index) == ["start", "train_100", "test_50", "test_80", "end"]
    for moment in ("train_100", "test_50", "test_80"):
        row = logged[logged["step"] >= times[moment]].iloc[0]
        assert table.at[moment, "step"] == row["step"]
        assert table.at[moment, "sharpness"] == row["sharpness"]
    assert table.at["start", "sharpness"] == 1e5
    assert table.at["end", "step"] == logged["step"].max()


def test_values_at_a_moment_that_never_came_are_nan(mnist):
    table = comparisons.values_at_moments(mnist.assign(test_accuracy=0.1), ["sharpness"]).loc[0]
    assert table.loc["test_50"].isna().all() and table.loc["end"].notna().all()


def test_certified_shares_count_the_test_images_within_the_largest_radius(mnist):
    row = predicted_accuracy.certified_shares(mnist, DISTANCES).loc[0]
    assert row["epsilon"] == mnist["epsilon"].max() and row["within_epsilon"] == 0.25
    assert row["relu_radius"] == mnist["relu_radius"].max() and row["certified"] == 0.25
    assert row["test_accuracy"] == mnist["test_accuracy"].iloc[-1]


def on_the_curve(seed: int, a: float) -> pd.DataFrame:
    steps = np.arange(0, 15_001, 50)
    return pd.DataFrame(
        {
            "seed": seed,
            "step": steps,
            "train_accuracy": 1.0,
            "test_accuracy": corollary_3_3.predicted_accuracy(steps, a, 500.0, 0.5, 0.01),
        }
    )


def test_fit_table_of_runs_that_follow_the_corollary():
    runs = pd.concat([on_the_curve(0, 1925.0), on_the_curve(1, 1900.0)])
    table = predicted_accuracy.corollary_fit_table(runs)
    assert table.at[(0, "printed"), "rmse"] == 0
    assert table.at[(0, "fitted"), "rmse"] < 1e-4
    gap = corollary_3_3.predicted_accuracy(
        np.arange(50, 15_001, 50), 1900.0
    ) - corollary_3_3.predicted_accuracy(np.arange(50, 15_001, 50), 1925.0)
    expected = math.sqrt(np.mean(gap**2))
    assert expected > 0.05
    assert table.at[(0, "printed"), "rmse_others"] == pytest.approx(expected)
    assert table.at[(1, "printed"), "rmse"] == pytest.approx(expected)
    assert table.at[(1, "fitted"), "rmse_others"] == pytest.approx(expected, rel=0.01)
    assert table.at[(0, "printed"), "t_50"] == pytest.approx(6642.75, abs=0.01)
    assert table.at[(0, "measured"), "t_50"] == 6650  # logged every 50 steps
    assert table.at[(0, "fitted"), "t_50"] == pytest.approx(6642.75, abs=1)
    assert table.at[(0, "printed"), "feasible_until"] == pytest.approx(16.54, abs=0.01)


def test_fit_table_of_a_run_that_stays_at_chance():
    table = predicted_accuracy.corollary_fit_table(
        on_the_curve(0, 1925.0).assign(test_accuracy=0.01)
    )
    assert table.loc[(0, "measured"), ["t_10", "t_50", "t_90"]].isna().all()
    assert np.isnan(table.at[(0, "fitted"), "t_90"])
    assert table["rmse_others"].isna().all(), "there is no other seed"


def test_speed_up_compares_seed_by_seed(mnist):
    later = drawn_by_hand(0, 100_000, 60_000)
    other = drawn_by_hand(1, 100_000, 10_000)
    table = comparisons.speed_up(pd.concat([later, other]), mnist, (0.5,))
    assert set(table.index.get_level_values("seed")) == {0}, "seed 1 has no partner"
    first, second = (moments(runs, (0.5,)).at[0, "test_50"] for runs in (later, mnist))
    row = table.loc[(0, "test_50")]
    assert (row["standard"], row["perturbed"], row["reading"]) == (first, second, "")
    assert row["speed_up"] == first / second > 1.5
    assert table.at[(0, "train_100"), "speed_up"] == 1
    with pytest.raises(ValueError, match="No seed"):
        comparisons.speed_up(other, mnist)


def test_speed_up_with_censored_times(mnist):
    never = mnist.assign(test_accuracy=0.1)
    step, last = moments(mnist, (0.5,)).at[0, "test_50"], mnist["step"].max()
    row = comparisons.speed_up(never, mnist, (0.5,)).loc[(0, "test_50")]
    assert row["speed_up"] == last / step and row["reading"] == "at least"
    assert np.isnan(row["standard"])
    row = comparisons.speed_up(mnist, never, (0.5,)).loc[(0, "test_50")]
    assert row["speed_up"] == step / last and row["reading"] == "at most"
    row = comparisons.speed_up(never, never, (0.5,)).loc[(0, "test_50")]
    assert np.isnan(row["speed_up"]) and row["reading"] == "unknown"


def test_a_column_that_tells_the_accuracy_has_no_gap(mnist):
    """Two trainings, the second twice as fast: what is a function of accuracy alone agrees."""
    slow = mnist.assign(told=1e3 * np.exp(-9 * mnist["test_accuracy"]), norm=100.0)
    slow["norm"] -= slow["step"] / 2e3
    fast = slow.assign(step=slow["step"] / 2, norm=slow["norm"] - 10)
    table = comparisons.at_equal_accuracy(slow, fast, ["told", "norm"]).loc[0]
    assert table.at["told", "gap"] == 0 and table.at["told", "ratio"] == 1
    at_start, at_end = 100.0, slow["norm"].iloc[-1]
    value = table.at["norm", "standard"]
    assert table.at["norm", "perturbed"] == value - 10
    assert table.at["norm", "gap"] == pytest.approx(
        math.log(value / (value - 10)) / math.log(at_start / at_end)
    )


def test_at_equal_accuracy_keeps_the_seeds_of_both_and_says_nan_where_one_never_came(modadd):
    flat = modadd[modadd["seed"] > 0].assign(test_accuracy=0.1)
    table = comparisons.at_equal_accuracy(modadd, flat, ["sharpness"])
    assert list(table.index) == [(1, "sharpness"), (2, "sharpness")]
    assert table["standard"].notna().all() and table["gap"].isna().all()
