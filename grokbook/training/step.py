"""One training step of one or several seeds: batches, objective and optimiser."""

from __future__ import annotations

import warnings
from types import FunctionType
from typing import Any, Literal

import torch
from torch import Tensor
from torch._dynamo.backends.registry import lookup_backend

from grokbook._support.errors import first_line
from grokbook._support.seeding import generator
from grokbook.experiments.schema import Experiment
from grokbook.models.base import Network
from grokbook.models.stacking import WithWeights, stacked_weights
from grokbook.models.transformer import Transformer
from grokbook.strategies.losses import criterion as criterion_of
from grokbook.tasks.base import Split

COMPILED_STEPS = 5_000
"""Compiling a transformer pays from this number of steps on: see docs/decisions/0003."""


class Objective:
    """The strategy's loss of each seed, compiled if that pays."""

    def __init__(
        self, experiment: Experiment, models: list[Network], compiled: bool | Literal["auto"]
    ) -> None:
        criterion, strategy, model = criterion_of(experiment.loss), experiment.strategy, models[0]

        def of_one(x: Tensor, y: Tensor, noise: Tensor | None) -> Tensor:
            return strategy.loss(model, x, y, noise, criterion)

        def of_seed(weights: dict[str, Tensor], x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
            return strategy.loss(WithWeights(model, weights), x, y, noise, criterion)

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
        # It gains nothing on the MLP's few products.
        worth_it = (
            experiment.steps >= COMPILED_STEPS
            and isinstance(model, Transformer)
            and getattr(strategy, "compilable", True)
        )
        self.is_compiled = worth_it if compiled == "auto" else compiled
        self._graphs = 0
        if self.is_compiled:
            inductor = lookup_backend("inductor")
            # A separate code object: torch compiles only eight shapes of each.
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
            # If torch was told not to compile, it runs eagerly without a message.
            self.is_compiled = self._graphs > 0
            return losses
        except torch._dynamo.exc.BackendCompilerFailed as error:
            warnings.warn(
                f"torch.compile is not available ({first_line(error)}); training goes on without"
                " it, with the same result but slower.",
                stacklevel=2,
            )
            self.is_compiled = False
            return self._eager(*arguments)


class Batches:
    """Mini-batches, reshuffled each epoch; or the full training set in its order."""

    def __init__(self, experiment: Experiment, split: Split) -> None:
        self.x, self.y = split.train_x, split.train_y
        self.size = experiment.batch_size
        self.generator = generator(experiment.seed, "batches")
        self.order = torch.empty(0, dtype=torch.int64)
        self.position = 0

    def require_fit(self, order: Tensor, position: int) -> None:
        """Raise a ValueError for an order or a position that does not fit these samples."""
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
        if self.x.is_cuda:  # from pinned memory, so that the host does not wait for the copy
            chosen = chosen.pin_memory().to(self.x.device, non_blocking=True)
        self.position += self.size
        return self.x[chosen], self.y[chosen]
