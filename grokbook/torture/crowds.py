"""Eight processes that record one run at once: one records it, the others wait or are refused."""

from __future__ import annotations

import random
import time
from pathlib import Path

from grokbook.torture import trainings
from grokbook.torture.cases import Attack
from grokbook.torture.processes import Process
from grokbook.torture.trainings import Undisturbed

CROWD = 8


def attack(shared: dict[str, Undisturbed], stream: random.Random, folder: Path) -> tuple[str, str]:
    """Start eight processes together; in half of the cases they wait for each other."""
    of, wait = shared[stream.choice(trainings.NAMES)], stream.random() < 0.5
    kind = "eight processes, waiting" if wait else "eight processes, not waiting"
    root, gate = folder / "runs", folder / "gate"
    crowd = [
        Process(folder / f"process-{k}", _record_together, str(gate), str(root), of.name, wait)
        for k in range(CROWD)
    ]
    for process in crowd:
        process.wait_for_begin()
    gate.touch()
    ended = [process.wait(300) for process in crowd]
    made = set()
    for each in ended:
        if each.code or each.value is None:
            return kind, each.wrong() or f"one ended with {each.code}: {each.said}"
        refusal = each.value.get("refusal")
        if refusal is None:
            made.add(each.value["made"])
        elif wait or not trainings.one_sentence(refusal) or "another process" not in refusal:
            return kind, f"one was refused: {refusal}"
    if len(made) != 1:
        return kind, f"{len(made)} records were made"
    return kind, trainings.difference(root, of)


def _record_together(gate: str, root: str, name: str, wait: bool) -> dict[str, object]:
    """Record when the gate opens."""
    while not Path(gate).exists():
        time.sleep(0.0005)
    return trainings.record(root, name, wait=wait)


CROWDS = Attack("crowds", 10, trainings.undisturbed, attack)
