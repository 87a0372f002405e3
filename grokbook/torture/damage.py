"""Files that rot, are cut off, exchanged or edited: an error names each, and none is read."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokbook.store.run_store import RunStore
from grokbook.torture import processes, trainings
from grokbook.torture.cases import Attack
from grokbook.torture.trainings import NAMES, path
from grokbook.training.loop import train

CHECKPOINT = ".checkpoint"
ENDINGS = (*trainings.ENDINGS, CHECKPOINT)
SEEDS = (0, 1)


@dataclass(frozen=True)
class Whole:
    """A store of whole runs, and one of half-way checkpoints of the same runs."""

    recorded: Path
    begun: Path


def prepare(folder: Path) -> Whole:
    """Record every run, of two seeds, and train it half-way into a checkpoint."""
    whole = Whole(folder / "recorded", folder / "begun")
    ended = processes.run(folder / "process", _record_all, str(folder), seconds=600)
    if ended.code:
        raise RuntimeError(f"the runs could not be recorded: {ended.said}")
    return whole


def _record_all(folder: str) -> None:
    for name in NAMES:
        for seed in SEEDS:
            trainings.record(f"{folder}/recorded", name, seed)
            checkpoint = path(Path(folder, "begun"), name, CHECKPOINT, seed)
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            train(
                trainings.recipe(name, seed),
                until=trainings.STEPS // 2, checkpoint=checkpoint, compiled=False,
            )  # fmt: skip


def attack(shared: Whole, stream: random.Random, folder: Path) -> tuple[str, str]:
    """Damage one file of a run, then read the run or resume from its checkpoint."""
    name, seed = stream.choice(NAMES), stream.choice(SEEDS)
    ending = stream.choice(ENDINGS)
    source = shared.begun if ending == CHECKPOINT else shared.recorded
    kind = stream.choice([*(_EDITS if ending == ".json" else ()), *_DAMAGES])
    root = folder / "runs"
    shutil.copytree(source, root)
    victim = path(root, name, ending, seed)
    before = after = victim.read_bytes()
    kept: dict[str, bytes] = {}
    for _ in range(1000):  # unchanged content is no damage
        after, kept = (_EDITS | _DAMAGES)[kind](before, stream, source, (name, seed, ending))
        if not _same(before, after, ending):
            break
    victim.write_bytes(after)
    if kept:  # the files that belong to it come with it
        for other, content in kept.items():
            path(root, name, other, seed).write_bytes(content)
    told = processes.run(folder / "process", _read, str(root), name, seed, ending)
    what = f"{kind} ({ending} of {name}, seed {seed})"
    if told.wrong() or told.code:
        return kind, f"{what}: {told.wrong() or told.said}"
    if told.value is None:
        return kind, f"{what}: it was read"
    named = trainings.key(name, seed).name in told.value and f"seed-{seed}" in told.value
    named |= str(trainings.key(name, seed)) in told.value
    if not (trainings.one_sentence(told.value) and named):
        return kind, f"{what}: it is not named in one sentence: {told.value!r}"
    return kind, ""


def _read(root: str, name: str, seed: int, ending: str) -> str | None:
    """Read the damaged file; return the refusal."""
    store, key = RunStore(Path(root)), trainings.key(name, seed)
    if ending == CHECKPOINT:
        return trainings.refused(
            lambda: store.record(key, trainings.recipe(name, seed), compiled=False)
        )
    return trainings.refused(lambda: store.weights(key))


def _same(before: bytes, after: bytes, ending: str) -> bool:
    """Whether nothing was changed; the layout of a manifest does not count."""
    if ending != ".json":
        return before == after
    try:
        pairs = [json.loads(each, object_pairs_hook=lambda p: p) for each in (before, after)]
    except ValueError:
        return False
    return json.dumps(pairs[0]) == json.dumps(pairs[1])


_Which = tuple[str, int, str]
_Made = tuple[bytes, dict[str, bytes]]


def _flip(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    place = stream.randrange(8 * len(content))
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed), {}


def _cut(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    return content[: stream.randrange(len(content))], {}


def _zero(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    """Overwrite a page with zeros, as file systems do after a loss of power."""
    begin = stream.randrange(len(content))
    end = min(len(content), begin + 4096)
    return content[:begin] + bytes(end - begin) + content[end:], {}


def _lengthen(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    return content + stream.randbytes(stream.randrange(1, 100)), {}


def _exchange(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    """Take the file of another run, alone or with the files that belong to it."""
    name, seed, ending = which
    others = [(n, s) for n in NAMES for s in SEEDS if (n, s) != (name, seed)]
    other = stream.choice(others)

    def theirs(end: str) -> bytes:
        return path(store, other[0], end, other[1]).read_bytes()

    together = ending != CHECKPOINT and stream.random() < 0.5
    return theirs(ending), {end: theirs(end) for end in trainings.ENDINGS} if together else {}


def _lose_field(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    fields = json.loads(content)
    del fields[stream.choice([name for name in fields if name != "manifest_sha256"])]
    return _text(fields), {}


def _misspell_field(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    fields = json.loads(content)
    name = stream.choice([*fields])
    return _text({(f"{k}s" if k == name else k): v for k, v in fields.items()}), {}


def _edit_field(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    fields = json.loads(content)
    holder, name = fields, stream.choice([*fields])
    while isinstance(holder[name], dict) and holder[name]:
        holder, name = holder[name], stream.choice([*holder[name]])
    holder[name] = _other(holder[name], stream)
    return _text(fields), {}


def _repeat_field(content: bytes, stream: random.Random, store: Path, which: _Which) -> _Made:
    fields = json.loads(content)
    name = stream.choice([*fields])
    return content.rstrip().removesuffix(b"}") + (
        f', "{name}": {json.dumps(fields[name])}}}\n'.encode()
    ), {}  # fmt: skip


def _other(value: Any, stream: random.Random) -> Any:
    """Return another value, of the same type or not."""
    choices: list[Any] = [None, True, -1, 3, 2.5, "", "other", [], {}, [1], {"a": 1}]
    if isinstance(value, bool):
        choices.append(not value)
    elif isinstance(value, int | float):
        choices += [value + 1, -value, float(value)] * 3
    elif isinstance(value, str):
        choices += [value[:-1], value + "0", value.swapcase()] * 3
    return stream.choice(choices)


def _text(fields: dict[str, Any]) -> bytes:
    return (json.dumps(fields, indent=1) + "\n").encode()


_Damage = Callable[[bytes, random.Random, Path, _Which], _Made]
_DAMAGES: dict[str, _Damage] = {
    "a bit flipped": _flip,
    "cut off": _cut,
    "overwritten by zeros": _zero,
    "lengthened": _lengthen,
    "exchanged": _exchange,
}
_EDITS: dict[str, _Damage] = {
    "a field lost": _lose_field,
    "a field misspelt": _misspell_field,
    "a field edited": _edit_field,
    "a field twice": _repeat_field,
}

DAMAGE = Attack("damage", 200, prepare, attack)
