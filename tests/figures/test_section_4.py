import numpy as np
import pandas as pd
import pytest

from grokbook import claims
from grokbook.analysis.commutativity import (
    LATER,
    abelian_times,
    halves_table,
    late_distances,
    law_beyond_labels,
    logit_distances,
    plateau_table,
)
from grokbook.analysis.comparisons import final_values
from grokbook.analysis.staircase import plateau, splits
from grokbook.experiments.named import experiment
from grokbook.figures import section_4
from grokbook.figures.section_4 import (
    figure_5,
    figure_6,
    figure_7,
    mirror_images,
    relative_distance,
    staircase,
)
from grokbook.figures.style import svg
from grokbook.tasks.modular import ModularAddition

SHARE = 0.3
STEPS = np.arange(0, 1001, 10)


def rise(middle, width=20.0):
    return 1 / (1 + np.exp(-(STEPS - middle) / width))


def climb(seed=0, first=100.0, second=600.0, distance=0.0):
    """A run that learns the mirrored half at one step and the rest at another."""
    mirrored, unmirrored = np.round(rise(first), 6), np.round(rise(second), 6)
    return pd.DataFrame(
        {
            "seed": seed,
            "step": STEPS,
            "train_accuracy": np.minimum(1, STEPS / 50),
            "test_accuracy": SHARE * mirrored + (1 - SHARE) * unmirrored,
            "test_accuracy_mirrored": mirrored,
            "test_accuracy_unmirrored": unmirrored,
            "abelian_accuracy_train": SHARE + (1 - SHARE) * mirrored,
            "abelian_logit_distance_train": 40 * (1 - mirrored) + 1 + distance,
            "abelian_logit_mse_train": (1 - mirrored) ** 2 + 0.01,
            "logit_scale": 20.0,
            "weight_norm": 50 - STEPS / 50,
        }
    )


@pytest.fixture
def standard():
    return pd.concat([climb(seed, 500 + 20 * seed, 600) for seed in range(3)])


@pytest.fixture
def perturbed():
    return pd.concat([climb(seed, 100, 700 + 20 * seed, 9.0) for seed in range(3)])


@pytest.fixture
def abelian():
    return climb(0, 60, 300)


def drawn(axes):
    return {line.get_label(): line for line in axes.lines}


def every_figure(standard, perturbed, abelian):
    return {
        "figure_5": figure_5(standard, perturbed),
        "figure_6": figure_6(standard, perturbed, abelian),
        "figure_7": figure_7(standard, perturbed),
        "staircase": staircase(standard, perturbed, abelian),
        "mirror_images": mirror_images(perturbed, perturbed, perturbed),
        "relative_distance": relative_distance(standard, perturbed, abelian),
    }


def test_same_data_same_bytes_whatever_the_order_of_rows(standard, perturbed, abelian):
    first = every_figure(standard, perturbed, abelian)
    runs = (standard, perturbed, abelian)
    mixed = every_figure(*(log.sample(frac=1, random_state=1) for log in runs))
    for name, figure in first.items():
        assert svg(figure) == svg(mixed[name]), name


def test_figures_speak_of_their_own_data(standard, perturbed, abelian):
    first = every_figure(standard, perturbed, abelian)
    other = every_figure(standard, climb(3, 200, 400, 5.0), abelian)
    for name, figure in first.items():
        assert svg(figure) != svg(other[name]), name
        assert figure.get_label() != other[name].get_label(), name


def test_figure_5_draws_the_abelian_test_in_percent_over_the_accuracies(standard, perturbed):
    figure = figure_5(standard, perturbed)
    assert [axes.get_title("left") for axes in figure.axes] == [
        "(a) Standard training",
        "(b) Perturbed training",
    ]
    for axes, runs in zip(figure.axes, (standard, perturbed), strict=True):
        for column, label in (
            ("abelian_accuracy_train", "abelian accuracy"),
            ("test_accuracy", "test accuracy"),
            ("train_accuracy", "train accuracy"),
        ):
            median = runs.groupby("step")[column].median()
            np.testing.assert_allclose(drawn(axes)[label].get_ydata(), 100 * median)
        assert axes.get_ylim() == (-3, 103)
    assert "abelian accuracy from 0.3 to 1" in figure.get_label()


