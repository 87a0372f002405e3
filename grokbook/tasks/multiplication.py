"""Multiplication modulo p."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from grokbook.tasks.modular import Modular


@dataclass(frozen=True)
class ModularMultiplication(Modular):
    """All p² pairs (a, b) with label a · b mod p, a random share of them for training.

    Doshi et al. [2024, arXiv:2406.03495] give weights that solve it. It commutes. For a
    prime p the numbers 1 … p - 1 are a cyclic group under it, as 0 … p - 2 are under addition, and
    0 times anything is 0.

    Raises
    ------
    InputError
        As :class:`grokbook.tasks.modular.ModularAddition`.

    Examples
    --------
    >>> ModularMultiplication(p=5).label_table()[3].tolist()
    [0, 3, 1, 4, 2]
    """

    key = "modmul"
    name = "modulo multiplication"

    def answer(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a · b mod p."""
        return (a * b) % self.p
