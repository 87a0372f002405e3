"""Sparse parity: the parity of few bits among many."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.seeding import generator
from grokbook._support.validation import conform, whole
from grokbook.tasks.base import Split, Task

MOST_BITS = 62  # one int64 encodes a row of bits


@dataclass(frozen=True)
class SparseParity(Task):
    """Random rows of n bits x ∈ {-1, 1}ⁿ, with label 1 if the product of the first k is negative.

    That is the parity x₁ ⊕ … ⊕ x_k of k bits among n; the choice of bits does not matter to a
    network with random initial weights. Barak et al. [2022, arXiv:2207.08799]; settings of Merrill
    et al. [2023, arXiv:2303.11873], where it groks: n = 40, k = 3, 1000 training rows. No row is
    drawn twice, so no test row is in the training set.

    Parameters
    ----------
    n, k : int
        Number of bits, at most 62, and of those that matter.
    train_points, test_points : int
        Number of rows.
    seed : int
        Of the rows.

    Raises
    ------
    InputError
        If k is not from 1 to n, n from 1 to 62, or there are fewer than
        ``train_points + test_points`` different rows.

    Examples
    --------
    >>> split = SparseParity(n=6, k=2, train_points=40, test_points=24).load()
    >>> bool(((split.train_x[:, :2].prod(1) < 0) == (split.train_y == 1)).all())
    True
    """

    n: int = 40
    k: int = 3
    train_points: int = 1000
    test_points: int = 1000
    seed: int = 0

    key = "parity"
    axis = "log"
    grokked = 0.99
    loss = "mse"

    def __post_init__(self) -> None:
        conform(self)
        for field in ("n", "k", "train_points"):
            whole(field, getattr(self, field), least=1)
        whole("test_points", self.test_points, least=0)
        whole("seed", self.seed, least=0)
        if self.n > MOST_BITS:
            raise InputError(f"n is {self.n}, but must be at most {MOST_BITS}.")
        if self.k > self.n:
            raise InputError(f"k is {self.k}, but must be at most n = {self.n}.")
        if self.train_points + self.test_points > 2**self.n:
            raise InputError(
                f"train_points + test_points is {self.train_points + self.test_points}, but there"
                f" are {2**self.n} different rows of {self.n} bits."
            )

    @property
    def name(self) -> str:
        """Its name, such as "parity of 3 of 40 bits"."""
        return f"parity of {self.k} of {self.n} bits"

    def load(self) -> Split:
        """Return rows of -1 and 1, float32, in the random order of ``seed``."""
        rows = self._numbers(self.train_points + self.test_points)
        bits = (rows[:, None] >> torch.arange(self.n)) & 1
        x, y = (1 - 2 * bits).float(), bits[:, : self.k].sum(dim=1) % 2
        m = self.train_points
        return Split(x[:m], y[:m], x[m:], y[m:], classes=2)

    def _numbers(self, count: int) -> Tensor:
        """Draw different numbers below 2ⁿ."""
        source = generator(self.seed, "split")
        if self.n <= 20:
            return torch.randperm(2**self.n, generator=source)[:count]
        found: dict[int, None] = {}  # in the order drawn
        while len(found) < count:
            drawn = torch.randint(2**self.n, (count,), generator=source)
            found |= dict.fromkeys(drawn.tolist())
        return torch.tensor([*found][:count])
