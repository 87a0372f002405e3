"""What optimisers, gradient filters and constraints have to offer.

One training step is a chain: gradient → filters, in order → optimiser → constraint. Each link is a
frozen dataclass of settings. An optimiser's settings build what `torch.optim` offers; a filter's or
constraint's are functions of what they are given, and whatever they keep from step to step lies in
a ``memory`` of tensors that is part of every checkpoint.

Weights and gradients are always those of one network, also where several seeds train together. They
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
    """Settings of an optimiser; also of your own, a frozen dataclass.

    Two more things may be there. ``factor(taken) -> float`` multiplies the learning rates in the
    step after ``taken`` others. A class attribute ``elementwise = True`` promises that an entry of
    a weight moves by its own gradients alone, whatever the shape of the tensor: then seeds that
    train together are stepped as one tensor, else one after the other.
    """

    def build(self, parameters: Tensors) -> torch.optim.Optimizer | Sequence[torch.optim.Optimizer]:
        """Return the optimiser of these weights, or several, each of a part of them."""


@runtime_checkable
class GradientFilter(Protocol):
    """What changes gradients before the optimiser sees them; also of your own."""

    def begin(self, weights: Tensors) -> Tensors:
        """Return the memory before the first step; its names and shapes stay as they are."""

    def filtered(
        self, gradients: Tensors, weights: Tensors, memory: Tensors, taken: int
    ) -> Tensors:
        """Return the new gradients, of the same names and shapes; ``memory`` is changed in place.

        ``taken`` is the number of steps taken before this one.
        """


@runtime_checkable
class Constraint(Protocol):
    """What puts the weights back in their place after each step; also of your own."""

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
