"""The evidence on a statement (numbers, shares, times or a proof), and its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from grokbook.analysis.by_seed import Times
from grokbook.analysis.intervals import (
    Interval,
    median_interval,
    share_interval,
    time_ratio_interval,
)

MARGIN = 1.1
"""Two times whose ratio lies between 1 / ``MARGIN`` and ``MARGIN`` make no difference."""


@dataclass(frozen=True)
class Values:
    """One number per seed, or the range that it is known to lie in.

    Parameters
    ----------
    low, high : Series
        Ends of the range by seed, equal where the number is known; NaN where nothing is.
    """

    low: pd.Series[float]
    high: pd.Series[float]

    @classmethod
    def known(cls, values: pd.Series[float]) -> Values:
        """Return known numbers as evidence; NaN is unknown."""
        return cls(values, values)

    def of(self, seeds: Sequence[int]) -> Values:
        """Return the evidence on these seeds only."""
        return Values(*(each[each.index.isin(seeds)] for each in (self.low, self.high)))

    @property
    def seeds(self) -> list[int]:
        """Seeds it speaks of."""
        return sorted(self.low.index)

    def interval(self) -> Interval:
        """Interval of the median."""
        return median_interval(self.low.to_numpy(), self.high.to_numpy())

    def on_side(self, bound: Bound) -> int:
        """Count the seeds that are certainly on the claim's side."""
        return sum(bound.holds(low) and bound.holds(high) for low, high in self._ends())

    def off_side(self, bound: Bound) -> int:
        """Count the seeds that are certainly on the other side; some may lie on the bound."""
        return sum(bound.fails(low) and bound.fails(high) for low, high in self._ends())

    def _ends(self) -> list[tuple[float, float]]:
        return list(zip(self.low.fillna(-np.inf), self.high.fillna(np.inf), strict=True))


@dataclass(frozen=True)
class Shares:
    """Whether a network has a property, by seed; NaN where unknown."""

    so: pd.Series[float]

    def of(self, seeds: Sequence[int]) -> Shares:
        """Return the evidence on these seeds only."""
        return Shares(self.so[self.so.index.isin(seeds)])

    @property
    def seeds(self) -> list[int]:
        """Seeds it speaks of."""
        return sorted(self.so.index)

    def interval(self) -> Interval:
        """Interval of the share of seeds."""
        n, unknown = len(self.so), int(self.so.isna().sum())
        least = share_interval(int(self.so.sum()), n)
        most = share_interval(int(self.so.sum()) + unknown, n)
        return Interval(least.low, most.high, (least.estimate[0], most.estimate[0]))

    def on_side(self, bound: Bound) -> int:
        """Count the seeds with the property, or without it if the claim denies it."""
        return int((self.so == (0.0 if bound.side == "<" else 1.0)).sum())

    def off_side(self, bound: Bound) -> int:
        """Count the seeds without the property, or with it if the claim denies it."""
        return int((self.so == (1.0 if bound.side == "<" else 0.0)).sum())


@dataclass(frozen=True)
class Ratio:
    """Times of two trainings, compared on the seeds recorded for both."""

    above: Times
    below: Times

    def of(self, seeds: Sequence[int]) -> Ratio:
        """Return the evidence on these seeds only."""

        def kept(times: Times) -> Times:
            chosen = times.steps.index.isin(seeds)
            return Times(times.steps[chosen], times.censored[chosen])

        return Ratio(kept(self.above), kept(self.below))

    @property
    def seeds(self) -> list[int]:
        """Seeds recorded for both."""
        return sorted(set(self.above.steps.index) & set(self.below.steps.index))

    @property
    def censored(self) -> int:
        """Number of times not reached within their run."""
        return int(sum(times.censored[self.seeds].sum() for times in (self.above, self.below)))

    def interval(self) -> Interval:
        """Interval of the ratio of typical times."""
        above, below = (
            (times.steps[self.seeds].to_numpy(), ~times.censored[self.seeds].to_numpy(bool))
            for times in (self.above, self.below)
        )
        return time_ratio_interval(*above, *below)

    def on_side(self, bound: Bound) -> int:
        """Count the seeds whose own ratio is certainly on the claim's side."""
        ends = ranges(self.above, self.below)
        return ends.on_side(bound)


@dataclass(frozen=True)
class Proof:
    """A statement of mathematics, decided by proof or counterexample.

    Parameters
    ----------
    holds : bool
        Whether it holds as printed; computed from the counterexample, not asserted.
    words : str
        The reason, and what remains true.
    """

    holds: bool
    words: str


Evidence = Values | Shares | Ratio | Proof


@dataclass(frozen=True)
class Bound:
    """A bound on a number, and the claim's side of it.

    Parameters
    ----------
    side : {">", "<", "="}
        ``=`` claims that a ratio is 1, to within ``MARGIN``.
    value : float
        The bound; a value equal to it is on neither side.
    words : str
        The paper's words for it, such as "long after".
    """

    side: Literal[">", "<", "="]
    value: float = 1.0
    words: str = ""

    def holds(self, value: float) -> bool:
        """Whether a number is on the claim's side."""
        if self.side == "=":
            return self.value / MARGIN < value < self.value * MARGIN
        return value > self.value if self.side == ">" else value < self.value

    def fails(self, value: float) -> bool:
        """Whether a number is on the other side."""
        if self.side == "=":
            return value < self.value / MARGIN or value > self.value * MARGIN
        return value < self.value if self.side == ">" else value > self.value

    def __str__(self) -> str:
        """Return the bound as tables show it, such as ``> 2 (long after)``."""
        return f"{self.side} {self.value:g}" + (f" ({self.words})" if self.words else "")


def ranges(above: Times, below: Times) -> Values:
    """Divide two times seed by seed, on the seeds recorded for both.

    A time not reached lies between its last step and infinity, and the ratio in the range that this
    leaves. A ratio to step 0 is NaN.
    """
    seeds = above.steps.index.intersection(below.steps.index)
    top, bottom = above.steps[seeds], below.steps[seeds].where(below.steps[seeds] > 0)
    low = (top / bottom).where(~below.censored[seeds], 0.0)
    high = (top / bottom).where(~above.censored[seeds], np.inf)
    return Values(low, high)
