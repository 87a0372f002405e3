"""The device to train on, and how many seeds fit there."""

from __future__ import annotations

import torch

from grokbook._support.errors import InputError


def seeds_that_fit(free: int, one_seed: int) -> int:
    """Return how many seeds fit into ``free`` bytes if a step of one takes ``one_seed``.

    A tenth is reserved for what the allocator cannot use.

    >>> seeds_that_fit(free=100_000, one_seed=9_000)
    10
    """
    return int(0.9 * free // max(1, one_seed))


def find_device(name: str) -> torch.device:
    """Return the device of a name; "auto" is the first GPU, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(name)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise InputError(
            f"There is no device {name!r} here; cpu{' and cuda' * torch.cuda.is_available()} can be"
            " used, or auto."
        ) from None
    return place
