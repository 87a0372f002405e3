"""One training step of one seed or of several: its batches, its objective, its optimiser."""

from __future__ import annotations

import warnings
from types import FunctionType
from typing import Any, Literal

import torch
from torch import Tensor
from torch._dynamo.backends.registry import lookup_backend

from grokbook.datasets import Split
from grokbook.errors import first_line
from grokbook.experiments import Experiment
from grokbook.losses import LOSSES
from grokbook.models import Network, Transformer
from grokbook.seeding import generator


class Objective:
    """The strategy's loss of each seed, compiled where that pays."""

    def __init__(
        self, experiment: Experiment, models: list[Network], compiled: bool | Literal["auto"]
    ) -> None:
        criterion, strategy, model = LOSSES[experiment.loss], experiment.strategy, models[0]

        def of_one(x: Tensor, y: Tensor, noise: Tensor | None) -> Tensor:
            return strategy.loss(model, x, y, noise, criterion)

        def of_seed(weights: dict[str, Tensor], x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
            return strategy.loss(_With(model, weights), x, y, noise, criterion)

        def of_all(weights: dict[str, Tensor], x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
            with_noise = None if noise is None else 0
            losses = torch.func.vmap(of_seed, in_dims=(0, 0, 0, with_noise))(weights, x, y, noise)
            assert isinstance(losses, Tensor)
            return losses

        def backend(graph: Any, inputs: Any) -> Any:
            self._graphs += 1
            return inductor(graph, inputs)

        self.weights = stacked_weights(models) if len(models) > 1 else None
        self._eager = self._call = of_one if self.weights is None else of_all
        # Compiling costs time before the first step and gained nothing on the MLP's few products.
        worth_it = experiment.steps >= 10_000 and isinstance(model, Transformer)
        self.is_compiled = worth_it if compiled == "auto" else compiled
        self._graphs = 0
        if self.is_compiled:
            inductor = lookup_backend("inductor")
            # A code object of its own: torch compiles eight shapes of each, then no more.
            own = FunctionType(
                self._eager.__code__.replace(), self._eager.__globals__, self._eager.__name__,
                self._eager.__defaults__, self._eager.__closure__,
            )  # fmt: skip
            self._call = torch.compile(own, dynamic=False, backend=backend)

    def __call__(self, batches: list[tuple[Tensor, Tensor]], noises: list[Tensor | None]) -> Tensor:
        """Return the losses, ``(seeds,)``."""
        if self.weights is None:
            return self._compute(*batches[0], noises[0]).reshape(1)
        x, y = (torch.stack(part) for part in zip(*batches, strict=True))
        drawn = [noise for noise in noises if noise is not None]  # of all seeds, or of none
        return self._compute(self.weights, x, y, torch.stack(drawn) if drawn else None)

    def _compute(self, *arguments: Any) -> Tensor:
        if not self.is_compiled:
            return self._eager(*arguments)
        try:
            losses: Tensor = self._call(*arguments)
            # Where torch was told not to compile, it runs eagerly and does not say so.
            self.is_compiled = self._graphs > 0
            return losses
        except torch._dynamo.exc.BackendCompilerFailed as error:
            warnings.warn(
                f"torch.compile is not at hand ({first_line(error)}); training goes on without it,"
                " the same but slower.",
                stacklevel=2,
            )
            self.is_compiled = False
            return self._eager(*arguments)


class _With:
    """A network with other weights, for a strategy that calls it."""

    def __init__(self, model: Network, weights: dict[str, Tensor]) -> None:
        self.model, self.weights = model, weights

    def __call__(self, x: Tensor, noise: Tensor | None = None) -> Any:
        return torch.func.functional_call(self.model, self.weights, (x, noise))


def stacked_weights(models: list[Network]) -> dict[str, Tensor]:
    """Move the weights of several networks into one tensor a name, seeds first.

    Afterwards each network's weights are views of these, so that an optimiser step on the stack is
    one on every network. Asked again, the same tensors are returned.
    """
    if not hasattr(models[0], "_stack"):
        stack = {}
        for name, weight in models[0].named_parameters():
            together = torch.stack([model.get_parameter(name).detach() for model in models])
            stack[name] = together.requires_grad_(weight.requires_grad)
            for model, view in zip(models, together.detach(), strict=True):
                model.get_parameter(name).data = view
        object.__setattr__(models[0], "_stack", stack)
    found: dict[str, Tensor] = models[0]._stack  # type: ignore[assignment]
    return found


class Optimizer:
    """AdamW with linear warm-up and the decoupled decays of :class:`grokbook.experiments.AdamW`."""

    def __init__(self, experiment: Experiment, models: list[Network]) -> None:
        self.settings = experiment.optimizer
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


class Batches:
    """Mini-batches, reshuffled each epoch; or the full training set as it stands."""

    def __init__(self, experiment: Experiment, split: Split) -> None:
        self.x, self.y = split.train_x, split.train_y
        self.size = experiment.batch_size
        self.generator = generator(experiment.seed, "batches")
        self.order = torch.empty(0, dtype=torch.int64)
        self.position = 0

    def require_fit(self, order: Tensor, position: int) -> None:
        """Refuse an order and a position in it that are not of these samples, as a ValueError."""
        if order.dtype != torch.int64 or sorted(order.tolist()) not in ([], [*range(len(self.x))]):
            raise ValueError("order is no permutation of the samples")
        if type(position) is not int or position < 0:
            raise ValueError("position is not within the order")

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next batch ``(x, y)``."""
        if self.size is None or self.size >= len(self.x):
            return self.x, self.y
        if self.position >= len(self.order):
            self.order = torch.randperm(len(self.x), generator=self.generator)
            self.position = 0
        chosen = self.order[self.position : self.position + self.size]
        if self.x.is_cuda:  # from pinned memory: a copy that the host does not wait for
            chosen = chosen.pin_memory().to(self.x.device, non_blocking=True)
        self.position += self.size
        return self.x[chosen], self.y[chosen]
