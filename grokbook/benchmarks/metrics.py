"""Times of the metrics against plain implementations of the same values.

Sizes are the paper's: modulo addition has 3830 training pairs and 113 logits, MNIST 1000 images, a
first layer of 200 and 10 logits. Features and weights are random: times do not depend on them. A
plain implementation forms the n x n Gram matrices and takes their eigenvalues.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from grokbook.benchmarks.timing import least
from grokbook.metrics import (
    feature_spectrum,
    hadamard_spectrum,
    hutchinson_sharpness,
    mlp_sharpness,
    representation_entropy,
    representation_mutual_information,
)
from grokbook.metrics.spectra import unit_features
from grokbook.models.mlp import MLP
from grokbook.models.transformer import Transformer
from grokbook.strategies.base import Criterion
from grokbook.strategies.losses import cross_entropy

PAIRS, IMAGES = 3830, 1000


class Race(NamedTuple):
    """A metric in two ways, and the tolerance of their difference: None for estimates."""

    quantity: str
    plain_way: str
    ours: Callable[[], float]
    plain: Callable[[], float]
    tolerance: float | None


def entropy_of(eigenvalues: Tensor) -> float:
    """H_1 of a spectrum that adds up to 1."""
    return -float(torch.xlogy(eigenvalues, eigenvalues).sum())


def gram(features: Tensor) -> Tensor:
    unit = unit_features(features)
    return unit @ unit.T


def plain_entropy(R: Tensor) -> float:
    """H_1 by all n eigenvalues."""
    return entropy_of(torch.linalg.eigvalsh(R / len(R)).clamp(min=0))


def second_order_entropy(eigenvalues: Tensor) -> float:
    return -float(eigenvalues.square().sum().log())


def double_backward_trace(model: torch.nn.Module, loss: Tensor, probes: int) -> float:
    """Mean of vᵀHv by one double backward pass per probe, in plain autograd."""
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    source, total = torch.Generator().manual_seed(0), 0.0
    for _ in range(probes):
        v = [2.0 * torch.randint(2, p.shape, generator=source) - 1 for p in parameters]
        Hv = torch.autograd.grad(gradients, parameters, v, retain_graph=True)
        total += sum(float((a * b).sum()) for a, b in zip(v, Hv, strict=True))
    return total / probes


def probed(model: torch.nn.Module, loss: Criterion, x: Tensor, y: Tensor, probes: int) -> float:
    source = torch.Generator().manual_seed(0)
    return hutchinson_sharpness(model, loss, x, y, probes, generator=source).estimate


def half_squared(prediction: Tensor, y: Tensor) -> Tensor:
    """The loss whose Hessian has `mlp_sharpness` as its trace."""
    return (prediction - y).square().sum() / (2 * len(y))


def races(n: int = PAIRS, images: int = IMAGES) -> list[Race]:
    """Every metric with a plain implementation, on ``n`` pairs and ``images`` images."""
    normal = torch.Generator().manual_seed(0)
    logits = torch.randn(n, 113, generator=normal)
    first = torch.relu(torch.randn(n, 200, generator=normal))
    second = torch.randn(n, 10, generator=normal)
    x = torch.rand(images, 784, generator=normal)
    y = torch.nn.functional.one_hot(torch.arange(images) % 10, 10).float()
    mlp, transformer = MLP(generator=normal), Transformer(generator=normal)
    pairs = torch.cartesian_prod(torch.arange(113), torch.arange(113))[:n]
    sums = pairs.sum(dim=1) % 113
    return [
        Race(
            f"entropy, {n} x 113",
            "n x n eigenvalues",
            lambda: float(representation_entropy(logits)),
            lambda: plain_entropy(gram(logits)),
            1e-9,
        ),
        Race(
            f"joint entropy, {n} x (200, 10)",
            "n x n eigenvalues",
            lambda: entropy_of(hadamard_spectrum(first, second)),
            lambda: plain_entropy(gram(first) * gram(second)),
            1e-9,
        ),
        Race(
            f"mutual information, {n} x (200, 10)",
            "n x n eigenvalues, 3 times",
            lambda: float(representation_mutual_information(first, second)),
            lambda: (
                plain_entropy(gram(first))
                + plain_entropy(gram(second))
                - plain_entropy(gram(first) * gram(second))
            ),
            1e-9,
        ),
        Race(
            f"mutual information, α = 2, {n} x (200, 10)",
            "smaller spectra",
            lambda: float(representation_mutual_information(first, second, alpha=2.0)),
            lambda: (
                second_order_entropy(feature_spectrum(first))
                + second_order_entropy(feature_spectrum(second))
                - second_order_entropy(hadamard_spectrum(first, second))
            ),
            1e-9,
        ),
        Race(
            f"sharpness, MLP, {images} images",
            "10 Hutchinson probes",
            lambda: mlp_sharpness(mlp, x).total,
            lambda: probed(mlp, half_squared, x, y, 10),
            None,
        ),
        Race(
            f"sharpness, transformer, {n} pairs, 8 probes",
            "double backward",
            lambda: probed(transformer, cross_entropy, pairs, sums, 8),
            lambda: double_backward_trace(transformer, cross_entropy(transformer(pairs), sums), 8),
            None,
        ),
    ]


def measure(rounds: int) -> list[dict[str, Any]]:
    """Rows of the table ``metrics``; a quantity whose two values differ is an error."""
    measured = []
    for race in races():
        ours, value = least(race.ours, rounds)
        plain, other = least(race.plain, rounds)
        difference = None if race.tolerance is None else abs(value - other)
        if difference is not None and not difference <= race.tolerance:  # type: ignore[operator]
            raise SystemExit(
                f"{race.quantity}: {value} and {other} differ by more than {race.tolerance}."
            )
        measured.append(
            {
                "quantity": race.quantity,
                "plain_way": race.plain_way,
                "ms": 1e3 * ours,
                "plain_ms": 1e3 * plain,
                "difference": difference,
            }
        )
    return measured
