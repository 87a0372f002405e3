import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from grokbook.analysis.by_seed import rank_correlations, since_fit
from grokbook.experiments.columns import ORDERS, by_order
from grokbook.figures.section_6 import batch_sizes, both_sets, figure_12, figure_13
from grokbook.figures.style import LABELS, ROLES, png, svg


def hand_made_run(seed: int = 0) -> pd.DataFrame:
    steps = np.unique(np.r_[0, np.geomspace(1, 1000, 40).astype(int)])
    rise = 1 / (1 + np.exp(-(steps - 300) / 50))
    columns = {
        "seed": seed,
        "step": steps,
        "train_accuracy": np.minimum(1, steps / 50),
        "test_accuracy": 0.1 + 0.8 * rise,
        "weight_norm": 10 - rise,
        "perturbed_label_mutual_information": 2 * rise,
        "perturbed_mutual_information": 1 + rise + 0.01 * seed,
    }
    for number, alpha in enumerate(by_order("entropy")):
        for base, size in (("entropy", 2.0), ("test_entropy", 1.0)):
            columns[by_order(base)[alpha]] = size - 0.1 * number + 0.05 * rise + 0.01 * seed
    run = pd.DataFrame(columns)
    run.loc[
        run.index[::3], [c for name in ("entropy", "test_entropy") for c in by_order(name).values()]
    ] = np.nan
    return run


@pytest.fixture
def mnist():
    return hand_made_run()


def test_the_orders_are_those_that_runs_log():
    assert [float(alpha) for alpha in by_order("entropy")] == list(ORDERS)
    assert by_order("test_entropy") == {
        "0.5": "test_entropy_alpha_0.5",
        "1": "test_entropy",
        "2": "test_entropy_alpha_2",
        "3": "test_entropy_alpha_3",
    }


@pytest.mark.parametrize("draw", [figure_12, figure_13])
def test_same_data_same_bytes_in_any_order_of_rows(draw, mnist):
    first, again = draw(mnist), draw(mnist.sample(frac=1, random_state=0))
    assert svg(first) == svg(again) and png(first) == png(again)
    higher = mnist.assign(
        test_entropy=mnist["test_entropy"] + 0.1,
        perturbed_label_mutual_information=mnist["perturbed_label_mutual_information"] + 0.1,
    )
    assert svg(draw(higher)) != svg(first)


def test_figure_12_draws_every_order_of_both_sets_on_the_same_axis(mnist):
    test, train = figure_12(mnist).axes
    shown = mnist[mnist["step"] > 0]
    for axes, base in ((test, "test_entropy"), (train, "entropy")):
        drawn = {line.get_label(): line for line in axes.lines}
        for alpha, column in by_order(base).items():
            curve = shown.dropna(subset=[column])
            np.testing.assert_array_equal(drawn[f"α = {alpha}"].get_xdata(), curve["step"])
            np.testing.assert_array_equal(drawn[f"α = {alpha}"].get_ydata(), curve[column])
        assert axes.get_xscale() == "log"
    assert test.get_ylim() == train.get_ylim()
    assert test.get_title("left").endswith("Test set")
    assert train.get_title("left").endswith("Training set")


def test_figure_12_of_several_seeds_has_medians_and_bands():
    runs = pd.concat([hand_made_run(seed) for seed in range(3)])
    test = figure_12(runs).axes[0]
    assert len(test.collections) == len(ORDERS)
    drawn = {line.get_label(): line for line in test.lines}["α = 1"]
    middle = hand_made_run(1)
    middle = middle[middle["step"] > 0].dropna(subset=["test_entropy"])
    np.testing.assert_allclose(drawn.get_ydata(), middle["test_entropy"])


def test_figure_12_tells_its_numbers(mnist):
    low = mnist.loc[mnist["step"] > 0, "test_entropy_alpha_3"].min()
    label = figure_12(mnist).get_label()
    assert f"Test set, α = 3, from {low:.3g} to 0.75, between {low:.3g} and 0.75" in label
    assert "Train accuracy reaches 100 % at step 58" in label


def test_figure_13_draws_both_informations(mnist):
    *_, first, second = figure_13(mnist).axes
    shown = mnist[mnist["step"] > 0]
    for axes, column in (
        (first, "perturbed_label_mutual_information"),
        (second, "perturbed_mutual_information"),
    ):
        np.testing.assert_array_equal(axes.lines[-1].get_ydata(), shown[column])
        assert axes.get_ylabel() == LABELS[column]


