"""The optimiser in training: its step, and its state in checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.models.stacking import stacked_weights
from grokbook.optimizers.base import OptimizerSettings
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.links import Links, State


class Optimizer:
    """A chain applied to one network, or to several of one shape, each as if it were alone.

    Several are stepped as one stack if the chain is one elementwise optimiser and nothing else.
    Otherwise each has its own optimiser and memory.

    Parameters
    ----------
    settings : OptimizerSettings or Chain
        The chain, or its optimiser alone.
    models : list of nn.Module
        The networks; more than one share stacked weights afterwards
        (:func:`grokbook.models.stacking.stacked_weights`).

    Raises
    ------
    InputError
        If there is no weight to train, or `build` returns no optimiser of them.
    """

    def __init__(self, settings: OptimizerSettings | Chain, models: Sequence[nn.Module]) -> None:
        chain = settings if isinstance(settings, Chain) else Chain(optimizer=settings)  # type: ignore[arg-type]
        self.settings = settings
        self.seeds = len(models)
        stack = stacked_weights(list(models)) if self.seeds > 1 else None  # type: ignore[arg-type]
        leaves = dict(models[0].named_parameters()) if stack is None else stack
        self._leaves = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
        if not self._leaves:
            raise InputError(
                f"{type(models[0]).__name__} has no weight to train, so"
                f" {type(chain.optimizer).__name__} has nothing to do."
            )
        plain = not chain.filters and chain.constraint is None
        self._stacked = stack is not None and plain and _is_elementwise(chain.optimizer)
        if stack is None or self._stacked:
            self._links = [Links(chain, self._leaves)]
        else:
            self._links = [
                Links(chain, {name: model.get_parameter(name) for name in self._leaves})
                for model in models
            ]

    @property
    def parameters(self) -> list[Tensor]:
        """The weights whose gradients a step takes; of several networks, stacked."""
        return list(self._leaves.values())

    def step(self, loss: Tensor, taken: int) -> None:
        """Descend ``loss`` once; ``taken`` steps were taken before."""
        for leaf in self._leaves.values():
            leaf.grad = None
        loss.backward()
        if len(self._links) > 1:
            for seed, links in enumerate(self._links):
                for name, leaf in self._leaves.items():
                    links.weights[name].grad = None if leaf.grad is None else leaf.grad[seed]
        for links in self._links:
            links.step(taken)

    def state(self, seed: int) -> State:
        """Return the state of one seed, in the form it has when trained alone."""
        if self._stacked:
            return self._links[0].state(seed)
        return self._links[seed].state()

    def require_fit(self, state: State) -> None:
        """Raise a ValueError for a :meth:`state` of other parameters."""
        self._links[0].require_fit(state, seeds=self.seeds if self._stacked else None)

    def restore(self, states: Sequence[State]) -> None:
        """Restore the optimiser from the states of its seeds."""
        if self._stacked:
            self._links[0].restore_stacked(states)
        else:
            for links, state in zip(self._links, states, strict=True):
                links.restore(state)


def _is_elementwise(settings: OptimizerSettings) -> bool:
    return bool(getattr(settings, "elementwise", False))
