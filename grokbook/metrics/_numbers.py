"""Limits of floating-point numbers and memory: rounding by type, norms without overflow."""

import os
from math import inf

import torch
from torch import Tensor

from grokbook._support.errors import InputError

EPS = torch.finfo(torch.float64).eps
_ROUNDING = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def rounding(dtype: torch.dtype) -> float:
    """Return the tolerated error of numbers near one, computed in this type."""
    return _ROUNDING.get(dtype, 1e-8)


def spacing(dtype: torch.dtype) -> float:
    """Return the gap between 1 and the next number of a type; that of float64 for integers."""
    return torch.finfo(dtype).eps if dtype.is_floating_point else EPS


def vector_norm(values: Tensor, p: float = 2, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """Return p-norms of float64 values, also where their p-th powers over- or underflow.

    Infinite only if the norm itself is beyond the largest number.
    """
    norms = torch.linalg.vector_norm(values, p, dim=dim)
    reach = 10.0 ** (200 / p)  # within it, powers that underflow do not count
    safe = (norms > 1 / reach) & (norms < reach)
    if safe.all():
        return norms
    axes = tuple(range(values.ndim)) if dim is None else dim
    largest = values.abs().amax(dim=axes, keepdim=True)
    unit = values / torch.where(largest > 0, largest, 1.0)
    scaled = torch.linalg.vector_norm(unit, p, dim=dim) * largest.reshape(norms.shape)
    return torch.where(safe, norms, scaled)


def require_representable(value: float, name: str) -> float:
    """Return a result; refuse one beyond the largest float64."""
    if not abs(value) < inf:
        raise InputError(f"{name} is beyond 1.8e308, but must be a number that float64 can hold.")
    return value


def require_memory(size: float, what: str) -> None:
    """Refuse a computation that needs more bytes than the machine has."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not available on every system
        return
    if size > total > 0:
        raise InputError(
            f"{what} needs {size / 2**30:.3g} GiB of memory, but must fit into the "
            f"{total / 2**30:.3g} GiB of this machine."
        )
