"""Weights of a fixed norm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.validation import conform, positive
from grokbook.optimizers.base import Tensors


@dataclass(frozen=True)
class NormClamp:
    """Training on a sphere [Liu et al. 2023, "Omnigrok", arXiv:2210.01117]: w ← r w / ‖w‖₂.

    The norm is that of all weights of the network together, biases too.

    Parameters
    ----------
    radius : float, optional
        r; the norm of the initial weights if it is not given.
    """

    radius: float | None = None

    def __post_init__(self) -> None:
        conform(self)
        if self.radius is not None:
            positive("radius", self.radius)

    def begin(self, weights: Tensors) -> Tensors:
        """Return r if it is the initial norm."""
        return {"radius": _norm(weights)} if self.radius is None else {}

    def constrain(self, weights: Tensors, memory: Tensors) -> None:
        """Scale every weight by r / ‖w‖; weights that are all 0 stay 0."""
        radius = memory["radius"] if self.radius is None else self.radius
        factor = radius / _norm(weights).clamp(min=torch.finfo(torch.float64).tiny)
        for weight in weights.values():
            weight.mul_(factor.to(weight.dtype))


def _norm(weights: Tensors) -> Tensor:
    """ℓ₂ norm of all weights, 0-dimensional float64."""
    squares = [weight.detach().double().square().sum() for weight in weights.values()]
    return torch.stack(squares).sum().sqrt()
