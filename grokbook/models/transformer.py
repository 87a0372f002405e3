"""The one-layer transformer of the paper's modulo addition.

Attention is written out in plain matrix products, so that second derivatives exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook._support.validation import conform, whole
from grokbook.models.base import Network


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of :class:`Transformer`; the modulus follows the data."""

    d: int = 128
    heads: int = 4
    mlp: int = 512

    def __post_init__(self) -> None:
        conform(self)
        for name in ("d", "heads", "mlp"):
            whole(name, getattr(self, name), least=1)
        if self.d % self.heads:
            raise InputError(f"heads is {self.heads}, but must divide d = {self.d}.")


class Transformer(Network):
    """One-layer ReLU transformer without LayerNorm, reading a + b at "=" (after Nanda et al. 2023).

    Tokens are a, b and "=" (number p); learned positions; ``heads`` attention heads of dimension
    d / heads without biases; an MLP of ``mlp`` hidden units with biases; an unembedding to p
    classes. Weights start as N(0, 1)/√d, the unembedding as N(0, 1)/√p, biases as 0. 226 688
    parameters at the paper's sizes.

    The answer is read at the last position only, so only that position is computed: one query, one
    row of the MLP. Where no noise is added, a key or value depends on a token and its position
    alone, and is computed once per token and position (2p + 1 rows) instead of once per pair (3n).

    Parameters
    ----------
    p, d, heads, mlp : int
        Modulus; residual width; attention heads (must divide d); hidden units.
    generator : torch.Generator
        Source of the initial weights.
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
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        for name, size in (("p", p), ("d", d), ("heads", heads), ("mlp", mlp)):
            whole(name, size, least=1)
        if d % heads:
            raise InputError(f"heads is {heads}, but must divide d = {d}.")
        self.p, self.heads = p, heads

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype) / scale)

        root = math.sqrt(d)
        self.embedding = normal(p + 1, d, scale=root)
        self.position = normal(3, d, scale=root)
        self.query = normal(d, d, scale=root)  # columns grouped by head
        self.key = normal(d, d, scale=root)
        self.value = normal(d, d, scale=root)
        self.output = normal(d, d, scale=root)
        self.mlp_in = normal(d, mlp, scale=root)
        self.mlp_in_bias = nn.Parameter(torch.zeros(mlp, dtype=dtype))
        self.mlp_out = normal(mlp, d, scale=root)
        self.mlp_out_bias = nn.Parameter(torch.zeros(d, dtype=dtype))
        self.unembedding = normal(d, p, scale=math.sqrt(p))

    def inputs(self, x: Tensor) -> Tensor:
        """Pairs ``(n, 2)`` -> embedded tokens a, b, "=" with their positions, ``(n, 3, d)``."""
        equals = self.embedding[self.p].expand(len(x), 1, -1)
        tokens = torch.cat((nn.functional.embedding(x, self.embedding), equals), dim=1)
        return tokens + self.position

    def other_first_layer(self, inputs: Tensor) -> Tensor:
        """Return the embedded tokens side by side, ``(n, 3d)``."""
        return inputs.flatten(1)

    def first_layer(self, inputs: Tensor) -> Tensor:
        """f(·, W₁): residual stream at "=" after attention, ``(n, d)``."""
        n, _, d = inputs.shape
        last = inputs[:, 2]
        # ⟨q, W_Kᵀ x_j⟩ = ⟨W_K q, x_j⟩ and Σ_j A_j W_Vᵀ x_j = W_Vᵀ (Σ_j A_j x_j), head by head: one
        # product a pair in place of one a token.
        query = (last @ self.query).view(n, self.heads, d // self.heads)  # not -1: n may be 0
        key = self.key.view(d, self.heads, -1)
        value = self.value.view(d, self.heads, -1)
        reader = torch.einsum("nhe,dhe->nhd", query, key)
        scores = torch.einsum("nhd,njd->nhj", reader, inputs) / math.sqrt(d // self.heads)
        mixed = torch.einsum("nhj,njd->nhd", scores.softmax(dim=-1), inputs)
        heads = torch.einsum("nhd,dhe->nhe", mixed, value)
        return last + heads.reshape(n, d) @ self.output

    def logits(self, inputs: Tensor) -> Tensor:
        """f(·, W) at "=": ``(n, p)``."""
        return self._head(self.first_layer(inputs))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Logits ``(n, p)`` of pairs ``(n, 2)``, ``noise`` ``(n, 3, d)`` added to the input."""
        if noise is not None:
            return self.logits(self.inputs(x) + noise)
        return self._head(self._first_layer_of_tokens(x))

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``, without computing it."""
        return (len(x), 3, self.embedding.shape[1])

    def _first_layer_of_tokens(self, x: Tensor) -> Tensor:
        """``first_layer(inputs(x))`` from tables over tokens and positions."""
        d, embed = self.embedding.shape[1], nn.functional.embedding
        first = self.embedding[: self.p] + self.position[0]  # (p, d)
        second = self.embedding[: self.p] + self.position[1]
        last = self.embedding[self.p] + self.position[2]  # (d,): the same for every pair
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
        """MLP and unembedding of the residual stream ``(n, d)`` -> ``(n, p)``."""
        hidden = torch.relu(residual @ self.mlp_in + self.mlp_in_bias)
        return (residual + hidden @ self.mlp_out + self.mlp_out_bias) @ self.unembedding
