import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from grokbook.figures import tables
from grokbook.figures.tables import show_table, written
from grokbook.figures.words import CATALOGUE, TOPICS, words

KINDS = ("", "count", "step", "share", "significant", "decades", "label", "counted", "prose")


@pytest.fixture
def runs():
    index = pd.MultiIndex.from_product(
        [["MNIST", "modulo addition"], [0, 1, 2]], names=["task", "seed"]
    )
    return pd.DataFrame(
        {
            "test_50": [20400, 21406, 20000, 5900, np.nan, np.nan],
            "fallen": [0.488, 0.486, 0.506, 0.1, 0.2, 0.3],
            "reading": ["", "", "", "at least", "", ""],
            "nothing": np.nan,
            "blank": "",
        },
        index=index,
    )


def page(frame, *arguments):
    return BeautifulSoup(tables.tables(frame, *arguments)["text/html"], "html.parser")


def test_of_several_seeds_median_and_range_and_the_seeds_folded_beneath(runs):
    soup = page(runs, "A caption.", "norm")
    middle, each = soup.find_all("table")
    assert each.find_parent("details").summary.text == "Every seed"
    assert len(middle.tbody.find_all("tr")) == 2 and len(each.tbody.find_all("tr")) == 6
    first = [td.text.replace("\xa0", " ") for td in middle.tbody.tr.find_all("td")]
    assert first == ["20,400 (20,000 to 21,406)", "48.8 % (48.6 to 50.6 %)", "–"]
    late = middle.tbody.find_all("tr")[1].td.text
    assert late == "never (5,900 to never)", "a step that never came is later than any"


def test_words_and_units_in_place_of_names(runs):
    heads = [th.text for th in page(runs, "A caption.", "norm").thead.find_all("th")]
    assert heads[1] == "test accuracy stays above 50 % (step)"
    assert not [head for head in heads if "_" in head or not head]


def test_every_header_says_what_it_heads(runs):
    two_levels = pd.concat({"a": runs, "b": runs}, axis=1)
    for frame in (runs, two_levels):
        for table in page(frame, "A caption.").find_all("table"):
            assert table.caption.text
            assert {th["scope"] for th in table.thead.find_all("th")} <= {"col", "colgroup"}
            assert {th["scope"] for th in table.tbody.find_all("th")} == {"row"}
            width = len(table.tbody.tr.find_all(["th", "td"]))
            first = table.thead.tr.find_all(["th", "td"])
            assert sum(int(cell.get("colspan", 1)) for cell in first) == width
            assert all(cell["data-label"] for cell in table.tbody.find_all("td"))


def test_nothing_is_empty(runs):
    bundle = tables.tables(runs, "A caption.", "norm")
    for text in bundle.values():
        assert not re.search(r"\bnan\b|<NA>|None|nothing|blank", text, re.IGNORECASE)
    assert not [td for td in page(runs, "A caption.").find_all("td") if not td.text.strip()]


def test_text_holds_what_the_page_holds(runs):
    bundle = tables.tables(runs, "A caption.", "norm")
    soup = BeautifulSoup(bundle["text/html"], "html.parser")
    for td in soup.find_all("td"):
        assert td.text.replace("\xa0", " ") in bundle["text/plain"]
    assert bundle["text/plain"].startswith("A caption.")


def test_one_seed_is_shown_as_it_is(runs):
    soup = page(runs.xs(0, level="seed", drop_level=False), "A caption.")
    assert len(soup.find_all("table")) == 1 and not soup.details


def test_markup_in_a_cell_is_text():
    soup = page(pd.DataFrame({"<b>": ["<script>alert(1)</script>"]}), "a < b")
    assert not soup.find_all(["b", "script"])
    assert soup.td.text == "<script>alert(1)</script>" and soup.caption.text == "a < b"


