"""Statements of the paper, and the rule that turns recorded runs into an outcome.

A claim is a list of statements. A statement is one part of a sentence, on one task, in one reading.
It has one statistic, one bound and one rule:

- *supported* if the whole interval lies on the claim's side of the bound,
- *contradicted* if the whole interval lies on the other side,
- *undecided* otherwise, also below ``FEWEST`` seeds or if a run that it needs is not recorded.

Intervals have at least 95 % confidence (`grokbook.analysis.intervals`):

- `Values`, one number per seed: order statistics around the median. A step not reached within the
  run lies beyond its last step. A number that depends on such a step lies in the range that it
  leaves open, and an undefined number may be anything. No seed is dropped.
- `Shares`, whether a seed has a property: Clopper and Pearson's interval of the share.
- `Ratio`, two trainings' times: the ratio of their typical times if these are log-normal, with
  censoring. A ratio within a factor of ``MARGIN`` of 1 on the whole interval is no difference: it
  contradicts a claimed difference whose sign is undecided, and supports a claim of no difference.
  It is the one place where the rule treats its sides differently.
- `Proof`, a statement of mathematics: a proof supports it, a counterexample contradicts it.

Every bound (twice as late, a tenth, ...) is our reading of the paper's words and is shown with the
statistic. If two readings are equally fair, each has its own row. A *caveat* says what a statistic
misses: a sentence computed from the same runs, which decides nothing.

The runs of ``SEEN`` were known when this rule replaced an earlier one (`grokbook.claims.before`).
The others were not, and are also judged alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import pandas as pd
from scipy import stats

from grokbook.analysis.intervals import FEWEST, Interval, power, power_of_time_ratio
from grokbook.claims.evidence import MARGIN, Bound, Evidence, Proof, Ratio, Shares, Values

T = TypeVar("T")
Outcome = Literal["supported", "contradicted", "undecided"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

MANY = 20
"""Number of seeds for which an undecided statement gives its chance of a decision."""

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
"""Seeds whose runs we had seen when we wrote statements, bounds and rule."""


@dataclass(frozen=True)
class Records:
    """Runs on which statements are judged.

    Parameters
    ----------
    preset : str
        The preset they were trained at.
    logs : mapping of str to DataFrame
        Their logs by experiment; for an arm of a study, such as "norm/random-labels", its rows of
        the study's table.
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
        """Compute a value that several statements need once for these runs."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]


@dataclass(frozen=True)
class Statement:
    """One measurable part of a sentence of the paper, on one task, in one reading.

    Parameters
    ----------
    id : str
        Claim, task, part and reading, such as "C9.modadd.step99".
    words : str
        What the paper says, in our words. Readings of one sentence share them.
    place : str
        Place in the paper.
    task : str
        "MNIST", "modulo addition", or "" if it is about neither.
    reading : str
        The measured quantity in words, with its unit.
    bound : Bound
        The bound and the side on which the sentence puts the quantity.
    measure : callable
        Turns the runs into evidence.
    needs : tuple of str
        Experiments whose runs it needs, or arms of studies, such as "norm/random-labels".
    caveat : callable, optional
        Turns the runs into a sentence on what the statistic misses; "" if that makes no difference.
    """

    id: str
    words: str
    place: str
    task: str
    reading: str
    bound: Bound
    measure: Callable[[Records], Evidence]
    needs: tuple[str, ...] = ()
    caveat: Callable[[Records], str] | None = None

    @property
    def claim(self) -> str:
        """Id of its claim, such as "C9"."""
        return self.id.split(".")[0]

    def missing(self, runs: Records) -> str:
        """Return what is not recorded and how to record it; "" if nothing is missing."""
        for name in self.needs:
            if not runs.has([name]):
                study, arm, _ = name.partition("/")
                command = f"study {study}" if arm else f"train {name}"
                return f"No run of {name} is recorded; record it with `grokbook {command}`."
        return ""

    def judge(self, runs: Records) -> Judgement:
        """Judge the statement on recorded runs."""
        missing = self.missing(runs)
        if missing:
            return Judgement(self, "undecided", missing)
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
    """The verdict of the rule on a statement.

    Parameters
    ----------
    statement : Statement
        The statement.
    outcome : {"supported", "contradicted", "undecided"}
        See the top of this module.
    why : str
        Why it is undecided, or what a proof says; "" if the interval is enough.
    interval : Interval, optional
        Interval of the statistic; None below ``FEWEST`` seeds and for a proof.
    seeds : tuple of int
        Seeds of the evidence.
    on_side : int
        Number of them that are certainly on the claim's side.
    unseen : (Outcome, int, int)
        The outcome on the unseen seeds alone, the number of them on the claim's side, and their
        number.
    censored : int
        Number of times not reached within their run.
    caveat : str
        What the statistic misses.
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


NO_DIFFERENCE = f"The whole interval lies within {100 * (MARGIN - 1):.0f} % of 1: no difference."
"""Why a ratio of times contradicts a claimed difference although its interval holds the bound."""


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
        other = all(map(bound.fails, ends))
    if other:
        return "contradicted", "", interval
    near = all(bound.value / MARGIN < end < bound.value * MARGIN for end in ends)
    if near and isinstance(evidence, Ratio) and bound.side != "=":
        return "contradicted", NO_DIFFERENCE, interval
    return (
        "undecided",
        f"The interval reaches across the bound.{_chance(bound, evidence)}",
        interval,
    )


def _chance(bound: Bound, evidence: Values | Shares | Ratio) -> str:
    """Return the chance that ``MANY`` seeds decide, if all seeds are like the present ones."""
    n = len(evidence.seeds)
    if isinstance(evidence, Ratio):
        low, high, (ratio, _) = evidence.interval()
        if bound.side == "=" or low <= 0 or np.isinf(high):
            return ""
        # Half an interval is t times the standard error of a difference of two means of n.
        half = np.log(high / low) / 2
        spread = half / stats.t.ppf(0.975, 2 * n - 2) / np.sqrt(2 / n)
        chance = power_of_time_ratio(MANY, ratio, spread)
    else:
        chance = power(MANY, evidence.on_side(bound) / n, evidence.off_side(bound) / n)
    return f" If all seeds are as these, {MANY} decide in {chance:.0%} of cases."
