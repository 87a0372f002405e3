"""The paper's three ways to train, and one of ours: one objective each.

A strategy is a small frozen object with two methods. :meth:`noise` holds all of its randomness and
bookkeeping; :meth:`loss` is pure arithmetic, so that it can be compiled. The trainer knows no
strategy by name. At zero strength each one is ``Standard`` to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Criterion = Callable[[Tensor, Tensor], Tensor]
Forward = Callable[..., Tensor]
"""``model(x)`` or ``model(x, noise)``: a network, or one of several trained together."""


@dataclass
class TrainingState:
    """What a strategy may see of the training run. It never holds test data.

    Attributes
    ----------
    step : int
        Number of optimiser steps taken so far.
    generator : torch.Generator
        The run's noise stream.
    train_accuracy : callable
        Returns the current clean accuracy on the whole training set, in [0, 1], as a 0-dimensional
        tensor on the network's device.
    memory : dict of str to Tensor
        What a strategy keeps between steps; saved in checkpoints.
    """

    step: int
    generator: torch.Generator
    train_accuracy: Callable[[], Tensor]
    memory: dict[str, Tensor] = field(default_factory=dict)


@runtime_checkable
class Strategy(Protocol):
    """The objective that one optimiser step descends; also one of your own, a frozen dataclass."""

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """Draw what is added to the continuous input; None, at every step, for nothing.

        ``shape`` is that of the continuous input, ``like`` a tensor of its type and device.
        Nothing is read back to the host, so that a GPU is not waited for.
        """

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """Return the scalar training loss of one batch."""


@dataclass(frozen=True)
class Standard:
    """Empirical risk, (1/n) Σ ℓ(f(xᵢ, W), yᵢ) (section 2.1)."""

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """No noise."""
        return None

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """(1/n) Σ ℓ(f(xᵢ, W), yᵢ)."""
        return criterion(model(x), y)
