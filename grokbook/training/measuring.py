"""Any metric that runs log, measured on any network: :func:`measure`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from grokbook._support.errors import InputError
from grokbook.experiments.columns import column_of
from grokbook.experiments.schema import GROUPS, Experiment, Measurements
from grokbook.models.base import Network
from grokbook.tasks.base import Loadable, Split, Task, described
from grokbook.training.measurements import Measure
from grokbook.training.run import Run

_OF_ANY_MODULE = ("accuracy", "norms", "commutativity", "laws", "sharpness")
"""Groups that need only the logits and the weights of a network."""


@dataclass(frozen=True)
class Observed:
    """The parts of an experiment that :class:`grokbook.training.measurements.Measure` reads.

    It stands for a network that none of our experiments trained.
    """

    dataset: Loadable | None
    loss: Any
    measurements: Measurements
    seed: int = 0

    @property
    def task(self) -> Task:
        """The data set as a full task."""
        if self.dataset is None:
            raise InputError(
                "groups has 'commutativity', which needs a task with true answers, but only"
                " tensors were given; give the task."
            )
        return described(self.dataset)


def measure(
    what: Run | nn.Module,
    task: Loadable | Split | None = None,
    metrics: Sequence[str] = ("accuracy",),
    *,
    step: int | None = None,
    seed: int | None = None,
    loss: Any = None,
    settings: Measurements | None = None,
) -> dict[str, float]:
    """Compute the metrics that runs log on a trained network.

    For a run at a logged step, the numbers are those of its log.

    Parameters
    ----------
    what : Run or nn.Module
        A run, whose network is measured, or a network. A plain module, in either mode, is measured
        as in ``eval()``; groups that use the continuous input need a
        :class:`grokbook.models.base.Network`.
    task : Loadable or Split, optional
        The data; the default for a run is its own task.
    metrics : sequence of str
        Groups of ``grokbook.experiments.schema.GROUPS``, with all their columns, or single columns.
    step : int, optional
        The step of a run, by default the last. It also names the stream of the noise; 0 for a
        network.
    seed : int, optional
        Of the noise; that of the run, or 0.
    loss : optional
        Name of a loss, or one of your own; that of the run, or of the task, or cross-entropy.
    settings : Measurements, optional
        σ, batch sizes and probes; those of the run, or the defaults.

    Returns
    -------
    dict of str to float
        By column, in the order of ``metrics``.

    Raises
    ------
    InputError
        On an unknown metric, one that does not apply to the network or the task, no task, or a
        network whose logits on the training set are not all finite.
    RunError
        As :meth:`grokbook.training.run.Run.network_at`.

    Examples
    --------
    >>> from grokbook import experiment, train
    >>> run = train(experiment("modadd-standard", "smoke"), until=20)
    >>> found = measure(run, metrics=["weight_norm", "abelian_accuracy_all"])
    >>> bool(found["weight_norm"] == run.log["weight_norm"].iloc[-1])
    True
    """
    if isinstance(what, Run):
        recipe = what.recipe()
        network: nn.Module = what.network if step is None else what.network_at(step)
        data: Loadable | Split = recipe.dataset if task is None else task
        seed = recipe.seed if seed is None else seed
        loss = recipe.loss if loss is None else loss
        settings = recipe.measurements if settings is None else settings
        step = int(what.manifest["steps"]) if step is None else step
    elif task is None:
        raise InputError("A network alone has no data; name the task to measure it on.")
    else:
        network, data = what, task
    split, own = loaded(data)
    found = observe(
        network, split, own, metrics, step=step or 0, seed=seed or 0, loss=loss,
        settings=settings or Measurements(),
    )  # fmt: skip
    wanted = [column for column in metrics if column not in GROUPS]
    for column in wanted:
        if column not in found:
            raise InputError(f"{column} cannot be measured of this network on this task.")
    groups = {name for name in metrics if name in GROUPS}
    return {
        column: value
        for column, value in found.items()
        if column in wanted or column_of(column).group in groups
    }


def loaded(data: Loadable | Split) -> tuple[Split, Loadable | None]:
    """Return the data of a task and the task; None as the task of a split."""
    return (data, None) if isinstance(data, Split) else (data.load(), data)


def observe(
    network: nn.Module,
    split: Split,
    task: Loadable | None,
    metrics: Sequence[str],
    *,
    step: int,
    seed: int,
    loss: Any,
    settings: Measurements,
) -> dict[str, float]:
    """Return all columns of the groups of the metrics, and the accuracies."""
    groups = tuple(
        dict.fromkeys(name if name in GROUPS else column_of(name).group for name in metrics)
    )
    if not isinstance(network, Network):
        for group in groups:
            if group not in _OF_ANY_MODULE:
                raise InputError(
                    f"{group} needs a network with a continuous input and a first layer, but"
                    f" {type(network).__name__} is a plain module; {', '.join(_OF_ANY_MODULE)} can"
                    " be measured, or give it as ModuleNetwork(module, first_layer=NAME)."
                )
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    usual = getattr(task, "loss", "cross_entropy")
    experiment = Observed(task, loss or usual, dataclasses.replace(settings, groups=groups), seed)
    with evaluating(network):
        measured = Measure(cast(Experiment, experiment), cast(Network, network), split.to(device))
        row = measured(step, dear=True)
    if not math.isfinite(row["train_loss"]):
        raise InputError(
            f"The logits of {type(network).__name__} on the training set are not all finite, so"
            " there is nothing to measure."
        )
    return row


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network and its parts into ``eval()`` within the block, and restore each afterwards."""
    before = {part: part.training for part in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for part, training in before.items():
            part.training = training
