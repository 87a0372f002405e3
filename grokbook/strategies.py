"""The paper's three ways to train, and one of ours: one objective each.

A strategy is a small frozen object with two methods. :meth:`noise` holds all of its randomness and
bookkeeping; :meth:`loss` is pure arithmetic, so that it can be compiled. The trainer knows no
strategy by name. At zero strength each one is ``Standard`` to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from grokbook.fields import conform, non_negative, whole

Criterion = Callable[[Tensor, Tensor], Tensor]
Forward = Callable[..., Tensor]
"""``model(x)`` or ``model(x, noise)``: a network, or one of several trained together."""


@dataclass
class TrainingState:
    """What a strategy may see of the training run. It never holds test data.

    Attributes
    ----------
    step : int
        Number of optimiser steps taken so far.
    generator : torch.Generator
        The run's noise stream.
    train_accuracy : callable
        Returns the current clean accuracy on the whole training set, in [0, 1], as a 0-dimensional
        tensor on the network's device.
    memory : dict of str to Tensor
        What a strategy keeps between steps; saved in checkpoints.
    """

    step: int
    generator: torch.Generator
    train_accuracy: Callable[[], Tensor]
    memory: dict[str, Tensor] = field(default_factory=dict)


@runtime_checkable
class Strategy(Protocol):
    """The objective that one optimiser step descends; also one of your own, a frozen dataclass."""

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """Draw what is added to the continuous input; None, at every step, for nothing.

        ``shape`` is that of the continuous input, ``like`` a tensor of its type and device.
        Nothing is read back to the host, so that a GPU is not waited for.
        """

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """Return the scalar training loss of one batch."""


@dataclass(frozen=True)
class Standard:
    """Empirical risk, (1/n) Σ ℓ(f(xᵢ, W), yᵢ) (section 2.1)."""

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """No noise."""
        return None

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """(1/n) Σ ℓ(f(xᵢ, W), yᵢ)."""
        return criterion(model(x), y)


@dataclass(frozen=True)
class Perturbed:
    """Degrokking by perturbation, (1/n) Σ ℓ(f(xᵢ + Δᵢ, W), yᵢ), Δ ~ N(0, σ²I) (section 3.2).

    σ = max(λ₁ (1 − train accuracy), λ₂), the noise drawn anew each step. The paper does not say
    which accuracy, nor how often it is taken: here the clean one on the whole training set,
    every ``refresh`` steps.

    Parameters
    ----------
    lambda_1, lambda_2 : float
        λ₁ and λ₂, in units of the input; 0.06 and 0.03 on MNIST, 0.5 and 0.4 on modulo addition.
    refresh : int
        Steps between two updates of σ.
    """

    lambda_1: float
    lambda_2: float
    refresh: int = 10

    def __post_init__(self) -> None:
        conform(self)
        for name in ("lambda_1", "lambda_2"):
            non_negative(name, getattr(self, name))
        whole("refresh", self.refresh, least=1)

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """Δ at the current σ; None where λ₁ = λ₂ = 0."""
        if self.lambda_1 == self.lambda_2 == 0:
            return None
        if state.step % self.refresh == 0 or "sigma" not in state.memory:
            error = 1 - state.train_accuracy()
            state.memory["sigma"] = (self.lambda_1 * error).clamp(min=self.lambda_2)
        unit = torch.randn(shape, generator=state.generator, dtype=like.dtype, device=like.device)
        return unit.mul_(state.memory["sigma"])

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """(1/n) Σ ℓ(f(xᵢ + Δᵢ, W), yᵢ)."""
        return criterion(model(x, noise), y)


@dataclass(frozen=True)
class AbelianRegularized:
    """Abelian degrok: the commutative law as a regulariser (section 4.1, Figure 6).

    The loss gains ``coefficient`` times the mean square, over training pairs and classes, of
    logits("a+b=") − logits("b+a="). Labels of the mirrored pairs are never used. Only for pairs.

    Parameters
    ----------
    coefficient : float
        100 in the paper.
    """

    coefficient: float = 100.0

    def __post_init__(self) -> None:
        conform(self)
        non_negative("coefficient", self.coefficient)

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """No noise."""
        return None

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """(1/n) Σ ℓ(f(xᵢ, W), yᵢ) + coefficient · mean (f(a, b) − f(b, a))²."""
        if self.coefficient == 0:
            return criterion(model(x), y)
        logits, mirrored = model(torch.cat((x, x.flip(1)))).chunk(2)
        law = (logits.double() - mirrored.double()).square().mean()
        return criterion(logits, y) + self.coefficient * law


@dataclass(frozen=True)
class MirrorAugmented:
    """Standard training on the training pairs and their mirror images: a control (section 4.1).

    It reads what :class:`AbelianRegularized` reads, and in place of the law gives the mirrored
    pairs their labels, which are those of the training pairs. Only for pairs.
    """

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """No noise."""
        return None

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """(1/2n) Σ ℓ(f(aᵢ, bᵢ), yᵢ) + ℓ(f(bᵢ, aᵢ), yᵢ)."""
        return criterion(model(torch.cat((x, x.flip(1)))), torch.cat((y, y)))
