"""The transformer of the paper's modulo addition, with one or more layers.

Attention is written out in plain matrix products, so that second derivatives exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook._support.validation import conform, later, whole
from grokbook.models.base import DataShape, Network


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of :class:`Transformer`; the modulus follows the data.

    Parameters
    ----------
    d, heads, mlp : int
        Residual width; attention heads (must divide d); hidden units.
    layers : int
        1 in the paper and in Nanda et al. [2023], 2 in Power et al. [2022].
    shared_positions : bool
        Give both operands the same position, so that f(a, b) = f(b, a) by construction.
    extra_outputs : int
        Logits in addition to those of the labels: 1 in Nanda et al., whose unembedding has a row
        for "=".
    """

    d: int = 128
    heads: int = 4
    mlp: int = 512
    layers: int = later(1)
    shared_positions: bool = later(False)
    extra_outputs: int = later(0)

    def __post_init__(self) -> None:
        conform(self)
        for name in ("d", "heads", "mlp", "layers"):
            whole(name, getattr(self, name), least=1)
        whole("extra_outputs", self.extra_outputs, least=0)
        if self.d % self.heads:
            raise InputError(f"heads is {self.heads}, but must divide d = {self.d}.")

    def build(
        self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype
    ) -> Transformer:
        """Return the network for pairs of tokens."""
        if data.tokens is None or data.inputs != 2:
            kind = "images" if data.tokens is None else f"samples of {data.inputs} tokens"
            raise InputError(f"TransformerConfig reads pairs of tokens, but the data are {kind}.")
        return Transformer(
            data.tokens, self.d, self.heads, self.mlp, layers=self.layers,
            shared_positions=self.shared_positions, outputs=data.classes + self.extra_outputs,
            generator=generator, dtype=dtype,
        )  # fmt: skip


