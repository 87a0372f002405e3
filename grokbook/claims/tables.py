"""Statements judged on recorded runs, and the tables that show the outcomes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from grokbook._support.errors import InputError, MissingRunError
from grokbook.analysis.run_tables import spans
from grokbook.claims import section_1, section_3_1, section_3_2, section_4, sections_5_and_6
from grokbook.claims.evidence import MARGIN
from grokbook.claims.rules import (
    NO_DIFFERENCE,
    OUTCOMES,
    SEEN,
    Claim,
    Judgement,
    Records,
    Statement,
)
from grokbook.experiments.named import CONTROLS, EXPERIMENTS
from grokbook.store.reading import load_runs
from grokbook.studies.tables import load_study

_SECTIONS = (section_1, section_3_1, section_3_2, section_4, sections_5_and_6)

CLAIMS: dict[str, Claim] = {
    each.id: each
    for each in sorted(
        (claim for section in _SECTIONS for claim in section.CLAIMS),
        key=lambda claim: int(claim.id[1:]),
    )
}
"""The paper's claims by id."""

STATEMENTS: dict[str, Statement] = {
    each.id: each for claim in CLAIMS.values() for each in claim.statements
}
"""Their statements by id."""


def records(preset: str = "paper", seeds: Sequence[int] | None = None) -> Records:
    """Return what is recorded of the experiments, the controls, and all else a statement needs.

    Parameters
    ----------
    preset, seeds
        As in :func:`grokbook.load_runs`.

    Raises
    ------
    RunError
        If a record is damaged or stale.
    """
    found = {}
    named = [need for each in STATEMENTS.values() for need in each.needs if "/" not in need]
    for name in dict.fromkeys((*EXPERIMENTS, *CONTROLS, *named)):
        try:
            found[name] = load_runs(name, preset, seeds)
        except MissingRunError:
            continue
    return Records(preset, found | (_arms() if preset == "paper" else {}))


def _arms() -> dict[str, pd.DataFrame]:
    """Rows of every arm of a study that a statement needs and that has a run."""
    named = {need for each in STATEMENTS.values() for need in each.needs if "/" in need}
    found: dict[str, pd.DataFrame] = {}
    for study in sorted({name.split("/")[0] for name in named}):
        try:
            table = load_study(study)
        except MissingRunError:
            continue
        rows = {f"{study}/{arm}": part for arm, part in table.groupby("arm")}
        found |= {name: part for name, part in rows.items() if name in named}
    return found


def evaluate(
    names: Sequence[str] | None = None,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    *,
    runs: Records | None = None,
) -> dict[str, Judgement]:
    """Judge statements.

    Parameters
    ----------
    names
        Ids of claims such as "C9", or of statements such as "C9.mnist.half"; all if not given.
    preset, seeds
        Preset and seeds of the runs; see :func:`records`.
    runs
        Runs to judge on instead of the recorded ones.

    Returns
    -------
    dict
        Judgements by the statement's id.

    Raises
    ------
    InputError
        On an unknown claim or statement.
    """
    chosen = [each for name in (CLAIMS if names is None else names) for each in _chosen(name)]
    runs = records(preset, seeds) if runs is None else runs
    return {each.id: each.judge(runs) for each in chosen}


def claim(name: str) -> Claim:
    """Return a claim by its id.

    Raises
    ------
    InputError
        On an unknown id.
    """
    if name not in CLAIMS:
        raise InputError(f"There is no claim {name!r}; known are {', '.join(CLAIMS)}.")
    return CLAIMS[name]


def summary(
    name: str,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    *,
    runs: Records | None = None,
) -> str:
    """Count a claim's outcomes in words, such as "2 supported, 1 undecided".

    Parameters
    ----------
    name
        Id of the claim.
    preset, seeds, runs
        As in :func:`evaluate`.
    """
    return _counted(evaluate([claim(name).id], preset, seeds, runs=runs).values())


