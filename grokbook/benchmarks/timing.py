"""Time and memory of functions that are called again and again."""

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
WARM_UP = 3  # calls before the first that counts: compile, fill caches
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
    the machine hits all alike.
    """
    # What was compiled before counts towards a limit, past which torch goes on without compiling.
    torch.compiler.reset()
    for function in functions.values():
        for _ in range(WARM_UP):
            function()
    taken: dict[Name, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            function()  # not counted: the caches still hold what the one before it needed
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
    """Least seconds of up to ``rounds`` calls, and the value; no call begins after ``patience``."""
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
    """Most bytes that torch held of what it allocated within these calls.

    Counted by torch's allocator on the CPU: it does not depend on machine or load. What was there
    before and what libraries take past it are left out.
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
    # The counter goes on from earlier calls: what outlived them was never taken off.
    before = counts[0]["Total Allocated"] - counts[0]["Bytes"]
    return max(each["Total Allocated"] for each in counts) - before
