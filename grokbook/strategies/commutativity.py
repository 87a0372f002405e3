"""Degrokking by the commutative law, and its control (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.validation import conform, non_negative
from grokbook.strategies.base import Criterion, Forward, TrainingState


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
