"""The registry knows every statement of the paper and points at functions that exist."""

import importlib

import pytest

from grokbook.theory import STATEMENTS, statement

NUMBERED = [
    "Definition 2.1",
    "Definition 2.2",
    "Lemma 3.1",
    "Theorem 3.2",
    "Corollary 3.3",
    "Corollary 3.4",
    "Definition 5.1",
    "Definition 5.2",
    "Definition 5.3",
    "Definition 5.4",
    "Proposition 5.5",
    "Proposition 5.6",
    "Lemma 5.7",
    "Lemma 5.8",
    "Theorem 5.9",
    "Lemma 5.10",
    "Lemma 5.11",
    "Theorem 5.12",
]


def test_every_statement_is_there_in_the_paper_s_order() -> None:
    assert [entry.name for entry in STATEMENTS] == NUMBERED


@pytest.mark.parametrize("entry", STATEMENTS, ids=lambda entry: entry.name)
def test_every_function_exists_and_every_reason_is_a_sentence(entry) -> None:
    assert entry.functions
    for dotted in entry.functions:
        module, name = dotted.rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), name))
    assert entry.reason.endswith(".") and entry.reason[0].isupper()


def test_unknown_names_are_refused() -> None:
    assert statement("Theorem 5.9").verdict == "false as printed"
    with pytest.raises(ValueError, match=r"no statement 'Lemma 9\.9'"):
        statement("Lemma 9.9")
