"""The places of records, and the one way to store and read a table.

A record is a table in Parquet, a manifest in JSON with the SHA-256 of the table and of its own
fields, and perhaps further files; the files differ in their endings. A record exists exactly if its
manifest does: all files are replaced or none, and nothing half-written is ever read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import platformdirs

from grokbook._support.atomic_files import write_together
from grokbook._support.errors import (
    DamagedRunError,
    InputError,
    MissingRunError,
    UnreadableRunError,
    first_line,
    reason,
)

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent

OWN_SUM = "manifest_sha256"
"""A manifest's field for the SHA-256 of its other fields. Older manifests lack it."""


def default_root() -> Path:
    """Return the folder that records runs and is searched first. It need not exist.

    It is the folder in ``GROKBOOK_RUNS`` if that is set and not empty, else ``runs/`` in the
    checkout. For an installed package it is the user's data folder, whatever the working directory.

    Raises
    ------
    InputError
        If the folder would be under a home folder that does not exist.
    """
    try:
        if named := os.environ.get("GROKBOOK_RUNS"):
            return Path(named).expanduser()
        if _in_checkout():
            return _CHECKOUT / "runs"
        return platformdirs.user_data_path("grokbook").expanduser() / "runs"
    except RuntimeError:
        raise InputError(
            "There is no home folder in which to keep runs; name a folder in GROKBOOK_RUNS."
        ) from None


def brought_along() -> Path:
    """Return the folder of the runs that came with the package; it is read-only."""
    return _CHECKOUT / "runs" if _in_checkout() else _PACKAGE / "_runs"


def roots(root: Path | None = None) -> list[Path]:
    """Return the folders to search for a table that comes with the book, in order.

    ``root`` alone if given; else :func:`default_root`, then :func:`brought_along`: another store of
    runs does not hide what comes with the book.
    """
    return [default_root(), brought_along()] if root is None else [root]


def run_roots(root: Path | None = None) -> list[Path]:
    """Return the folders to search for recorded runs, in order.

    As :func:`roots`, but a named store hides the runs that came with the package, so that all of
    them can be recorded from scratch.
    """
    return [default_root()] if root is None and os.environ.get("GROKBOOK_RUNS") else roots(root)


def _in_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").is_file()


def find_record(place: str, root: Path | None = None) -> Path:
    """Return the path, without ending, of a record in the first of the roots that has it.

    If none has it, the path in the first root.
    """
    paths = [folder / place for folder in roots(root)]
    return next((path for path in paths if is_there(_with(path, ".json"))), paths[0])


def is_there(path: Path) -> bool:
    """Whether the file exists.

    Raises
    ------
    UnreadableRunError
        If this user may not list its folder.
    """
    try:
        return path.exists()
    except OSError as error:
        raise unreadable(path.parent, error) from error


def unreadable(folder: Path, error: OSError) -> UnreadableRunError:
    """Return the error for a folder of records that this user may not list."""
    return UnreadableRunError(
        f"{folder} cannot be read ({reason(error)}); change its permissions, or name another"
        " folder in GROKBOOK_RUNS."
    )


def sum_of_fields(fields: Mapping[str, Any], own: str) -> str:
    """Return the SHA-256 of fields without their own sum, whatever the layout of their file.

    Parameters
    ----------
    fields : mapping
        Values that JSON can hold.
    own : str
        The field for the sum.
    """
    others = {name: value for name, value in fields.items() if name != own}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def write_record(
    path: Path,
    table: pd.DataFrame,
    manifest: Mapping[str, Any],
    *,
    sum_name: str = "sha256",
    beside: Mapping[str, bytes] | None = None,
) -> dict[str, Any]:
    """Store a table and its manifest, all files or none; return the manifest as written.

    Parameters
    ----------
    path : Path
        Path of the record, without an ending.
    table : DataFrame
        Written as ``.parquet``.
    manifest : mapping
        Written as ``.json``, with the table's SHA-256 and that of all its fields added.
    sum_name : str
        The manifest's field for it.
    beside : mapping of str to bytes, optional
        Further files, by ending.

    Raises
    ------
    OSError
        If they cannot be written; the old files stay as they were.
    """
    buffer = BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    content = buffer.getvalue()
    whole = {**manifest, sum_name: hashlib.sha256(content).hexdigest()}
    whole[OWN_SUM] = sum_of_fields(whole, OWN_SUM)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_together(
        {
            _with(path, ".parquet"): content,
            **{_with(path, ending): data for ending, data in (beside or {}).items()},
            _with(path, ".json"): (json.dumps(whole, indent=1) + "\n").encode(),
        }
    )
    return whole


def read_record(
    path: Path,
    what: str,
    command: Callable[[bool], str],
    *,
    sum_name: str = "sha256",
    check: Callable[[pd.DataFrame, dict[str, Any]], object] = lambda table, manifest: None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a record's table and manifest.

    Parameters
    ----------
    path : Path
        Path of the record, without an ending.
    what : str
        Its name in messages.
    command : callable
        Returns the command that records it, as code; its argument says whether a record exists.
    sum_name : str
        As for :func:`write_record`.
    check : callable
        Called with both; raises if they do not belong here.

    Raises
    ------
    MissingRunError, DamagedRunError
        With the command.
    UnreadableRunError
        If a file or folder may not be read.
    """
    manifest_path, text = _with(path, ".json"), None
    if not is_there(manifest_path):
        raise MissingRunError(f"There is no record of {what}; make it with {command(False)}.")
    try:
        text = manifest_path.read_bytes()
        manifest = _loaded(text)
        if OWN_SUM in manifest and manifest[OWN_SUM] != sum_of_fields(manifest, OWN_SUM):
            raise ValueError("the manifest's SHA-256 is not that of its fields")
        content = _with(path, ".parquet").read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest[sum_name]:
            raise ValueError("the table's SHA-256 is not the manifest's")
        table = pd.read_parquet(BytesIO(content))
        check(table, manifest)
    except PermissionError as error:
        raise UnreadableRunError(
            f"The record of {what} cannot be read ({error.filename}: {reason(error)}); change"
            " its permissions."
        ) from error
    except Exception as error:  # json, pyarrow, OS and type errors: all mean "not as written"
        if _changed(manifest_path, text):  # replaced while it was read
            return read_record(path, what, command, sum_name=sum_name, check=check)
        raise DamagedRunError(
            f"The record of {what} is damaged ({path.name}.parquet or {manifest_path.name}:"
            f" {first_line(error)}); record it again with {command(True)}."
        ) from error
    return table, manifest


def _loaded(text: bytes) -> dict[str, Any]:
    """Return a manifest's fields; raise a ValueError if one appears twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            raise ValueError("a field stands in it twice")
        return found

    manifest: dict[str, Any] = json.loads(text, object_pairs_hook=once)
    return manifest


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)  # with_suffix would cut a name with a dot


def _changed(path: Path, content: bytes | None) -> bool:
    """Whether a file is gone or has changed; False if it cannot be read."""
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return True
    except OSError:
        return False