def claim_table(
    names: Sequence[str] | None = None,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    *,
    runs: Records | None = None,
) -> pd.DataFrame:
    """Return one row per statement: the measured quantity, its bound, and the outcome.

    Parameters are those of :func:`evaluate`.

    Returns
    -------
    DataFrame
        Indexed by statement, with text columns ``the paper says``, ``task``, ``measured``,
        ``estimate``, ``95 % interval``, ``claimed``, ``outcome``, ``seeds``, ``on the claim's
        side`` (how many of them, for certain), ``unseen seeds alone`` and ``remark``.
    """
    judged = evaluate(names, preset, seeds, runs=runs)
    rows = {
        name: {
            "the paper says": each.statement.words,
            "task": each.statement.task or "any",
            "measured": each.statement.reading,
            "estimate": estimate(each),
            "95 % interval": interval(each),
            "claimed": _claimed(each),
            "outcome": each.outcome,
            "seeds": str(len(each.seeds)) if each.seeds else "",
            "on the claim's side": str(each.on_side) if each.seeds else "",
            "unseen seeds alone": _unseen(each),
            "remark": remark(each),
        }
        for name, each in judged.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("statement")


def _claimed(each: Judgement) -> str:
    if _proved(each):
        return ""
    near = f" (all of it within {100 * (MARGIN - 1):.0f} % of 1)"
    return f"{each.statement.bound}{near if each.why == NO_DIFFERENCE else ''}"


def verdict_table(
    preset: str = "paper", seeds: Sequence[int] | None = None, *, runs: Records | None = None
) -> pd.DataFrame:
    """Return one row per claim, with the numbers of its statements by outcome.

    Parameters are those of :func:`evaluate`.

    Returns
    -------
    DataFrame
        Indexed by claim, with ``what the paper claims``, the numbers of its statements that are
        ``supported``, ``contradicted`` and ``undecided``, and the ``chapter`` with the evidence.
    """
    judged = evaluate(None, preset, seeds, runs=runs)
    rows = {}
    for name, each in CLAIMS.items():
        outcomes = [judged[statement.id].outcome for statement in each.statements]
        counts: dict[str, int] = {outcome: outcomes.count(outcome) for outcome in OUTCOMES}
        rows[name] = {"what the paper claims": each.text, **counts, "chapter": each.chapter}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def markdown_table(
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    *,
    book: str = "",
    runs: Records | None = None,
) -> str:
    """Return :func:`verdict_table` in Markdown; each claim links to the chapter with its evidence.

    Parameters
    ----------
    preset, seeds, runs
        As in :func:`evaluate`.
    book
        Folder of the chapters, with a slash at its end, as seen from the file with the table.
    """
    lines = [
        "| | the paper claims | supported | contradicted | undecided |",
        "|---|---|---:|---:|---:|",
    ]
    for name, row in verdict_table(preset, seeds, runs=runs).iterrows():
        counts = [str(row[outcome] or "–") for outcome in OUTCOMES]
        link = f"[{name}]({book}{row['chapter']}.ipynb)"
        lines.append(f"| {' | '.join([link, row['what the paper claims'], *counts])} |")
    return "\n".join(lines)


def evidence_table(runs: Records, seen: Mapping[str, frozenset[int]] = SEEN) -> pd.DataFrame:
    """Return one row per experiment or arm of a study that judges a statement.

    Parameters
    ----------
    runs
        What the statements are judged by.
    seen
        Seeds by experiment that were known before the rule.

    Returns
    -------
    DataFrame
        Indexed by ``runs``, a name in the records, with text columns ``seeds``,
        ``seen before the rule`` and ``judge``, the claims with a statement that needs them.
    """
    judged: dict[str, list[str]] = {}
    for each in STATEMENTS.values():
        for need in each.needs:
            judged.setdefault(need, []).append(each.claim)
    names = [name for name in judged if "/" not in name] + sorted(n for n in judged if "/" in n)
    rows = {
        name: {
            "seeds": spans(runs[name]["seed"].unique()),
            "seen before the rule": spans(seen.get(name, ())),
            "judge": ", ".join(dict.fromkeys(judged[name])),
        }
        for name in names
        if runs.has([name])
    }
    columns = ["seeds", "seen before the rule", "judge"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("runs")


def printed(judged: Mapping[str, Judgement], width: int, *, whole: bool) -> str:
    """Return judgements as lines that fit the terminal.

    Parameters
    ----------
    judged
        As :func:`evaluate` returns them.
    width
        Columns of the terminal; fewer than 60 count as 60.
    whole
        Whether to include the words of the paper, the measured quantity and every remark.
    """
    width = max(width, 60)
    lines = []
    for name, each in judged.items():
        bound = each.statement.bound
        told = f"{each.outcome:<12} {name}"
        numbers = "" if each.interval is None else f"{estimate(each)} ({interval(each)})"
        parts = (
            numbers,
            "" if _proved(each) else f"{bound.side} {bound.value:g}",
            f"n = {len(each.seeds)}" if each.seeds else "",
        )
        right = "  ".join(filter(None, parts))
        if len(told) + 2 + len(right) <= width:
            lines.append(f"{told}{right:>{width - len(told)}}".rstrip())
        else:
            lines += [told, f"{right:>{width}}"]
        if whole:
            statement = each.statement
            sentences = (
                f"The paper ({statement.place}): {statement.words}",
                f"Measured{f' on {statement.task}' if statement.task else ''}:"
                f" {statement.reading}; claimed {statement.bound}."
                if not _proved(each)
                else "",
                remark(each),
                f"Unseen seeds alone: {_unseen(each)}." if each.seeds else "",
            )
            for part in filter(None, sentences):
                lines += textwrap.wrap(
                    part, width, initial_indent="  ", subsequent_indent="    ",
                    break_on_hyphens=False,
                )  # fmt: skip
    plural = "" if len(judged) == 1 else "s"
    lines += ["", f"{len(judged)} statement{plural}: {_counted(judged.values())}."]
    return "\n".join(lines)


def estimate(each: Judgement) -> str:
    """Return the estimate of a judgement: a number, a bound on it, or nothing."""
    if each.interval is None:
        return ""
    low, high = each.interval.estimate
    if low == high:
        return number(low)
    if np.isinf(high) and np.isfinite(low) and low > 0:
        return f"at least {number(low)}"
    return f"at most {number(high)}" if np.isfinite(high) else "open"


def interval(each: Judgement) -> str:
    """Return the interval of a judgement, or nothing if it has none."""
    if each.interval is None:
        return ""
    low, high = each.interval.low, each.interval.high
    return f"{number(low)} to {number(high)}"


def remark(each: Judgement) -> str:
    """Return the remark on a judgement: its reason, the number of censored times, its caveat."""
    late = f"{each.censored} times did not come within their run." if each.censored else ""
    return " ".join(filter(None, (each.why, late, each.caveat)))


def number(value: float) -> str:
    """Return a number to three digits.

    >>> number(0.91812), number(15000.0), number(float("inf"))
    ('0.918', '15000', '∞')
    """
    if np.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _chosen(name: str) -> tuple[Statement, ...]:
    if name in CLAIMS:
        return CLAIMS[name].statements
    if name in STATEMENTS:
        return (STATEMENTS[name],)
    if "." in name:
        known = ", ".join(each for each in STATEMENTS if each.split(".")[0] == name.split(".")[0])
        raise InputError(f"There is no statement {name!r}; known are {known or ', '.join(CLAIMS)}.")
    return claim(name).statements


def _counted(judged: Iterable[Judgement]) -> str:
    outcomes = [each.outcome for each in judged]
    return ", ".join(
        f"{outcomes.count(outcome)} {outcome}" for outcome in OUTCOMES if outcome in outcomes
    )


def _proved(each: Judgement) -> bool:
    return each.statement.reading == "proof or counterexample"


def _unseen(each: Judgement) -> str:
    outcome, side, n = each.unseen
    if not each.seeds:
        return ""
    return f"{outcome}, {side} of {n} on the claim's side" if n else "none"
