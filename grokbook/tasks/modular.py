"""Modulo addition, the paper's second task; and the base of all tasks modulo p."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.validation import conform, whole
from grokbook.tasks.pairs import PairTask


@dataclass(frozen=True)
class Modular(PairTask):
    """Base of the tasks modulo p: an operation on 0 … p - 1."""

    p: int = 113
    train_fraction: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        conform(self)
        whole("p", self.p, least=2)
        self.check_split()

    @property
    def tokens(self) -> int:
        """The modulus p."""
        return self.p

    def label_table(self) -> Tensor:
        """Return the true answers, int64 ``(p, p)``; -1 where a pair is not a question."""
        numbers = torch.arange(self.p)
        return self.answer(numbers[:, None], numbers)

    def answer(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the answer to "a ∘ b =" for int64 tensors that broadcast to one shape."""
        raise NotImplementedError


@dataclass(frozen=True)
class ModularAddition(Modular):
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

    key = "modadd"
    name = "modulo addition"

    def answer(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (a + b) mod p."""
        return (a + b) % self.p
