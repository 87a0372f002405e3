"""Grokfast: the slow part of the gradients, amplified."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from grokbook._support.validation import conform, non_negative, whole
from grokbook.optimizers.base import Tensors, check_share


@dataclass(frozen=True)
class GrokfastEMA:
    """Grokfast-EMA [Lee et al. 2024, arXiv:2405.20233]: g ← g + λ h, h ← α h + (1 − α) g.

    h is the exponential mean of the gradients and starts as the first gradient.

    Parameters
    ----------
    alpha : float
        α, in [0, 1).
    strength : float
        λ.
    """

    alpha: float = 0.98
    strength: float = 2.0

    def __post_init__(self) -> None:
        conform(self)
        check_share("alpha", self.alpha)
        non_negative("strength", self.strength)

    def begin(self, weights: Tensors) -> Tensors:
        """Return h before the first gradient."""
        return {name: torch.zeros_like(weight) for name, weight in weights.items()}

    def filtered(
        self, gradients: Tensors, weights: Tensors, memory: Tensors, taken: int
    ) -> Tensors:
        """Add λ h."""
        for name, gradient in gradients.items():
            memory[name] = (
                gradient.clone()
                if taken == 0
                else self.alpha * memory[name] + (1 - self.alpha) * gradient
            )
        return {
            name: gradient + self.strength * memory[name] for name, gradient in gradients.items()
        }


@dataclass(frozen=True)
class GrokfastMA:
    """Grokfast-MA [Lee et al. 2024, arXiv:2405.20233]: g ← g + λ mean of the last w gradients.

    The mean includes the present gradient. Nothing is added before step w.

    Parameters
    ----------
    window : int
        w, the number of gradients kept, also in the checkpoint.
    strength : float
        λ.
    """

    window: int = 100
    strength: float = 5.0

    def __post_init__(self) -> None:
        conform(self)
        whole("window", self.window, least=1)
        non_negative("strength", self.strength)

    def begin(self, weights: Tensors) -> Tensors:
        """Return space for the last gradients, ``(window, *shape)`` per weight."""
        return {
            name: torch.zeros_like(weight).expand(self.window, *weight.shape).clone()
            for name, weight in weights.items()
        }

    def filtered(
        self, gradients: Tensors, weights: Tensors, memory: Tensors, taken: int
    ) -> Tensors:
        """Add λ times the mean of the window, once it is full."""
        for name, gradient in gradients.items():
            memory[name][taken % self.window] = gradient
        if taken + 1 < self.window:
            return gradients
        return {
            name: gradient + self.strength * memory[name].mean(dim=0)
            for name, gradient in gradients.items()
        }
