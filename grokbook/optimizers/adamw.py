"""AdamW with linear warm-up and two decoupled decays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import conform, non_negative, whole
from grokbook.models.base import Network
from grokbook.models.stacking import stacked_weights


@dataclass(frozen=True)
class AdamW:
    """Optimiser: AdamW [Loshchilov & Hutter 2019], decay on every parameter.

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
        Steps of linear learning-rate warm-up.
    """

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
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas is {self.betas}, but both must lie in [0, 1).")


class Optimizer:
    """AdamW with linear warm-up and the decoupled decays of :class:`AdamW`."""

    def __init__(self, settings: AdamW, models: list[Network]) -> None:
        self.settings = settings
        self.seeds = len(models)
        self.parameters: list[Tensor] = (
            list(models[0].parameters())
            if self.seeds == 1
            else list(stacked_weights(models).values())
        )
        self.adamw = torch.optim.AdamW(
            self.parameters,
            lr=self.settings.lr,
            betas=self.settings.betas,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )

    def step(self, loss: Tensor, taken: int) -> None:
        """Descend ``loss`` once, as step number ``taken`` counted from 0."""
        settings = self.settings
        lr = settings.lr * min(1.0, (taken + 1) / max(1, settings.warmup_steps))
        self.adamw.param_groups[0]["lr"] = lr
        self.adamw.zero_grad(set_to_none=True)
        loss.backward()
        self.adamw.step()
        if settings.l1_decay:
            with torch.no_grad():
                for parameter in self.parameters:
                    shrunk = (parameter.abs() - lr * settings.l1_decay).clamp_(min=0)
                    parameter.copy_(shrunk.mul_(parameter.sign()))

    def state(self, seed: int) -> dict[str, Any]:
        """Return the state of one seed, in the form it has when trained alone."""
        state = self.adamw.state_dict()
        if self.seeds > 1:
            state["state"] = {
                index: {
                    name: value if name == "step" else value[seed].clone()
                    for name, value in averages.items()
                }
                for index, averages in state["state"].items()
            }
        return state

    def require_fit(self, state: dict[str, Any]) -> None:
        """Refuse a state, in the form of :meth:`state`, of other parameters, with a ValueError."""
        shapes = [
            parameter.shape if self.seeds == 1 else parameter.shape[1:]
            for parameter in self.parameters
        ]
        if state["param_groups"][0]["params"] != list(range(len(shapes))):
            raise ValueError("other parameters")
        for index, averages in state["state"].items():
            for name, value in averages.items():
                if value.shape != (torch.Size() if name == "step" else shapes[index]):
                    raise ValueError(f"{name} of parameter {index} has another shape")

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Set the optimiser back to the states of its seeds."""
        state = states[0]
        if self.seeds > 1:
            state = {
                **state,
                "state": {
                    index: {
                        name: value
                        if name == "step"
                        else torch.stack([each["state"][index][name] for each in states])
                        for name, value in averages.items()
                    }
                    for index, averages in state["state"].items()
                },
            }
        self.adamw.load_state_dict(state)
