"""⊥Grad: gradients without the part that only scales the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from grokbook._support.validation import conform
from grokbook.optimizers.base import Tensors

_TINY = 1e-30  # the authors' value; avoids division by 0


@dataclass(frozen=True)
class OrthogonalGradient:
    """⊥Grad [Prieto et al. 2025, "Grokking at the edge of numerical stability", arXiv:2501.04697].

    g⊥ = g − (⟨w, g⟩ / ⟨w, w⟩) w, scaled to the length of g, one weight tensor at a time as in the
    authors' code. A step along w is what they call naive loss minimisation: it enlarges the logits
    and changes no answer.
    """

    def __post_init__(self) -> None:
        conform(self)

    def begin(self, weights: Tensors) -> Tensors:
        """Keep nothing."""
        return {}

    def filtered(
        self, gradients: Tensors, weights: Tensors, memory: Tensors, taken: int
    ) -> Tensors:
        """‖g‖ g⊥ / ‖g⊥‖."""
        turned = {}
        for name, gradient in gradients.items():
            weight = weights[name]
            along = (weight * gradient).sum() / (weight.square().sum() + _TINY)
            across = gradient - along * weight
            length = torch.linalg.vector_norm(across) + _TINY
            turned[name] = across * (torch.linalg.vector_norm(gradient) / length)
        return turned
