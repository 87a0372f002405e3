"""Adam with linear warm-up and an ℓ₂ penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from grokbook._support.validation import conform, non_negative, positive, whole
from grokbook.optimizers.base import Tensors, check_betas, linear_warm_up


@dataclass(frozen=True)
class Adam:
    """Adam [Kingma & Ba 2015, arXiv:1412.6980]; its decay is an ℓ₂ penalty on the loss.

    With g ← g + weight_decay · w, m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g², each step takes
    lr · m̂ / (√v̂ + eps) from a weight, where m̂ and v̂ are m and v over 1 − β₁ᵗ and 1 − β₂ᵗ.

    Parameters
    ----------
    lr : float
        Learning rate.
    weight_decay : float
        Coupled ℓ₂ decay, added to the gradient.
    betas : pair of float
        The two averaging rates, in [0, 1).
    eps : float
        ε; 1e-25 in the experiments of "Grokking at the edge of numerical stability".
    warmup_steps : int
        Steps of linear learning-rate warm-up, as :class:`grokbook.optimizers.adamw.AdamW`'s.
    """

    elementwise: ClassVar[bool] = True

    lr: float = 1e-3
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        conform(self)
        positive("lr", self.lr)
        positive("eps", self.eps)
        non_negative("weight_decay", self.weight_decay)
        whole("warmup_steps", self.warmup_steps, least=0)
        check_betas(self.betas)

    def build(self, parameters: Tensors) -> torch.optim.Optimizer:
        """Return torch's fused Adam."""
        return torch.optim.Adam(
            parameters.values(), lr=self.lr, betas=self.betas, eps=self.eps,
            weight_decay=self.weight_decay, fused=True,
        )  # fmt: skip

    def factor(self, taken: int) -> float:
        """Return the warm-up's factor on the learning rate."""
        return linear_warm_up(taken, self.warmup_steps)
