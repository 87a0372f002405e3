"""The places of runs, from file names alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from grokbook.store.records import run_roots, unreadable

Place = tuple[str, str, int]
"""Preset, name and seed of a run."""


def places(roots: Iterable[Path], ending: str) -> list[Place]:
    """Return the places of run files under folders, sorted and distinct; skip stray files.

    Raises
    ------
    UnreadableRunError
        If a folder exists but this user may not list it.
    """
    return sorted(
        {
            (path.parent.parent.name, path.parent.name, int(number))
            for root in map(_readable, roots)
            for path in root.glob(f"*/*/seed-*.{ending}")
            if (number := path.stem.removeprefix("seed-")).isdecimal()
            and number == str(int(number))
            and _is_file(path)
        }
    )


def _readable(root: Path) -> Path:
    """Return a folder that can be listed or does not exist; glob treats a locked one as empty."""
    try:
        with os.scandir(root):
            return root
    except PermissionError as error:
        raise unreadable(root, error) from error
    except OSError:
        return root


def _is_file(path: Path) -> bool:
    """Whether it is a file; assume so in a folder that can be listed but not entered."""
    try:
        return path.is_file()
    except OSError:
        return True


def recorded_places() -> list[Place]:
    """Return the places of the recorded runs that are read if no store is named."""
    return places(run_roots(), "json")
