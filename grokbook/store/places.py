"""Where runs lie, told by the names of files alone."""

from __future__ import annotations

from pathlib import Path

from grokbook.store.records import default_root

Place = tuple[str, str, int]
"""Preset, name and seed of a run."""


def places(root: Path, ending: str) -> list[Place]:
    """Return where files of runs lie under a folder, sorted; strays are passed over."""
    return sorted(
        (path.parent.parent.name, path.parent.name, int(number))
        for path in root.glob(f"*/*/seed-*.{ending}")
        if (number := path.stem.removeprefix("seed-")).isdecimal()
        and number == str(int(number))
        and path.is_file()
    )


def recorded_places(root: Path | None = None) -> list[Place]:
    """Return where the recorded runs of a store lie, by default the one in use."""
    return places(default_root() if root is None else root, "json")
