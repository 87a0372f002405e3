"""Gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from grokbook._support.validation import conform, non_negative, positive, whole
from grokbook.optimizers.base import Tensors, check_share, linear_warm_up


@dataclass(frozen=True)
class SGD:
    """Gradient descent with heavy-ball momentum [Polyak 1964; Sutskever et al. 2013].

    With g ← g + weight_decay · w and b ← momentum · b + g, b = g in the first step, each step takes
    lr · b from a weight. The gradient is that of a mini-batch if the experiment sets
    ``batch_size``.

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float
        In [0, 1).
    weight_decay : float
        Coupled ℓ₂ decay, added to the gradient.
    warmup_steps : int
        Steps of linear learning-rate warm-up, as :class:`grokbook.optimizers.adamw.AdamW`'s.
    """

    elementwise: ClassVar[bool] = True

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        conform(self)
        positive("lr", self.lr)
        check_share("momentum", self.momentum)
        non_negative("weight_decay", self.weight_decay)
        whole("warmup_steps", self.warmup_steps, least=0)

    def build(self, parameters: Tensors) -> torch.optim.Optimizer:
        """Return torch's SGD."""
        return torch.optim.SGD(
            parameters.values(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def factor(self, taken: int) -> float:
        """Return the warm-up's factor on the learning rate."""
        return linear_warm_up(taken, self.warmup_steps)
