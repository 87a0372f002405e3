"""The counterexamples behind the verdicts, each small enough to check by hand."""

import math
from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from grokbook.metrics.information import representation_mutual_information
from grokbook.theory import corollary_3_4, proposition_5_5, theorem_3_2, theorem_5_9, theorem_5_12


def lemma_3_1() -> pd.DataFrame:
    """Lemma 3.1 with one hypothesis dropped at a time, by dense derivatives.

    Returns
    -------
    Columns dropped (the hypothesis), network, left and printed (the sides). The rows are: no
    interpolation; a skip connection; weight sharing; cross-entropy.

    Examples
    --------
    >>> lemma_3_1()["left"].gt(lemma_3_1()["printed"]).all()
    np.True_
    """
    one, eye = torch.ones(1, 1).double(), torch.eye(3).double()
    cases = [
        (
            "interpolation",
            "w₂ tanh(w₁ x), both weights and x are 1, y = −2",
            dense_sides(
                lambda x, w1, w2: w2 @ torch.tanh(w1 @ x), [one, one], one, squared_loss(-2 * one)
            ),
        ),
        (
            "no skip connection",
            "x + W x with W = 0, xᵢ = eᵢ, K = 3",
            dense_sides(lambda x, W: x + W @ x, [0 * eye], eye, squared_loss(eye)),
        ),
        (
            "no weight sharing",
            "c + E (x₁ − x₂), c = e₁, ‖E‖ = 1, x₁ = x₂ = 10",
            dense_sides(
                lambda x, c, E: c + E * (x[0] - x[1]),
                [eye[0, :2], eye[1, :2]],
                torch.tensor([[10.0, 10.0]]).double(),
                squared_loss(eye[:1, :2]),
            ),
        ),
        (
            "squared loss",
            "(1, 0) x, cross-entropy, x = 1",
            dense_sides(
                lambda x, w: w * x,
                [torch.tensor([1.0, 0.0]).double()],
                one,
                lambda outputs: torch.nn.functional.cross_entropy(outputs, torch.tensor([0])),
            ),
        ),
    ]
    return pd.DataFrame(
        [
            {"dropped": dropped, "network": network, "left": left, "printed": printed}
            for dropped, network, (left, printed) in cases
        ]
    )


def dense_sides(
    network: Callable[..., Tensor],
    weights: list[Tensor],
    inputs: Tensor,
    loss: Callable[[Tensor], Tensor],
) -> tuple[float, float]:
    """Return the left and the printed right side of Lemma 3.1, by automatic differentiation.

    Parameters
    ----------
    network
        Takes one input (d,) and the weights, returns (K,).
    weights
        Any tensors; their squares add up to ||W||^2, and the Hessian is taken in all of them.
    inputs
        (n, d).
    loss
        Takes the outputs (n, K), returns a number.
    """
    flat = torch.cat([weight.reshape(-1) for weight in weights])
    sizes = [weight.numel() for weight in weights]

    def risk(w: Tensor) -> Tensor:
        parts = zip(w.split(sizes), weights, strict=True)
        shaped = [part.reshape(weight.shape) for part, weight in parts]
        return loss(torch.stack([network(x, *shaped) for x in inputs]))

    sharpness = torch.autograd.functional.hessian(risk, flat).trace()
    jacobians = [
        torch.autograd.functional.jacobian(lambda x: network(x, *weights), x) for x in inputs
    ]
    left = sum(float(jacobian.square().sum()) for jacobian in jacobians) / len(inputs)
    smallest = inputs.norm(dim=1).min()
    return left, float(flat.square().sum() * sharpness / smallest**2)