def test_figure_6_compares_three_trainings(standard, perturbed, abelian):
    (axes,) = figure_6(standard, perturbed, abelian).axes
    lines = drawn(axes)
    for label, runs in (
        ("standard", standard),
        ("perturbed", perturbed),
        ("abelian degrok", abelian),
    ):
        median = runs.groupby("step")["test_accuracy"].median()
        np.testing.assert_allclose(lines[label].get_ydata(), 100 * median)
    dashes = {lines[label].get_linestyle() for label in ("standard", "perturbed")}
    assert len(dashes) == 2, "told apart without colour too"


def test_mirror_images_are_compared_on_the_pairs_that_no_training_reads(standard, abelian):
    mirrored = climb(0, 60, 450)
    figure = mirror_images(standard, abelian, mirrored)
    (axes,) = figure.axes
    lines = drawn(axes)
    for label, runs in (
        ("standard", standard), ("abelian degrok", abelian), ("mirror images", mirrored),
    ):  # fmt: skip
        shared = runs[runs["seed"] == 0]
        np.testing.assert_allclose(
            lines[label].get_ydata(), 100 * shared["test_accuracy_unmirrored"]
        )
    assert "whose mirror image is no training pair" in figure.get_label()
    with pytest.raises(ValueError, match="No seed was recorded for all three"):
        mirror_images(standard, abelian, climb(7))
    words = figure.get_label().partition("mirror images, seed 0")[2]
    assert "stays above 50 % from step 450; test accuracy stays above 99 % from step 550" in words


def test_figure_7_draws_the_distance_unscaled_from_zero(standard, perturbed):
    figure = figure_7(standard, perturbed)
    _, _, right_a, right_b = figure.axes
    for axes, runs in ((right_a, standard), (right_b, perturbed)):
        median = runs.groupby("step")["abelian_logit_distance_train"].median()
        np.testing.assert_allclose(drawn(axes)["logit distance"].get_ydata(), median)
        assert axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > runs[median.name].max()


def test_staircase_draws_the_halves_and_the_share_found_in_the_log(standard, perturbed, abelian):
    figure = staircase(standard, perturbed, abelian)
    assert len(figure.axes) == 3
    for axes, runs in zip(figure.axes, (standard, perturbed, abelian), strict=True):
        lines = drawn(axes)
        assert lines[section_4.LEVEL].get_ydata() == pytest.approx([30, 30])
        for half, label in (("mirrored", "in"), ("unmirrored", "not in")):
            median = runs.groupby("step")[f"test_accuracy_{half}"].median()
            line = lines[f"test accuracy, mirror image {label} training set"]
            np.testing.assert_allclose(line.get_ydata(), 100 * median)


def test_staircase_says_where_it_pauses(standard, perturbed, abelian):
    label = staircase(standard, perturbed, abelian).get_label()
    learned = STEPS[rise(60) >= 0.99][0]
    assert (
        "Abelian degrok: 99 % of the pairs whose mirror image is a training pair are answered"
        f" from step {learned} on" in label
    )
    pause = plateau(abelian).loc[0]
    assert abs(pause["height"] - SHARE) < 0.01 and pause["length"] > 0
    assert (
        f"pauses longest at {pause['height']:.3g}, from step {pause['start']:.0f}"
        f" to step {pause['end']:.0f}." in label
    )


def test_level_is_left_out_where_the_log_does_not_tell_it(standard, perturbed, abelian):
    equal = abelian.assign(
        test_accuracy_mirrored=abelian["test_accuracy"],
        test_accuracy_unmirrored=abelian["test_accuracy"],
    )
    axes = staircase(standard, perturbed, equal).axes[2]
    assert section_4.LEVEL not in drawn(axes)


def test_relative_distance_is_the_ratio_and_marks_grokking(standard, perturbed, abelian):
    (axes,) = relative_distance(standard, perturbed, abelian).axes
    lines = drawn(axes)
    median = perturbed.groupby("step")["abelian_logit_distance_train"].median() / 20
    np.testing.assert_allclose(lines["perturbed"].get_ydata(), median)
    assert axes.get_yscale() == "log"
    marks = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(marks) == 3
    assert marks[2] == abelian.loc[abelian["test_accuracy"] >= 0.99, "step"].min()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_runs_that_never_learn_are_drawn_too(standard, perturbed, abelian):
    flat = dict.fromkeys(
        ["train_accuracy", "test_accuracy", "test_accuracy_mirrored", "test_accuracy_unmirrored"],
        0.1,
    )
    runs = [r.assign(**flat) for r in (standard, perturbed, abelian)]
    for name, figure in every_figure(*runs).items():
        assert "no step of the run" in figure.get_label(), name
    assert "does not pause" in staircase(*runs).get_label()


