"""Where runs lie, told by the names of files alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from grokbook.store.records import run_roots, unreadable

Place = tuple[str, str, int]
"""Preset, name and seed of a run."""


def places(roots: Iterable[Path], ending: str) -> list[Place]:
    """Return where files of runs lie under folders, sorted, each once; strays are passed over.

    Raises
    ------
    UnreadableRunError
        If one of the folders is there, but this user may not look into it.
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
    """Return a folder that can be looked into, or is not there; glob tells the two not apart."""
    try:
        with os.scandir(root):
            return root
    except PermissionError as error:
        raise unreadable(root, error) from error
    except OSError:
        return root


def _is_file(path: Path) -> bool:
    """Whether it is one, as far as can be told: in a folder that only lists its files it may be."""
    try:
        return path.is_file()
    except OSError:
        return True


def recorded_places() -> list[Place]:
    """Return where the recorded runs lie that are read where no store is named."""
    return places(run_roots(), "json")
