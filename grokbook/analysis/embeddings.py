"""How a network's embedding of 0 … p - 1 comes to lie on circles, from its snapshots."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from grokbook import metrics

Floats = NDArray[np.floating]


def spectra(weights: Floats) -> Floats:
    """Return the share of each frequency 1 … ⌊p/2⌋ by snapshot.

    Parameters
    ----------
    weights
        (k, p, d), the embeddings of the numbers at k steps.

    Returns
    -------
    ndarray
        (k, ⌊p/2⌋), rows that sum to one: :func:`grokbook.metrics.embedding_spectrum`.
    """
    return np.stack(
        [metrics.embedding_spectrum(torch.from_numpy(each)).numpy() for each in weights]
    )


def strongest(weights: Floats, count: int) -> list[int]:
    """Return the frequencies with the largest shares of the last snapshot, largest first."""
    shares = spectra(weights[-1:])[0]
    return [int(place) + 1 for place in np.argsort(-shares, kind="stable")[:count]]


def circle(weights: Floats, frequency: int) -> Floats:
    r"""Return every number's place in the plane of one frequency of the last network.

    The plane is spanned by :math:`\sum_a \cos(2\pi k a/p) W_a` and
    :math:`\sum_a \sin(2\pi k a/p) W_a` of the last snapshot, made orthogonal.

    Parameters
    ----------
    weights
        (k, p, d), as for :func:`spectra`.
    frequency
        From 1 to ⌊p/2⌋.

    Returns
    -------
    ndarray
        (k, p, 2), in units of the weights.

    Examples
    --------
    >>> angle = 2 * np.pi * 2 * np.arange(5) / 5
    >>> turning = np.stack((np.cos(angle), np.sin(angle)), axis=1)[None]
    >>> np.hypot(*circle(turning, 2)[0].T).round(6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    last = weights[-1].astype(np.float64)
    angles = 2 * np.pi * frequency * np.arange(len(last)) / len(last)
    plane, _ = np.linalg.qr(np.stack((np.cos(angles) @ last, np.sin(angles) @ last), axis=1))
    return np.asarray(weights @ plane)
