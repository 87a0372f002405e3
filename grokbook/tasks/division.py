"""Division modulo a prime p."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.tasks.modular import Modular


@dataclass(frozen=True)
class ModularDivision(Modular):
    """The p (p - 1) pairs (a, b), b ≠ 0, with label a · b⁻¹ mod p, a random share for training.

    The operation x / y of Power et al. [2022, arXiv:2201.02177, appendix A.1.1], who take p = 97,
    0 ≤ x < p and 0 < y < p: a pair with b = 0 is not a question and is neither trained on nor
    tested. It does not commute.

    Raises
    ------
    InputError
        If p is not prime, since some b then has no inverse; otherwise as
        :class:`grokbook.tasks.modular.ModularAddition`.

    Examples
    --------
    >>> task = ModularDivision(p=5, train_fraction=0.5)
    >>> task.label_table()[1].tolist(), task.pairs, task.train_points
    ([-1, 1, 3, 2, 4], 20, 10)
    """

    key = "moddiv"
    name = "modulo division"

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(self.p % divisor == 0 for divisor in range(2, int(self.p**0.5) + 1)):
            raise InputError(f"p is {self.p}, but must be prime: only then has every b an inverse.")

    @property
    def pairs(self) -> int:
        """Number of pairs that have an answer, p (p - 1)."""
        return self.p * (self.p - 1)

    def answer(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a · b⁻¹ mod p, and -1 where b = 0."""
        inverses = torch.tensor([0, *(pow(number, -1, self.p) for number in range(1, self.p))])
        return torch.where(b == 0, -1, (a * inverses[b]) % self.p)
