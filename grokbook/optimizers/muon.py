"""Muon for the hidden matrices, AdamW for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from grokbook._support.errors import InputError
from grokbook._support.validation import conform, non_negative, positive, whole
from grokbook.optimizers.base import Tensors, check_betas, check_share, linear_warm_up


@dataclass(frozen=True)
class Muon:
    """Muon [Jordan et al. 2024, kellerjordan.github.io/posts/muon; on grokking arXiv:2504.16041].

    With B ← μ B + (1 − μ) G and the Nesterov mean U = (1 − μ) G + μ B, each step multiplies an
    a × b matrix by 1 − lr · weight_decay, then takes lr · √max(1, a/b) · NS(U) from it. NS is five
    Newton-Schulz iterations in bfloat16, which bring U near the closest orthogonal matrix. As in
    the authors' code, AdamW steps embeddings, unembedding and everything that is not a matrix.

    The shape is the tensor's own: an ``nn.Linear`` holds outputs × inputs, our transformer inputs ×
    outputs.

    Parameters
    ----------
    lr : float
        Learning rate of the matrices.
    momentum : float
        μ, in [0, 1).
    weight_decay : float
        Decoupled ℓ₂ decay of all weights, each at its own learning rate.
    adamw_lr : float
        Learning rate of the rest.
    adamw_betas : pair of float
        AdamW's averaging rates, in [0, 1).
    by_adamw : tuple of str
        Names of further matrices that AdamW steps: whole, such as "layers.0.weight", or the last
        part.
    warmup_steps : int
        Steps of linear learning-rate warm-up, as :class:`grokbook.optimizers.adamw.AdamW`'s.
    """

    elementwise: ClassVar[bool] = False

    lr: float = 0.02
    momentum: float = 0.95
    weight_decay: float = 0.01
    adamw_lr: float = 3e-4
    adamw_betas: tuple[float, float] = (0.9, 0.95)
    by_adamw: tuple[str, ...] = ("embedding", "position", "unembedding")
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        conform(self)
        positive("lr", self.lr)
        positive("adamw_lr", self.adamw_lr)
        check_share("momentum", self.momentum)
        non_negative("weight_decay", self.weight_decay)
        whole("warmup_steps", self.warmup_steps, least=0)
        check_betas(self.adamw_betas)

    def build(self, parameters: Tensors) -> list[torch.optim.Optimizer]:
        """Return torch's Muon of the matrices and its fused AdamW of the rest."""
        kind = getattr(torch.optim, "Muon", None)
        if kind is None:
            raise InputError(
                f"optimizer is Muon, which torch {torch.__version__} lacks; torch 2.9 has it."
            )
        matrices = [name for name, weight in parameters.items() if self._is_hidden(name, weight)]
        rest = [weight for name, weight in parameters.items() if name not in matrices]
        parts: list[torch.optim.Optimizer] = []
        if matrices:
            parts.append(
                kind(
                    [parameters[name] for name in matrices], lr=self.lr, momentum=self.momentum,
                    weight_decay=self.weight_decay,
                )
            )  # fmt: skip
        if rest:
            parts.append(
                torch.optim.AdamW(
                    rest, lr=self.adamw_lr, betas=self.adamw_betas,
                    weight_decay=self.weight_decay, fused=True,
                )
            )  # fmt: skip
        return parts

    def factor(self, taken: int) -> float:
        """Return the warm-up's factor on both learning rates."""
        return linear_warm_up(taken, self.warmup_steps)

    def _is_hidden(self, name: str, weight: torch.Tensor) -> bool:
        left_out = name in self.by_adamw or name.split(".")[-1] in self.by_adamw
        return weight.ndim == 2 and not left_out
