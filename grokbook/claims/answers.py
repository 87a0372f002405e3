"""Checks of the sentences that a chapter begins with against the runs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from grokbook.claims.rules import Judgement


class NotBorneOutError(AssertionError):
    """A sentence of a chapter is not true of the recorded runs."""


def interval_told(
    judgement: Judgement, digits: int | None = None, *, inverted: bool = False
) -> str:
    """Return a statement's estimate with its interval, such as "1.07 (0.85 to 1.34)".

    It is "not known" if there are too few runs. ``digits`` is the number of significant digits of
    each, in place of two decimals: "46 (1.2 to 440)" with 2. A ratio may be told ``inverted``.
    """
    interval = judgement.interval
    if interval is None:
        return "not known"
    values = (sum(interval.estimate) / 2, interval.low, interval.high)
    if inverted:
        values = (1 / values[0], 1 / values[2], 1 / values[1])
    if digits is None:
        middle, low, high = (f"{value:.2f}" for value in values)
    else:
        middle, low, high = (f"{float(f'{value:.{digits}g}'):,g}" for value in values)
    return f"{middle} ({low} to {high})"


def require(sentences: Mapping[str, bool], *, strict: bool) -> str:
    """Check a chapter's sentences against the runs, and return the result in words.

    Parameters
    ----------
    sentences
        Whether each is true of the runs that the chapter shows; the key is the sentence in a few
        words.
    strict
        Whether an untrue sentence is an error, as it is for all seeds of the recorded runs. For
        other runs, the returned words say so.

    Raises
    ------
    NotBorneOutError
        If one is not true and ``strict`` is set.

    Examples
    --------
    >>> require({"both grok": True, "the norm falls": True}, strict=True)
    'all 2 hold'
    >>> require({"both grok": True, "the norm falls": False}, strict=False)
    '1 of 2 holds; not true of these runs: the norm falls'
    """
    wrong = [words for words, holds in sentences.items() if not holds]
    count = len(sentences)
    if not wrong:
        return f"all {count} hold"
    if strict:
        raise NotBorneOutError(
            f"The chapter says what the recorded runs do not bear out: {'; '.join(wrong)}."
        )
    good = count - len(wrong)
    verb = "holds" if good == 1 else "hold"
    return f"{good} of {count} {verb}; not true of these runs: {'; '.join(wrong)}"


def outcomes(checks: pd.DataFrame) -> str:
    """Count the outcomes of each claim in words.

    Parameters
    ----------
    checks
        As :func:`grokbook.claims.claim_table` returns it.

    Examples
    --------
    >>> index = ["C1.mnist", "C1.modadd", "C2.mnist"]
    >>> outcomes(pd.DataFrame({"outcome": ["supported", "supported", "undecided"]}, index=index))
    'C1: 2 supported; C2: 1 undecided'
    """
    told = []
    for claim, each in checks["outcome"].groupby(
        checks.index.map(lambda name: str(name).split(".")[0]), sort=False
    ):
        counts = [
            f"{(each == outcome).sum()} {outcome}"
            for outcome in ("supported", "contradicted", "undecided")
            if (each == outcome).any()
        ]
        told.append(f"{claim}: {', '.join(counts)}")
    return "; ".join(told)
