"""README tells the answers of the studies as their tables give them."""

import re
from pathlib import Path

import pytest

import grokbook
from grokbook._support.errors import MissingRunError
from grokbook.studies import summary
from grokbook.studies.results import Answer
from grokbook.studies.tables import study_names

ROOT = Path(grokbook.__file__).parents[1]


def test_readme_tells_the_answers_of_the_recorded_studies() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- studies -->\n\n(.*?)\n\n<!-- end of studies -->", readme, re.DOTALL)
    assert shown is not None
    assert shown[1] == summary.answers(book="book/"), "run `make notebooks`"


def test_every_answer_names_its_study_or_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise MissingRunError("none")

    assert {study for study, _, _ in summary.QUESTIONS.values()} <= set(study_names())
    monkeypatch.setattr(summary, "load_study", missing)
    lines = summary.answers().splitlines()
    assert len(lines) == len(summary.QUESTIONS)
    assert all("Not recorded yet; `grokbook study" in line for line in lines)
    monkeypatch.setattr(summary, "load_study", lambda name: None)
    question = "Is it necessary?"
    answered = {question: ("norm", "study_norm", lambda table: Answer("no", "It is held."))}
    monkeypatch.setattr(summary, "QUESTIONS", answered)
    assert summary.answers("book/") == (
        "- Is it necessary? **no**. It is held. ([study](book/study_norm.ipynb))"
    )
