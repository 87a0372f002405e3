"""What a claim and a check are, and the rules that turn recorded runs into verdicts.

A claim is a list of checks. A check is one number a seed and the side of a bound on which the claim
puts it. Its statistic is the median over seeds, its interval the 2.5 and 97.5 % points of the
bootstrap distribution of that median. The rules:

- A check *holds* if its whole interval lies on the claim's side of the bound, *fails* if the median
  lies on the other side, and is *unclear* otherwise.
- A claim is *reproduced* if all of its checks hold, *not reproduced* if all of them fail, and
  *partly* reproduced otherwise.
- It is *false as stated*, whatever was measured, if it rests on a statement of the paper to which
  a counterexample exists.
- It is *open* as long as an experiment it needs has no recorded run.

A step that did not come within the run is censored: it counts as the last step, which makes a
ratio of two times a bound on the true one, towards no difference. If neither of the two came,
nothing is known of their ratio, and it is not defined; nor is a value at a step that did not come.
A number that is not defined on a seed counts as the worst possible, so that no seed is ever
dropped.

An interval of one seed is a point, and of two or three it says little: tables say "one seed" in
place of the former, and name the number of seeds beside a verdict of fewer than ``FEW``.

Every bound below (twice as late, a tenth of the peak, ...) is our reading of the paper's words, and
stands in the check's name, so that a reader of another opinion can judge by the statistic. What a
claim's checks do not see stands beside its verdict as a *caveat*: a sentence computed from the same
runs, written after they were seen, that decides nothing.

Some of the runs had been seen when the rules entered the repository: those that began before
``COMMITTED``, and those of ``REPEATED``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from grokbook.analysis.by_seed import Times

Outcome = Literal["holds", "unclear", "fails"]
Verdict = Literal["reproduced", "partly", "not reproduced", "false as stated", "open"]
RESAMPLES = 10_000
FEW = 3
"""Verdicts of fewer seeds carry their number."""

COMMITTED = "2026-11-24T22:54:16+00:00"
"""When checks and bounds were committed as they are: runs that began later had not been seen,
but for ``REPEATED``."""

REPEATED: Mapping[str, frozenset[int]] = {
    "modadd-standard": frozenset({1}),
    "mnist-unit-init": frozenset({0}),
    "mnist-l1": frozenset({0}),
    "modadd-no-decay": frozenset({0}),
    "modadd-l1": frozenset({0}),
}
"""Seeds that began later only because they were recorded again: their first runs had been seen."""


@dataclass(frozen=True)
class Check:
    """One measurable part of a claim.

    Parameters
    ----------
    name : str
        What is measured, and the bound in words where it needs any.
    values : Series
        One number a seed, indexed by seed; NaN where it is not defined.
    side : {"<", ">"}
        On which side of ``bound`` the claim puts it.
    bound : float
        The bound; on the bound itself a value does not count.
    censored : int
        How many of the values are bounds because a step did not come within the run.
    """

    name: str
    values: pd.Series[float]
    side: Literal["<", ">"]
    bound: float
    censored: int = 0

    @property
    def median(self) -> float:
        """Median over seeds."""
        return float(np.median(self._complete()))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the median (percentiles over ``RESAMPLES`` resamples)."""
        values = self._complete()
        source = np.random.default_rng(0)
        resampled = source.choice(values, size=(RESAMPLES, len(values)))
        # With "inverted_cdf" each end is one of the medians: infinite values need no arithmetic.
        low, high = np.quantile(np.median(resampled, axis=1), (0.025, 0.975), method="inverted_cdf")
        return float(low), float(high)

    @property
    def outcome(self) -> Outcome:
        """Whether it holds; see the top of this module."""
        if not self._on_side(self.median):
            return "fails"
        return "holds" if all(map(self._on_side, self.interval)) else "unclear"

    def _on_side(self, value: float) -> bool:
        return value > self.bound if self.side == ">" else value < self.bound

    def _complete(self) -> np.ndarray:
        worst = -np.inf if self.side == ">" else np.inf
        return np.nan_to_num(self.values.to_numpy(float), nan=worst, posinf=np.inf, neginf=-np.inf)


@dataclass(frozen=True)
class Records:
    """Runs that claims are judged by.

    Parameters
    ----------
    preset : str
        The preset they were trained at.
    logs : mapping of str to DataFrame
        Their logs by experiment.
    """

    preset: str
    logs: Mapping[str, pd.DataFrame]

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.logs[name]

    def has(self, names: Sequence[str]) -> bool:
        """Whether there is a run of each of these experiments."""
        return all(name in self.logs for name in names)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Parameters
    ----------
    id : str
        "C1" to "C16", as in this book's list.
    text : str
        What the paper claims, in our words.
    chapter : str
        File of the chapter that shows the evidence, without its ending.
    needs : tuple of str
        Experiments whose runs it is judged by.
    checks : callable
        From runs by experiment name to its checks.
    refuted : callable, optional
        Whether a counterexample to the statement it rests on exists; computed, not asserted.
    caveat : callable, optional
        From the same runs to what its checks do not see, as a sentence less its "But"; "" where
        that makes no difference.
    """

    id: str
    text: str
    chapter: str
    needs: tuple[str, ...]
    checks: Callable[[Records], list[Check]]
    refuted: Callable[[], bool] | None = None
    caveat: Callable[[Records], str] | None = None

    def verdict(self, checks: Sequence[Check] | None) -> Verdict:
        """Judge the claim by its checks, None where runs are missing."""
        if self.refuted is not None and self.refuted():
            return "false as stated"
        if checks is None:
            return "open"
        outcomes = {check.outcome for check in checks}
        if outcomes == {"holds"}:
            return "reproduced"
        return "not reproduced" if outcomes == {"fails"} else "partly"


def ratio(
    name: str,
    above: Times,
    below: Times,
    side: Literal["<", ">"],
    bound: float,
) -> Check:
    """Compare two times seed by seed, on the seeds recorded for both.

    Where neither came, nothing is known of their ratio, and it is NaN.
    """
    seeds = above.steps.index.intersection(below.steps.index)
    late = above.censored[seeds].astype(int) + below.censored[seeds]
    values = (above.steps[seeds] / below.steps[seeds]).where(late < 2)
    return Check(name, values, side, bound, int((late == 1).sum()))
