"""Bounds at alpha = 1, which the experiments use and the paper does not bound.

With rho = Z^T Z / n, r = min(n, d) and h(T) = -T log T - (1-T) log(1-T):

Audenaert (2007): |H_1 - H_1'| <= T log(r-1) + h(T) for half the trace distance T <= 1 - 1/r of two
spectra of r numbers; the right side rises in T up to log r at T = 1 - 1/r, so T may be replaced by
any larger value. Here T <= mean_i sin(theta_i), because half the trace norm of z z^T - z' z'^T is
sin(theta).

Varentropy: along great circles, dH_1/dt = -(2/n) sum_i <dz_i/dt, (log rho - c) z_i> for any c, so
by Cauchy-Schwarz |H_1 - H_1'| <= 2 sqrt(V_r) rms(theta*), where V_r = max over spectra of r numbers
of the variance of log(lambda), at most log^2(r-1)/4 + 1 (Reeb & Wolf 2015).
"""

import math
from dataclasses import dataclass

from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics.information import representation_entropy, representation_mutual_information
from grokbook.theory._representations import line_angles, sines, unit_pair
from grokbook.theory.lemma_5_11 import product_angles


@dataclass(frozen=True)
class VonNeumann:
    """Both sides at alpha = 1; every field after `left` is an upper bound on it."""

    left: float
    audenaert: float
    varentropy: float


def entropy_bounds(Z: Tensor, Z_prime: Tensor) -> VonNeumann:
    """|H_1(G) - H_1(G')| and its two bounds, for (n, d) matrices with rows of length one."""
    first, second = unit_pair(Z, Z_prime)
    rank = min(first.shape)
    return VonNeumann(
        left=abs(
            float(representation_entropy(first, 1.0)) - float(representation_entropy(second, 1.0))
        ),
        audenaert=audenaert(float(sines(first, second).mean()), rank),
        varentropy=varentropy(line_angles(first, second), rank),
    )


def mutual_information_bounds(
    Z1: Tensor, Z2: Tensor, Z1_prime: Tensor, Z2_prime: Tensor
) -> VonNeumann:
    """|I_1(G_1, G_2) - I_1(G_1', G_2')| and the sums of the three entropies' bounds.

    Parameters
    ----------
    Z1, Z1_prime
        (n, d1) first-layer representations, rows of length one.
    Z2, Z2_prime
        (n, d2) representations of the logits, rows of length one.
    """
    first, first_prime = unit_pair(Z1, Z1_prime)
    second, second_prime = unit_pair(Z2, Z2_prime)
    n = len(first)
    angle_1, angle_2 = line_angles(first, first_prime), line_angles(second, second_prime)
    angle_12 = product_angles(angle_1, angle_2)
    parts = (
        (angle_1, min(n, first.shape[1])),
        (angle_2, min(n, second.shape[1])),
        (angle_12, min(n, first.shape[1] * second.shape[1])),
    )
    before = representation_mutual_information(first, second, 1.0)
    after = representation_mutual_information(first_prime, second_prime, 1.0)
    return VonNeumann(
        left=abs(float(before) - float(after)),
        audenaert=sum(audenaert(float(angle.sin().mean()), rank) for angle, rank in parts),
        varentropy=sum(varentropy(angle, rank) for angle, rank in parts),
    )


def audenaert(trace_distance: float, rank: int) -> float:
    """T log(r-1) + h(T) up to T = 1 - 1/r, and its largest value log r from there on.

    Examples
    --------
    >>> round(audenaert(0.5, 2), 4), audenaert(0.9, 2) == math.log(2)
    (0.6931, True)
    """
    if not trace_distance >= 0 or rank < 1:
        raise InputError(
            f"The trace distance and rank are {trace_distance} and {rank}, "
            "but must be at least 0 and 1."
        )
    if trace_distance >= 1 - 1 / rank:
        return math.log(rank)
    if trace_distance == 0:
        return 0.0
    mixing = -trace_distance * math.log(trace_distance)
    mixing -= (1 - trace_distance) * math.log1p(-trace_distance)
    return trace_distance * math.log(rank - 1) + mixing


def varentropy(angles: Tensor, rank: int) -> float:
    """2 sqrt(log^2(r-1)/4 + 1) times the root mean square angle; 0 for r = 1."""
    if rank == 1:
        return 0.0
    return 2 * math.sqrt(math.log(rank - 1) ** 2 / 4 + 1) * float(angles.square().mean().sqrt())
