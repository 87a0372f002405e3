"""Attacks and their cases; each case has its own random stream, so one can be run alone."""

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
        One word, as for ``--only``.
    cases : int
        Number of cases.
    prepare : callable
        Called with its own folder; returns what all cases share.
    attack : callable
        Called with that, a stream of random numbers and an empty folder; runs one case and returns
        ``(kind, failure)``, with an empty failure if nothing was lost.
    lacking : callable
        Returns why the attack is not possible on this machine; empty if it is.
    """

    name: str
    cases: int
    prepare: Callable[[Path], Any]
    attack: Callable[[Any, random.Random, Path], tuple[str, str]]
    lacking: Callable[[], str] = lambda: ""


@dataclass
class Outcome:
    """The outcome of an attack.

    Attributes
    ----------
    name : str
        The attack's.
    kinds : dict of str to list
        By kind of case: the number of cases, and of failed ones.
    failures : list of tuple
        Number and failure of each failed case.
    seconds : float
        Time of all cases.
    lacking : str
        Reason why there was none, if there was none.
    """

    name: str
    kinds: dict[str, list[int]] = field(default_factory=dict)
    failures: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    lacking: str = ""


class Shared:
    """Data that attacks prepare and share, in temporary folders."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="torture-"))
        self._prepared: dict[Callable[[Path], Any], Any] = {}

    def __call__(self, prepare: Callable[[Path], Any]) -> Any:
        """Return what a function prepares in its own folder; it runs once."""
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
    """Run cases of an attack.

    Parameters
    ----------
    attack : Attack
        Which.
    seed : int
        Seed of all random numbers: case k of a seed is the same, whatever other cases run.
    numbers : sequence of int
        The cases.
    shared : Shared
        Store of what the attack prepares.
    tell : callable
        Called with the number and the failure of each case when it ends.

    Returns
    -------
    Outcome
        The outcome.
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
