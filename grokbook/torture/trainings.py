"""The attacked runs: three trainings of a second, and the record of each without an attack."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from grokbook._support.atomic_files import write_together
from grokbook._support.errors import GrokbookError
from grokbook.experiments.named import experiment
from grokbook.experiments.schema import Experiment, LogSchedule, Measurements
from grokbook.store.records import OWN_SUM
from grokbook.store.run_keys import RunKey
from grokbook.store.run_store import RunStore
from grokbook.torture import processes

NAMES = ("mnist-perturbed", "modadd-perturbed", "modadd-abelian")
"""One with batches and noise, one with noise held for steps, one without."""

STEPS = 40
ENDINGS = (".parquet", ".safetensors", ".json")
TIMES = ("recorded", "seconds", "stretches", OWN_SUM)
"""Fields of a manifest that may differ between two recordings of one run: dates and times."""


def recipe(name: str, seed: int = 0) -> Experiment:
    """Return the trained experiment: a named one, cut down to a second."""
    return replace(
        experiment(name, "smoke", seed),
        steps=STEPS,
        log=LogSchedule("linear", 12),
        measurements=Measurements(("accuracy", "norms")),
    )


def key(name: str, seed: int = 0) -> RunKey:
    """Return the key of a run."""
    return RunKey("custom", f"tortured-{name}", seed)


def path(root: Path, name: str, ending: str, seed: int = 0) -> Path:
    """Return the path of one of its files."""
    where = key(name, seed)
    return root / where.preset / where.name / f"seed-{where.seed}{ending}"


def record(
    root: str, name: str, seed: int = 0, again: bool = False, wait: bool = False,
    count: bool = False, kill_at: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train and store a run in this process, with a checkpoint after every step.

    Parameters
    ----------
    root : str
        The store's folder.
    name, seed : str, int
        As :func:`recipe`.
    again, wait : bool
        As :meth:`grokbook.store.run_store.RunStore.record`.
    count : bool
        Whether to count calls from the writing of the record's files on.
    kill_at : int, optional
        Number of the call at which the process kills itself.

    Returns
    -------
    dict
        ``made``, the checksum of its manifest, and ``calls``, the number of counted calls; or
        ``refusal``, the error message of a refused run.
    """
    counter = _Calls(kill_at)
    if count or kill_at is not None:  # counting slows all calls
        sys.setprofile(counter)
    try:
        run = RunStore(Path(root)).record(
            key(name, seed), recipe(name, seed),
            device="cpu", compiled=False, again=again, wait=wait, checkpoint_seconds=0.0,
        )  # fmt: skip
    except GrokbookError as error:
        return {"refusal": str(error)}
    finally:
        sys.setprofile(None)
    return {"made": run.manifest[OWN_SUM], "calls": counter.calls}


class _Calls:
    """Count calls and returns from the writing of a record's files on, and end at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.kill_at = kill_at
        self.calls = -1

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if self.calls < 0:
            if event == "call" and frame.f_code is write_together.__code__:
                self.calls = 0
            return
        if self.calls == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.calls += 1


@dataclass(frozen=True)
class Undisturbed:
    """The record of a run without an attack.

    Attributes
    ----------
    name : str
        Of the run.
    root : Path
        The store that holds it.
    seconds : float
        Its time, from its first line to its end.
    calls : int
        Number of calls from the writing of its files to its end.
    """

    name: str
    root: Path
    seconds: float
    calls: int


def undisturbed(folder: Path) -> dict[str, Undisturbed]:
    """Record each run once, and return the records by name."""
    found = {}
    for name in NAMES:
        process = processes.Process(
            folder / "process", record, str(folder / "runs"), name, 0, False, False, True
        )
        ended = process.wait(300)
        if not ended.value or "calls" not in ended.value:
            raise RuntimeError(f"{name} could not be recorded: {ended.said or ended.value}")
        found[name] = Undisturbed(name, folder / "runs", timed(folder, name), ended.value["calls"])
    return found


def timed(folder: Path, name: str) -> float:
    """Return the seconds from the first line of a process that records a run to its end."""
    process = processes.Process(folder / "process", record, str(folder / "timed"), name)
    process.wait_for_begin()
    began = time.perf_counter()
    process.wait(300)
    return time.perf_counter() - began


def difference(root: Path, of: Undisturbed) -> str:
    """Return how a record differs from the undisturbed one; empty if only in its times."""
    for ending in ENDINGS:
        ours, theirs = path(root, of.name, ending), path(of.root, of.name, ending)
        if not ours.exists():
            return f"{ours.name} is not there"
        if ending != ".json" and ours.read_bytes() != theirs.read_bytes():
            return f"{ours.name} has other bytes"
    found, wanted = (_lasting(path(each, of.name, ".json")) for each in (root, of.root))
    for field in sorted({*found} | {*wanted}):
        if found.get(field) != wanted.get(field):
            return f"{field} is {found.get(field)!r} in place of {wanted.get(field)!r}"
    left = sorted(each.name for each in path(root, of.name, "").parent.glob(".*.tmp"))
    return f"{left[0]} was left behind" if left else ""


def _lasting(manifest: Path) -> dict[str, Any]:
    fields = json.loads(manifest.read_bytes())
    return {name: value for name, value in fields.items() if name not in TIMES}


def one_sentence(text: str) -> bool:
    """Whether a message is one sentence on one line."""
    return text.endswith(".") and "\n" not in text and len(text) > 20


def refused(action: Callable[[], object]) -> str | None:
    """Return the message with which an action is refused; None if it is not."""
    try:
        action()
    except GrokbookError as error:
        return str(error)
    return None
