import numpy as np
import pandas as pd
import pytest

from grokbook.figures.studies import (
    choice_effects,
    delay_by_radius,
    first_passages,
    time_ratios,
)
from grokbook.figures.style import png, svg


def arm(name: str, times: list[float], limit: int = 10_000) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": name,
            "seed": range(100, 100 + len(times)),
            "endpoint": [t if t <= limit else np.nan for t in times],
            "steps": [min(t + 1000, limit) for t in times],
        }
    )


TABLE = pd.concat(
    [
        arm("clamp-0.4", [500, 600, 700, 800, 900, 1000]),
        arm("clamp-0.8", [2000, 2200, 2500, 2600, 3000, 3100]),
        arm("clamp-1.2", [8000, 9000, 9500, 9900, 1e9, 1e9]),
    ]
)
RATIOS = pd.DataFrame(
    {"ratio": [0.7, 1.02], "low": [0.6, 0.97], "high": [0.82, 1.06]},
    index=pd.Index(["law to be learned", "law built in"], name="comparison"),
)

EFFECTS = pd.DataFrame(
    {
        "ratio": [1.8, 0.98, np.inf],
        "low": [1.5, 0.95, 2.5],
        "high": [2.2, 1.02, np.inf],
        "censored": [1, 0, 10],
        "base": ["standard training", "standard training", "abelian degrok"],
        "runs": [20, 20, 18],
        "effect": ["later", "makes no difference", "later"],
    },
    index=pd.Index(["decay 0.5", "network in float64", "sum over the logits"], name="choice"),
)


def test_the_share_that_has_grokked_ends_at_the_share_that_groks() -> None:
    figure = first_passages(TABLE, {"Norm": {"0.4": "clamp-0.4", "1.2": "clamp-1.2"}})
    low, high = figure.axes[0].lines
    assert np.max(low.get_ydata()) == 1 and np.max(high.get_ydata()) == pytest.approx(4 / 6)
    x, y = low.get_xdata(), low.get_ydata()
    assert np.all(np.diff(y) >= 0) and y[np.searchsorted(x, 750)] == pytest.approx(0.5)
    assert high.get_xdata()[-1] == 10_000
    assert "Norm, 1.2: 4 of 6 grok, half by step 9,700" in figure.get_label()


def test_ratios_are_drawn_with_their_intervals_in_order() -> None:
    figure = time_ratios(RATIOS, "steps with noise over steps without")
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == list(RATIOS.index)
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first row is the topmost"
    interval = axes.lines[1]
    assert tuple(interval.get_xdata()) == (0.6, 0.82)
    assert "law to be learned 0.70 (95 % interval 0.60 to 0.82)" in figure.get_label()


def test_a_row_a_choice_under_its_base_with_runs_and_censored_ones() -> None:
    figure = choice_effects(EFFECTS, ["every step"])
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "standard training", "decay 0.5", "network in float64", "abelian degrok",
        "sum over the logits",
    ]  # fmt: skip
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first row is the topmost"
    assert [t.get_text() for t in axes.texts] == [
        "1 of 20 late", "10 of 18 late",
    ]  # fmt: skip
    decay, point = axes.lines[1:3]
    assert tuple(decay.get_xdata()) == (1.5, 2.2) and set(decay.get_ydata()) == {1}
    assert point.get_xdata()[0] == 1.8
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((1 / 1.1, 1.1))
    label = figure.get_label()
    assert (
        "decay 0.5, against standard training, 1.80 (95 % interval 1.50 to 2.20; 20 runs" in label
    )
    assert label.endswith("later. Without enough runs: every step.")


def test_an_end_beyond_the_axis_is_an_arrow_and_no_point_is_drawn_there() -> None:
    axes = choice_effects(EFFECTS).axes[0]
    arrows = [line for line in axes.lines if line.get_marker() == ">"]
    assert [tuple(line.get_ydata()) for line in arrows] == [(4,)]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in points] == [1, 2]
    assert np.isfinite(axes.get_xlim()).all() and axes.get_xlim()[1] > 2.5


def test_without_any_run_the_picture_says_so() -> None:
    figure = choice_effects(EFFECTS.iloc[:0], ["decay 2"])
    assert figure.get_label() == (
        "Steps to grok over those of the base: no choice can be compared yet. Without enough runs:"
        " decay 2."
    )
    assert [text.get_text() for text in figure.axes[0].texts] == ["no choice can be compared yet"]


def test_networks_that_do_not_grok_are_crosses_at_their_limit() -> None:
    figure = delay_by_radius(TABLE, {0.4: "clamp-0.4", 1.2: "clamp-1.2"})
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "X"]
    assert [len(line.get_xdata()) for line in crosses] == [0, 2]
    assert set(crosses[1].get_ydata()) == {10_000}
    assert "4 of 6 grok, median step 9,700" in figure.get_label()


def test_same_data_same_bytes_in_any_order_of_rows() -> None:
    for draw in (
        lambda table: first_passages(table, {"Norm": {"0.4": "clamp-0.4"}}),
        lambda table: delay_by_radius(table, {0.4: "clamp-0.4", 0.8: "clamp-0.8"}),
        lambda table: choice_effects(EFFECTS),
    ):
        one, other = draw(TABLE), draw(TABLE.sample(frac=1, random_state=0))
        assert svg(one) == svg(other) and png(one) == png(other)
