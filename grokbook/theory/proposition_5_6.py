"""Proposition 5.6: H_2(K) = 2 log n - log ||K||_F^2.

By definition H_2(K) = -log tr((K/n)^2) = 2 log n - log tr(K^2), and tr(K^2) = ||K||_F^2 if K is
symmetric, as Gram matrices are. Printed for every K in R^{n x n}, for which it is false:
K = [[1, 1], [0, 1]] has tr(K^2) = 2 and ||K||_F^2 = 3.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError


@dataclass(frozen=True)
class Proposition56:
    """The two sides of an identity: 2 log n - log tr(K^2), and the Frobenius form."""

    left: float
    right: float


def both_sides(K: Tensor) -> Proposition56:
    """Both sides of Proposition 5.6 for an (n, n) matrix K with tr(K^2) > 0.

    Examples
    --------
    >>> sides = both_sides(torch.eye(3))
    >>> sides.left == sides.right
    True
    """
    K = K.to(torch.float64)
    if K.ndim != 2 or K.shape[0] != K.shape[1]:
        raise InputError(f"K has shape {tuple(K.shape)}, but must be a square matrix.")
    trace = float((K * K.T).sum())
    if not trace > 0:
        raise InputError(f"tr(K^2) is {trace}, but must be above 0 for H_2 to exist.")
    log_n = math.log(K.shape[0])
    return Proposition56(
        left=2 * log_n - math.log(trace),
        right=2 * log_n - math.log(float(K.square().sum())),
    )
