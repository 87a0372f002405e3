"""Independent random streams from one seed: generators are passed, never global."""

from __future__ import annotations

import zlib

import numpy as np
import torch


def generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch generator for one named stream of one seed.

    Streams ("split", "init", "batches", "noise", "metrics") are independent of each other, so that
    drawing more from one, say by logging more often, changes nothing in another.

    Parameters
    ----------
    seed : int
        The run's seed, non-negative.
    stream : str
        Name of the stream.

    Examples
    --------
    >>> import torch
    >>> a, b = (torch.rand(1, generator=generator(0, s)) for s in ("init", "noise"))
    >>> bool(a == b)
    False
    """
    # CRC-32 rather than hash(): Python salts the latter in every process.
    entropy = np.random.SeedSequence([seed, zlib.crc32(stream.encode())])
    state = int(entropy.generate_state(1, np.uint64)[0])
    return torch.Generator(device=device).manual_seed(state)
