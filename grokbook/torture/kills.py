"""kill -9 at random moments of training and of keeping; the same call goes on until it is done."""

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
"""A kill by the clock can come too late, where the machine has less to do than before; then it is
tried again by the time that it took now."""


def attack(shared: dict[str, Undisturbed], stream: random.Random, folder: Path) -> tuple[str, str]:
    """Kill a recording, perhaps a second time as it goes on, and compare what it ends in.

    Half of the first kills come by the clock, at any moment of the process; half at a call between
    the writing of the record's files and its end. In half of the cases a run is recorded that is
    there already, and must be read whole at every moment, or not be there.
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
    """Have a recording kill itself while it puts its files in place."""
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
    """Kill a recording at a moment between 0 and 1 of the time that it takes undisturbed."""
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
    return ""  # it has nothing left to do, and ends at once


def _half(root: Path, of: Undisturbed) -> str:
    """Say whether a record that is there after a kill is not whole."""
    state = RunStore(root).status(trainings.key(of.name))
    if state not in ("finished", "interrupted", "missing"):
        return f"after a kill the record is {state}"
    if state == "finished":
        RunStore(root).weights(trainings.key(of.name))
    return ""


KILLS = Attack("kills", 100, trainings.undisturbed, attack)
