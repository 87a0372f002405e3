"""Subtraction modulo p."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from grokbook.tasks.modular import Modular


@dataclass(frozen=True)
class ModularSubtraction(Modular):
    """All p² pairs (a, b) with label (a - b) mod p, a random share of them for training.

    One of the operations of Power et al. [2022, arXiv:2201.02177, appendix A.1.1], there with
    p = 97. It does not commute: b - a is the negative of a - b.

    Raises
    ------
    InputError
        As :class:`grokbook.tasks.modular.ModularAddition`.

    Examples
    --------
    >>> ModularSubtraction(p=5).label_table()[1].tolist()
    [1, 0, 4, 3, 2]
    """

    key = "modsub"
    name = "modulo subtraction"

    def answer(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (a - b) mod p."""
        return (a - b) % self.p
