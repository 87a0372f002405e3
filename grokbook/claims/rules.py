"""What a statement of the paper is, and the rule that turns recorded runs into an outcome.

A claim is a list of statements: one half of a sentence on one task by one reading. A statement has
one statistic, one bound and one symmetric rule:

- *supported* if the whole interval lies on the claim's side of the bound,
- *contradicted* if the whole interval lies on the other side,
- *undecided* otherwise, below ``FEWEST`` seeds, and while a run that it needs is not recorded.

Intervals hold what they enclose with at least 95 % confidence (`grokbook.analysis.intervals`):

- `Values`, one number a seed: order statistics around the median. A step that did not come within
  the run lies beyond its last step; a number that such a step decides lies in the range that it
  leaves open, and one that is not defined may be anything. No seed is dropped.
- `Shares`, whether something is so on a seed: Clopper and Pearson's interval of the share.
- `Ratio`, two trainings' times: the ratio of their typical times if these are log-normal, with
  censoring. A ratio within a factor of ``MARGIN`` of 1 on the whole interval is no difference: it
  contradicts a claimed difference whose sign is not settled, and supports a claim of none.
- `Proof`, a statement of mathematics: a proof supports it, a counterexample contradicts it.

Every bound (twice as late, a tenth, ...) is our reading of the paper's words and stands beside the
statistic. Where two readings are as fair, each has its row. What a statistic does not see stands
as a *caveat*, a sentence computed from the same runs that decides nothing.

The runs of ``SEEN`` were known when this rule replaced an earlier one (`grokbook.claims.before`).
The others were not, and are judged alone as well.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from grokbook.analysis.by_seed import Times
from grokbook.analysis.intervals import (
    FEWEST,
    Interval,
    median_interval,
    power,
    power_of_time_ratio,
    share_interval,
    time_ratio_interval,
)

T = TypeVar("T")
Outcome = Literal["supported", "contradicted", "undecided"]

MARGIN = 1.1
"""Two times whose ratio lies between 1 / ``MARGIN`` and ``MARGIN`` make no difference."""

MANY = 20
"""Seeds that an undecided statement is told the chances of."""

SEEN: Mapping[str, frozenset[int]] = {
    **dict.fromkeys(
        ("mnist-standard", "mnist-perturbed", "modadd-standard", "modadd-perturbed",
         "modadd-abelian"),
        frozenset(range(5)),
    ),
    **dict.fromkeys(
        ("mnist-unit-init", "mnist-l1", "mnist-no-decay", "modadd-no-decay", "modadd-l1",
         "modadd-mirrored"),
        frozenset(range(3)),
    ),
}  # fmt: skip
"""Seeds whose runs had been seen when statements, bounds and rule were written."""


@dataclass(frozen=True)
class Values:
    """One number a seed, or the range that it is known to lie in.

    Parameters
    ----------
    low, high : Series
        Ends of the range by seed, equal where the number is known; NaN where nothing is.
    """

    low: pd.Series[float]
    high: pd.Series[float]

    @classmethod
    def known(cls, values: pd.Series[float]) -> Values:
        """Return numbers that are known, but for those that are NaN."""
        return cls(values, values)

    def of(self, seeds: Sequence[int]) -> Values:
        """Keep these seeds."""
        return Values(*(each[each.index.isin(seeds)] for each in (self.low, self.high)))

    @property
    def seeds(self) -> list[int]:
        """Seeds it speaks of."""
        return sorted(self.low.index)

    def interval(self) -> Interval:
        """Interval of the median."""
        return median_interval(self.low.to_numpy(), self.high.to_numpy())

    def on_side(self, bound: Bound) -> int:
        """Count the seeds that are on the claim's side for certain."""
        ends = zip(self.low.fillna(-np.inf), self.high.fillna(np.inf), strict=True)
        return sum(bound.holds(low) and bound.holds(high) for low, high in ends)


@dataclass(frozen=True)
class Shares:
    """Whether something is so, by seed; NaN where that is not known."""

    so: pd.Series[float]

    def of(self, seeds: Sequence[int]) -> Shares:
        """Keep these seeds."""
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
        """Count the seeds of which it is so, or not so if the claim is that it is not."""
        return int((self.so == (0.0 if bound.side == "<" else 1.0)).sum())


