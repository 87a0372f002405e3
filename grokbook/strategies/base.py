"""The interface of a strategy, and standard training.

A strategy is a small frozen object with two methods. :meth:`noise` holds all of its randomness and
bookkeeping; :meth:`loss` is pure arithmetic, so that it can be compiled. The trainer does not treat
any strategy by name. At zero strength each one equals ``Standard`` to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Criterion = Callable[[Tensor, Tensor], Tensor]


class Forward(Protocol):
    """A network, or one of several that are trained together."""

    def __call__(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the logits, ``noise`` added to the continuous input."""

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of the continuous input of ``x``."""


@dataclass
class TrainingState:
    """The part of a training run that a strategy may read. It never holds test data.

    Attributes
    ----------
    step : int
        Number of optimiser steps taken so far.
    generator : torch.Generator
        The run's noise stream, on the CPU wherever the network is: draws are the same everywhere.
    train_accuracy : callable
        Returns the current clean accuracy on the whole training set, in [0, 1], as a 0-dimensional
        tensor on the network's device.
    memory : dict of str to Tensor
        What a strategy keeps between steps. Checkpoints save it, and restored tensors are on the
        network's device.
    outputs : int
        Number of logits K of the network.
    noisy_accuracy : callable, optional
        As ``train_accuracy``, given noise of ``training_shape`` that is added to the continuous
        input.
    training_shape : tuple of int
        Shape of the continuous input of the whole training set.
    """

    step: int
    generator: torch.Generator
    train_accuracy: Callable[[], Tensor]
    memory: dict[str, Tensor] = field(default_factory=dict)
    outputs: int = 0
    noisy_accuracy: Callable[[Tensor], Tensor] | None = None
    training_shape: tuple[int, ...] = ()


@runtime_checkable
class Strategy(Protocol):
    """The objective that one optimiser step descends; your own must be a frozen dataclass.

    A class attribute ``compilable = False`` keeps ``compiled="auto"`` from compiling it.
    """

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """Draw the random numbers that ``loss`` needs; None at every step if it needs none.

        Most strategies add it to the continuous input, whose shape is ``shape``; ``like`` is a
        tensor of its type and device. Read nothing back to the host, which would wait for the GPU.
        """

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """Return the scalar training loss of one batch."""


def standard_normal(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Draw N(0, 1) in float32 where the generator is; return it in ``like``'s type and device.

    So a network in higher precision or on a GPU gets the same noise.
    """
    drawn = torch.randn(
        shape, generator=generator, dtype=torch.float32, device=generator.device,
        pin_memory=like.is_cuda and generator.device.type == "cpu",
    )  # fmt: skip
    return drawn.to(like.device, like.dtype, non_blocking=True)


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
