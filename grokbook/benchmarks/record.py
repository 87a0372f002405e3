"""The recorded benchmark: timings of one run of ``make bench`` on one machine.

``runs/benchmarks/benchmarks.json`` holds what was measured and by which code on which machine; it
is written whole or not at all, and read only as it was written.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from grokbook._support.atomic_files import write_atomically
from grokbook._support.errors import RunError, first_line
from grokbook.store.records import default_root, roots

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

_AGAIN = "record it anew with `make bench`"


@dataclass(frozen=True, eq=False)
class Record:
    """What was measured.

    Attributes
    ----------
    made : dict
        By which code, when and on what machine; has the keys ``MADE``.
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
        What was measured.
    root : Path, optional
        The folder of runs; :func:`grokbook.store.records.default_root` if not given.
    """
    path = _path(default_root() if root is None else root)
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = {  # JSON has no NaN
        name: table.astype(object).where(table.notna(), None).to_dict("records")
        for name, table in record.tables.items()
    }
    content = {"made": record.made, "tables": tables}
    text = json.dumps(content | {"sha256": _sum(content)}, indent=1) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def load(root: Path | None = None) -> Record:
    """Read the record.

    Parameters
    ----------
    root : Path, optional
        As in :func:`grokbook.store.records.roots`: another store of runs does not hide the record
        that the book brings along.

    Raises
    ------
    RunError
        If it is missing, damaged or incomplete.
    """
    paths = [_path(folder) for folder in roots(root)]
    path = next((each for each in paths if each.exists()), None)
    if path is None:
        raise RunError("There is no benchmark record; make it with `make bench`.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("sha256") != _sum(content):
            raise ValueError("SHA-256 is not that of the content")
        made, rows = dict(content["made"]), dict(content["tables"])
        tables = {name: pd.DataFrame.from_records(each) for name, each in rows.items()}
        lacking = [f"no {key}" for key in MADE if key not in made]
        for name, columns in TABLES.items():
            found = tables.get(name, pd.DataFrame())
            if found.empty:
                lacking.append(f"no table {name}")
            elif set(found) != set(columns):
                lacking.append(f"other columns in table {name}")
    except Exception as error:  # json, OS, key, type and pandas errors: all mean "not as written"
        raise RunError(
            f"The benchmark record is damaged ({path.name}: {first_line(error)}); {_AGAIN}."
        ) from error
    if lacking:
        raise RunError(
            f"The benchmark record is incomplete ({path.name}: {', '.join(lacking)}); {_AGAIN}."
        )
    return Record(made, {name: tables[name][list(columns)] for name, columns in TABLES.items()})


def _sum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of a record's content, however its file is laid out."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _path(root: Path) -> Path:
    return root / "benchmarks" / "benchmarks.json"
