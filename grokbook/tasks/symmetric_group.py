"""Composition of permutations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import conform
from grokbook.tasks.pairs import PairTask

LARGEST = 6
"""The largest n; the table of S₇ has 25 million entries."""


@dataclass(frozen=True)
class SymmetricGroup(PairTask):
    """All pairs (σ, τ) of permutations of n things with label σ ∘ τ, a share of them for training.

    (σ ∘ τ)(i) = σ(τ(i)). Permutations are numbered 0 … n! - 1 in lexicographic order, so that 0
    changes nothing. S₅, with 120 elements and 14 400 pairs, is the group of Power et al. [2022,
    arXiv:2201.02177, appendix A.1.1]; Chughtai et al. [2023, arXiv:2302.03025] and Stander et al.
    [2023, arXiv:2312.06581] analyse networks that have learned it. It does not commute for
    n > 2.

    Raises
    ------
    InputError
        If n is not an integer from 2 to 6; ``train_fraction`` and ``seed`` as in
        :class:`grokbook.tasks.modular.ModularAddition`.

    Examples
    --------
    >>> SymmetricGroup(n=3).label_table()[1].tolist()  # 1 exchanges the last two of three things
    [1, 0, 4, 5, 2, 3]
    """

    n: int = 5
    train_fraction: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        conform(self)
        if not 2 <= self.n <= LARGEST:
            raise InputError(f"n is {self.n}, but must be from 2 to {LARGEST}.")
        self.check_split()

    @property
    def key(self) -> str:
        """First part of the names of its experiments, such as "s5"."""
        return f"s{self.n}"

    @property
    def name(self) -> str:
        """Composition in Sₙ."""
        return f"composition in S{'₀₁₂₃₄₅₆'[self.n]}"

    @property
    def tokens(self) -> int:
        """Number of permutations, n!."""
        return math.factorial(self.n)

    def label_table(self) -> Tensor:
        """Return the number of σ ∘ τ at [σ, τ], int64 ``(n!, n!)``."""
        every = torch.tensor([*permutations(range(self.n))])  # (n!, n), in lexicographic order
        composed = every[:, every]  # [σ, τ, i] = σ(τ(i))
        # Digits in base n keep the order, so a search finds a permutation's number.
        weights = self.n ** torch.arange(self.n - 1, -1, -1)
        return torch.searchsorted((every * weights).sum(1), (composed * weights).sum(2))
