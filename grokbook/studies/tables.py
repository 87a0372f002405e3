"""What a study's rules say and its table holds, for whoever reads them.

A study's rules are a file, ``rules/<name>.toml``, older than its first run; its table is the record
``runs/studies/<name>``, one row a run. The table keeps the checksum of the rules it was written by.
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
    """Return what was fixed before a study's first run.

    Raises
    ------
    InputError
        If there is no such study.
    """
    return tomllib.loads(_text(name).decode())


def rules_checksum(name: str) -> str:
    """Return the SHA-256 of a study's rules: a table of other rules is stale."""
    return hashlib.sha256(_text(name)).hexdigest()


def load_study(name: str, root: Path | None = None) -> pd.DataFrame:
    """Return a study's table, one row a run.

    Parameters
    ----------
    name : str
        Of the study, such as "mechanism".
    root : Path, optional
        The folder of runs; where a record is looked for if not given.

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
            f"The table of the study {name} was written by other rules than today's;"
            f" move {name}.json away to record it anew with `grokbook study {name}`."
        )
    return found


def studies_table(root: Path | None = None) -> pd.DataFrame:
    """Return every study with its question and how many of its runs are recorded.

    Parameters
    ----------
    root : Path, optional
        The folder of runs; where a record is looked for if not given.

    Returns
    -------
    DataFrame
        Indexed by ``study``: ``question``, ``arms`` and ``seeds`` of the rules, and ``runs`` in the
        table, those of a search among them.
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
    """Return the arm whose search ends first, None while runs of it are missing.

    Arms are ranked by their mean log first passage, where a censored run counts as the limit, and
    then by their final test accuracy, the higher the better.

    Parameters
    ----------
    table : DataFrame
        Rows of :func:`grokbook.studies.study.run_one`, with ``arm`` and ``seed``.
    arms, seeds
        What the search compares.
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
