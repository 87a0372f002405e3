"""Lemma 5.11: how far the matrix mutual information I_2 moves when both representations move.

Printed: |I_2(G_1, G_2) - I_2(G_1', G_2')| <= 16 sum_j sum_i ||z_i^(j) - z_i'^(j)||. True, with the
same slip in its proof as Lemma 5.8; with Lemma 5.7 at its best constant the chain gives
8 (n-1)/n.

The sharper forms are those of Lemma 5.8 for each of the three entropies. G_1 * G_2 is the Gram
matrix of the unit vectors z^(1) tensor z^(2), which turn by the angle theta_12 with
cos theta_12 = cos theta_1 cos theta_2, so sin^2 theta_12 <= sin^2 theta_1 + sin^2 theta_2.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.theory._representations import (
    distances,
    gram_norm,
    hadamard_gram,
    line_angles,
    sines,
    unit_pair,
)
from grokbook.theory.lemma_5_8 import geodesic_rate


@dataclass(frozen=True)
class Lemma511:
    """Both sides; every field after `left` is an upper bound on it.

    Attributes
    ----------
    left
        |I_2(G_1, G_2) - I_2(G_1', G_2')|.
    printed
        16 times the sum D of all ||z_i^(j) - z_i'^(j)||.
    repaired
        8 (n-1)/n D.
    sine
        (2 sqrt(2) / sqrt(n)) sum_i [s_1 + s_2 + sqrt(s_1^2 + s_2^2)], s the sines of the angles.
    sine_simple
        (4 sqrt(2) / sqrt(n)) D, a consequence of `sine`.
    geodesic
        (1/n) sum_i [(1 + sqrt(r_1 - 1)) theta*_1 + (1 + sqrt(r_2 - 1)) theta*_2
        + (1 + sqrt(r_12 - 1)) theta_12], r_j = min(n, d_j), r_12 = min(n, d_1 d_2).
    """

    left: float
    printed: float
    repaired: float
    sine: float
    sine_simple: float
    geodesic: float


def both_sides(Z1: Tensor, Z2: Tensor, Z1_prime: Tensor, Z2_prime: Tensor) -> Lemma511:
    """Both sides of Lemma 5.11 for (n, d1) and (n, d2) matrices with rows of length one.

    Raises
    ------
    InputError
        If shapes do not fit or a row does not have length one.
    """
    first, first_prime = unit_pair(Z1, Z1_prime)
    second, second_prime = unit_pair(Z2, Z2_prime)
    if len(first) != len(second):
        raise InputError(
            f"The two layers have {len(first)} and {len(second)} samples, but must have as many."
        )
    n = len(first)
    rank_1, rank_2 = min(n, first.shape[1]), min(n, second.shape[1])
    rank_12 = min(n, first.shape[1] * second.shape[1])

    moved = float((distances(first, first_prime) + distances(second, second_prime)).sum())
    sine_1, sine_2 = sines(first, first_prime), sines(second, second_prime)
    angle_1, angle_2 = line_angles(first, first_prime), line_angles(second, second_prime)
    angle_12 = product_angles(angle_1, angle_2)
    turned = (
        geodesic_rate(rank_1) * angle_1
        + geodesic_rate(rank_2) * angle_2
        + geodesic_rate(rank_12) * angle_12
    )
    return Lemma511(
        left=mutual_information_change(first, second, first_prime, second_prime),
        printed=16 * moved,
        repaired=8 * (n - 1) / n * moved,
        sine=2 * math.sqrt(2 / n) * float((sine_1 + sine_2 + torch.hypot(sine_1, sine_2)).sum()),
        sine_simple=4 * math.sqrt(2 / n) * moved,
        geodesic=float(turned.sum()) / n,
    )


def product_angles(first: Tensor, second: Tensor) -> Tensor:
    """arccos(cos theta_1 cos theta_2) for angles in [0, pi/2], accurate for small angles too."""
    sine = torch.sqrt(first.sin().square() + (first.cos() * second.sin()).square())
    return torch.atan2(sine, first.cos() * second.cos())


def mutual_information_change(
    first: Tensor, second: Tensor, first_prime: Tensor, second_prime: Tensor
) -> float:
    """|I_2(G_1, G_2) - I_2(G_1', G_2')|, from Frobenius norms (Proposition 5.5)."""

    def log_change(norm: Tensor, norm_prime: Tensor) -> float:
        return 2 * float(torch.log1p((norm_prime - norm) / norm))

    joint = hadamard_gram(first, second).norm()
    joint_prime = hadamard_gram(first_prime, second_prime).norm()
    return abs(
        log_change(gram_norm(first), gram_norm(first_prime))
        + log_change(gram_norm(second), gram_norm(second_prime))
        - log_change(joint, joint_prime)
    )
