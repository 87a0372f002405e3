"""Lemma 3.1 on small networks, every gradient and Hessian dense."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from grokbook.theory import instances, lemma_3_1

ROOM = 1 + 1e-9


def dense_sides(f, parameters: list[Tensor], inputs: Tensor, loss) -> dict[str, float]:
    """Left side, ||W||_F, trace of the Hessian of `loss` and min ||x||, by brute force."""
    flat = torch.cat([parameter.reshape(-1) for parameter in parameters])
    shapes = [parameter.shape for parameter in parameters]
    sizes = [parameter.numel() for parameter in parameters]

    def unflatten(w: Tensor) -> list[Tensor]:
        return [part.reshape(s) for part, s in zip(w.split(sizes), shapes, strict=True)]

    def risk(w: Tensor) -> Tensor:
        outputs = torch.stack([f(x, *unflatten(w)) for x in inputs])
        return loss(outputs)

    hessian = torch.autograd.functional.hessian(risk, flat)
    jacobians = [torch.autograd.functional.jacobian(lambda x: f(x, *parameters), x) for x in inputs]
    blocks = hessian.diagonal().split(sizes)
    return {
        "left": sum(float(J.square().sum()) for J in jacobians) / len(inputs),
        "weight_norm": float(flat.norm()),
        "sharpness": float(hessian.trace()),
        "blocks": [float(block.sum()) for block in blocks],
        "min_input_norm": float(inputs.norm(dim=1).min()),
    }


def squared_loss(targets: Tensor):
    return lambda outputs: (outputs - targets).square().sum() / (2 * len(targets))


def printed(sides: dict[str, float]) -> float:
    return lemma_3_1.both_sides(
        jacobian_frobenius_sq=sides["left"],
        weight_norm=sides["weight_norm"],
        sharpness=sides["sharpness"],
        first_layer_norm=0.0,
        first_layer_sharpness=0.0,
        min_input_norm=sides["min_input_norm"],
    ).printed


@pytest.mark.parametrize("seed", range(4))
def test_closed_forms_of_the_interpolating_network_agree_with_autograd(seed: int) -> None:
    network = instances.interpolating_network(3, 2, 6, 3, torch.Generator().manual_seed(seed))
    targets = torch.nn.functional.one_hot(network.labels, 3).double()

    def f(x, W1, b1, W2, b2):
        return W2 @ torch.tanh(W1 @ x + b1) + b2

    parameters = [network.W1, network.b1, network.W2, network.b2]
    dense = dense_sides(f, parameters, network.inputs, squared_loss(targets))
    sides = network.lemma_3_1()
    first_layer_norm = torch.linalg.svdvals(network.W1)[0].item()

    assert network.sharpness() == pytest.approx(dense["sharpness"], rel=1e-6)
    assert sides.left == pytest.approx(dense["left"], rel=1e-9)
    assert sides.printed == pytest.approx(printed(dense), rel=1e-6)
    assert sides.first_layer == pytest.approx(
        first_layer_norm**2 * dense["blocks"][0] / dense["min_input_norm"] ** 2, rel=1e-6
    )
    assert sides.bias == pytest.approx(first_layer_norm**2 * dense["blocks"][1], rel=1e-6)


@settings(deadline=None)
@given(
    n=st.integers(1, 6),
    d=st.integers(1, 5),
    outputs=st.integers(1, 5),
    scale=st.sampled_from([0.3, 1.0, 5.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_bound_holds_on_interpolating_networks(n, d, outputs, scale, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    network = instances.interpolating_network(n, d, 4 * n, outputs, generator, scale)
    sides = network.lemma_3_1()
    for bound in (sides.printed, sides.first_layer, sides.bias):
        assert sides.left <= bound * ROOM + 1e-12
    # The bias form is the sharpest average; the printed one the least sharp.
    assert sides.bias <= sides.first_layer * ROOM
    assert sides.first_layer <= sides.printed * ROOM
    left, right = network.per_sample()
    assert bool((left <= right * ROOM + 1e-12).all())


def test_deep_linear_networks_meet_the_first_layer_bound() -> None:
    """f = W2 W1 x with orthogonal W1: nothing is lost, so the constant 1 cannot be improved."""
    W1 = torch.linalg.qr(torch.arange(9.0).reshape(3, 3).double() + torch.eye(3)).Q
    inputs = torch.eye(3).double()
    W2 = torch.eye(3).double() @ W1.T  # interpolates onehot(i) at e_i
    dense = dense_sides(
        lambda x, A, B: B @ (A @ x), [W1, W2], inputs, squared_loss(torch.eye(3).double())
    )
    sides = lemma_3_1.both_sides(
        jacobian_frobenius_sq=dense["left"],
        weight_norm=dense["weight_norm"],
        sharpness=dense["sharpness"],
        first_layer_norm=1.0,
        first_layer_sharpness=dense["blocks"][0],
        min_input_norm=1.0,
    )
    assert sides.left == pytest.approx(3)
    assert sides.first_layer == pytest.approx(3)
    assert sides.printed == pytest.approx(6 * 6)
    assert sides.as_columns() == {
        "jacobian_frobenius_sq": sides.left,
        "lemma_3_1_printed": sides.printed,
        "lemma_3_1_first_layer": sides.first_layer,
    }


def test_trace_equals_gradient_norms_for_relu_networks_off_interpolation() -> None:
    """ReLU networks are piecewise affine in each weight: the trace's second term vanishes."""
    generator = torch.Generator().manual_seed(0)
    W1, W2 = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((5, 3), (2, 5))
    )
    inputs = torch.randn(4, 3, generator=generator, dtype=torch.float64)

    def f(x, A, B):
        return B @ torch.relu(A @ x)

    dense = dense_sides(f, [W1, W2], inputs, squared_loss(torch.full((4, 2), 7.0).double()))
    gradients = 0.0
    for x in inputs:
        parts = torch.autograd.functional.jacobian(lambda A, B, x=x: f(x, A, B), (W1, W2))
        gradients += sum(float(part.square().sum()) for part in parts)
    assert dense["sharpness"] == pytest.approx(gradients / 4, rel=1e-12)


def test_inputs_of_length_zero_are_refused() -> None:
    with pytest.raises(ValueError, match=r"min_input_norm is 0\.0, but must be"):
        lemma_3_1.both_sides(
            jacobian_frobenius_sq=1.0,
            weight_norm=1.0,
            sharpness=1.0,
            first_layer_norm=1.0,
            first_layer_sharpness=1.0,
            min_input_norm=0.0,
        )
    with pytest.raises(ValueError, match="shapes"):
        lemma_3_1.per_sample(torch.ones(2), torch.ones(3), torch.ones(2), 1.0)
    assert math.isclose(
        float(lemma_3_1.per_sample(torch.ones(1), torch.ones(1), torch.ones(1) * 2, 3.0)[1]), 1.5
    )
