"""Settings of the libraries below torch, each in a separate process, against torch's defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch

from grokbook.benchmarks.package import training
from grokbook.benchmarks.record import OWN
from grokbook.benchmarks.timing import in_turns, summary
from grokbook.experiments.named import EXPERIMENTS, experiment
from grokbook.experiments.schema import Experiment


@dataclass(frozen=True)
class Setting:
    """Environment variables of a process, or a function that it calls before its first step."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    switch: Callable[[], object] | None = None


def without_onednn() -> None:
    """Keep all products away from oneDNN."""
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]


SETTINGS = (
    Setting(OWN),
    Setting("oneDNN off", switch=without_onednn),
    Setting("MKL_CBWR=AVX2", {"MKL_CBWR": "AVX2"}),
    Setting("MKL_DYNAMIC=FALSE", {"MKL_DYNAMIC": "FALSE"}),
    # Threads that start later inherit it from the thread that sets it.
    Setting("denormals flushed", switch=partial(torch.set_flush_denormal, True)),
    Setting("threads bound", {"OMP_PROC_BIND": "true"}),
    # For glibc: keep freed memory for the next step instead of fetching new pages.
    Setting(
        "freed memory kept",
        {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)},
    ),
)


ROUNDS = 3  # times as many rounds as elsewhere: small effects need more to stand out of the noise


def measure(rounds: int) -> list[dict[str, Any]]:
    """Rows of the table ``settings``: a step of every experiment under each of ``SETTINGS``."""
    rows = []
    recipes = {name: experiment(name) for name in EXPERIMENTS}
    with ExitStack() as processes:
        call = {
            setting.name: processes.enter_context(
                elsewhere(partial(trainings, recipes, setting.switch), setting.environment)
            )
            for setting in SETTINGS
        }
        for name in EXPERIMENTS:
            steps = {setting: partial(there, name) for setting, there in call.items()}
            rows += [
                {"experiment": name, "setting": setting, **summary(taken)}
                for setting, taken in in_turns(steps, ROUNDS * rounds).items()
            ]
    return rows


def trainings(
    recipes: Mapping[str, Experiment], switch: Callable[[], object] | None
) -> dict[str, Callable[[], object]]:
    """One step of each experiment, by name, in a process where ``switch`` was called."""
    if switch is not None:
        switch()
    return {name: training([recipe]).step for name, recipe in recipes.items()}


@contextmanager
def elsewhere(
    build: Callable[[], Mapping[str, Callable[[], Any]]], environment: Mapping[str, str]
) -> Iterator[Callable[[str], Any]]:
    """Yield a function that calls, by name, a function returned by ``build`` in another process.

    The process starts with the variables ``environment`` in addition to those of this one.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(build, theirs), daemon=True)
    before = os.environ.copy()
    try:
        os.environ.update(environment)
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    theirs.close()  # so that a process that ends is noticed

    def call(name: str) -> Any:
        ours.send(name)
        return ours.recv()

    try:
        yield call
    finally:
        ours.close()
        process.join()


def _serve(build: Callable[[], Mapping[str, Callable[[], Any]]], pipe: Connection) -> None:
    functions = build()
    try:
        while True:
            pipe.send(functions[pipe.recv()]())
    except EOFError:  # no caller is left
        return
