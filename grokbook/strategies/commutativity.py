"""Degrokking by the commutative law, and its control (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.validation import conform, later, non_negative
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
    test_mirrors : bool
        Whether the term covers every training pair. If not, it covers only those whose mirror image
        is also a training pair, so no input of a test pair is read. It then needs the full training
        set each step.
    """

    coefficient: float = 100.0
    test_mirrors: bool = later(True)

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
        squares = (logits.double() - mirrored.double()).square()
        if self.test_mirrors:
            law = squares.mean()
        else:
            asked = mirrored_within(x).double()
            law = (squares.mean(dim=1) * asked).sum() / asked.sum().clamp(min=1)
        return criterion(logits, y) + self.coefficient * law


@dataclass(frozen=True)
class MirrorAugmented:
    """Standard training on the training pairs and their mirror images: a control (section 4.1).

    It reads the same inputs as :class:`AbelianRegularized`. In place of the law it gives each
    mirrored pair the label of its training pair. Only for pairs.
    """

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """No noise."""
        return None

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """(1/2n) Σ ℓ(f(aᵢ, bᵢ), yᵢ) + ℓ(f(bᵢ, aᵢ), yᵢ)."""
        return criterion(model(torch.cat((x, x.flip(1)))), torch.cat((y, y)))


def mirrored_within(x: Tensor) -> Tensor:
    """Return which pairs of ``x``, int64 ``(n, 2)``, have their mirror image in it: bool ``(n,)``.

    Examples
    --------
    >>> mirrored_within(torch.tensor([[0, 1], [1, 0], [2, 2], [3, 0]])).tolist()
    [True, True, True, False]
    """
    each = torch.tensor([2**31, 1], device=x.device)  # one integer per pair
    codes, mirrored = (x * each).sum(dim=1), (x.flip(1) * each).sum(dim=1)
    known = codes.sort().values
    at = torch.searchsorted(known, mirrored).clamp(max=len(x) - 1)
    return known.gather(0, at) == mirrored
