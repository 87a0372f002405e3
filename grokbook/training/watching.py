"""The paper's metrics in your own training loop: :func:`watch`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import pandas as pd
from torch import nn

from grokbook._support.errors import InputError
from grokbook._support.validation import whole
from grokbook.experiments.columns import column_of
from grokbook.experiments.schema import GROUPS, Measurements
from grokbook.tasks.base import Loadable, Split
from grokbook.training.measuring import loaded, observe


class Logger:
    """Measures a network during training when you report a step; made by :func:`watch`."""

    def __init__(
        self,
        network: nn.Module,
        task: Loadable | Split,
        every: int,
        metrics: Sequence[str],
        name: str,
        seed: int,
        loss: Any,
        settings: Measurements,
    ) -> None:
        self.network, self.every, self.name, self.seed = network, every, name, seed
        self._metrics = tuple(metrics)
        self._split, self._task = loaded(task)
        self._loss, self._settings = loss, settings
        self._rows: list[dict[str, float]] = []
        self._told = -1
        self._over = False

    def step(self, taken: int) -> None:
        """Report the number of optimiser steps taken; the network is measured when it is due.

        Weights, gradients, modes and global random numbers stay unchanged.

        Parameters
        ----------
        taken : int
            0 before the first step. It increases from call to call; steps may be left out.

        Raises
        ------
        InputError
            If it does not increase, or the first measurement fails.
        """
        if whole("step", taken, least=0) <= self._told:
            raise InputError(f"step is {taken}, but must be above the previous one, {self._told}.")
        self._told = taken
        if taken % self.every == 0:
            self._measure()

    def _measure(self) -> None:
        if self._over:
            return
        try:
            row = observe(
                self.network, self._split, self._task, self._metrics, step=self._told,
                seed=self.seed, loss=self._loss, settings=self._settings,
            )  # fmt: skip
        except InputError as error:
            if not self._rows:
                raise
            # A logger must not end a loop that has run for hours.
            warnings.warn(f"At step {self._told} watching stopped: {error}", stacklevel=3)
            self._over = True
            return
        self._rows.append({"step": self._told, **row})

    @property
    def table(self) -> pd.DataFrame:
        """The measurements, in the form that `grokbook.load_runs` returns.

        Columns ``experiment``, ``seed``, ``step``, ``train_accuracy``, ``train_loss``,
        ``test_accuracy``, ``test_loss``, and those of the requested groups.
        """
        rows = self._rows or [dict.fromkeys(("step", "train_accuracy", "test_accuracy"), math.nan)]
        table = pd.DataFrame(rows).head(len(self._rows))
        table.insert(0, "experiment", self.name)
        table.insert(1, "seed", self.seed)
        return table

    def __enter__(self) -> Logger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Measure the last reported step, so that the end is in the table."""
        logged = self._rows[-1]["step"] if self._rows else -1
        if kind is None and logged < self._told:
            self._measure()


def watch(
    network: nn.Module,
    task: Loadable | Split,
    every: int = 1,
    *,
    metrics: Sequence[str] = ("accuracy", "norms"),
    name: str = "watched",
    seed: int = 0,
    loss: Any = None,
    settings: Measurements | None = None,
) -> Logger:
    """Return a logger for your own training loop, which reports its steps to it.

    Parameters
    ----------
    network : nn.Module
        The network being trained; read, never changed. It maps inputs to logits ``(n, K)``.
    task : Loadable or Split
        The data that the network is measured on.
    every : int
        Steps between two measurements.
    metrics : sequence of str
        Groups of ``grokbook.experiments.schema.GROUPS``, or columns of them; a plain module allows
        "accuracy", "norms", "commutativity" and "laws".
    name, seed : str, int
        Values of the columns ``experiment`` and ``seed``; the seed also sets the noise of metrics.
    loss : optional
        Name of the loss that is logged, or one of your own; by default that of the task, or
        cross-entropy.
    settings : Measurements, optional
        σ, batch sizes and probes of the metrics.

    Returns
    -------
    Logger
        Call its ``step`` with the number of steps taken; its ``table`` is like that of
        :func:`grokbook.load_runs`. As a context manager it measures the last step, too.

    Raises
    ------
    InputError
        If ``every`` is below 1 or a metric unknown.

    Examples
    --------
    >>> import torch
    >>> from grokbook import Digits
    >>> task, network = Digits(), torch.nn.Linear(64, 10)
    >>> split = task.load()
    >>> optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    >>> with watch(network, task, every=10) as logger:
    ...     logger.step(0)
    ...     for taken in range(1, 26):
    ...         optimizer.zero_grad()
    ...         loss = torch.nn.functional.cross_entropy(network(split.train_x), split.train_y)
    ...         loss.backward()
    ...         _ = optimizer.step()
    ...         logger.step(taken)
    >>> logger.table["step"].tolist()
    [0, 10, 20, 25]
    """
    whole("every", every, least=1)
    whole("seed", seed, least=0)
    for metric in metrics:
        if metric not in GROUPS:
            column_of(metric)  # refuses what is neither
    return Logger(network, task, every, metrics, name, seed, loss, settings or Measurements())
