"""Proposition 5.5: I_2(R_1; R_2) = 2 log n - log(||R_1||_F^2 ||R_2||_F^2 / ||R_1 * R_2||_F^2).

True: each entropy in Definition 2.2 is given by Proposition 5.6, and two of the three terms
2 log n cancel. I_2, unlike I_1, can be negative.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError


@dataclass(frozen=True)
class Proposition55:
    """The two sides of an identity: Definition 2.2 from eigenvalues, and the Frobenius form."""

    left: float
    right: float


def both_sides(R1: Tensor, R2: Tensor) -> Proposition55:
    """Both sides of Proposition 5.5 for positive semi-definite (n, n) R1, R2 with unit diagonal.

    Examples
    --------
    >>> sides = both_sides(torch.ones(3, 3), torch.eye(3))
    >>> abs(sides.left) < 1e-12, abs(sides.right) < 1e-12
    (True, True)
    """
    R1, R2 = R1.to(torch.float64), R2.to(torch.float64)
    if R1.ndim != 2 or R1.shape[0] != R1.shape[1] or R1.shape != R2.shape:
        raise InputError(
            f"R1 and R2 have shapes {tuple(R1.shape)} and {tuple(R2.shape)}, "
            "but must be square matrices of the same size."
        )
    n = R1.shape[0]

    def entropy(R: Tensor) -> float:
        return -math.log(float((torch.linalg.eigvalsh(R) / n).square().sum()))

    def squared(R: Tensor) -> float:
        return float(R.square().sum())

    product = R1 * R2
    return Proposition55(
        left=entropy(R1) + entropy(R2) - entropy(product),
        right=2 * math.log(n) - math.log(squared(R1) * squared(R2) / squared(product)),
    )
