"""The recorded benchmark: timings of one run of ``make bench`` on one machine.

``runs/benchmarks/benchmarks.json`` holds the measurements, the code and the machine. It is written
whole or not at all, and read only if unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from grokbook._support.errors import RunError
from grokbook.store.json_records import read_json_record, write_json_record

PACKAGE = "grokbook"
PRODUCT = "large matrix product"
LENS = "TransformerLens, float32"
OWN = "torch's own"
PLAIN_TRANSFORMER = "plain PyTorch, float32"
"""The usual way to write a step of a transformer: the network in ``nn.Linear``."""
PLAIN_MLP = "DataLoader loop, float64"
"""The usual way to write a step of an MLP: the loop of Omnigrok's notebook."""

TABLES: dict[str, tuple[str, ...]] = {
    "steps": ("experiment", "way", "ms", "spread", "gflop"),
    "metrics": ("quantity", "plain_way", "ms", "plain_ms", "difference"),
    "logging": ("experiment", "cheap_ms", "full_ms"),
    "scaling": ("experiment", "varied", "value", "ms", "spread", "mebibytes", "gflop"),
    "ideas": ("experiment", "idea", "compiled", "ms", "spread"),
    "processes": ("experiment", "processes", "threads", "ms"),
    "settings": ("experiment", "setting", "ms", "spread"),
}
"""Columns of every table. ``ms`` is milliseconds a step or call (a median; the least for metrics
and log), ``spread`` the distance between the quartiles as a share of it, ``gflop`` the arithmetic
of the large matrix products of a step where they are counted."""

MADE = (
    *("recorded", "cpu", "instructions", "cores", "threads", "torch", "git_commit"),
    *("rounds", "seconds", "transformer_lens"),
)
"""What a record says of itself, at least: besides what runs say, the processor's vector
instructions, how many turns every variant took, how long all of it took, and the version of
TransformerLens, None where it was not measured."""

PLACE = "benchmarks/benchmarks.json"
COMMAND = "`make bench`"


@dataclass(frozen=True, eq=False)
class Record:
    """The measurements, and how they were made.

    Attributes
    ----------
    made : dict
        The code, the time and the machine; has the keys ``MADE``.
    tables : dict of str to DataFrame
        The tables ``TABLES``, not empty.
    """

    made: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def keep(record: Record, root: Path | None = None) -> Path:
    """Write the record, whole or not at all, and return its file.

    Parameters
    ----------
    record : Record
        The measurements.
    root : Path, optional
        The folder of runs; :func:`grokbook.store.records.default_root` if not given.
    """
    tables = {  # JSON has no NaN
        name: table.astype(object).where(table.notna(), None).to_dict("records")
        for name, table in record.tables.items()
    }
    return write_json_record(PLACE, {"made": record.made, "tables": tables}, root)


def load(root: Path | None = None) -> Record:
    """Read the record.

    Parameters
    ----------
    root : Path, optional
        As in :func:`grokbook.store.json_records.read_json_record`.

    Raises
    ------
    RunError
        If it is missing, damaged or incomplete.
    """
    record = read_json_record(PLACE, "benchmark record", COMMAND, _parsed, root)
    lacking = [f"no {key}" for key in MADE if key not in record.made]
    for name, columns in TABLES.items():
        found = record.tables.get(name, pd.DataFrame())
        if found.empty:
            lacking.append(f"no table {name}")
        elif set(found) != set(columns):
            lacking.append(f"other columns in table {name}")
    if lacking:
        raise RunError(
            f"The benchmark record is incomplete ({Path(PLACE).name}: {', '.join(lacking)}); record"
            f" it again with {COMMAND}."
        )
    tables = {name: record.tables[name][list(columns)] for name, columns in TABLES.items()}
    return Record(record.made, tables)


def _parsed(content: dict[str, Any]) -> Record:
    rows = dict(content["tables"])
    tables = {name: pd.DataFrame.from_records(each) for name, each in rows.items()}
    return Record(dict(content["made"]), tables)
