"""kill -9 at random moments of training and of storing; the same call then resumes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from grokbook.store.run_store import RunStore
from grokbook.torture import trainings
from grokbook.torture.cases import Attack
from grokbook.torture.processes import Process
from grokbook.torture.trainings import Undisturbed

_TRIES = 8
"""A kill by the clock can come too late if the machine has become less busy; it is then tried again
with the new time."""


def attack(shared: dict[str, Undisturbed], stream: random.Random, folder: Path) -> tuple[str, str]:
    """Kill a recording, perhaps again as it resumes, and compare the final record.

    Half of the first kills come by the clock, at any moment of the process; the other half at a
    call between the writing of the record's files and the end. In half of the cases the run is
    already recorded; at every moment it must be either whole or missing.
    """
    of = shared[stream.choice(trainings.NAMES)]
    again, keeping = stream.random() < 0.5, stream.random() < 0.5
    root = folder / "runs"
    if again:
        shutil.copytree(of.root, root)
    kind = "kill -9 in keeping" if keeping else "kill -9 in training"
    if keeping:
        killed = _at_a_call(of, stream, folder, again)
    else:
        killed = _by_the_clock(of, stream.random(), folder, again)
    failure = killed or _half(root, of)
    if not failure and stream.random() < 0.5:
        _by_the_clock(of, stream.random(), folder, again)
        failure = _half(root, of)
    if failure:
        return kind, failure
    ended = Process(folder / "process", trainings.record, str(root), of.name, 0, again).wait(300)
    if ended.code or ended.value is None or "refusal" in ended.value:
        return kind, f"the same call does not go on: {ended.wrong() or ended.value or ended.said}"
    return kind, trainings.difference(root, of)


def _at_a_call(of: Undisturbed, stream: random.Random, folder: Path, again: bool) -> str:
    """Make a recording kill itself while it moves its files into place."""
    call = stream.randrange(of.calls)
    ended = Process(
        folder / "process",
        trainings.record,
        str(folder / "runs"),
        of.name,
        0,
        again,
        False,
        True,
        call,
    ).wait(300)
    return "" if ended.code == -9 else f"not killed at call {call}: {ended.said or ended.value}"


def _by_the_clock(of: Undisturbed, moment: float, folder: Path, again: bool) -> str:
    """Kill a recording at a moment between 0 and 1 of its undisturbed time."""
    pause = moment * of.seconds
    for _ in range(_TRIES):
        process = Process(
            folder / "process", trainings.record, str(folder / "runs"), of.name, 0, again
        )
        process.wait_for_begin()
        taken = process.wait_for_end(pause)
        hit = process.kill()
        ended = process.wait(300)
        if hit and ended.code == -9:
            return ""
        if ended.wrong():
            return ended.wrong()
        pause = moment * taken
    return ""  # nothing is left to do, so it ends at once


def _half(root: Path, of: Undisturbed) -> str:
    """Return what is wrong with a record after a kill; empty if it is whole or missing."""
    state = RunStore(root).status(trainings.key(of.name))
    if state not in ("finished", "interrupted", "missing"):
        return f"after a kill the record is {state}"
    if state == "finished":
        RunStore(root).weights(trainings.key(of.name))
    return ""


KILLS = Attack("kills", 100, trainings.undisturbed, attack)
