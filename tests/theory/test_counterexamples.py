"""Every counterexample, against numbers found another way."""

import math

import pytest
import torch
from scipy import integrate, stats

from grokbook.theory import counterexamples


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_lemma_3_1_fails_without_each_hypothesis() -> None:
    table = counterexamples.lemma_3_1().set_index("dropped")
    # Hand calculation: sech^2(1) squared is 0.176; the Hessian's second term makes the trace -1.01.
    assert table.loc["interpolation", "left"] == pytest.approx(1 / math.cosh(1) ** 4)
    assert table.loc["interpolation", "left"] == pytest.approx(0.176, abs=5e-4)
    assert table.loc["interpolation", "printed"] == pytest.approx(-2.02, abs=5e-3)
    assert tuple(table.loc["no skip connection", ["left", "printed"]]) == (3, 0)
    assert table.loc["no weight sharing", "left"] == pytest.approx(2)
    assert table.loc["no weight sharing", "printed"] == pytest.approx(0.02)
    p = 1 / (1 + math.exp(-1))
    assert table.loc["squared loss", "left"] == pytest.approx(1)
    assert table.loc["squared loss", "printed"] == pytest.approx(2 * p * (1 - p))
    assert table.loc["squared loss", "printed"] == pytest.approx(0.393, abs=5e-4)
    assert (table["left"] > table["printed"]).all()


def test_theorem_3_2_is_false_as_printed() -> None:
    example = counterexamples.theorem_3_2_label()
    assert example["epsilon"] == pytest.approx(1 / (2 * math.sqrt(2 * 1 * 4)))
    assert example["epsilon"] == pytest.approx(0.1768, abs=5e-5)
    assert example["distance"] == pytest.approx(0.02)
    assert (example["delta"], example["accuracy"], example["certified"]) == (1, 0, 0)
    assert example["epsilon_3_3"] == pytest.approx(1 / (1 + 4 * math.sqrt(2)))
    assert example["epsilon_3_4"] == pytest.approx(example["epsilon"] / 2)
    assert example["distance"] < example["epsilon_3_4"]


def test_a_falling_norm_does_not_raise_epsilon() -> None:
    before, after = counterexamples.falling_norm(0.8), counterexamples.falling_norm(1.0)
    assert (before["norm_squared"], after["norm_squared"]) == pytest.approx((2.2025, 2.0))
    assert before["product"] == pytest.approx(17.5, abs=0.05)
    assert after["product"] == pytest.approx(22)
    assert after["epsilon"] < before["epsilon"]
    dense = counterexamples.dense_sides(
        lambda x, W1, W2: W2 * (W1 * x),
        [torch.tensor(0.8).double(), torch.eye(10)[0].double() / 0.8],
        torch.ones(1, 1).double(),
        counterexamples.squared_loss(torch.eye(10)[:1].double()),
    )
    assert dense[1] == pytest.approx(before["product"])


@pytest.mark.parametrize(("n", "second_order"), [(12, -0.0206), (64, -1.448)])
def test_information_of_order_2_can_be_negative(n: int, second_order: float) -> None:
    information = counterexamples.negative_information(n)
    squared = (n / 2) ** 2 + n / 2  # ||G||_F^2 of a block of n/2 and n/2 single points
    assert information["I_2"] == pytest.approx(math.log(n**3 / squared**2))
    assert information["I_2"] == pytest.approx(second_order, abs=5e-4)
    if n == 64:
        assert information["I_1"] == pytest.approx(0.693, abs=5e-4)


def test_theorem_5_9_fails_for_small_outputs() -> None:
    """ED = E log(2 / (1 + cos^2 phi)), phi ~ N(0, 2); right side 32 c E|sin(Delta/2)|."""
    entropy_difference = integrate.quad(
        lambda phi: math.log(2 / (1 + math.cos(phi) ** 2)) * stats.norm.pdf(phi, scale=2**0.5),
        -15,
        15,
        limit=500,
    )[0]
    # |sin(x/2)| = 2/pi - (4/pi) sum_k cos(k x) / (4 k^2 - 1), and E cos(k x) = exp(-k^2/2).
    series = sum(math.exp(-(k**2) / 2) / (4 * k**2 - 1) for k in range(1, 10))
    slope = 32 * (2 / math.pi - 4 / math.pi * series)
    assert round(entropy_difference, 4) == 0.3104
    assert round(slope, 2) == 11.75
    assert round(entropy_difference / slope, 4) == 0.0264
    large = counterexamples.small_outputs(1.0, 10_000, seeded())
    small = counterexamples.small_outputs(0.02, 10_000, seeded())
    assert large.left == pytest.approx(entropy_difference, rel=0.03)
    assert large.printed == pytest.approx(slope, rel=0.03)
    assert large.left <= large.printed
    assert small.left == pytest.approx(large.left)
    assert small.printed < small.left <= small.repaired


def test_theorem_5_12_fails_at_interpolation() -> None:
    """MID = E log(1 + cos^2 phi) over the angle phi between the noisy points.

    f does not move, so G_2 = I and I_2 = H_2(G_1). Right side: 32 c E||Delta|| = 32 c sigma
    sqrt(pi/2).
    """
    sigma = 0.05
    slope = 32 * sigma * math.sqrt(math.pi / 2)
    expected = mean_log_one_plus_cos_squared(sigma)
    assert round(slope, 3) == 2.005
    assert round(expected, 6) == 0.004951
    assert round(expected / slope, 5) == 0.00247
    large = counterexamples.small_first_layer(1.0, 8_000, seeded())
    small = counterexamples.small_first_layer(0.002, 8_000, seeded())
    assert large.left == pytest.approx(expected, rel=0.05)
    assert large.printed == pytest.approx(slope, rel=0.02)
    assert small.left == pytest.approx(large.left)
    assert small.repaired == pytest.approx(large.repaired)
    assert small.printed < small.left <= small.repaired


def mean_log_one_plus_cos_squared(sigma: float) -> float:
    """By Fourier series, since E cos(2k(a - b)) factorises over the two points' angles a and b.

    phi is a right angle plus their difference, so cos^2 phi = (1 - cos 2(a - b)) / 2.
    """

    def angular_density(a: float) -> float:
        """Of a point at distance 1 with Gaussian noise, seen from the origin."""
        forward = math.cos(a) / sigma
        return math.exp(-1 / (2 * sigma**2)) / (2 * math.pi) + forward / math.sqrt(
            2 * math.pi
        ) * math.exp(-(math.sin(a) ** 2) / (2 * sigma**2)) * float(stats.norm.cdf(forward))

    def mean_cosine(k: int) -> float:
        return 2 * integrate.quad(lambda a: angular_density(a) * math.cos(2 * k * a), 0, math.pi)[0]

    def coefficient(k: int) -> float:
        value = integrate.quad(
            lambda p: math.log((3 - math.cos(2 * p)) / 2) * math.cos(2 * k * p), 0, math.pi
        )[0]
        return value / math.pi * (1 if k == 0 else 2)

    return sum(coefficient(k) * mean_cosine(k) ** 2 for k in range(12))
