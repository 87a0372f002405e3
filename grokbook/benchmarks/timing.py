"""Time and memory of repeatedly called functions."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else the profiler says when it starts and stops
WARM_UP = 3  # uncounted first calls: compile, fill caches
TURN_SECONDS = 0.25

Name = TypeVar("Name", bound=Hashable)


def seconds(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def in_turns(
    functions: Mapping[Name, Callable[[], object]], rounds: int
) -> dict[Name, list[float]]:
    """Seconds of every call, by name.

    The functions take turns of a quarter of a second each, at least one call, so that a drift of
    the machine affects all alike.
    """
    # Earlier compilations count towards a limit beyond which torch stops compiling.
    torch.compiler.reset()
    for function in functions.values():
        for _ in range(WARM_UP):
            function()
    taken: dict[Name, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            function()  # not counted: the caches still hold data of the previous function
            turn = [seconds(function)]
            while sum(turn) < TURN_SECONDS:
                turn.append(seconds(function))
            taken[name] += turn
    return taken


def summary(taken: list[float]) -> dict[str, float]:
    """Median in milliseconds, and the distance between the quartiles as a share of it."""
    low, median, high = np.quantile(taken, (0.25, 0.5, 0.75)).tolist()
    return {"ms": 1e3 * median, "spread": (high - low) / median}


def least(function: Callable[[], float], rounds: int, patience: float = 3.0) -> tuple[float, float]:
    """Least seconds of up to ``rounds`` calls, and the value; no call starts after ``patience``."""
    best, spent, value = float("inf"), 0.0, float("nan")
    for _ in range(rounds):
        if spent > patience:
            break
        began = time.perf_counter()
        value = function()
        taken = time.perf_counter() - began
        best, spent = min(best, taken), spent + taken
    return best, value


def allocated(function: Callable[[], object], calls: int = 2) -> int:
    """Largest number of bytes held at once of those that torch allocates within these calls.

    Torch's allocator on the CPU counts them, so they do not depend on machine or load. Earlier
    allocations and those of libraries outside the allocator are left out.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        for _ in range(calls):
            function()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        watched.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    counts = [each["args"] for each in events if each.get("name") == "[memory]"]
    counts.sort(key=lambda each: each["Ev Idx"])
    # The counter continues from earlier calls, whose surviving memory was never subtracted.
    before = counts[0]["Total Allocated"] - counts[0]["Bytes"]
    return max(each["Total Allocated"] for each in counts) - before