def test_both_sets_are_drawn_in_each_panel():
    steps = np.array([0, 1, 10, 100])
    looks = pd.concat(
        pd.DataFrame(
            {
                "seed": seed,
                "step": steps,
                "train_pmi": 1.0 + seed + steps / 100,
                "test_pmi": 3.0 + seed,
                "train_mid": 0.5,
                "test_mid": 0.25 * steps,
            }
        )
        for seed in range(3)
    )
    figure = both_sets(looks)
    for axes, metric in zip(figure.axes, ("pmi", "mid"), strict=True):
        drawn = {line.get_label(): line for line in axes.lines}
        middle = looks[(looks["seed"] == 1) & (looks["step"] > 0)]
        for label, kind in (("training set", "train"), ("test set", "test")):
            np.testing.assert_allclose(drawn[label].get_ydata(), middle[f"{kind}_{metric}"])
        assert axes.get_xscale() == "log"
    assert "MID of the test set, from 0.25 to 25" in figure.get_label()
    assert svg(figure) == svg(both_sets(looks.sample(frac=1, random_state=0)))


def test_only_colours_of_roles_are_used(mnist):
    allowed = {role.light for role in ROLES.values()}
    for figure in (figure_12(mnist), figure_13(mnist)):
        for axes in figure.axes:
            assert {to_hex(line.get_color()) for line in axes.lines} <= allowed


def test_runs_that_never_fit_nor_generalise_are_drawn(mnist):
    poor = mnist.assign(train_accuracy=0.5, test_accuracy=0.1)
    assert not figure_12(poor).axes[0].texts
    assert "Train accuracy reaches 100 % at no step of the run" in figure_12(poor).get_label()
    assert not figure_13(poor).axes[0].texts


def test_since_fit_keeps_each_seed_from_its_own_moment_on():
    fits = pd.DataFrame(
        {"seed": 0, "step": [0, 1, 2], "train_accuracy": [0, 1, 0.9], "weight_norm": 1.0}
    )
    at_once, never = (fits.assign(seed=k, train_accuracy=a) for k, a in ((1, 1.0), (2, 0.5)))
    kept = since_fit(pd.concat([fits, at_once, never]))
    assert kept[["seed", "step"]].values.tolist() == [[0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


def test_rank_correlations_are_spearman_s_and_medians_over_seeds():
    base = pd.DataFrame({"step": range(4), "a": [1.0, 2, 3, 4]})
    runs = pd.concat(
        [
            base.assign(seed=0, b=[1, 10, 100, 1000]),  # 1
            base.assign(seed=1, b=[4, 3, 2, 1]),  # -1
            base.assign(seed=2, b=[1, 3, 2, 4]),  # 0.8: 1 - 6 · 2 / (4 · 15)
        ]
    )
    table = rank_correlations(runs, {"same": ("a", "a"), "other": ("a", "b")})
    assert table.to_dict() == pytest.approx({"same": 1, "other": 0.8})


def test_rank_correlations_pass_over_what_is_not_logged_or_does_not_change():
    runs = pd.DataFrame({"seed": 0, "step": range(4), "a": [1.0, np.nan, 3, 4], "b": [1, 9, 2, 3]})
    assert rank_correlations(runs, {"": ("a", "b")}).iloc[0] == pytest.approx(1)
    assert np.isnan(rank_correlations(runs.assign(b=1.0), {"": ("a", "b")}).iloc[0])


def test_batch_sizes_draws_three_curves_of_one_draw():
    table = pd.DataFrame(
        [
            {"step": step, "batch": batch, "draws": draws, "pmi": batch * step + draws, "pe": batch}
            for step in (0, 1, 10)
            for batch, draws in ((50, 1), (100, 1), (200, 1), (500, 1), (200, 5))
        ]
    )
    figure = batch_sizes(table, default=200)
    curves = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(curves) == ["batch 50", "batch 200", "batch 500"]
    np.testing.assert_array_equal(curves["batch 200"].get_xdata(), [1, 10])
    np.testing.assert_array_equal(curves["batch 200"].get_ydata(), [201, 2001])
    assert "PE, batches of 500, from 500 to 500" in figure.get_label()
    assert svg(figure) == svg(batch_sizes(table.sample(frac=1, random_state=0), default=200))