def test_abelian_times_by_hand():
    log = pd.DataFrame(
        {
            "seed": 0,
            "step": [0, 10, 20, 30, 40, 50],
            "train_accuracy": [0.0, 0.9, 1, 1, 1, 1],
            "test_accuracy": [0.0, 0, 0.1, 0.5, 0.5, 1],
            "abelian_accuracy_train": [1.0, 0.5, 0.99, 0.98, 0.99, 1],
            "weight_norm": 1.0,
        }
    )
    never = log.assign(seed=1, train_accuracy=0.5, abelian_accuracy_train=0.9, test_accuracy=0.2)
    table = abelian_times(pd.concat([never, log]))
    assert table.loc[0].to_dict() == {
        "train_100": 20,
        "abelian_99": 40,
        "test_99": 50,
        "abelian_start": 1.0,
        "abelian_at_train_100": 0.99,
    }
    assert table.loc[1, "abelian_start"] == 0.9
    assert table.loc[1].drop("abelian_start").isna().all()
    assert abelian_times(log, 0.5).loc[0, "abelian_50"] == 0


def test_plateau_table_compares_with_the_split():
    recipe = experiment("modadd-perturbed", "paper", 0).to_dict()
    manifests = [{"experiment": recipe}]
    share = splits(manifests).loc[0, "share"]
    runs = climb(0, 100, 900)
    row = plateau_table(runs, manifests).loc[0]
    assert row["share"] == share != ModularAddition().train_fraction
    assert row["off"] == pytest.approx(row["height"] - share)
    inside = runs[runs["step"].between(row["start"], row["end"])]
    assert row["length"] == row["end"] - row["start"] > 400
    assert row["height"] == pytest.approx(inside["test_accuracy"].median())
    assert row["mirrored"] == pytest.approx(inside["test_accuracy_mirrored"].median())
    assert row["unmirrored"] == pytest.approx(inside["test_accuracy_unmirrored"].median())


@pytest.mark.filterwarnings("error")
def test_plateau_table_without_a_plateau():
    manifests = [{"experiment": experiment("modadd-perturbed", "paper", 0).to_dict()}]
    row = plateau_table(climb().assign(test_accuracy=0.0), manifests).loc[0]
    assert row.drop("share").isna().all() and 0.29 < row["share"] < 0.31


def distances(values, test, seed=0, **columns):
    return pd.DataFrame(
        {
            "seed": seed,
            "step": np.arange(len(values)) * 10,
            "train_accuracy": [0.5] + [1.0] * (len(values) - 1),
            "test_accuracy": test,
            "weight_norm": 1.0,
            "abelian_logit_distance_train": values,
            "abelian_logit_mse_train": np.square(values) / 4,
            "logit_scale": 2.0,
        }
        | columns
    )


def test_logit_distances_by_hand():
    values = [1.0, 8.0, 4.0, 2.0, 5.0, 3.0]
    runs = distances(values, [0, 0, 1, 1, 1, 1], logit_scale=[1.0, 2, 2, 2, 10, 2])
    table = logit_distances(runs, later=10).loc[0]
    assert table.loc["distance"].to_dict() == {
        "largest": 8.0,
        "train_100": 8.0,
        "grokked": 4.0,
        "lowest": 2.0,
        "highest_after": 5.0,
        "end": 3.0,
        "way": pytest.approx((3 + 2) / 8),
        "rising": pytest.approx(1 / 2),
    }
    relative = table.loc["distance / length"]  # 1, 4, 2, 1, 0.5, 1.5
    assert relative["largest"] == 4 and relative["lowest"] == 0.5
    assert relative["highest_after"] == 1.5
    assert table.loc["root MSE", "grokked"] == 2.0


def test_the_way_of_a_logit_distance_that_only_falls_is_what_it_falls_by():
    runs = distances([9.0, 8, 4, 2, 1], [0, 0, 1, 1, 1])
    table = logit_distances(runs, later=0).loc[(0, "distance")]
    assert table["way"] == pytest.approx((4 - 1) / 9) and table["rising"] == 0
    assert table["highest_after"] == table["lowest"] == table["end"] == 1


