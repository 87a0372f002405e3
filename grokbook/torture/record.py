"""The record of the last exercise: the attacks, their numbers, and the losses.

``runs/torture/torture.json`` holds it, with the attacked code and a checksum of the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from grokbook.store.json_records import read_json_record, write_json_record
from grokbook.torture.cases import Outcome

MADE = (
    *("recorded", "git_commit", "git_dirty", "cpu", "cores", "python", "torch"),
    *("seed", "scale", "seconds"),
)
COLUMNS = ("attack", "kind", "cases", "failed", "seconds")
PLACE = "torture/torture.json"


@dataclass(frozen=True, eq=False)
class Record:
    """The result of one whole exercise.

    Attributes
    ----------
    made : dict
        The code, the time, the machine and the seed; has the keys ``MADE``.
    table : DataFrame
        One row per kind of attack, with the columns ``COLUMNS``. ``seconds`` is the time of all
        kinds of one attack.
    failures : list of dict
        ``attack``, ``case`` and ``failure`` of each case that failed.
    lacking : dict of str to str
        For each attack that this machine does not allow, the reason.
    """

    made: dict[str, Any]
    table: pd.DataFrame
    failures: list[dict[str, Any]]
    lacking: dict[str, str]


def record_of(outcomes: Sequence[Outcome], made: dict[str, Any]) -> Record:
    """Return the record of the outcomes of attacks.

    Parameters
    ----------
    outcomes : sequence of Outcome
        One per attack.
    made : dict
        As in :class:`Record`.
    """
    rows = [
        (outcome.name, kind, cases, failed, round(outcome.seconds))
        for outcome in outcomes
        for kind, (cases, failed) in sorted(outcome.kinds.items())
    ]
    failures = [
        {"attack": outcome.name, "case": number, "failure": failure}
        for outcome in outcomes
        for number, failure in outcome.failures
    ]
    lacking = {outcome.name: outcome.lacking for outcome in outcomes if outcome.lacking}
    return Record(made, pd.DataFrame(rows, columns=list(COLUMNS)), failures, lacking)


def keep(record: Record, root: Path | None = None) -> Path:
    """Write a record, whole or not at all, and return its file.

    Parameters
    ----------
    record : Record
        Record of an exercise.
    root : Path, optional
        The folder of runs; :func:`grokbook.store.records.default_root` if not given.
    """
    content = {
        "made": record.made,
        "table": record.table.to_dict("records"),
        "failures": record.failures,
        "lacking": record.lacking,
    }
    return write_json_record(PLACE, content, root)


def load(root: Path | None = None) -> Record:
    """Read the record.

    Parameters
    ----------
    root : Path, optional
        As in :func:`grokbook.store.json_records.read_json_record`.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    return read_json_record(PLACE, "record of the exercise", "`make torture`", _parsed, root)


def _parsed(content: dict[str, Any]) -> Record:
    for key in MADE:
        if key not in content["made"]:
            raise ValueError(f"no {key}")
    table = pd.DataFrame.from_records(content["table"])[list(COLUMNS)]
    return Record(content["made"], table, content["failures"], content["lacking"])


def exercise_table(record: Record) -> pd.DataFrame:
    """Return the record as a table for readers.

    Parameters
    ----------
    record : Record
        As :func:`load` returns it.

    Returns
    -------
    DataFrame
        Indexed by ``exercise``, the kind of attack: ``cases`` and ``failed``; ``recorded``, the
        day; ``git_commit``, with "(changed)" where the code differed from it. Attacks that this
        machine does not allow have no numbers, and the table says so.
    """
    made = record.made
    commit = str(made["git_commit"])[:7] + (" (changed)" if made["git_dirty"] else "")
    rows = {
        row.kind: {
            "cases": row.cases,
            "failed": row.failed,
            "recorded": str(made["recorded"])[:10],
            "git_commit": commit,
        }
        for row in record.table.itertuples()
    }
    for attack, why in record.lacking.items():
        rows[f"{attack}: {why}"] = {"recorded": str(made["recorded"])[:10], "git_commit": commit}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("exercise")
