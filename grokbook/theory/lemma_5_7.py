"""Lemma 5.7: inner products of unit vectors move no faster than the vectors.

Printed: |<a_i, a_j> - <b_i, b_j>| <= 4 (||a_i - b_i|| + ||a_j - b_j||). True, though the printed
proof's first line equates the inner products with the whole, not half, of the squared distances.
The best constant is 1, not 4: write the difference as
<a_i - b_i, a_j> + <b_i, a_j - b_j>; equality holds at a_i = b_i = a_j = -b_j.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.theory._representations import length_tolerance


@dataclass(frozen=True)
class Lemma57:
    """Both sides; every field after `left` is an upper bound on it."""

    left: float
    printed: float
    repaired: float


def both_sides(a_i: Tensor, a_j: Tensor, b_i: Tensor, b_j: Tensor) -> Lemma57:
    """Both sides of Lemma 5.7 for four vectors of length one, each of shape (d,).

    Examples
    --------
    >>> e = torch.tensor([1.0, 0.0])
    >>> both_sides(e, e, e, -e)
    Lemma57(left=2.0, printed=8.0, repaired=2.0)
    """
    tolerance = length_tolerance(a_i, a_j, b_i, b_j)
    vectors = [vector.to(torch.float64) for vector in (a_i, a_j, b_i, b_j)]
    for vector in vectors:
        if vector.shape != vectors[0].shape or vector.ndim != 1:
            raise InputError(
                f"A vector has shape {tuple(vector.shape)}, "
                "but all four must be of the same shape (d,)."
            )
        if abs(float(vector.norm()) - 1) > tolerance:
            raise InputError(f"A vector has length {float(vector.norm())}, but must have length 1.")
    a, c, b, d = vectors
    moved = float((a - b).norm() + (c - d).norm())
    # The difference as the proof writes it keeps its digits where the vectors are close.
    left = abs(float((a - b) @ c + b @ (c - d)))
    return Lemma57(left=left, printed=4 * moved, repaired=moved)