def squared_loss(targets: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the loss of Lemma 3.1, (1/2n) sum_i ||f(x_i) - target_i||^2, as one of the outputs."""
    return lambda outputs: (outputs - targets).square().sum() / (2 * len(targets))


def theorem_3_2_label() -> dict[str, float]:
    """Theorem 3.2 as printed: delta = 1 and yet accuracy 0.

    f(x) = ((1 + x)/2, (1 - x)/2) interpolates the training points 1 (class 0) and -1 (class 1).
    Only x > 0.99 is truly of class 0; the one test point is 0.98.

    Returns
    -------
    epsilon, distance (of the test point to the training set), delta, accuracy, and certified, the
    share of test points that the repaired theorem certifies; epsilon_3_3 and epsilon_3_4, the radii
    of Corollary 3.3 (with L = 1/2) and Corollary 3.4, which are above the distance as well.
    """
    train, train_labels = torch.tensor([[1.0], [-1.0]]).double(), torch.tensor([0, 1])
    test, test_labels = torch.tensor([[0.98]]).double(), torch.tensor([1])
    weights, biases = torch.tensor([[0.5], [-0.5]]).double(), torch.tensor([0.5, 0.5]).double()
    every = torch.cat((weights.reshape(-1), biases))
    norm, norm_1 = float(every.norm()), float(every.norm(p=1))
    sharpness = float(2 * (train.square().sum(dim=1) + 1).mean())  # each of two outputs: x^2 + 1
    epsilon = theorem_3_2.epsilon(norm, sharpness, n=2)
    distance = float((test - train).abs().min())
    predicted = (test @ weights.T + biases).argmax(dim=1)
    radius = theorem_3_2.certified_radius(float(weights.norm()))
    return {
        "epsilon": epsilon,
        "distance": distance,
        "delta": float(distance <= epsilon),
        "accuracy": float((predicted == test_labels).double().mean()),
        "certified": theorem_3_2.certified_fraction(test, test_labels, train, train_labels, radius),
        "epsilon_3_3": theorem_3_2.epsilon(norm, sharpness, n=2, lipschitz=0.5),
        "epsilon_3_4": corollary_3_4.epsilon(norm_1, sharpness, n=2),
    }


def falling_norm(a: float, outputs: int = 10) -> dict[str, float]:
    """f(x) = W2 W1 x with W1 = a, W2 = e_1/a: one function for all a, at x = 1.

    Returns
    -------
    norm_squared (a^2 + 1/a^2), sharpness (K a^2 + 1/a^2), their product, and epsilon.
    """
    norm_squared, sharpness = a**2 + 1 / a**2, outputs * a**2 + 1 / a**2
    return {
        "norm_squared": norm_squared,
        "sharpness": sharpness,
        "product": norm_squared * sharpness,
        "epsilon": theorem_3_2.epsilon(math.sqrt(norm_squared), sharpness, n=1),
    }


def negative_information(n: int) -> dict[str, float]:
    """I_2 < 0 <= I_1: X merges the first half of n points and keeps the rest distinct; Y reversed.

    Returns
    -------
    I_1 and I_2 of the two Gram matrices, n even.
    """
    half = n // 2
    joined, apart = torch.zeros(half, dtype=torch.long), torch.arange(1, n - half + 1)
    X = torch.nn.functional.one_hot(torch.cat((joined, apart))).double()
    Y = torch.nn.functional.one_hot(torch.cat((apart, joined))).double()
    return {
        "I_1": float(representation_mutual_information(X, Y, 1.0)),
        "I_2": proposition_5_5.both_sides(X @ X.T, Y @ Y.T).left,
    }


def small_outputs(c: float, draws: int, generator: torch.Generator) -> theorem_5_9.Theorem59:
    """Theorem 5.9 for f(x) = c (cos x, sin x) at x_1 = x_2 = 0 with sigma = 1.

    ED does not depend on c, the printed right side is proportional to it.
    """
    angles = torch.randn(draws, 2, generator=generator, dtype=torch.float64)
    perturbed = c * torch.stack((angles.cos(), angles.sin()), dim=-1)
    return theorem_5_9.both_sides(torch.tensor([[c, 0.0], [c, 0.0]]).double(), perturbed)


def small_first_layer(c: float, draws: int, generator: torch.Generator) -> theorem_5_12.Theorem512:
    """Theorem 5.12 for a network that interpolates for every c, with sigma = 0.05.

    x_1 = (1, 0), x_2 = (0, 1); the first layer gives c x, the rest divides by c and answers (1, 0)
    or (0, 1) by a difference of two ReLUs, linear in a strip of width 0.1 about the bisector.
    MID does not depend on c, the printed right side is proportional to it.
    """
    x = torch.eye(2).double()
    noisy = x + 0.05 * torch.randn(draws, 2, 2, generator=generator, dtype=torch.float64)
    return theorem_5_12.both_sides(c * x, _ramp(c * x, c), c * noisy, _ramp(c * noisy, c))


def _ramp(hidden: Tensor, c: float) -> Tensor:
    u = (hidden[..., 0] - hidden[..., 1]) / (c * math.sqrt(2))
    rise = (torch.relu(u + 0.05) - torch.relu(u - 0.05)) / 0.1
    return torch.stack((rise, 1 - rise), dim=-1)
