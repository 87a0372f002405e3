"""What training and metrics ask of a network: ``inputs() -> first_layer() -> logits()``.

Section 3 splits the weights W = (W₁, W₂): f(x, W₁) is what :meth:`Network.first_layer` returns,
f(x, W) what :meth:`Network.logits` returns, both from the *continuous* input (the image; the three
embedded tokens), the thing that noise is added to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """What both models offer; ``model(x, noise=None)`` is the fastest exact route to logits."""

    @abstractmethod
    def inputs(self, x: Tensor) -> Tensor:
        """Return the continuous input of data ``x``, one row a sample."""

    @abstractmethod
    def first_layer(self, inputs: Tensor) -> Tensor:
        """f(·, W₁): continuous input -> first layer's output, ``(n, width)``."""

    @abstractmethod
    def other_first_layer(self, inputs: Tensor) -> Tensor:
        """Return another reading of "first layer", for the ablation (section 6)."""

    @abstractmethod
    def logits(self, inputs: Tensor) -> Tensor:
        """f(·, W): continuous input -> logits, ``(n, K)``."""

    @abstractmethod
    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
