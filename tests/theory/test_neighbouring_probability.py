"""Distances to the training set and the two forms of P(r)."""

import math
import os

import pytest
import torch
from scipy import stats

from grokbook.tasks.base import Split
from grokbook.tasks.images import MNIST
from grokbook.theory import interpolation
from grokbook.theory import neighbouring_probability as neighbours

DTYPE = torch.float64


def points(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=DTYPE)


def test_nearest_distances_agree_with_a_plain_loop() -> None:
    test, train = points(35, 6, 0), points(40, 6, 1)
    expected = torch.tensor([min(float((x - y).norm()) for y in train) for x in test], dtype=DTYPE)
    torch.testing.assert_close(
        neighbours.nearest_distances(test, train, chunk=8), expected, rtol=1e-12, atol=0
    )


def test_tiny_distances_keep_their_digits() -> None:
    train = points(40, 6, 1) + 100
    test = train + 1e-9 * torch.eye(6).double()[0]
    torch.testing.assert_close(
        neighbours.nearest_distances(test, train), (test - train).norm(dim=1), rtol=1e-12, atol=0
    )


def test_only_neighbours_of_the_same_label_count_when_labels_are_given() -> None:
    train, labels = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 1, 1])
    test, test_labels = torch.tensor([[0.1], [0.1], [0.1]]), torch.tensor([0, 1, 2])
    distances = neighbours.nearest_distances(
        test, train, test_labels=test_labels, train_labels=labels
    )
    assert distances.tolist() == pytest.approx([0.1, 0.9, math.inf])
    with pytest.raises(ValueError, match="Only one of"):
        neighbours.nearest_distances(test, train, test_labels=test_labels)
    with pytest.raises(ValueError, match="shapes"):
        neighbours.nearest_distances(test[:, 0], train)


def test_empirical_counts_distances_up_to_and_including_r() -> None:
    distances = torch.tensor([3.0, 1.0, 2.0, 2.0])
    assert neighbours.empirical(torch.tensor([0.0, 1.0, 1.5, 2.0, 9.0]), distances).tolist() == [
        0.0,
        0.25,
        0.25,
        0.75,
        1.0,
    ]


@pytest.mark.parametrize("mu", [1e-4, 0.01, 3.0])
def test_half_normal_takes_mu_as_the_variance(mu: float) -> None:
    for r in (0.0, 0.01, 0.1, 2.0):
        expected = stats.norm.cdf(r, scale=math.sqrt(mu)) - stats.norm.cdf(-r, scale=math.sqrt(mu))
        assert float(neighbours.half_normal(r, mu)) == pytest.approx(expected, abs=1e-15)
    for q in (0.0, 0.1, 0.9, 0.999):
        radius = neighbours.half_normal_radius(q, mu)
        assert float(neighbours.half_normal(radius, mu)) == pytest.approx(q, abs=1e-14)


def test_half_normal_limits_and_refusals() -> None:
    assert neighbours.half_normal(torch.tensor([0.0, 1e-300], dtype=DTYPE), mu=0.0).tolist() == [
        0.0,
        1.0,
    ]
    assert neighbours.half_normal_radius(1.0) == math.inf
    with pytest.raises(ValueError, match="mu is -1"):
        neighbours.half_normal(1.0, mu=-1.0)
    with pytest.raises(ValueError, match="smallest r is -1"):
        neighbours.half_normal(-1.0)
    with pytest.raises(ValueError, match=r"q is 1\.5"):
        neighbours.half_normal_radius(1.5)


def test_half_normal_density_at_zero_is_impossible_in_two_dimensions() -> None:
    """Uniform points in a square: P(r)/r tends to 0, for the half-normal form it does not."""
    train = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=DTYPE)
    test = torch.rand(40_000, 2, generator=torch.Generator().manual_seed(1), dtype=DTYPE)
    distances = neighbours.nearest_distances(test, train)
    for r in (0.01, 0.003):
        assert float(neighbours.empirical(r, distances)) <= 50 * math.pi * r**2 * 1.2
    assert float(neighbours.half_normal(1e-9)) / 1e-9 == pytest.approx(
        2 / math.sqrt(2 * math.pi * 0.01)
    )


def test_label_consistent_radius_is_half_the_closest_opposed_pair() -> None:
    inputs = torch.tensor([[0.0, 0.0], [0.1, 0.0], [3.0, 4.0]])
    assert neighbours.label_consistent_radius(inputs, torch.tensor([0, 0, 1])) == pytest.approx(
        math.hypot(2.9, 4.0) / 2
    )
    assert neighbours.label_consistent_radius(inputs, torch.tensor([1, 1, 1])) == math.inf


def test_no_test_image_of_mnist_is_near_enough(mnist: Split) -> None:
    """Finding A on the paper's MNIST split: radii up to 0.0236 against distances from 1.170 on."""
    smallest = float(mnist.train_x.double().norm(dim=1).min())
    largest = interpolation.largest_epsilon(1000, 10, smallest)
    distances = neighbours.nearest_distances(mnist.test_x, mnist.train_x)
    uniform = neighbours.label_consistent_radius(mnist.train_x, mnist.train_y)
    assert round(largest, 4) == 0.0236
    assert round(float(distances.min()), 3) == 1.170
    assert float(neighbours.empirical(largest, distances)) == 0
    assert round(2 * uniform, 3) == 4.149
    assert float(neighbours.empirical(uniform, distances)) == pytest.approx(0.0161)


@pytest.fixture
def mnist() -> Split:
    if "GROKBOOK_DATA" not in os.environ:
        pytest.skip("GROKBOOK_DATA is not set")
    return MNIST(train_points=1000).load()
