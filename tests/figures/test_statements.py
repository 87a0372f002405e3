import re

import numpy as np
import pandas as pd
import pytest

from grokbook.claims.evidence import Bound, Proof, Shares, Values
from grokbook.claims.rules import Records, Statement
from grokbook.figures.page import on_page
from grokbook.figures.statements import LOOKS, place, rows, statements_picture
from grokbook.figures.style import svg

NONE = Records("paper", {})


def statement(name, evidence, side=">", value=1.0, words="", needs=()):
    return Statement(
        name,
        words or f"The words of {name.split('.')[0]}.",
        "section 1",
        "",
        "a number",
        Bound(side, value),
        lambda _: evidence,
        needs=needs,
    )


def values(*numbers):
    return Values.known(pd.Series(numbers, dtype=float))


@pytest.fixture
def judged():
    statements = [
        statement("C1.a", values(3, 3, 3, 3, 3, 3, 9)),
        statement("C1.b", values(0.1, 0.2, 0.1, 0.1, 0.1, 0.1)),
        statement("C2.a", values(0.5, 3, 4)),
        statement("C2.b", Shares(pd.Series([1.0, 1, 0])), value=0.5),
        statement("C3.a", Proof(False, "No."), "=", words="A theorem."),
        statement("C4.a", values(), needs=("modadd-standard",)),
    ]
    return {each.id: each.judge(NONE) for each in statements}


@pytest.mark.parametrize("side", [">", "<"])
@pytest.mark.parametrize("bound", [0.0, 0.5, 1.0, 2.0])
def test_a_place_is_on_the_side_that_the_rule_sees(side, bound):
    against = Bound(side, bound)
    numbers = [-np.inf, -3.0, -0.1, 0.0, 0.3, 0.5, 0.9, 1.0, 1.5, 2.0, 50.0, np.inf]
    places = [place(number, against) for number in numbers]
    assert all(-1 <= each <= 1 for each in places)
    for number, each in zip(numbers, places, strict=True):
        assert (each > 0) == against.holds(number) and (each < 0) == against.fails(number)
    order = sorted(places, reverse=side == "<")
    assert places == order, "farther is farther"


@pytest.mark.parametrize("number", [0.0, 0.5, 0.9, 0.92, 1.0, 1.05, 1.2, 7.0, np.inf])
def test_no_difference_has_its_bound_at_the_edge_of_the_margin(number):
    against = Bound("=")
    assert (place(number, against) > 0) == against.holds(number)


def test_one_factor_is_as_far_on_either_side():
    for factor in (1.1, 2.0, 30.0):
        assert place(factor, Bound(">")) == pytest.approx(-place(1 / factor, Bound(">")))


def test_rows_are_sentences_and_marks_their_statements(judged):
    found = rows(judged, NONE)
    assert [(row.claim, len(row.marks)) for row in found] == [
        ("C1", 2), ("C2", 2), ("C3", 1), ("C4", 1)
    ]  # fmt: skip
    assert [row.outcome for row in found] == [
        "1 supported, 1 contradicted", "undecided", "contradicted", "undecided"
    ]  # fmt: skip
    (above, below), (few, share), (proof,), (missing,) = (row.marks for row in found)
    assert above.enough and above.dot == 0.5 and above.low == 0.5 < above.high
    assert below.high < 0
    assert not few.enough and few.low == place(0.5, Bound(">")) and few.dot == 0.5
    assert share.dot == pytest.approx((2 / 3 - 1 / 2) / (2 / 3 + 1 / 2))
    assert proof.dot == -1 and missing.dot is None


def test_the_picture_says_what_it_draws(judged):
    figure = statements_picture(judged, NONE)
    told = figure.get_label()
    assert "4 sentences of the paper and their 6 statements" in told
    assert "1 supported, 2 contradicted, 3 undecided" in told
    assert "Supported: C1, The words of C1 (partly)." in told
    assert "without a dot: one statement." in told
    drawn = svg(figure)
    written = "".join(re.findall(r"<text[^>]*>(.*?)</text>", drawn, re.DOTALL))
    for words in ("The words of C2.", "A theorem.", *LOOKS, "against", "for"):
        assert words in written, words
    assert not re.findall(r"(?<!, )#[0-9a-f]{6}\b", drawn), "every colour is a role's"
    assert on_page(figure).count("<svg") == 2, "side by side on a wide page"
    assert svg(statements_picture(judged, NONE)) == drawn


def test_dots_lie_where_the_marks_say(judged):
    marks = [mark for row in rows(judged, NONE) for mark in row.marks]
    figure = statements_picture(judged, NONE)
    lines = [line for axes in figure.axes for line in axes.lines]
    dots = [line.get_xdata()[0] for line in lines if line.get_marker() not in ("None", "")]
    assert dots == [mark.dot for mark in marks if mark.dot is not None]


def test_outcomes_differ_in_shape_as_well():
    assert len({look["marker"] for look in LOOKS.values()}) == 3
    assert len({look["color"] for look in LOOKS.values()}) == 3


def test_a_picture_of_one_claim(judged):
    told = statements_picture({"C3.a": judged["C3.a"]}, NONE).get_label()
    assert "1 sentence of the paper and its one statement" in told
