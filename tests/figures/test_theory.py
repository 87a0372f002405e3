"""The figures of the statements: what they draw is what they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from grokbook.figures import theory
from grokbook.figures.style import ROLES, png, side_by_side, svg

TABLE = pd.DataFrame(
    {
        "statement": ["Lemma 5.8"] * 6 + ["Theorem 5.9"] * 3,
        "form": ["printed"] * 3 + ["geodesic"] * 3 + ["printed"] * 3,
        "ratio": [0.01, 0.02, 0.03, 0.5, 0.6, 0.9, 0.0, 1.0, 40.0],
    }
)


def test_tightness_draws_median_and_largest_ratio_of_every_form() -> None:
    figure = theory.bound_tightness(TABLE)
    axes = figure.axes[0]
    medians = [line for line in axes.lines if line.get_marker() == "o"]
    largest = [line for line in axes.lines if line.get_marker() == "|"]
    assert [line.get_xdata()[0] for line in medians] == [0.02, 0.6, 1.0]
    assert [line.get_xdata()[0] for line in largest] == [0.03, 0.9, 40.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "Lemma 5.8, as printed",
        "Lemma 5.8, geodesic",
        "Theorem 5.9, as printed",
    ]
    assert axes.get_xlim()[1] >= 40
    assert "Theorem 5.9, as printed: median 1, largest 40" in figure.get_label()


def test_tightness_of_one_statement_names_forms_only_and_refuses_unknown_ones() -> None:
    figure = theory.bound_tightness(TABLE, ["Lemma 5.8"])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "as printed",
        "geodesic",
    ]
    with pytest.raises(ValueError, match=r"no statement 'Lemma 9\.9'"):
        theory.bound_tightness(TABLE, ["Lemma 9.9"])


def test_corollary_3_3_marks_where_its_premise_ends() -> None:
    figure = theory.corollary_3_3_curve()
    axes = figure.axes[0]
    shaded = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert shaded.x0 == pytest.approx(16.54, abs=0.01)
    assert shaded.x1 == pytest.approx(15_000)
    marks = [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_marker() == "o"
    ]
    np.testing.assert_allclose(marks, [(4929.94, 10), (6642.75, 50), (6915.78, 90)], rtol=1e-5)
    assert "stays below 0.606 %, chance being 0.885 %" in figure.get_label()


def test_orders_are_drawn_as_given() -> None:
    orders = [0.5, 1.0, 2.0]
    figure = theory.entropy_by_order(orders, {"H": [3, 2, 1], "I": [1, 0, -1]})
    curves = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_array_equal(curves["I"].get_ydata(), [1, 0, -1])
    assert "I from 1 to -1" in figure.get_label()
    with pytest.raises(ValueError, match="curve 'H' has shape"):
        theory.entropy_by_order(orders, {"H": [1, 2]})
    with pytest.raises(ValueError, match="There are 5 curves"):
        theory.entropy_by_order(orders, {str(i): [1, 2, 3] for i in range(5)})


def test_sides_along_a_run_are_medians_over_seeds() -> None:
    runs = pd.DataFrame(
        {
            "seed": [0, 0, 0, 1, 1, 1],
            "step": [0, 1, 10, 0, 1, 10],
            "left": [9, 1, 2, 9, 3, 4],
            "right": [9, 10, np.nan, 9, 30, 40],
        }
    )
    figure = theory.bounds_along_run(runs, "left", {"right": "printed"})
    left, right = figure.axes[0].lines
    np.testing.assert_array_equal(left.get_xdata(), [1, 10])
    np.testing.assert_array_equal(left.get_ydata(), [2, 4])
    np.testing.assert_array_equal(right.get_ydata(), [20, 40])
    with pytest.raises(ValueError, match="No step after 0"):
        theory.bounds_along_run(runs[runs["step"] == 0], "left", {"right": "printed"})
    with pytest.raises(ValueError, match="There are 0 bounds"):
        theory.bounds_along_run(runs, "left", {})


def sides(n: int) -> pd.DataFrame:
    """Two seeds whose left sides, printed and repaired bounds are 1, 4n and 2n, times the seed."""
    log = pd.DataFrame({"seed": [1, 1, 1, 3, 3, 3], "step": [0, 1, 10] * 2})
    for name in ("theorem_5_9", "theorem_5_12"):
        for form, times in (("left", 1), ("printed", 4 * n), ("repaired", 2 * n)):
            log[f"{name}_{form}"] = times * log["seed"]
    return log


def test_bounds_of_both_theorems_stand_over_log_n() -> None:
    tasks = {"MNIST": (sides(1000), 1000), "modulo addition": (sides(200), 200)}
    figure = theory.robustness_bounds(tasks)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "(a) Theorem 5.9, MNIST", "(b) Theorem 5.9, modulo addition",
        "(c) Theorem 5.12, MNIST", "(d) Theorem 5.12, modulo addition",
    ]  # fmt: skip
    for axes, n in zip(figure.axes, (1000, 200, 1000, 200), strict=True):
        heights = {line.get_label(): set(line.get_ydata()) for line in axes.lines}
        assert heights == {
            "left side": {2}, "as printed": {8 * n}, "repaired": {4 * n}, "log n": {np.log(n)},
        }  # fmt: skip
        assert axes.get_yscale() == "log"
    wide = side_by_side(figure)
    assert wide is not None, "two by two where a page is wide"
    assert wide.axes[0].get_subplotspec().get_gridspec().ncols == 2
    assert "modulo addition: steps 1 to 10" in figure.get_label()
    assert "log n is 6.91" in figure.get_label() and "log n is 5.3." in figure.get_label()
    with pytest.raises(ValueError, match="No step after 0"):
        theory.robustness_bounds({"MNIST": (sides(9).query("step == 0"), 9)})


def test_only_colours_of_roles_are_used_and_bytes_repeat() -> None:
    allowed = {role.light for role in ROLES.values()}
    for draw in (lambda: theory.bound_tightness(TABLE), theory.corollary_3_3_curve):
        figure = draw()
        for line in figure.axes[0].lines:
            assert to_hex(line.get_color()) in allowed
        assert svg(figure) == svg(draw())
        assert png(figure)[:8] == b"\x89PNG\r\n\x1a\n"
