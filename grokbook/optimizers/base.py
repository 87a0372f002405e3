"""The interfaces of optimisers, gradient filters and constraints.

One training step is a chain: gradient → filters, in order → optimiser → constraint. Each link is a
frozen dataclass of settings. An optimiser's settings build a `torch.optim` optimiser. Filters and
constraints are functions of their arguments; what they keep from step to step is in a ``memory`` of
tensors, which every checkpoint saves.

Weights and gradients are always those of one network, even if several seeds train together. They
are named as in ``network.named_parameters()``; a weight that the loss does not depend on has no
gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from grokbook._support.errors import InputError

Tensors = dict[str, Tensor]


@runtime_checkable
class OptimizerSettings(Protocol):
    """Settings of an optimiser; your own must be a frozen dataclass.

    Two attributes are optional. ``factor(taken) -> float`` multiplies the learning rates in the
    step after ``taken`` others. A class attribute ``elementwise = True`` promises that an entry of
    a weight moves by its own gradients alone, whatever the shape of the tensor: then seeds that
    train together are stepped as one tensor, and otherwise one after the other.
    """

    def build(self, parameters: Tensors) -> torch.optim.Optimizer | Sequence[torch.optim.Optimizer]:
        """Return the optimiser of these weights, or several that share them out."""


@runtime_checkable
class GradientFilter(Protocol):
    """A change of the gradients before the optimiser reads them; you may write your own."""

    def begin(self, weights: Tensors) -> Tensors:
        """Return the memory before the first step; its names and shapes stay as they are."""

    def filtered(
        self, gradients: Tensors, weights: Tensors, memory: Tensors, taken: int
    ) -> Tensors:
        """Return the new gradients, with the same names and shapes; ``memory`` changes in place.

        ``taken`` is the number of steps taken before this one.
        """


@runtime_checkable
class Constraint(Protocol):
    """A change of the weights after each step; you may write your own."""

    def begin(self, weights: Tensors) -> Tensors:
        """Return the memory before the first step; its names and shapes stay as they are."""

    def constrain(self, weights: Tensors, memory: Tensors) -> None:
        """Change the weights in place."""


def linear_warm_up(taken: int, steps: int) -> float:
    """Return min((taken + 1) / steps, 1), the factor on the learning rate of a linear warm-up.

    Examples
    --------
    >>> [linear_warm_up(taken, 4) for taken in (0, 1, 3, 9)]
    [0.25, 0.5, 1.0, 1.0]
    """
    return min(1.0, (taken + 1) / max(1, steps))


def check_betas(betas: tuple[float, float]) -> None:
    """Refuse averaging rates outside [0, 1)."""
    if not all(0 <= beta < 1 for beta in betas):
        raise InputError(f"betas is {betas}, but both must lie in [0, 1).")


def check_share(name: str, value: float) -> None:
    """Refuse a number outside [0, 1)."""
    if not 0 <= value < 1:
        raise InputError(f"{name} is {value}, but must lie in [0, 1).")
