"""Modulo addition, with the split drawn from a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from grokbook._support.errors import InputError
from grokbook._support.seeding import generator
from grokbook._support.validation import conform, whole
from grokbook.tasks.base import Split


@dataclass(frozen=True)
class ModularAddition:
    """All p² pairs (a, b) with label (a + b) mod p, a random share of them for training.

    The training set holds ⌊train_fraction · p²⌋ pairs (3830 of 12 769 at p = 113), drawn by
    ``seed``. Section 2.1, after Nanda et al. [2023] and Power et al. [2022]. A share of 1 leaves no
    test pair, and a run on it logs NaN for every test metric.

    Raises
    ------
    InputError
        If p < 2, or ``train_fraction`` is outside (0, 1], or leaves no training pair, or the seed
        is negative.

    Examples
    --------
    >>> split = ModularAddition(p=5, train_fraction=0.4).load()
    >>> split.train_x.shape, split.test_x.shape
    (torch.Size([10, 2]), torch.Size([15, 2]))
    >>> bool(((split.train_x.sum(1) % 5) == split.train_y).all())
    True
    """

    p: int = 113
    train_fraction: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        conform(self)
        whole("p", self.p, least=2)
        whole("seed", self.seed, least=0)
        if not 0 < self.train_fraction <= 1:
            raise InputError(f"train_fraction is {self.train_fraction}, but must lie in (0, 1].")
        if self.train_points < 1:
            raise InputError(
                f"train_fraction {self.train_fraction} of {self.p**2} pairs leaves no training"
                f" pair; at least {1 / self.p**2:.3g} is needed."
            )

    @property
    def train_points(self) -> int:
        """Number of training pairs, ⌊train_fraction · p²⌋."""
        # The tiny term keeps 0.29 · 100 = 28.999999999999996 at 29.
        return math.floor(self.train_fraction * self.p**2 + 1e-9)

    def load(self) -> Split:
        """Return the pairs in the random order of ``seed``, the first of them for training."""
        index = torch.randperm(self.p**2, generator=generator(self.seed, "split"))
        pairs = torch.stack((index // self.p, index % self.p), dim=1)
        labels = pairs.sum(dim=1) % self.p
        n = self.train_points
        return Split(pairs[:n], labels[:n], pairs[n:], labels[n:], classes=self.p)
