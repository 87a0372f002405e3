"""The record of the last exercise: what was attacked, how often, and what was lost.

``runs/torture/torture.json`` holds it, with the code that was attacked and its own checksum.
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
    """What came of one whole exercise.

    Attributes
    ----------
    made : dict
        By which code, when, on what machine and from which seed; has the keys ``MADE``.
    table : DataFrame
        A row a kind of attack, with the columns ``COLUMNS``. ``seconds`` is the time of all kinds
        of one attack.
    failures : list of dict
        ``attack``, ``case`` and ``failure`` of each case that failed.
    lacking : dict of str to str
        By attack that this machine does not allow, why.
    """

    made: dict[str, Any]
    table: pd.DataFrame
    failures: list[dict[str, Any]]
    lacking: dict[str, str]


def record_of(outcomes: Sequence[Outcome], made: dict[str, Any]) -> Record:
    """Return the record of what came of attacks.

    Parameters
    ----------
    outcomes : sequence of Outcome
        One an attack.
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
        What came of an exercise.
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
    """Return the record for readers.

    Parameters
    ----------
    record : Record
        As :func:`load` returns it.

    Returns
    -------
    DataFrame
        Indexed by ``exercise``, the kind of attack: ``cases`` and ``failed``; ``recorded``, the
        day; ``git_commit``, with "(changed)" where the code differed from it. What this machine
        does not allow has no numbers, and says so.
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
