"""Where runs lie, told by the names of files alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from grokbook.store.records import run_roots

Place = tuple[str, str, int]
"""Preset, name and seed of a run."""


def places(roots: Iterable[Path], ending: str) -> list[Place]:
    """Return where files of runs lie under folders, sorted, each once; strays are passed over."""
    return sorted(
        {
            (path.parent.parent.name, path.parent.name, int(number))
            for root in roots
            for path in root.glob(f"*/*/seed-*.{ending}")
            if (number := path.stem.removeprefix("seed-")).isdecimal()
            and number == str(int(number))
            and path.is_file()
        }
    )


def recorded_places() -> list[Place]:
    """Return where the recorded runs lie that are read where no store is named."""
    return places(run_roots(), "json")
