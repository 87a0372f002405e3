"""An attack is many cases; each draws from a stream of its own, so that one can be run alone."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Attack:
    """One kind of attack.

    Attributes
    ----------
    name : str
        One word, as ``--only`` takes it.
    cases : int
        How many make the whole of it.
    prepare : callable
        Given a folder of its own, returns what all cases share.
    attack : callable
        Given that, a stream of random numbers and an empty folder, makes one case and says what
        was done, as ``(kind, failure)``: the failure is empty where nothing was lost.
    lacking : callable
        Says why the attack is not possible on this machine; empty where it is.
    """

    name: str
    cases: int
    prepare: Callable[[Path], Any]
    attack: Callable[[Any, random.Random, Path], tuple[str, str]]
    lacking: Callable[[], str] = lambda: ""


@dataclass
class Outcome:
    """What came of an attack.

    Attributes
    ----------
    name : str
        The attack's.
    kinds : dict of str to list
        By kind of case: how many there were, and how many of them failed.
    failures : list of tuple
        The number of each case that failed, and how.
    seconds : float
        How long all took.
    lacking : str
        Why there was none, if there was none.
    """

    name: str
    kinds: dict[str, list[int]] = field(default_factory=dict)
    failures: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    lacking: str = ""


class Shared:
    """What attacks prepare, in folders that are gone with it: the same for all that ask for it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="torture-"))
        self._prepared: dict[Callable[[Path], Any], Any] = {}

    def __call__(self, prepare: Callable[[Path], Any]) -> Any:
        """Return what a function has prepared in a folder of its own, once."""
        if prepare not in self._prepared:
            self._prepared[prepare] = prepare(self.folder(f"shared-{len(self._prepared)}"))
        return self._prepared[prepare]

    def folder(self, name: str) -> Path:
        """Return a new folder."""
        folder = self._folder / name
        folder.mkdir()
        return folder

    def __enter__(self) -> Shared:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def make(
    attack: Attack,
    seed: int,
    numbers: Sequence[int],
    shared: Shared,
    tell: Callable[[int, str], object] = lambda number, failure: None,
) -> Outcome:
    """Make cases of an attack.

    Parameters
    ----------
    attack : Attack
        Which.
    seed : int
        Of all random numbers: case k of a seed is the same, whatever other cases are made.
    numbers : sequence of int
        The cases.
    shared : Shared
        What it prepares is kept here.
    tell : callable
        Given each case's number and its failure, as soon as it is over.

    Returns
    -------
    Outcome
        What came of it.
    """
    outcome = Outcome(attack.name, lacking=attack.lacking())
    if outcome.lacking:
        return outcome
    began = time.perf_counter()
    prepared = shared(attack.prepare)
    for number in numbers:
        place = shared.folder(f"{attack.name}-{number}")
        stream = random.Random(f"{seed}/{attack.name}/{number}")
        kind, failure = attack.attack(prepared, stream, place)
        counted = outcome.kinds.setdefault(kind, [0, 0])
        counted[0] += 1
        counted[1] += bool(failure)
        if failure:
            outcome.failures.append((number, failure))
        tell(number, failure)
        shutil.rmtree(place, ignore_errors=True)
    outcome.seconds = time.perf_counter() - began
    return outcome
