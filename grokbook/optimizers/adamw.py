"""AdamW with linear warm-up and two decoupled decays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from grokbook._support.errors import InputError
from grokbook._support.validation import conform, non_negative, whole
from grokbook.optimizers.base import Tensors, check_betas, linear_warm_up


@dataclass(frozen=True)
class AdamW:
    """AdamW [Loshchilov & Hutter 2019, arXiv:1711.05101], decay on every parameter.

    With gradient g, m ← β₁ m + (1 − β₁) g and v ← β₂ v + (1 − β₂) g², each step multiplies a weight
    by 1 − lr · weight_decay, then takes lr · m̂ / (√v̂ + 10⁻⁸) from it, where m̂ and v̂ are m and v
    over 1 − β₁ᵗ and 1 − β₂ᵗ.

    Parameters
    ----------
    lr : float
        Learning rate.
    weight_decay : float
        Decoupled ℓ₂ decay: each step multiplies the weights by 1 − lr · weight_decay.
    l1_decay : float
        Decoupled ℓ₁ decay, for Corollary 3.4: each step moves every weight towards 0 by
        lr · l1_decay and stops there.
    betas : pair of float
        Adam's two averaging rates, in [0, 1).
    warmup_steps : int
        Steps of linear learning-rate warm-up, w. The step after k others has the rate
        lr · min((k + 1) / w, 1): ours begins at lr/10 where w = 10. Nanda's is lr · min(k / 10, 1)
        from k = 0, so its first step moves nothing and its later steps lag ours by one.
    """

    elementwise: ClassVar[bool] = True

    lr: float = 1e-3
    weight_decay: float = 0.01
    l1_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        conform(self)
        if not 0 < self.lr < float("inf"):
            raise InputError(f"lr is {self.lr}, but must be positive and finite.")
        for name in ("weight_decay", "l1_decay"):
            non_negative(name, getattr(self, name))
        whole("warmup_steps", self.warmup_steps, least=0)
        check_betas(self.betas)

    def build(self, parameters: Tensors) -> torch.optim.Optimizer:
        """Return torch's fused AdamW, followed by the ℓ₁ decay if there is one."""
        settings: dict[str, Any] = {
            "lr": self.lr, "betas": self.betas, "weight_decay": self.weight_decay, "fused": True,
        }  # fmt: skip
        if not self.l1_decay:
            return torch.optim.AdamW(parameters.values(), **settings)
        return _AdamWAndL1(parameters.values(), self.l1_decay, **settings)

    def factor(self, taken: int) -> float:
        """Return the warm-up's factor on the learning rate."""
        return linear_warm_up(taken, self.warmup_steps)


class _AdamWAndL1(torch.optim.AdamW):
    """AdamW, then soft thresholding by lr · l1_decay."""

    def __init__(self, parameters: Any, l1_decay: float, **settings: Any) -> None:
        super().__init__(parameters, **settings)
        self.l1_decay = l1_decay

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                shrunk = (parameter.abs() - group["lr"] * self.l1_decay).clamp_(min=0)
                parameter.copy_(shrunk.mul_(parameter.sign()))
        return loss
