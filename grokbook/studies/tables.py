"""Reading the rules and the table of a study.

A study's rules are a file, ``rules/<name>.toml``, older than its first run; its table is the record
``runs/studies/<name>``, one row per run. The table holds the checksum of its rules.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grokbook._support.errors import InputError, MissingRunError, StaleRunError
from grokbook.store.records import find_record, read_record


def study_names() -> list[str]:
    """Return the studies that have rules."""
    folder = files("grokbook.studies").joinpath("rules")
    return sorted(each.name.removesuffix(".toml") for each in folder.iterdir())


def study_rules(name: str) -> dict[str, Any]:
    """Return the rules of a study, fixed before its first run.

    Raises
    ------
    InputError
        If there is no such study.
    """
    return tomllib.loads(_text(name).decode())


def rules_checksum(name: str) -> str:
    """Return the SHA-256 of a study's rules; a table written by other rules is stale."""
    return hashlib.sha256(_text(name)).hexdigest()


def load_study(name: str, root: Path | None = None) -> pd.DataFrame:
    """Return a study's table, one row per run.

    Parameters
    ----------
    name : str
        Name of the study, such as "mechanism".
    root : Path, optional
        The folder of runs; by default the usual folders of records.

    Returns
    -------
    DataFrame
        With ``arm``, ``seed`` and the columns of :func:`grokbook.studies.study.run_one`.

    Raises
    ------
    InputError
        If there is no such study.
    RunError
        If the table is missing, damaged, or was written by other rules.

    """
    expected = rules_checksum(name)
    found, manifest = read_record(
        find_record(f"studies/{name}", root),
        f"the study {name}",
        lambda again: f"`grokbook study {name}`",
    )
    if manifest["rules_sha256"] != expected:
        raise StaleRunError(
            f"The table of the study {name} was written by other rules than the current ones;"
            f" move {name}.json away to record it again with `grokbook study {name}`."
        )
    return found


def studies_table(root: Path | None = None) -> pd.DataFrame:
    """Return every study with its question and the number of its recorded runs.

    Parameters
    ----------
    root : Path, optional
        The folder of runs; by default the usual folders of records.

    Returns
    -------
    DataFrame
        Indexed by ``study``: ``question``, ``arms`` and ``seeds`` of the rules, and ``runs`` in the
        table, including those of a search.
    """
    rows = {}
    for name in study_names():
        rules = study_rules(name)
        try:
            runs = len(load_study(name, root))
        except MissingRunError:
            runs = 0
        rows[name] = {
            "question": rules["question"],
            "arms": len(rules["arms"]),
            "seeds": len(rules["setting"]["seeds"]),
            "runs": runs,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("study")


def soonest(
    table: pd.DataFrame, arms: Sequence[str], seeds: Sequence[int], limit: int
) -> str | None:
    """Return the arm of a search with the shortest times; None while runs are missing.

    Arms are ranked by mean log first passage, with censored runs at the limit, and then by final
    test accuracy, the higher the better.

    Parameters
    ----------
    table : DataFrame
        Rows of :func:`grokbook.studies.study.run_one`, with ``arm`` and ``seed``.
    arms, seeds
        Arms and seeds of the search.
    limit : int
        Steps after which its runs are censored.
    """
    scores = {}
    for arm in arms:
        runs = table[(table["arm"] == arm) & table["seed"].isin(list(seeds))]
        if len(runs) < len(seeds):
            return None
        times = np.log(runs["endpoint"].fillna(limit))
        scores[arm] = (times.mean(), -runs["final_test_accuracy"].mean())
    return min(scores, key=lambda arm: scores[arm])


def _text(name: str) -> bytes:
    if name not in study_names():
        raise InputError(f"There is no study {name!r}; known are {', '.join(study_names())}.")
    return files("grokbook.studies").joinpath(f"rules/{name}.toml").read_bytes()
