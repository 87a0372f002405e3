"""Unit vectors, the angles between them, and Gram matrices' Frobenius norms, without lost digits.

Representations are (n, d) matrices, one sample a row; the paper writes them as columns. The angles
theta* = min(theta, pi - theta) and sines are taken from ||z - z'|| and ||z + z'||, since an arccos
of an inner product near 1 keeps only half of the digits.
"""

import torch
from torch import Tensor

from grokbook.theory._checks import representation_pair


def unit_rows(features: Tensor) -> Tensor:
    """Return the rows scaled to length one, float64; a zero row becomes the first basis vector.

    The paper's f/||f|| is undefined at f = 0. Any fixed unit vector will do: every bound here
    holds for all unit vectors.
    """
    rows = features.to(torch.float64)
    # Scaling by the largest entry first keeps tiny and huge rows from under- and overflowing.
    largest = rows.abs().amax(dim=-1, keepdim=True)
    first = torch.zeros_like(rows)
    first[..., 0] = 1.0
    rows = torch.where(largest > 0, rows / largest.clamp_min(torch.finfo(rows.dtype).tiny), first)
    return rows / rows.norm(dim=-1, keepdim=True)


def unit_pair(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both representations, checked to be (n, d) with rows of length one."""
    first, second = representation_pair(first, second)
    for rows in (first, second):
        lengths = rows.norm(dim=1)
        worst = float(lengths[(lengths - 1).abs().argmax()])
        if abs(worst - 1) > 1e-6:
            raise ValueError(f"A row has length {worst}, but every row must have length 1.")
    return first, second


def distances(first: Tensor, second: Tensor) -> Tensor:
    """||z_i - z_i'||, shape (n,)."""
    return (first - second).norm(dim=1)


def sines(first: Tensor, second: Tensor) -> Tensor:
    """Return the sine of the angle between z_i and z_i', shape (n,)."""
    return 0.5 * (first - second).norm(dim=1) * (first + second).norm(dim=1)


def line_angles(first: Tensor, second: Tensor) -> Tensor:
    """Return the angle between the lines through z_i and z_i', in [0, pi/2], shape (n,)."""
    chord = torch.minimum((first - second).norm(dim=1), (first + second).norm(dim=1))
    return 2 * torch.asin((chord / 2).clamp(max=1.0))


def gram_norm(rows: Tensor) -> Tensor:
    """||G||_F of G = Z Z^T (n x n), from whichever side is smaller."""
    n, d = rows.shape
    return (rows @ rows.T if n <= d else rows.T @ rows).norm()


def hadamard_gram(first: Tensor, second: Tensor) -> Tensor:
    """G_1 * G_2, entry by entry, (n, n)."""
    return (first @ first.T) * (second @ second.T)


def log_ratio_of_squares(first: Tensor, second: Tensor) -> float:
    """|log(first^2 / second^2)|, accurate also where the two are close."""
    return 2 * abs(float(torch.log1p((first - second) / second)))
