"""The links of one chain, with their weights and all that they keep between steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import shown
from grokbook.optimizers.base import Tensors
from grokbook.optimizers.chain import Chain

State = dict[str, Any]


class Links:
    """A chain and the weights of one network, or of a stack if the chain steps it equally.

    Its state is that of a `torch.optim` optimiser. The states of several optimisers are under
    ``parts``, the memories of filters and constraint under ``filters`` and ``constraint``.
    """

    def __init__(self, chain: Chain, weights: Tensors) -> None:
        self.chain, self.weights = chain, weights
        built = chain.optimizer.build(weights)
        self.parts = list(built) if isinstance(built, Sequence) else [built]
        if not self.parts or not all(
            isinstance(part, torch.optim.Optimizer) for part in self.parts
        ):
            raise InputError(
                f"{type(chain.optimizer).__name__}.build returned {shown(built)}, but must return"
                " an optimiser of torch.optim, or a list of them."
            )
        self._rates = [[group["lr"] for group in part.param_groups] for part in self.parts]
        self._factor = getattr(chain.optimizer, "factor", None)
        with torch.no_grad():
            self.memories = [link.begin(weights) for link in chain.filters]
            self.constraint = None if chain.constraint is None else chain.constraint.begin(weights)

    def step(self, taken: int) -> None:
        """Move the weights by their gradients, in the step after ``taken`` others."""
        if self._factor is not None:
            factor = self._factor(taken)
            for part, rates in zip(self.parts, self._rates, strict=True):
                for group, rate in zip(part.param_groups, rates, strict=True):
                    group["lr"] = rate * factor
        if self.chain.filters:
            self._filter(taken)
        for part in self.parts:
            part.step()
        if self.chain.constraint is not None and self.constraint is not None:
            with torch.no_grad():
                self.chain.constraint.constrain(self.weights, self.constraint)

    @torch.no_grad()
    def _filter(self, taken: int) -> None:
        before = {
            name: weight.grad for name, weight in self.weights.items() if weight.grad is not None
        }
        gradients = before
        for link, memory in zip(self.chain.filters, self.memories, strict=True):
            gradients = link.filtered(gradients, self.weights, memory, taken)
            for name, gradient in before.items():
                found = gradients.get(name)
                if found is None or found.shape != gradient.shape:
                    raise InputError(
                        f"{type(link).__name__} returned"
                        f" {'nothing' if found is None else f'shape {tuple(found.shape)}'} as the"
                        f" gradient of {name}, but must keep its shape, {tuple(gradient.shape)}."
                    )
        for name in before:
            self.weights[name].grad = gradients[name]

    def state(self, seed: int | None = None) -> State:
        """Return the state, or that of one seed of a stack."""
        dicts = [part.state_dict() for part in self.parts]
        if seed is not None:
            for one, shapes in zip(dicts, self._shapes(), strict=True):
                one["state"] = {
                    index: {
                        name: value[seed].clone() if _of(name, value, shapes[index]) else value
                        for name, value in averages.items()
                    }
                    for index, averages in one["state"].items()
                }
        state: State = dicts[0] if len(dicts) == 1 else {"parts": dicts}
        if self.chain.filters:
            state["filters"] = self.memories
        if self.constraint is not None:
            state["constraint"] = self.constraint
        return state

    def require_fit(self, state: State, seeds: int | None = None) -> None:
        """Raise a ValueError for a state of other parameters; ``seeds`` is the stack's size."""
        dicts = self._dicts(state)
        for part, shapes, one in zip(self.parts, self._shapes(), dicts, strict=True):
            wanted = part.state_dict()["param_groups"]
            if [g["params"] for g in one["param_groups"]] != [g["params"] for g in wanted]:
                raise ValueError("other parameters")
            if not hasattr(self.chain.optimizer, "elementwise"):
                continue  # a user's own optimiser may keep anything
            for index, averages in one["state"].items():
                shape = shapes[index] if seeds is None else shapes[index][1:]
                for name, value in averages.items():
                    wanted_shape = torch.Size() if name == "step" else shape
                    if isinstance(value, Tensor) and value.shape != wanted_shape:
                        raise ValueError(f"{name} of parameter {index} has another shape")
        for wanted_memory, memory in zip(self.memories, state.get("filters", ()), strict=True):
            _require_alike(memory, wanted_memory)
        if self.constraint is not None:
            _require_alike(state["constraint"], self.constraint)

    def restore(self, state: State) -> None:
        """Restore everything from a state."""
        for part, one in zip(self.parts, self._dicts(state), strict=True):
            part.load_state_dict(one)
        kept = list(zip(self.memories, state.get("filters", ()), strict=True))
        if self.constraint is not None:
            kept.append((self.constraint, state["constraint"]))
        for memory, found in kept:
            for name, value in found.items():
                memory[name] = value.to(memory[name].device, copy=True)

    def restore_stacked(self, states: Sequence[State]) -> None:
        """Restore a stack from the states of its seeds."""
        dicts = [self._dicts(state) for state in states]
        together = []
        for place, (first, shapes) in enumerate(zip(dicts[0], self._shapes(), strict=True)):
            entries = {
                index: {
                    name: torch.stack([each[place]["state"][index][name] for each in dicts])
                    if _of(name, value, shapes[index][1:])
                    else value
                    for name, value in averages.items()
                }
                for index, averages in first["state"].items()
            }
            together.append({**first, "state": entries})
        self.restore(together[0] if len(together) == 1 else {"parts": together})

    def _dicts(self, state: State) -> list[State]:
        """Torch's state of each part, without our additions."""
        if len(self.parts) > 1:
            return list(state["parts"])
        return [{"state": state["state"], "param_groups": state["param_groups"]}]

    def _shapes(self) -> list[list[torch.Size]]:
        """Shapes of the weights of each part, in torch's numbering."""
        return [
            [weight.shape for group in part.param_groups for weight in group["params"]]
            for part in self.parts
        ]


def _of(name: str, value: Any, shape: torch.Size) -> bool:
    """Whether a value that an optimiser keeps is an average over gradients of this shape."""
    return name != "step" and isinstance(value, Tensor) and value.shape == shape


def _require_alike(found: Mapping[str, Any], wanted: Tensors) -> None:
    """Refuse a memory of other names, shapes or types with a ValueError."""
    if set(found) != set(wanted):
        raise ValueError("a filter's memory has other names")
    for name, tensor in wanted.items():
        other = found[name]
        if not isinstance(other, Tensor) or (other.shape, other.dtype) != (
            tensor.shape, tensor.dtype,
        ):  # fmt: skip
            raise ValueError(f"a filter's memory of {name} has another shape or type")
