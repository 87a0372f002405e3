"""Theorem 3.2: its counterexample, the certified radius, and what smaller norms do not imply."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grokbook.theory import corollary_3_4, instances, lemma_3_1, theorem_3_2


def test_certified_fraction_asks_for_the_same_label() -> None:
    train, train_labels = torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1])
    test = torch.tensor([[0.5], [0.5], [-3.0]])
    test_labels = torch.tensor([0, 1, 1])
    fraction = theorem_3_2.certified_fraction(
        test, test_labels, train, train_labels, torch.tensor([1.0, 1.5])
    )
    assert fraction == pytest.approx(1 / 3)  # the second lies at, not inside, the radius


@settings(deadline=None)
@given(
    n=st.integers(1, 5),
    d=st.integers(1, 4),
    outputs=st.integers(2, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_points_inside_the_certified_radius_keep_the_label(n, d, outputs, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    network = instances.interpolating_network(n, d, 4 * n, outputs, generator)
    jacobians = network.backward_jacobians() @ network.W1
    norms = torch.linalg.matrix_norm(jacobians, 2)
    L = network.lipschitz()
    radii = theorem_3_2.certified_radius(norms, L)
    directions = torch.randn(50, n, d, generator=generator, dtype=torch.float64)
    directions /= directions.norm(dim=2, keepdim=True)
    points = network.inputs + directions * radii[:, None] * (1 - 1e-9)
    predicted = network(points.reshape(-1, d)).argmax(dim=1).reshape(50, n)
    assert bool((predicted == network.labels).all())
    # The printed radius is never larger.
    epsilon = theorem_3_2.epsilon(
        network.weight_norm(),
        network.sharpness(),
        n,
        float(network.inputs.norm(dim=1).min()),
        L,
    )
    assert bool((epsilon <= radii * (1 + 1e-9)).all())


def test_certified_radius_solves_its_equation() -> None:
    norms = torch.tensor([0.0, 0.3, 2.0]).double()
    radii = theorem_3_2.certified_radius(norms, lipschitz=0.7)
    torch.testing.assert_close(
        norms * radii + 0.7 * radii**2 / 2, torch.full((3,), 0.5**0.5).double()
    )
    assert float(theorem_3_2.certified_radius(0.0)) == math.inf


def test_relu_radius_is_met_by_a_linear_map() -> None:
    """f(x) = ((1+x)/2, (1-x)/2) turns at distance 1 from its training points, exactly."""
    assert theorem_3_2.relu_radius([math.sqrt(0.5)]) == pytest.approx(1)
    assert theorem_3_2.relu_radius(torch.tensor([2.0, 0.0])) == math.inf


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(1, 4))
def test_relu_radius_bounds_how_far_outputs_move(seed, depth) -> None:
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(4, 4, generator=generator, dtype=torch.float64) for _ in range(depth)]
    x, direction = torch.randn(2, 4, generator=generator, dtype=torch.float64)
    radius = theorem_3_2.relu_radius([float(torch.linalg.matrix_norm(W, 2)) for W in weights])

    def f(x):
        for W in weights[:-1]:
            x = torch.relu(W @ x)
        return weights[-1] @ x

    moved = f(x + radius * direction / direction.norm()) - f(x)
    assert float(moved.norm()) <= 1 / math.sqrt(2) * (1 + 1e-9)


@settings(deadline=None)
@given(
    weights=st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    sharpness=st.floats(0, 1e6),
    n=st.integers(1, 10_000),
    L=st.floats(0, 100),
)
def test_corollary_3_4_never_says_more(weights, sharpness, n, L) -> None:
    w = torch.tensor(weights).double()
    l1 = corollary_3_4.epsilon(float(w.abs().sum()), sharpness, n, lipschitz=L)
    l2 = theorem_3_2.epsilon(float(w.norm()), sharpness, n, lipschitz=L)
    assert l1 <= l2 * (1 + 1e-9)


@settings(deadline=None)
@given(
    weight_norm=st.floats(0, 1e3),
    sharpness=st.floats(0, 1e6),
    n=st.integers(1, 1000),
    min_norm=st.floats(0.01, 100),
)
def test_epsilon_undoes_the_printed_lemma(weight_norm, sharpness, n, min_norm) -> None:
    """epsilon(W) = 1 / (2 sqrt(n times the right side of Lemma 3.1)) where that is below 1."""
    printed = lemma_3_1.both_sides(
        jacobian_frobenius_sq=0.0,
        weight_norm=weight_norm,
        sharpness=sharpness,
        first_layer_norm=0.0,
        first_layer_sharpness=0.0,
        min_input_norm=min_norm,
    ).printed
    slope = math.sqrt(n * printed)
    expected = 1.0 if slope <= 0.5 else 1 / (2 * slope)
    assert theorem_3_2.epsilon(weight_norm, sharpness, n, min_norm) == pytest.approx(expected)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="lipschitz is -1"):
        theorem_3_2.epsilon(1.0, 1.0, 1, lipschitz=-1)
    with pytest.raises(ValueError, match="smallest Jacobian norm is -1"):
        theorem_3_2.certified_radius(torch.tensor([1.0, -1.0]))