class Transformer(Network):
    """ReLU transformer without LayerNorm, reading a + b at "=" (after Nanda et al. 2023).

    Tokens are a, b and "=" (number p); learned positions; in each layer ``heads`` attention heads
    of dimension d / heads without biases and an MLP of ``mlp`` hidden units with biases; an
    unembedding. Weights start as N(0, 1)/√d, the unembedding as N(0, 1)/√outputs, biases as 0.
    226 688 parameters at the paper's sizes. Attention is causal.

    The answer is read at the last position only, so in the last layer only that position is
    computed: one query, one row of the MLP. With one layer and no noise, a key or value depends on
    a token and its position alone, and is computed once per token and position (2p + 1 rows)
    instead of once per pair (3n).

    With ``shared_positions`` both operands have one position and see each other, and are read in
    ascending order, so that f(a, b) = f(b, a) to the last bit.

    Parameters
    ----------
    p, d, heads, mlp : int
        Modulus, the number of tokens; residual width; attention heads (must divide d); hidden
        units.
    layers : int
        Number of layers. The last one's weights have the plain names; those before it are
        ``earlier.0`` and so on, drawn after it.
    shared_positions : bool
        Whether both operands have the same position.
    outputs : int, optional
        Number of logits; p if not given.
    generator : torch.Generator
        Source of the initial weights, drawn in float32 whatever their type.
    dtype : torch.dtype
        Parameter type.
    """

    def __init__(
        self,
        p: int = 113,
        d: int = 128,
        heads: int = 4,
        mlp: int = 512,
        *,
        layers: int = 1,
        shared_positions: bool = False,
        outputs: int | None = None,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        outputs = p if outputs is None else outputs
        sizes = {"p": p, "d": d, "heads": heads, "mlp": mlp, "layers": layers, "outputs": outputs}
        for name, size in sizes.items():
            whole(name, size, least=1)
        if d % heads:
            raise InputError(f"heads is {heads}, but must divide d = {d}.")
        self.p, self.heads, self.shared_positions = p, heads, shared_positions

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(
                (torch.randn(shape, generator=generator, dtype=torch.float32) / scale).to(dtype)
            )

        root = math.sqrt(d)
        self.embedding = normal(p + 1, d, scale=root)
        self.position = normal(2 if shared_positions else 3, d, scale=root)
        self.query = normal(d, d, scale=root)  # columns grouped by head
        self.key = normal(d, d, scale=root)
        self.value = normal(d, d, scale=root)
        self.output = normal(d, d, scale=root)
        self.mlp_in = normal(d, mlp, scale=root)
        self.mlp_in_bias = nn.Parameter(torch.zeros(mlp, dtype=dtype))
        self.mlp_out = normal(mlp, d, scale=root)
        self.mlp_out_bias = nn.Parameter(torch.zeros(d, dtype=dtype))
        self.unembedding = normal(d, outputs, scale=math.sqrt(outputs))
        self.earlier = nn.ModuleList(
            Layer(d, heads, mlp, shared_positions, generator=generator, dtype=dtype)
            for _ in range(layers - 1)
        )

    def inputs(self, x: Tensor) -> Tensor:
        """Pairs ``(n, 2)`` -> embedded tokens a, b, "=" with their positions, ``(n, 3, d)``."""
        equals = self.embedding[self.p].expand(len(x), 1, -1)
        tokens = torch.cat((nn.functional.embedding(self._ordered(x), self.embedding), equals), 1)
        return tokens + self._positions()

    def other_first_layer(self, inputs: Tensor) -> Tensor:
        """Return the embedded tokens side by side, ``(n, 3d)``."""
        return inputs.flatten(1)

    def first_layer(self, inputs: Tensor) -> Tensor:
        """f(·, W₁): residual stream at "=" after the first layer's attention, ``(n, d)``."""
        if len(self.earlier):
            first = self.earlier[0]
            assert isinstance(first, Layer)
            return first.attended(inputs)[:, 2]
        return self._last_attended(inputs)

    def logits(self, inputs: Tensor) -> Tensor:
        """f(·, W) at "=": ``(n, outputs)``."""
        if not len(self.earlier):
            return self._head(self.first_layer(inputs))
        for layer in self.earlier:
            inputs = layer(inputs)
        return self._head(self._last_attended(inputs))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Logits of pairs ``(n, 2)``, ``noise`` ``(n, 3, d)`` added to the continuous input."""
        if noise is not None:
            return self.logits(self.inputs(x) + noise)
        if len(self.earlier):
            return self.logits(self.inputs(x))
        return self._head(self._first_layer_of_tokens(self._ordered(x)))

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
        return (len(x), 3, self.embedding.shape[1])

    def _ordered(self, x: Tensor) -> Tensor:
        """Pairs in the order in which they are read."""
        return x.sort(dim=1).values if self.shared_positions else x

    def _positions(self) -> Tensor:
        """Positions of a, b and "=", ``(3, d)``."""
        return self.position[[0, 0, 1]] if self.shared_positions else self.position

    def _last_attended(self, inputs: Tensor) -> Tensor:
        """Residual stream at "=" after the last layer's attention, ``(n, d)``."""
        n, _, d = inputs.shape
        last = inputs[:, 2]
        # ⟨q, W_Kᵀ x_j⟩ = ⟨W_K q, x_j⟩ and Σ_j A_j W_Vᵀ x_j = W_Vᵀ (Σ_j A_j x_j), head by head: one
        # product per pair instead of one per token.
        query = (last @ self.query).view(n, self.heads, d // self.heads)  # not -1: n may be 0
        key = self.key.view(d, self.heads, -1)
        value = self.value.view(d, self.heads, -1)
        reader = torch.einsum("nhe,dhe->nhd", query, key)
        scores = torch.einsum("nhd,njd->nhj", reader, inputs) / math.sqrt(d // self.heads)
        mixed = torch.einsum("nhj,njd->nhd", scores.softmax(dim=-1), inputs)
        heads = torch.einsum("nhd,dhe->nhe", mixed, value)
        return last + heads.reshape(n, d) @ self.output

    def _first_layer_of_tokens(self, x: Tensor) -> Tensor:
        """``first_layer(inputs(x))`` of one layer from tables over tokens and positions."""
        d, embed = self.embedding.shape[1], nn.functional.embedding
        position = self._positions()
        first = self.embedding[: self.p] + position[0]  # (p, d)
        second = self.embedding[: self.p] + position[1]
        last = self.embedding[self.p] + position[2]  # (d,): the same for every pair
        query = (last @ self.query).view(self.heads, -1)
        key = self.key.view(d, self.heads, -1)
        reader = torch.einsum("he,dhe->dh", query, key) / math.sqrt(d // self.heads)
        a, b = x[:, 0], x[:, 1]
        scores = torch.stack(  # (n, 3, heads)
            (
                embed(a, first @ reader),
                embed(b, second @ reader),
                (last @ reader).expand(len(x), -1),
            ),
            dim=1,
        )
        weights = scores.softmax(dim=1).unsqueeze(-1)  # (n, 3, heads, 1)
        shape = (len(x), self.heads, d // self.heads)  # not -1: there may be no pairs
        heads = (
            weights[:, 0] * embed(a, first @ self.value).view(shape)
            + weights[:, 1] * embed(b, second @ self.value).view(shape)
            + weights[:, 2] * (last @ self.value).view(self.heads, -1)
        )
        return last + heads.reshape(len(x), d) @ self.output

    def _head(self, residual: Tensor) -> Tensor:
        """MLP and unembedding of the residual stream ``(n, d)`` -> ``(n, outputs)``."""
        hidden = torch.relu(residual @ self.mlp_in + self.mlp_in_bias)
        return (residual + hidden @ self.mlp_out + self.mlp_out_bias) @ self.unembedding


class Layer(nn.Module):
    """A layer before the last one: attention and MLP at all three positions, ``(n, 3, d)``.

    Attention is causal, except that operands with one position see each other.
    """

    def __init__(
        self,
        d: int,
        heads: int,
        mlp: int,
        shared_positions: bool,
        *,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.heads, self.shared_positions = heads, shared_positions

        def normal(*shape: int) -> nn.Parameter:
            drawn = torch.randn(shape, generator=generator, dtype=torch.float32) / math.sqrt(d)
            return nn.Parameter(drawn.to(dtype))

        self.query, self.key = normal(d, d), normal(d, d)
        self.value, self.output = normal(d, d), normal(d, d)
        self.mlp_in = normal(d, mlp)
        self.mlp_in_bias = nn.Parameter(torch.zeros(mlp, dtype=dtype))
        self.mlp_out = normal(mlp, d)
        self.mlp_out_bias = nn.Parameter(torch.zeros(d, dtype=dtype))

    def attended(self, stream: Tensor) -> Tensor:
        """Residual stream after attention, ``(n, 3, d)``."""
        n, length, d = stream.shape
        shape = (n, length, self.heads, d // self.heads)
        query, key, value = (
            (stream @ weight).view(shape) for weight in (self.query, self.key, self.value)
        )
        scores = torch.einsum("nihe,njhe->nhij", query, key) / math.sqrt(d // self.heads)
        hidden = torch.ones(length, length, dtype=torch.bool, device=stream.device).triu(1)
        if self.shared_positions:
            hidden = hidden & (torch.arange(length, device=stream.device) == length - 1)
        weights = scores.masked_fill(hidden, -math.inf).softmax(dim=-1)
        heads = torch.einsum("nhij,njhe->nihe", weights, value)
        return stream + heads.reshape(n, length, d) @ self.output

    def forward(self, stream: Tensor) -> Tensor:
        """Residual stream after attention and MLP, ``(n, 3, d)``."""
        stream = self.attended(stream)
        hidden = torch.relu(stream @ self.mlp_in + self.mlp_in_bias)
        return stream + hidden @ self.mlp_out + self.mlp_out_bias