@dataclass(frozen=True)
class Ratio:
    """Times of two trainings, compared on the seeds recorded for both."""

    above: Times
    below: Times

    def of(self, seeds: Sequence[int]) -> Ratio:
        """Keep these seeds."""

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
        """How many of the times did not come within their run."""
        return int(sum(times.censored[self.seeds].sum() for times in (self.above, self.below)))

    def interval(self) -> Interval:
        """Interval of the ratio of typical times."""
        above, below = (
            (times.steps[self.seeds].to_numpy(), ~times.censored[self.seeds].to_numpy(bool))
            for times in (self.above, self.below)
        )
        return time_ratio_interval(*above, *below)

    def on_side(self, bound: Bound) -> int:
        """Count the seeds whose own ratio is on the claim's side for certain."""
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
        Why, and what remains of it.
    """

    holds: bool
    words: str


Evidence = Values | Shares | Ratio | Proof


@dataclass(frozen=True)
class Bound:
    """The claim's side of a number.

    Parameters
    ----------
    side : {">", "<", "="}
        ``=`` claims that a ratio is 1, to within ``MARGIN``.
    value : float
        The bound; on the bound itself a value is on neither side.
    words : str
        The paper's words that it stands for, such as "long after".
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
        """Return the bound as it stands in tables, such as ``> 2 (long after)``."""
        return f"{self.side} {self.value:g}" + (f" ({self.words})" if self.words else "")


@dataclass(frozen=True)
class Records:
    """Runs that statements are judged by.

    Parameters
    ----------
    preset : str
        The preset they were trained at.
    logs : mapping of str to DataFrame
        Their logs by experiment.
    """

    preset: str
    logs: Mapping[str, pd.DataFrame]
    _known: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.logs[name]

    def has(self, names: Sequence[str]) -> bool:
        """Whether there is a run of each of these experiments."""
        return all(name in self.logs for name in names)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute what several statements read, once for these runs."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]