def test_numbers_among_objects_are_numbers():
    frame = pd.DataFrame({"x": {"steps": 20000, "share": 0.5}}).astype(object).T
    assert [td.text for td in page(frame, "A caption.").tbody.find_all("td")] == ["20,000", "0.500"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1.0, 2.0, 4.886], "", ["1.00", "2.00", "4.89"]),
        ([99.5, 3.25], "", ["99.5", "3.2"]),
        ([0.0, 0.5], "", ["0.000", "0.500"]),
        ([-0.0206, 0.6931], "", ["−0.021", "0.693"]),
        ([-1e-9, 1.0], "", ["−1.00 × 10⁻⁹", "1.00"]),
        ([np.inf, 2.0], "", ["∞", "2.00"]),
        ([3, 1234567], "", ["3", "1,234,567"]),
        ([1892, 0.0234, 461.06], "significant", ["1,892", "0.0234", "461"]),
        ([2.087e-06, 99999.0], "significant", ["2.09 × 10⁻⁶", "1.00 × 10⁵"]),
        ([True, False], "", ["yes", "no"]),
        (["a", None], "", ["a", "–"]),
        ([0.0065, 0.01], "label", ["0.0065", "0.01"]),
        ([1e-5, 0.1], "label", ["1\u00a0×\u00a010⁻⁵", "0.1"]),
        ([-0.0001, 0.5], "share", ["0.0 %", "50.0 %"]),
        ([7.85e-13, 0.0, 1.0, 6642.8, np.nan], "step", ["before 1", "0", "1", "6,643", "–"]),
        ([3.27e-4, -0.0336, np.inf], "decades", ["0.000", "−0.034", "∞"]),
    ],
)
def test_numbers_of_a_column_have_one_precision(values, kind, expected):
    assert written(pd.Series(values), kind) == expected


def test_what_is_true_of_some_seeds_is_counted(runs):
    index = runs.index
    frame = pd.DataFrame({"groks": [True, True, True, False, True, False]}, index=index)
    middle, each = page(frame, "A caption.", "accuracy").find_all("table")
    assert [td.text for td in middle.tbody.find_all("td")] == ["3 of 3", "1 of 3"]
    assert [td.text for td in each.tbody.find_all("td")] == ["yes"] * 3 + ["no", "yes", "no"]


def test_a_fold_holds_the_whole_table_and_the_text_is_not_folded(monkeypatch, runs):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    show_table(runs, "A caption.", "norm", fold="Each a < b")
    soup = BeautifulSoup(shown[0]["text/html"], "html.parser")
    assert soup.details.summary.text == "Each a < b" and len(soup.details.find_all("table")) == 2
    assert all(table.find_parent("details") for table in soup.find_all("table"))
    assert shown[0]["text/plain"] == tables.tables(runs, "A caption.", "norm")["text/plain"]


def test_prose_has_a_wide_column():
    frame = pd.DataFrame({"reason": ["The outcome is the same."], "outcome now": ["none"]})
    cells = page(frame, "A caption.", "before").tbody.find_all("td")
    assert [cell.get("class") for cell in cells] == [["prose"], None]


def test_a_table_without_a_caption_is_refused(runs):
    with pytest.raises(ValueError, match="needs a caption"):
        show_table(runs, " ")


def test_words_are_words():
    every = [*CATALOGUE.values(), *(each for topic in TOPICS.values() for each in topic.values())]
    for each in every:
        assert each.words and "_" not in each.words
        assert each.kind in KINDS
    assert words("unheard of") == ("unheard of", "", "")


def test_a_table_of_nothing_but_absent_values_says_so() -> None:
    table = tables.Table(pd.DataFrame({"grokked": [float("nan")] * 2}), "None of them groks.")
    assert table.html().count("<tr>") == 3 and "None of them groks." in table.text()


def test_a_table_without_a_row_is_a_sentence() -> None:
    shown = tables.tables(pd.DataFrame(), "Runs of searches.")
    assert shown["text/plain"] == "Runs of searches. There is nothing to show."


def test_no_cell_and_no_row_has_a_computers_notation():
    strengths = pd.DataFrame(
        {"chosen": ["strength 2.85e-05", "strength 0.1"], "p-value": ["1e-05", "0.04"]},
        index=pd.Index(["learning rate 3e-3", "66e98875"], name="arm"),
    )
    for text in tables.tables(strengths, "What was chosen.").values():
        told = text.replace("&nbsp;", " ").replace("\u00a0", " ")
        for number in ("strength 2.85 × 10⁻⁵", "1 × 10⁻⁵", "learning rate 0.003", "66e98875"):
            assert number in told
        assert "e-0" not in told and "3e-3" not in told
