"""Lemma 5.8: how far the matrix entropy H_2 moves when the representations move.

Printed: |H_2(G) - H_2(G')| <= 8 sum_i ||z_i - z_i'||. True, but the printed proof ends with
sum_{i != j} (d_i + d_j) = n sum_i d_i, which is 2 (n-1) sum_i d_i, so it proves 16 (n-1)/n.
With Lemma 5.7 at its best constant the same chain gives 4 (n-1)/n.

Two sharper forms. Write M = sum_i z_i z_i^T, so ||M||_F = ||G||_F >= sqrt(n).
Sine: |log(||M||^2/||M'||^2)| <= 2 ||M - M'|| / min(||M||, ||M'||), and
||z z^T - z' z'^T||_F = sqrt(2) sin(theta).
Geodesic: turn each z_i along its great circle by theta*_i = min(theta_i, pi - theta_i) (the sign
of z_i does not matter); d/dt log ||M||^2 = 4 sum_i <dz_i/dt, M z_i> / ||M||^2, where
||M z_i - <z_i, M z_i> z_i|| <= (lambda_max - lambda_min)/2, and
2 (lambda_max - lambda_min) <= (1 + sqrt(r-1)) sum(lambda^2) / sum(lambda) for r eigenvalues >= 0.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from grokbook.theory._representations import (
    distances,
    gram_norm,
    line_angles,
    log_ratio_of_squares,
    sines,
    unit_pair,
)


@dataclass(frozen=True)
class Lemma58:
    """Both sides; every field after `left` is an upper bound on it.

    Attributes
    ----------
    left
        |H_2(G) - H_2(G')|.
    printed
        8 sum_i ||z_i - z_i'||.
    repaired
        4 (n-1)/n sum_i ||z_i - z_i'||, the bound of the paper's argument without its slip.
    sine
        2 sqrt(2) sum_i sin(theta_i) / min(||G||_F, ||G'||_F).
    sine_simple
        (2 sqrt(2) / sqrt(n)) sum_i ||z_i - z_i'||, a consequence of `sine`.
    geodesic
        ((1 + sqrt(r-1)) / n) sum_i theta*_i with r = min(n, d).
    """

    left: float
    printed: float
    repaired: float
    sine: float
    sine_simple: float
    geodesic: float


def both_sides(Z: Tensor, Z_prime: Tensor) -> Lemma58:
    """Both sides of Lemma 5.8 for two (n, d) matrices with rows of length one.

    Raises
    ------
    InputError
        If the shapes differ or a row does not have length one.

    Examples
    --------
    Two orthogonal rows that become equal, H_2 from log 2 to 0:

    >>> import torch
    >>> sides = both_sides(torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    >>> round(sides.left, 4), round(sides.sine, 4), round(sides.geodesic, 4)
    (0.6931, 2.0, 1.5708)
    """
    first, second = unit_pair(Z, Z_prime)
    n, d = first.shape
    moved = float(distances(first, second).sum())
    norm, norm_prime = gram_norm(first), gram_norm(second)
    sine_sum = float(sines(first, second).sum())
    return Lemma58(
        left=log_ratio_of_squares(norm, norm_prime),
        printed=8 * moved,
        repaired=4 * (n - 1) / n * moved,
        sine=2 * math.sqrt(2) * sine_sum / float(min(norm, norm_prime)),
        sine_simple=2 * math.sqrt(2 / n) * moved,
        geodesic=geodesic_rate(min(n, d)) / n * float(line_angles(first, second).sum()),
    )


def geodesic_rate(rank: int) -> float:
    """1 + sqrt(r - 1), or 0 where a single eigenvalue leaves the entropy no room (r = 1)."""
    return 0.0 if rank == 1 else 1 + math.sqrt(rank - 1)
