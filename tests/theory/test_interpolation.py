"""The floor under ||W||^2 S at interpolation, and what is left of Theorem 3.2's radius."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grokbook.theory import instances, interpolation, theorem_3_2


@settings(deadline=None)
@given(n=st.integers(1, 6), outputs=st.integers(1, 8), seed=st.integers(0, 2**32 - 1))
def test_norm_times_sharpness_is_at_least_the_number_of_classes(n, outputs, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    network = instances.interpolating_network(n, 3, 4 * n, outputs, generator)
    product = network.weight_norm() ** 2 * network.sharpness()
    assert outputs <= product * (1 + 1e-9)
    epsilon = theorem_3_2.epsilon(
        network.weight_norm(), network.sharpness(), n, float(network.inputs.norm(dim=1).min())
    )
    largest = interpolation.largest_epsilon(n, outputs, float(network.inputs.norm(dim=1).min()))
    assert epsilon <= largest * (1 + 1e-9)


def test_one_linear_map_through_one_point_meets_the_bound() -> None:
    """f = Wx, n = 1: the smallest W through x has ||W||^2 = 1/||x||^2 and S = K ||x||^2."""
    x = torch.tensor([3.0, 4.0]).double()
    W = torch.outer(torch.tensor([0.0, 1.0, 0.0]).double(), x) / x.square().sum()
    sharpness = 3 * float(x.square().sum())
    assert float(W.square().sum()) * sharpness == pytest.approx(
        interpolation.smallest_norm_times_sharpness(3)
    )


@settings(deadline=None)
@given(
    depth=st.integers(1, 4),
    outputs=st.integers(1, 5),
    scale=st.floats(0.2, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_relu_networks_without_biases(depth, outputs, scale, seed) -> None:
    """One point, each layer a random non-negative matrix, rescaled so that f(x) = onehot(0)."""
    generator = torch.Generator().manual_seed(seed)

    def positive(*shape: int) -> torch.Tensor:
        return scale * torch.rand(*shape, generator=generator, dtype=torch.float64) + 0.01

    x = positive(3)
    sizes = [3] + [4] * (depth - 1)
    weights = [positive(sizes[layer + 1], sizes[layer]) for layer in range(depth - 1)]
    h = x
    for W in weights:
        h = torch.relu(W @ h)
    target = torch.zeros(outputs).double()
    target[0] = 1
    weights.append(torch.outer(target, h) / h.square().sum())

    def f(*layers):
        value = x
        for layer in layers[:-1]:
            value = torch.relu(layer @ value)
        return layers[-1] @ value

    gradients = torch.autograd.functional.jacobian(f, tuple(weights))
    sharpness = sum(float(part.square().sum()) for part in gradients)
    norm_squared = sum(float(W.square().sum()) for W in weights)
    least = interpolation.smallest_norm_times_sharpness(outputs, relu_depth=depth)
    assert least <= norm_squared * sharpness * (1 + 1e-9)


def test_relu_bound_is_met_by_a_balanced_chain() -> None:
    """One unit a layer, three layers w, w, 1/w^2 (times e_1), x = 1, K = 4 outputs.

    Cauchy and Schwarz lose nothing where S_l / ||W_l||^2 is equal for all layers: w^12 = 1/K.
    """
    outputs = 4
    w = outputs ** (-1 / 12)
    norm_squared = 2 * w**2 + w**-4
    sharpness = 2 * w**-2 + outputs * w**4
    least = interpolation.smallest_norm_times_sharpness(outputs, relu_depth=3)
    assert norm_squared * sharpness == pytest.approx(least)


def test_the_paper_s_numbers() -> None:
    assert 2 * math.sqrt(3830 * 113) == pytest.approx(1315.7, abs=0.05)
    assert interpolation.largest_epsilon(1000, 10) == pytest.approx(1 / 200)
    assert interpolation.largest_epsilon(1, 1, min_input_norm=10.0) == 1.0


@pytest.mark.parametrize("outputs", [0, -1, 2.5])
def test_bad_numbers_of_classes_are_refused(outputs) -> None:
    with pytest.raises(ValueError, match=r"outputs is .* (integer|at least 1)"):
        interpolation.smallest_norm_times_sharpness(outputs)
