import numpy as np
import pandas as pd
import pytest

from grokbook.analysis.comparisons import speed_up
from grokbook.figures.page import on_page
from grokbook.figures.seeds import ratios_by_seed


def run(seed: int, rise: int, last: int = 1000) -> pd.DataFrame:
    steps = np.arange(0, last + 1, 10)
    return pd.DataFrame(
        {
            "seed": seed,
            "step": steps,
            "train_accuracy": np.where(steps >= 50, 1.0, 0.1),
            "test_accuracy": np.where(steps >= rise, 1.0, 0.1),
            "weight_norm": 1.0,
        }
    )


@pytest.fixture
def table():
    slow = pd.concat([run(0, 800), run(1, 600), run(2, 2000)])
    fast = pd.concat([run(0, 200), run(1, 1200), run(2, 500)])
    return speed_up(slow, fast, (0.5,))


def test_dots_are_the_seeds_and_the_stroke_their_median(table):
    figure = ratios_by_seed("Slow over fast", {"a task": table})
    axes = figure.axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    ratios = sorted(float(np.atleast_1d(line.get_xdata())[0]) for line in dots)
    assert ratios == pytest.approx(sorted(table["speed_up"].dropna()))
    strokes = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 2]
    medians = table["speed_up"].groupby(level="moment", sort=False).median()
    assert [float(xs[0]) for xs in strokes] == pytest.approx(list(medians))
    assert f"median {medians['test_50']:.2g}" in figure.get_label()


def test_a_bound_is_a_ring_with_an_arrow_towards_the_truth(table):
    axes = ratios_by_seed("Slow over fast", {"a task": table}).axes[0]
    rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    readings = [reading for reading in table["reading"] if reading]
    assert sorted(readings) == ["at least", "at most"], "seed 2 is never slow, seed 1 never fast"
    assert len(rings) == len(axes.texts) == 2
    for ring, arrow in zip(rings, axes.texts, strict=True):
        ratio = float(np.atleast_1d(ring.get_xdata())[0])
        (reading,) = set(table.loc[table["speed_up"] == ratio, "reading"])
        assert (arrow.xy[0] > ratio) == (reading == "at least")


def test_two_panels_have_one_scale_and_stand_side_by_side(table):
    figure = ratios_by_seed("Slow over fast", {"a": table, "b": table.iloc[:2]})
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert on_page(figure).count("<svg") == 2


def test_no_panel_has_an_empty_row(table):
    figure = ratios_by_seed(
        "Slow over fast", {"a": table, "b": table.xs("test_50", level="moment", drop_level=False)}
    )
    assert [len(axes.get_yticks()) for axes in figure.axes] == [2, 1]
    assert [axes.get_ylim() for axes in figure.axes] == [(1.5, -0.5), (0.5, -0.5)]
