"""The interface of a network to training and metrics: ``inputs() -> first_layer() -> logits()``.

Section 3 splits the weights W = (W₁, W₂): f(x, W₁) is what :meth:`Network.first_layer` returns,
f(x, W) what :meth:`Network.logits` returns, both from the *continuous* input (the image; the three
embedded tokens), to which noise is added.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class DataShape:
    """The shape of the data that a network is built for.

    Attributes
    ----------
    inputs : int
        Features of an image, or tokens of a sample: 2 for pairs.
    classes : int
        Number of labels K.
    tokens : int or None
        How many different tokens there are; None for images.
    """

    inputs: int
    classes: int
    tokens: int | None = None


@runtime_checkable
class ModelConfig(Protocol):
    """Settings of a network; your own must be a frozen dataclass."""

    def build(
        self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype
    ) -> nn.Module:
        """Return the initialised network: a :class:`Network`, or any module that reads images.

        ``generator`` is the run's stream for initial weights. Torch's global generator is seeded
        from it during the call and restored afterwards.
        """


class Network(nn.Module, ABC):
    """Interface of all models; ``model(x, noise=None)`` is the fastest exact way to the logits."""

    @abstractmethod
    def inputs(self, x: Tensor) -> Tensor:
        """Return the continuous input of data ``x``, one row per sample."""

    @abstractmethod
    def first_layer(self, inputs: Tensor) -> Tensor:
        """f(·, W₁): continuous input -> first layer's output, ``(n, width)``."""

    @abstractmethod
    def other_first_layer(self, inputs: Tensor) -> Tensor:
        """Return another reading of "first layer", for the ablation (section 6)."""

    @abstractmethod
    def logits(self, inputs: Tensor) -> Tensor:
        """f(·, W): continuous input -> logits ``(n, K)``; columns beyond K have no label."""

    @abstractmethod
    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