@pytest.mark.filterwarnings("error")
def test_logit_distances_without_grokking_or_change():
    never = distances([9.0, 8, 7], [0, 0, 0], seed=1)
    constant = distances([3.0, 3, 3], [1, 1, 1], seed=2)
    once = distances([3.0, 2, 1], [0, 0, 1], seed=3)
    nothing = distances([0.0, 0, 0], [1, 1, 1], seed=4, logit_scale=1.0)
    table = logit_distances(pd.concat([never, constant, once, nothing]), later=0)
    table = table.xs("distance", level="quantity")
    assert table.loc[1, ["largest", "train_100"]].tolist() == [9, 8]
    assert table.loc[1].drop(["largest", "train_100"]).isna().all()
    assert table.loc[2, "way"] == 0 and table.loc[2, "rising"] == 0
    assert table.loc[3, "grokked"] == 1 and table.loc[3, ["way", "rising"]].isna().all()
    assert np.isnan(table.loc[4, "way"]) and table.loc[4, "rising"] == 0


def test_late_distances_enclose_the_median_and_count_the_seeds_at_zero():
    runs = pd.concat(
        [distances([10.0, 6, 3, s / 10, s / 20], [0, 1, 1, 1, 1], seed=s) for s in range(1, 7)]
        + [distances([10.0, 8], [0, 0], seed=7)]  # never groks
    )
    table = late_distances(runs, (0, 10, 20))
    assert table["near_zero"].tolist() == [0, 0, 6]
    assert table.loc[0].tolist() == pytest.approx([0.6, -np.inf, np.inf, 0])
    assert table.loc[20, "median"] == pytest.approx(0.035)
    few = late_distances(runs[runs["seed"] < 6], (20,)).loc[20]
    assert few[["low", "high"]].isna().all() and few["median"] == pytest.approx(0.03)
    six = late_distances(runs[runs["seed"] < 7], (20,)).loc[20]
    assert six[["low", "high"]].tolist() == pytest.approx([0.01, 0.06])


def test_late_distances_and_the_way_are_what_c13_judges():
    runs = pd.concat(
        [distances([10.0, 6, 3, s / 9, 1, s / 8], [0, 1, 1, 1, 1, 1], seed=s) for s in range(6)]
    )
    runs["step"] *= 20
    names = ("standard.grokked", "standard.later", "perturbed.later", "chaotic")
    records = claims.Records("paper", {"modadd-standard": runs, "modadd-perturbed": runs})
    judged = claims.evaluate([f"C13.modadd.{name}" for name in names], runs=records)
    late = late_distances(runs, (0, LATER))
    for name, row in zip(names, (late.loc[0], *[late.loc[LATER]] * 2), strict=False):
        low, high, (middle, _) = judged[f"C13.modadd.{name}"].interval
        assert row[["low", "high", "median"]].tolist() == pytest.approx([low, high, middle])
    way = logit_distances(runs).xs("distance", level="quantity")["way"]
    low, high, (middle, _) = judged["C13.modadd.chaotic"].interval
    assert [way.min(), way.max(), way.median()] == pytest.approx([low, high, middle])


def test_halves_table_reads_the_one_when_the_other_is_half_known():
    runs = climb(0, 100, 300)
    row = halves_table(runs).loc[0]
    assert row["mirrored_50"] == 100 and row["unmirrored_50"] == 300
    assert row["unmirrored_then"] == pytest.approx(rise(300)[10], abs=1e-6)
    never = halves_table(runs.assign(test_accuracy_mirrored=0.1)).loc[0]
    assert np.isnan(never["mirrored_50"]) and np.isnan(never["unmirrored_then"])


def test_the_law_is_compared_with_the_labels_on_the_pairs_that_neither_reads():
    mirrored = pd.concat([climb(0, 60, 400), climb(1, 60, 500), climb(5, 60, 300)])
    abelian = pd.concat([climb(1, 500, 300), climb(0, 60, 400)])  # mirrored pairs do not count
    table = law_beyond_labels(mirrored, abelian)
    assert table.index.tolist() == [0, 1]
    assert table.loc[0, ["mirrored", "abelian", "speed_up"]].tolist() == [500, 500, 1]
    assert table.loc[1, ["mirrored", "abelian"]].tolist() == [600, 400]
    never = law_beyond_labels(climb(0, 60, 5000), climb(0, 60, 5000))
    assert never.loc[0, "reading"] == "unknown"


def test_final_values_are_those_of_the_last_step_that_has_all():
    runs = pd.concat([climb(0), climb(4)]).assign(entropy=lambda r: r["step"] / 100 + r["seed"])
    runs.loc[runs["step"] > 900, "entropy"] = np.nan
    table = final_values({"a": runs.sample(frac=1, random_state=0), "b": runs}, ["entropy", "step"])
    assert table.index.names == ["training", "seed"] and len(table) == 4
    assert table.loc[("a", 4)].to_dict() == {"entropy": 13.0, "step": 900}
