"""The MLP of the paper's MNIST experiments, and two that read tokens."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook._support.validation import conform, later, non_negative, whole
from grokbook.models.base import DataShape, Network


@dataclass(frozen=True)
class MLPConfig:
    """Sizes and initial scale of :class:`MLP`; input and output follow the data.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    init_scale : float
        Factor on every initial parameter.
    embedding : int
        For tokens, such as the pairs of modulo addition: width of a learned embedding of each
        (:class:`EmbeddedMLP`); 0 for one-hot vectors (:class:`OneHotMLP`).
    extra_outputs : int
        Logits in addition to those of the labels; Omnigrok's MLP on modulo addition has one more.
    """

    hidden: tuple[int, ...] = (200, 200)
    init_scale: float = 8.0
    embedding: int = later(0)
    extra_outputs: int = later(0)

    def __post_init__(self) -> None:
        conform(self)
        for width in self.hidden:
            whole("an entry of hidden", width, least=1)
        non_negative("init_scale", self.init_scale)
        whole("embedding", self.embedding, least=0)
        whole("extra_outputs", self.extra_outputs, least=0)

    def build(self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype) -> Network:
        """Return the network for images, or for tokens if the data are tokens."""
        then = (*self.hidden, data.classes + self.extra_outputs)
        if data.tokens is not None and self.embedding:
            return EmbeddedMLP(
                data.tokens, data.inputs, self.embedding, then, self.init_scale,
                generator=generator, dtype=dtype,
            )  # fmt: skip
        if data.tokens is not None:
            return OneHotMLP(
                data.tokens, data.inputs, then, self.init_scale, generator=generator, dtype=dtype
            )
        if self.embedding:
            raise InputError(
                f"embedding is {self.embedding}, but the data are images, which have no tokens; 0"
                " is allowed."
            )
        return MLP((data.inputs, *then), self.init_scale, generator=generator, dtype=dtype)


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
        Source of the initial weights, drawn in float32 whatever their type.
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
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=torch.float32)
            bound = init_scale / math.sqrt(fan_in)
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)
            layers.append(layer.to(dtype))
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
        """Logits of data x, with ``noise`` ``(n, d)`` added to the continuous input if given."""
        inputs = self.inputs(x)
        return self.logits(inputs if noise is None else inputs + noise)

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
        return tuple(x.flatten(1).shape)


class OneHotMLP(MLP):
    """The MLP on one-hot vectors of several tokens, such as pairs (a, b).

    Its continuous input is these vectors side by side, ``(n, length · tokens)``, so the first layer
    embeds each token at each place.

    Parameters
    ----------
    tokens, length : int
        How many different tokens there are, and how many a sample has.
    widths : sequence of int
        Of the hidden layers and the output.
    init_scale, generator, dtype
        As :class:`MLP`'s.
    """

    def __init__(
        self,
        tokens: int,
        length: int,
        widths: Sequence[int],
        init_scale: float = 8.0,
        *,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        sizes = (length * tokens, *widths)
        super().__init__(sizes, init_scale, generator=generator, dtype=dtype)
        self.tokens = tokens

    def inputs(self, x: Tensor) -> Tensor:
        """Tokens ``(n, length)`` -> continuous input ``(n, d)``, which itself passes unchanged."""
        if x.is_floating_point():
            return x
        # functional.one_hot would read the tokens back to the host.
        every = torch.arange(self.tokens, device=x.device)
        return (x.unsqueeze(-1) == every).flatten(1).to(self.first_weight.dtype)

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
        return (len(x), self.first_weight.shape[1])


class EmbeddedMLP(Network):
    """The MLP on learned embeddings of several tokens side by side, its continuous input.

    An embedding starts as init_scale · N(0, 1)/√width.

    Parameters
    ----------
    tokens, length, width : int
        How many different tokens there are, how many a sample has, and the width of an embedding.
    widths : sequence of int
        Of the hidden layers and the output.
    init_scale, generator, dtype
        As :class:`MLP`'s.
    """

    def __init__(
        self,
        tokens: int,
        length: int,
        width: int,
        widths: Sequence[int],
        init_scale: float = 8.0,
        *,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.length = length
        self.mlp = MLP((length * width, *widths), init_scale, generator=generator, dtype=dtype)
        drawn = torch.randn((tokens, width), generator=generator, dtype=torch.float32)
        self.embedding = nn.Parameter((init_scale / math.sqrt(width) * drawn).to(dtype))

    def inputs(self, x: Tensor) -> Tensor:
        """Tokens ``(n, length)`` -> continuous input ``(n, length · width)``."""
        return nn.functional.embedding(x, self.embedding).flatten(1)

    def first_layer(self, inputs: Tensor) -> Tensor:
        """f(·, W₁): first hidden layer after its ReLU, ``(n, width)``."""
        return self.mlp.first_layer(inputs)

    def other_first_layer(self, inputs: Tensor) -> Tensor:
        """Return the first affine map alone, before its ReLU, ``(n, width)``."""
        return self.mlp.other_first_layer(inputs)

    def logits(self, inputs: Tensor) -> Tensor:
        """f(·, W): ``(n, K)``."""
        return self.mlp.logits(inputs)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Logits of data x, with ``noise`` ``(n, d)`` added to the continuous input if given."""
        inputs = self.inputs(x)
        return self.logits(inputs if noise is None else inputs + noise)

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
        return (len(x), self.length * self.embedding.shape[1])