@dataclass(frozen=True)
class Statement:
    """One measurable half of a sentence of the paper, on one task, by one reading.

    Parameters
    ----------
    id : str
        Claim, task, part and reading, such as "C9.modadd.step99".
    words : str
        What the paper says, in our words. Readings of one sentence share them.
    place : str
        Where it says so.
    task : str
        "MNIST", "modulo addition", or "" where it is about neither.
    reading : str
        What is measured, in words, with its unit.
    bound : Bound
        On which side of what the sentence puts it.
    measure : callable, optional
        From the runs to the evidence; None as long as nothing that it could read is recorded.
    needs : tuple of str
        Experiments whose runs it is judged by.
    columns : tuple of str
        Columns that each of them has to log, where not all do.
    lacks : str
        What is missing that no run of an experiment would bring; "" where nothing is.
    caveat : callable, optional
        From the runs to what the statistic does not see, as a sentence; "" where that makes no
        difference.
    """

    id: str
    words: str
    place: str
    task: str
    reading: str
    bound: Bound
    measure: Callable[[Records], Evidence] | None
    needs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    lacks: str = ""
    caveat: Callable[[Records], str] | None = None

    @property
    def claim(self) -> str:
        """The claim it belongs to, such as "C9"."""
        return self.id.split(".")[0]

    def missing(self, runs: Records) -> str:
        """Say what is not recorded and how to record it; "" if nothing is missing."""
        if self.lacks:
            return self.lacks
        for name in self.needs:
            if not runs.has([name]):
                return f"No run of {name} is recorded; record it with `grokbook train {name}`."
            for column in self.columns:
                if column not in runs[name] or runs[name][column].isna().all():
                    return f"The runs of {name} do not log {column}."
        return ""

    def judge(self, runs: Records) -> Judgement:
        """Judge it by recorded runs."""
        missing = self.missing(runs)
        if missing:
            return Judgement(self, "undecided", missing)
        assert self.measure is not None  # else it lacks something
        evidence = self.measure(runs)
        told = self.caveat(runs) if self.caveat is not None else ""
        if isinstance(evidence, Proof):
            proved: Outcome = "supported" if evidence.holds else "contradicted"
            return Judgement(self, proved, evidence.words, caveat=told)
        seen = frozenset().union(*(SEEN.get(name, frozenset()) for name in self.needs))
        unseen = evidence.of([seed for seed in evidence.seeds if seed not in seen])
        judgement = _judged(self.bound, evidence)
        return Judgement(
            self, *judgement[:2],
            interval=judgement[2],
            seeds=tuple(evidence.seeds),
            on_side=evidence.on_side(self.bound),
            unseen=(_judged(self.bound, unseen)[0], unseen.on_side(self.bound), len(unseen.seeds)),
            censored=evidence.censored if isinstance(evidence, Ratio) else 0,
            caveat=told,
        )  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """What the rule makes of a statement.

    Parameters
    ----------
    statement : Statement
        The statement.
    outcome : {"supported", "contradicted", "undecided"}
        See the top of this module.
    why : str
        Why it is undecided, or what a proof says; "" where the interval says it all.
    interval : Interval, optional
        Of the statistic; None below ``FEWEST`` seeds and for a proof.
    seeds : tuple of int
        Seeds it rests on.
    on_side : int
        How many of them are on the claim's side for certain.
    unseen : (Outcome, int, int)
        The outcome by the seeds that had not been seen, how many of them are on the claim's side,
        and how many they are.
    censored : int
        How many times did not come within their run.
    caveat : str
        What the statistic does not see.
    """

    statement: Statement
    outcome: Outcome
    why: str = ""
    interval: Interval | None = None
    seeds: tuple[int, ...] = ()
    on_side: int = 0
    unseen: tuple[Outcome, int, int] = ("undecided", 0, 0)
    censored: int = 0
    caveat: str = ""


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: a heading for its statements.

    Parameters
    ----------
    id : str
        "C1", "C2", ...
    text : str
        What the paper claims, in our words.
    chapter : str
        File of the chapter that shows the evidence, without its ending.
    statements : tuple of Statement
        Its statements.
    """

    id: str
    text: str
    chapter: str
    statements: tuple[Statement, ...]


def ranges(above: Times, below: Times) -> Values:
    """Divide two times seed by seed, on the seeds recorded for both.

    A time that did not come lies between its last step and infinity, and the ratio in the range
    that this leaves. To step 0 nothing has a ratio, and it is NaN.
    """
    seeds = above.steps.index.intersection(below.steps.index)
    top, bottom = above.steps[seeds], below.steps[seeds].where(below.steps[seeds] > 0)
    low = (top / bottom).where(~below.censored[seeds], 0.0)
    high = (top / bottom).where(~above.censored[seeds], np.inf)
    return Values(low, high)


def _judged(
    bound: Bound, evidence: Values | Shares | Ratio
) -> tuple[Outcome, str, Interval | None]:
    n = len(evidence.seeds)
    if n < FEWEST:
        side = evidence.on_side(bound)
        needed = f"It needs {FEWEST} seeds and has {n}, {side} of them on the claim's side."
        return "undecided", needed, None
    interval = evidence.interval()
    ends = (interval.low, interval.high)
    if all(map(bound.holds, ends)):
        return "supported", "", interval
    if bound.side == "=":  # outside the margin on one side, not on both
        other = ends[1] < bound.value / MARGIN or ends[0] > bound.value * MARGIN
    else:
        other = all(map(bound.fails, ends)) or (
            isinstance(evidence, Ratio)
            and all(bound.value / MARGIN < end < bound.value * MARGIN for end in ends)
        )
    if other:
        return "contradicted", "", interval
    return (
        "undecided",
        f"The interval reaches across the bound.{_chance(bound, evidence)}",
        interval,
    )


def _chance(bound: Bound, evidence: Values | Shares | Ratio) -> str:
    """Say how likely it is that ``MANY`` seeds decide, if all seeds are as those seen."""
    n = len(evidence.seeds)
    if isinstance(evidence, Ratio):
        low, high, (ratio, _) = evidence.interval()
        if bound.side == "=" or low <= 0 or np.isinf(high):
            return ""
        # Half an interval is t times the spread of a difference of two means of n.
        half = np.log(high / low) / 2
        spread = half / stats.t.ppf(0.975, 2 * n - 2) / np.sqrt(2 / n)
        chance = power_of_time_ratio(MANY, ratio, spread)
    else:
        chance = power(MANY, evidence.on_side(bound) / n)
    return f" If all seeds are as these, {MANY} decide in {chance:.0%} of cases."
