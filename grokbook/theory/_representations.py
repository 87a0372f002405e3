"""Unit vectors, the angles between them, and Gram matrices' Frobenius norms, without lost digits.

Representations are (n, d) matrices, one sample per row; the paper writes them as columns. The
angles theta* = min(theta, pi - theta) and sines are taken from ||z - z'|| and ||z + z'||, since an
arccos of an inner product near 1 keeps only half of the digits.
"""

import torch
from torch import Tensor

from grokbook._support.errors import InputError


def representation_pair(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both tensors in float64, after checking that they are (n, d) of equal shape and finite."""
    if first.ndim != 2 or first.shape != second.shape or first.numel() == 0:
        raise InputError(
            f"The representations have shapes {tuple(first.shape)} and {tuple(second.shape)}, "
            "but must be two non-empty (n, d) matrices of the same shape."
        )
    first, second = first.to(torch.float64), second.to(torch.float64)
    if not (bool(first.isfinite().all()) and bool(second.isfinite().all())):
        raise InputError("The representations hold NaN or infinity, but must be finite.")
    return first, second


def length_tolerance(*vectors: Tensor) -> float:
    """Return the tolerated error of the length of unit vectors, from the types they had.

    At least 1e-6: vectors are often scaled in float32 and then converted.
    """
    spacings = [torch.finfo(v.dtype).eps for v in vectors if v.dtype.is_floating_point]
    return max([1e-6, *(4 * gap for gap in spacings)])


def unit_pair(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both representations, checked to be (n, d) with rows of length one."""
    tolerance = length_tolerance(first, second)
    first, second = representation_pair(first, second)
    for rows in (first, second):
        lengths = rows.norm(dim=1)
        worst = float(lengths[(lengths - 1).abs().argmax()])
        if abs(worst - 1) > tolerance:
            raise InputError(f"A row has length {worst}, but every row must have length 1.")
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
