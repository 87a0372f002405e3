"""Records of one JSON file each: written whole with their SHA-256, read only if unchanged.

Tables of runs are another kind of record: see :mod:`grokbook.store.records`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from grokbook._support.atomic_files import write_atomically
from grokbook._support.errors import DamagedRunError, MissingRunError, first_line
from grokbook.store.records import default_root, is_there, roots, sum_of_fields

T = TypeVar("T")

_SUM = "sha256"


def write_json_record(place: str, content: Mapping[str, Any], root: Path | None = None) -> Path:
    """Write a record, whole or not at all, and return its file.

    Parameters
    ----------
    place : str
        Path of the file in the folder of runs, such as "benchmarks/benchmarks.json".
    content : mapping
        Values that JSON can hold.
    root : Path, optional
        The folder of runs; :func:`grokbook.store.records.default_root` if not given.
    """
    path = (default_root() if root is None else root) / place
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**content, _SUM: sum_of_fields(content, _SUM)}, indent=1) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def read_json_record(
    place: str,
    what: str,
    command: str,
    parse: Callable[[dict[str, Any]], T],
    root: Path | None = None,
) -> T:
    """Return the content of a record.

    Parameters
    ----------
    place : str
        As for :func:`write_json_record`.
    what, command : str
        Its name and the command that makes it, for messages.
    parse : callable
        Turns the content into the result; any error it raises means damage.
    root : Path, optional
        As in :func:`grokbook.store.records.roots`: another store of runs does not hide the record
        that comes with the book.

    Raises
    ------
    MissingRunError, DamagedRunError
        With the command.
    """
    paths = [folder / place for folder in roots(root)]
    path = next((each for each in paths if is_there(each)), None)
    if path is None:
        raise MissingRunError(f"There is no {what}; make it with {command}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content[_SUM] != sum_of_fields(content, _SUM):
            raise ValueError("SHA-256 is not that of the content")
        return parse(content)
    except Exception as error:  # json, OS, key, type and pandas errors: all mean "not as written"
        raise DamagedRunError(
            f"The {what} is damaged ({path.name}: {first_line(error)}); record it again with"
            f" {command}."
        ) from error
