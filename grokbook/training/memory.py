"""The least memory that a training needs, computed before it starts."""

from __future__ import annotations

import itertools
import math
import os
from contextlib import suppress
from pathlib import Path

from grokbook._support.errors import InputError
from grokbook.experiments.schema import Experiment

_GIB = 2**30


def least_bytes(recipe: Experiment) -> dict[str, float]:
    """Return the least bytes for the large parts of a training, by the field that sets them.

    Weights count four times: themselves, gradients and the optimiser's two moments. A pair is two
    integers of 8 bytes and a label; a point of the log is two step numbers. Fields of other classes
    are unknown and left out.
    """
    each = 8 if recipe.dtype == "float64" else 4
    found: dict[str, float] = {"log.points": 48.0 * recipe.log.points}
    p = getattr(recipe.dataset, "p", None)
    if isinstance(p, int):
        found["dataset.p"] = 24.0 * p**2
    d, mlp = (getattr(recipe.model, name, None) for name in ("d", "mlp"))
    if isinstance(d, int) and isinstance(mlp, int):
        found["model.d and model.mlp"] = 4.0 * each * (4 * d**2 + 2 * d * mlp + 2 * d * (p or 1))
    hidden = getattr(recipe.model, "hidden", None)
    if isinstance(hidden, tuple) and hidden:
        sizes = (*hidden, 1)
        found["model.hidden"] = (
            4.0 * each * math.fsum(float(a) * b for a, b in itertools.pairwise(sizes))
        )
    return found


def machine_bytes() -> float:
    """Return the memory of this machine, or the limit of its control group, in bytes."""
    found = [math.inf]
    with suppress(AttributeError, ValueError, OSError):  # not a POSIX system
        found.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            found.append(float((Path("/sys/fs/cgroup") / name).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return min(found)


def require_memory(recipe: Experiment) -> None:
    """Refuse a training that this machine cannot hold.

    Raises
    ------
    InputError
        With the least memory needed and the memory available.
    """
    needed = least_bytes(recipe)
    there = machine_bytes()
    if sum(needed.values()) <= there:
        return
    blamed = max(needed, key=lambda field: needed[field])
    raise InputError(
        f"{blamed} asks for at least {_written(needed[blamed])} of memory, but this machine has"
        f" {_written(there)}; choose a smaller value."
    )


def _written(size: float) -> str:
    """Write a size for a message.

    >>> _written(3.2e11), _written(1e30)
    ('298 GiB', '9.3e+20 GiB')
    """
    gibibytes = size / _GIB
    return f"{gibibytes:.0f} GiB" if 10 <= gibibytes < 1e6 else f"{gibibytes:.2g} GiB"
