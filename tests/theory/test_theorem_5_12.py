"""Theorem 5.12: false as printed even at interpolation, true with relative changes."""

import math

import pytest
import torch
from hypothesis import given, settings
from scipy import integrate, stats
from strategies_instances import Instance, layer_pairs

from grokbook.theory import theorem_5_12

SIGMA = 0.05


def ramp(x: torch.Tensor) -> torch.Tensor:
    """Outputs (1, 0) on one side of the bisector of the quadrant, (0, 1) on the other.

    A difference of two ReLUs, linear in a strip of width 0.1.
    """
    u = (x[..., 0] - x[..., 1]) / math.sqrt(2)
    rise = (torch.relu(u + 0.05) - torch.relu(u - 0.05)) / 0.1
    return torch.stack((rise, 1 - rise), dim=-1)


def sides(c: float, draws: int = 8_000) -> theorem_5_12.Theorem512:
    """x_1 = (1, 0), x_2 = (0, 1), first layer c x; what follows undoes c, so f interpolates."""
    x = torch.eye(2).double()
    noise = torch.randn(
        draws, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    noisy = x + SIGMA * noise
    torch.testing.assert_close(ramp(x), x, rtol=0, atol=1e-14)
    return theorem_5_12.both_sides(c * x, ramp(c * x / c), c * noisy, ramp(c * noisy / c))


def test_both_sides_of_the_counterexample() -> None:
    """MID = E log(1 + cos^2 phi) over the angle phi between the noisy points.

    f does not move, so G_2 = I and I_2 = H_2(G_1). Each point's angle has the density of a Gaussian
    around distance 1; the right side is 32 c E||Delta|| = 32 c sigma sqrt(pi/2).
    """
    s = sides(1.0)
    assert s.printed == pytest.approx(32 * SIGMA * math.sqrt(math.pi / 2), rel=0.02)
    assert round(32 * SIGMA * math.sqrt(math.pi / 2), 3) == 2.005

    # E cos(2 phi) factorises over the two independent points; expand log(1 + cos^2) in cos(2k phi):
    # log((3 + cos 2 phi)/2) = c0 + sum_k ck cos(2 k phi).
    def coefficient(k: int) -> float:
        value = integrate.quad(
            lambda p: math.log((3 + math.cos(2 * p)) / 2) * math.cos(2 * k * p), 0, math.pi
        )[0]
        return value / math.pi * (1 if k == 0 else 2)

    def mean_cosine(k: int) -> float:
        """E cos(2 k angle) of a point at distance 1 with Gaussian noise, by quadrature."""
        density = lambda a: (  # noqa: E731
            math.exp(-1 / (2 * SIGMA**2)) / (2 * math.pi)
            + math.cos(a)
            / (SIGMA * math.sqrt(2 * math.pi))
            * math.exp(-(math.sin(a) ** 2) / (2 * SIGMA**2))
            * stats.norm.cdf(math.cos(a) / SIGMA)
        )
        return 2 * integrate.quad(lambda a: density(a) * math.cos(2 * k * a), 0, math.pi)[0]

    # The two points are at a right angle, so phi = pi/2 + difference of their angles.
    expected = sum(coefficient(k) * (-1) ** k * mean_cosine(k) ** 2 for k in range(12))
    assert round(expected, 6) == 0.004951
    assert s.left == pytest.approx(expected, rel=0.05)
    assert round(expected / (32 * SIGMA * math.sqrt(math.pi / 2)), 5) == 0.00247


def test_printed_bound_is_violated_at_interpolation() -> None:
    small = sides(0.002)
    assert small.left > small.printed
    assert small.left <= small.repaired
    assert small.repaired == pytest.approx(sides(1.0).repaired)


@settings(deadline=None)
@given(pair=layer_pairs())
def test_repaired_bound_holds(pair: tuple[Instance, Instance]) -> None:
    first, second = pair
    s = theorem_5_12.both_sides(first.features, second.features, first.perturbed, second.perturbed)
    assert s.left <= s.repaired * (1 + 1e-9) + 1e-12


def test_shapes_must_fit() -> None:
    eye = torch.eye(2)
    with pytest.raises(ValueError, match="must have as many"):
        theorem_5_12.both_sides(eye, eye, torch.stack((eye, eye)), eye)
