"""Tasks on pairs of tokens: every question of a table, split at random."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.seeding import generator
from grokbook._support.validation import whole
from grokbook.tasks.base import Inputs, Split, Task


class PairTask(Task):
    """Base of the tasks on pairs; its dataclasses have the fields ``train_fraction`` and ``seed``.

    A random share of the pairs is for training: the first ⌊train_fraction · N⌋ of the N pairs with
    an answer, in the order that ``seed`` draws. A share of 1 leaves no test pair, and a run on it
    logs NaN for every test metric.
    """

    train_fraction: Any
    seed: Any

    @property
    def inputs_kind(self) -> Inputs:
        """Pairs of tokens."""
        return "pairs"

    @property
    def tokens(self) -> int:
        """Number of tokens p, which is also the number of labels."""
        raise NotImplementedError

    @property
    def pairs(self) -> int:
        """Number of pairs that have an answer."""
        return self.tokens**2

    def label_table(self) -> Tensor:
        """Return the true answers, int64 ``(p, p)``; -1 where a pair is not a question."""
        raise NotImplementedError

    @property
    def train_points(self) -> int:
        """Number of training pairs, ⌊train_fraction · N⌋."""
        # The tiny term keeps 0.29 · 100 = 28.999999999999996 at 29.
        return math.floor(self.train_fraction * self.pairs + 1e-9)

    def check_split(self) -> None:
        """Refuse a share or a seed that gives no split; p must have been checked before."""
        whole("seed", self.seed, least=0)
        if not 0 < self.train_fraction <= 1:
            raise InputError(f"train_fraction is {self.train_fraction}, but must lie in (0, 1].")
        if self.train_points < 1:
            raise InputError(
                f"train_fraction {self.train_fraction} of {self.pairs} pairs leaves no training"
                f" pair; at least {1 / self.pairs:.3g} is needed."
            )

    def load(self) -> Split:
        """Return the pairs in the random order of ``seed``, the first of them for training."""
        table = self.label_table()
        questions = (table >= 0).nonzero()
        order = torch.randperm(len(questions), generator=generator(self.seed, "split"))
        pairs = questions[order]
        labels = table[pairs[:, 0], pairs[:, 1]]
        n = self.train_points
        return Split(pairs[:n], labels[:n], pairs[n:], labels[n:], classes=self.tokens)
