"""Stacks of several networks of one shape, to train seeds together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grokbook.models.base import Network


class WithWeights:
    """A network with other weights, for a strategy that calls it."""

    def __init__(self, model: Network, weights: dict[str, Tensor]) -> None:
        self.model, self.weights = model, weights

    def __call__(self, x: Tensor, noise: Tensor | None = None) -> Any:
        """Return the network's logits with these weights."""
        return torch.func.functional_call(self.model, self.weights, (x, noise))

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of the continuous input of ``x``."""
        return self.model.noise_shape(x)


def stacked_weights(models: list[Network]) -> dict[str, Tensor]:
    """Move the weights of several networks into one tensor per name; the first axis is the seed.

    Each network's weights become views of these tensors, so an optimiser step on the stack steps
    every network. A second call returns the same tensors.
    """
    if not hasattr(models[0], "_stack"):
        stack = {}
        for name, weight in models[0].named_parameters():
            together = torch.stack([model.get_parameter(name).detach() for model in models])
            stack[name] = together.requires_grad_(weight.requires_grad)
            for model, view in zip(models, together.detach(), strict=True):
                model.get_parameter(name).data = view
        object.__setattr__(models[0], "_stack", stack)
    found: dict[str, Tensor] = models[0]._stack  # type: ignore[assignment]
    return found
