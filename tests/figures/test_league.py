"""The league's pictures: marks at the ratios, words from the data."""

import numpy as np
import pandas as pd
import pytest
from league_tables import RULES, drawn

from grokbook.analysis.league import grokked_by, published, time_ratios
from grokbook.analysis.method_names import FAMILIES, METHODS, PAPER
from grokbook.figures.league import ranking, shares
from grokbook.figures.style import svg


def test_every_method_of_the_rules_has_a_name_and_a_panel() -> None:
    assert [*METHODS] == [*RULES["arms"]]
    assert set().union(*FAMILIES.values()) == set(METHODS)
    assert all(family[0] == "adamw" for family in FAMILIES.values())


def test_the_marks_are_the_ratios_the_soonest_on_top() -> None:
    found = time_ratios(drawn(), RULES)
    axes = ranking(found).axes[0]
    tuned = [arm for arm in found.index if arm in METHODS]
    assert [label.get_text() for label in axes.get_yticklabels()] == [METHODS[m] for m in tuned]
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first row is the topmost"
    marks = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    solid = [line for line in marks if line.get_markerfacecolor() != "none"]
    assert [float(line.get_xdata()[0]) for line in solid] == found.loc[tuned, "ratio"].tolist()
    hollow = [float(line.get_xdata()[0]) for line in marks if line not in solid]
    assert hollow == [found.loc[published(method), "ratio"] for method in tuned]
    squares = {
        tuned[round(float(line.get_ydata()[0]))] for line in marks if line.get_marker() == "s"
    }
    assert squares == set(PAPER)
    label = str(ranking(found).get_label())
    row = found.loc["muon"]
    assert f"Muon {row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f}), as published" in label


def test_the_shares_are_drawn_as_counted() -> None:
    found = grokked_by(drawn(), RULES)
    figure = shares(found)
    for axes, methods in zip(figure.axes, FAMILIES.values(), strict=True):
        assert [line.get_label() for line in axes.lines] == [METHODS[m] for m in methods]
        for line, method in zip(axes.lines, methods, strict=True):
            assert np.asarray(line.get_ydata()).tolist() == found[method].tolist()
    assert "Abelian degrok 100%, half by step " in str(figure.get_label())


def test_same_data_same_bytes_in_any_order_of_rows() -> None:
    table = drawn(seeds=6)
    again = table.sample(frac=1, random_state=1)
    assert svg(ranking(time_ratios(table, RULES))) == svg(ranking(time_ratios(again, RULES)))
    assert svg(shares(grokked_by(table, RULES))) == svg(shares(grokked_by(again, RULES)))


@pytest.mark.parametrize("seeds", [0, 5])
def test_before_there_are_runs_enough_it_says_so(seeds: int) -> None:
    table: pd.DataFrame = drawn(seeds=seeds, confirmed=False)
    assert "too few runs are recorded" in str(ranking(time_ratios(table, RULES)).get_label())
    shares(grokked_by(table, RULES))
