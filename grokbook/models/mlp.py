"""The MLP of the paper's MNIST experiments."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook._support.validation import conform, non_negative, whole
from grokbook.models.base import Network


@dataclass(frozen=True)
class MLPConfig:
    """Sizes and initial scale of :class:`MLP`; input and output follow the data."""

    hidden: tuple[int, ...] = (200, 200)
    init_scale: float = 8.0

    def __post_init__(self) -> None:
        conform(self)
        for width in self.hidden:
            whole("an entry of hidden", width, least=1)
        non_negative("init_scale", self.init_scale)


class MLP(Network):
    """ReLU network of the MNIST task (section 2.1, after Liu et al. 2022b).

    Every parameter, biases too, is drawn from PyTorch's default for ``nn.Linear``,
    U(−1/√fan_in, 1/√fan_in), and multiplied by ``init_scale`` (Omnigrok's α, 8 in the paper).

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output; the paper's is (784, 200, 200, 10).
    init_scale : float
        Factor on every initial parameter.
    generator : torch.Generator
        Source of the initial weights.
    dtype : torch.dtype
        Parameter type.
    """

    def __init__(
        self,
        sizes: Sequence[int] = (784, 200, 200, 10),
        init_scale: float = 8.0,
        *,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise InputError(
                f"sizes is {tuple(sizes)}, but at least two positive widths are needed."
            )
        non_negative("init_scale", init_scale)
        layers = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
            bound = init_scale / math.sqrt(fan_in)
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)
            layers.append(layer)
        self.layers = nn.ModuleList(layers)

    def inputs(self, x: Tensor) -> Tensor:
        """Images -> continuous input ``(n, d)``."""
        return x.flatten(1).to(self.first_weight.dtype)

    @property
    def first_weight(self) -> Tensor:
        """Weight of the first layer, ``(width, d)``."""
        return self.linear_layers()[0].weight

    def linear_layers(self) -> list[nn.Linear]:
        """All layers, input to output."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def first_layer(self, inputs: Tensor) -> Tensor:
        """f(·, W₁): first hidden layer after its ReLU, ``(n, width)``."""
        return torch.relu(self.other_first_layer(inputs))

    def other_first_layer(self, inputs: Tensor) -> Tensor:
        """Return the first affine map alone, before its ReLU, ``(n, width)``."""
        return self.layers[0](inputs)

    def logits(self, inputs: Tensor) -> Tensor:
        """f(·, W): ``(n, K)``."""
        hidden = inputs
        for layer in self.layers[:-1]:
            hidden = torch.relu(layer(hidden))
        return self.layers[-1](hidden)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Logits of images x, with ``noise`` ``(n, d)`` added to the continuous input if given."""
        inputs = self.inputs(x)
        return self.logits(inputs if noise is None else inputs + noise)

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
        return tuple(x.flatten(1).shape)
