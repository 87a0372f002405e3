"""Random labels on any task: the network can only memorise them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.seeding import generator
from grokbook._support.validation import conform, whole
from grokbook.tasks.base import Axis, Inputs, Loadable, Split, Task, described
from grokbook.tasks.division import ModularDivision
from grokbook.tasks.images import MNIST, Digits
from grokbook.tasks.modular import ModularAddition
from grokbook.tasks.multiplication import ModularMultiplication
from grokbook.tasks.sparse_parity import SparseParity
from grokbook.tasks.subtraction import ModularSubtraction
from grokbook.tasks.symmetric_group import SymmetricGroup

Labelled = (
    ModularAddition
    | ModularSubtraction
    | ModularMultiplication
    | ModularDivision
    | SymmetricGroup
    | SparseParity
    | MNIST
    | Digits
)


@dataclass(frozen=True)
class RandomLabels(Task):
    """A task with labels drawn uniformly at random, in the training and the test set.

    A network can only memorise the training set: its test accuracy is 1/K on average, however long
    it trains [Zhang et al. 2017, arXiv:1611.03530]. So a signal that also appears here is not a
    sign of grokking. Inputs, split, step axis and the test accuracy that would count as grokked are
    those of the task.

    Parameters
    ----------
    task
        A task of the package, or one of your own.
    seed : int
        Of the labels.

    Examples
    --------
    >>> task = RandomLabels(ModularAddition(p=5, train_fraction=0.4), seed=1)
    >>> task.title, task.commutes, bool((task.load().train_x == task.task.load().train_x).all())
    ('Modulo addition with random labels', False, True)
    """

    task: Labelled
    seed: int = 0

    def __post_init__(self) -> None:
        conform(self, task=Loadable)
        whole("seed", self.seed, least=0)

    @property
    def key(self) -> str:
        """That of the task, and that its labels are random."""
        return f"{self._task.key}-random-labels"

    @property
    def name(self) -> str:
        """That of the task, and that its labels are random."""
        return f"{self._task.name} with random labels"

    @property
    def axis(self) -> Axis:
        """That of the task."""
        return self._task.axis

    @property
    def grokked(self) -> float:
        """The threshold of the task, which no network should reach."""
        return self._task.grokked

    @property
    def inputs_kind(self) -> Inputs:
        """That of the task."""
        return self._task.inputs_kind

    @property
    def train_points(self) -> int:
        """Number of training points."""
        return len(self.load().train_y)

    def load(self) -> Split:
        """Return the inputs of the task with labels drawn by ``seed``."""
        split = self.task.load()
        source = generator(self.seed, "labels")

        def drawn(y: Tensor) -> Tensor:
            return torch.randint(split.classes, y.shape, generator=source)

        train_y, test_y = drawn(split.train_y), drawn(split.test_y)
        return Split(split.train_x, train_y, split.test_x, test_y, split.classes)

    @property
    def _task(self) -> Task:
        return described(self.task)
