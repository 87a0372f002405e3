"""The answers of the studies in one sentence each, for the README and the start page."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from grokbook._support.errors import MissingRunError
from grokbook.studies import results, results_league, results_prediction
from grokbook.studies.tables import load_study

QUESTIONS: dict[str, tuple[str, str, Callable[[pd.DataFrame], results.Answer]]] = {
    "Does noise make a network grok sooner because it teaches the commutative law?": (
        "mechanism", "study_mechanism", results.because_of_the_law,
    ),
    "Is a falling weight norm sufficient for grokking?": ("norm", "study_norm", results.sufficient),
    "Is it necessary?": ("norm", "study_norm", results.necessary),
    "Do the paper's metrics foretell grokking?": (
        "prediction", "study_prediction", results_prediction.paper_foretells,
    ),
    "Do they do so better than every rival?": (
        "prediction", "study_prediction", results_prediction.better_than_rivals,
    ),
    "Does any way to grok sooner beat AdamW that is tuned as long?": (
        "league", "study_league", results_league.any_sooner,
    ),
    "Do the paper's two trainings beat it?": (
        "league", "study_league", results_league.paper_sooner,
    ),
}  # fmt: skip
"""By question: the study, its chapter, and the function that answers it."""


def answers(book: str = "") -> str:
    """Return the questions with their answers as a list in Markdown.

    Parameters
    ----------
    book
        Path of the folder of chapters from the file with the list, with a final slash.

    Raises
    ------
    RunError
        If a study's table is damaged, or was written by other rules.
    """
    lines = []
    for question, (study, chapter, answer) in QUESTIONS.items():
        try:
            found = answer(load_study(study))
        except MissingRunError:
            told = f"not recorded yet; `grokbook study {study}` records it."
        else:
            told = f"**{found.outcome}**. {found.words} ([study]({book}{chapter}.ipynb))"
        lines.append(f"- {question} {told[0].upper()}{told[1:]}")
    return "\n".join(lines)
