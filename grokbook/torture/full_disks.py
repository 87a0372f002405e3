"""A disk that fills up at a random moment loses no run, and the run resumes once there is room."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grokbook.torture import processes, trainings
from grokbook.torture.cases import Attack
from grokbook.torture.trainings import Undisturbed

_PAGE = 4096
_ROOM = 40
"""Largest number of pages on the disk: more than a run and its checkpoint need."""


def attack_disk(
    shared: dict[str, Undisturbed], stream: random.Random, folder: Path
) -> tuple[str, str]:
    """Record on a small disk, in half of the cases over an old record, then on a larger disk."""
    kind = "a full disk"
    of, again = shared[stream.choice(trainings.NAMES)], stream.random() < 0.5
    with _disk(folder / "disk") as resize:
        root = folder / "disk" / "runs"
        if again:
            shutil.copytree(of.root, root)
        used = shutil.disk_usage(folder / "disk").used // _PAGE
        resize(used + 1 + stream.randrange(_ROOM))
        told = _record(folder, root, of, again)
        failure = _judged(told, root, of, again)
        if failure:
            return kind, failure
        resize(used + 4 * _ROOM)
        return kind, _gone_on_with(folder, root, of, again)


def attack_file(
    shared: dict[str, Undisturbed], stream: random.Random, folder: Path
) -> tuple[str, str]:
    """Record under a limit on the size of files, which needs no separate disk."""
    kind = "files that may not grow"
    of, again = shared[stream.choice(trainings.NAMES)], stream.random() < 0.5
    root = folder / "runs"
    if again:
        shutil.copytree(of.root, root)
    largest = max(
        each.stat().st_size for each in trainings.path(of.root, of.name, "").parent.iterdir()
    )
    told = _record(folder, root, of, again, stream.randrange(largest + 4 * _PAGE))
    failure = _judged(told, root, of, again)
    if failure:
        return kind, failure
    return kind, _gone_on_with(folder, root, of, again)


def _gone_on_with(folder: Path, root: Path, of: Undisturbed, again: bool) -> str:
    """Record with enough room, and return what is wrong with the result."""
    done = _record(folder, root, of, again)
    if done.code or done.value is None or "refusal" in done.value:
        return f"it does not go on: {done.wrong() or done.value or done.said}"
    return trainings.difference(root, of)


def _record(
    folder: Path, root: Path, of: Undisturbed, again: bool, most: int | None = None
) -> processes.Ended:
    return processes.run(folder / "process", _limited, str(root), of.name, again, most)


def _limited(root: str, name: str, again: bool, most: int | None) -> dict[str, Any]:
    """Record in this process, where no file may have more bytes than ``most``."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        return trainings.record(root, name, again=again)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _judged(told: processes.Ended, root: Path, of: Undisturbed, again: bool) -> str:
    """Return what is wrong with the end of a recording without room."""
    if told.code or told.value is None:
        return told.wrong() or told.said
    if "refusal" in told.value and not trainings.one_sentence(told.value["refusal"]):
        return f"it is not refused in one sentence: {told.value['refusal']!r}"
    if "refusal" in told.value and not again:
        return ""
    return trainings.difference(root, of)  # recorded anyway, or unchanged


@contextmanager
def _disk(folder: Path) -> Iterator[Any]:
    """Mount an empty disk in memory; yield a function that sets its number of pages."""
    folder.mkdir()

    def mount(options: str) -> None:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
            check=True, capture_output=True,
        )  # fmt: skip

    mount(f"size={4 * _ROOM * _PAGE}")
    try:
        yield lambda pages: mount(f"remount,size={pages * _PAGE}")
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def lacking_disk() -> str:
    """Return why no small disk can be mounted here; empty if one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can mount a disk of a few pages"
    folder = Path(tempfile.mkdtemp(prefix="torture-disk-"))
    try:
        with _disk(folder / "disk"):
            return ""
    except (OSError, subprocess.CalledProcessError):
        return "no disk can be mounted here"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


DISKS = Attack("disks", 15, trainings.undisturbed, attack_disk, lacking_disk)
FILES = Attack("files", 15, trainings.undisturbed, attack_file)
