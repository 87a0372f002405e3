"""Later work is in the bibliography and linked from its chapter; its table follows the runs."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

import grokbook
from grokbook import claims
from grokbook.analysis.intervals import Interval
from grokbook.claims import since
from grokbook.claims.rules import Judgement

BOOK = Path(grokbook.__file__).parents[1] / "book"


def judged(name: str, low: float = 0.2, high: float = 0.8) -> Judgement:
    interval = Interval(low, high, (0.5, 0.5))
    return Judgement(claims.STATEMENTS[name], "undecided", interval=interval, seeds=(0,) * 6)


@pytest.mark.parametrize("work", since.WORKS, ids=lambda work: work.arxiv)
def test_a_work_is_in_the_bibliography_and_linked_from_the_chapter(work: since.Work) -> None:
    entries = (BOOK / "references.bib").read_text(encoding="utf-8").split("\n@")
    (entry,) = [each for each in entries if f"{{{work.arxiv}}}" in each]
    name, year = work.name.split(" ")[0], re.search(r"\((\d{4})\)", work.name)
    assert name in entry and year is not None and f"{{{year[1]}}}" in entry
    cells = json.loads((BOOK / "since_the_paper.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(each["source"]) for each in cells if each["cell_type"] == "markdown")
    assert f"[{work.name}](https://arxiv.org/abs/{work.arxiv})" in text


def test_the_table_tells_every_statement_s_outcome() -> None:
    table = since.later_work({name: judged(name) for name in since.STATEMENTS})
    assert list(table.index) == [work.name for work in since.WORKS]
    assert set(since.STATEMENTS) <= set(claims.STATEMENTS)
    assert table.loc["Walker et al. (2025)", "bears on"] == "C9"
    words = claims.STATEMENTS["C9.mnist.grokked"].words.rstrip(".")
    told = f"{words} (MNIST): undecided; {words} (modulo addition): undecided"
    here = "what the paper says of it, and the outcome here"
    assert table.loc["Walker et al. (2025)", here] == told


def test_a_number_is_told_with_its_interval_or_why_there_is_none() -> None:
    each = judged("C9.mnist.grokked")
    assert since.said(each) == "0.5 (0.2 to 0.8)"
    few = Judgement(each.statement, "undecided", "It needs 6 seeds and has 3.")
    assert since.said(few) == "an unknown number (It needs 6 seeds and has 3)"
    assert since.below(each, 1) and not since.below(each, 0.8) and not since.below(few, 1)


def test_what_is_lost_is_the_worst_seed_s_share_of_its_best() -> None:
    log = pd.DataFrame(
        {"seed": [0, 0, 1, 1], "step": [5, 9, 5, 9], "test_accuracy": [1.0, 0.9, 0.5, 0.5]}
    )
    late = since.late_accuracy(log)
    assert (late.steps, late.seeds) == (9, 2) and late.lost == pytest.approx(0.1)
