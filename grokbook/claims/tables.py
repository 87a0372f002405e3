"""Claims evaluated on recorded runs, and the tables that show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from grokbook._support.errors import InputError, RunError
from grokbook.claims import section_4, sections_1_to_3, sections_5_and_6
from grokbook.claims.rules import COMMITTED, FEW, REPEATED, Check, Claim, Records
from grokbook.experiments.named import CONTROLS, EXPERIMENTS
from grokbook.store.reading import load_manifests, load_runs

CLAIMS: dict[str, Claim] = {
    each.id: each
    for section in (sections_1_to_3, section_4, sections_5_and_6)
    for each in section.CLAIMS
}
"""C1 to C16, in the order in which the paper makes them."""


def records(
    preset: str = "paper", seeds: Sequence[int] | None = None, *, unseen: bool = False
) -> Records:
    """Return the runs of every experiment and control; those without a recorded run are left out.

    Parameters
    ----------
    preset, seeds
        As in :func:`grokbook.store.reading.load_runs`.
    unseen
        Only runs of seeds that had not been seen when the rules were committed: begun after
        ``rules.COMMITTED``, and not in ``rules.REPEATED``.

    Raises
    ------
    RunError
        If a record is damaged or stale.
    """
    found = {}
    for name in (*EXPERIMENTS, *CONTROLS):
        try:
            log = load_runs(name, preset, seeds)
            began = {
                manifest["experiment"]["seed"]: manifest["recorded"]
                for manifest in load_manifests(name, preset, seeds)
            }
        except RunError as error:
            if not str(error).startswith("There is no record"):
                raise
            continue
        if unseen:
            repeated = log["seed"].isin(REPEATED.get(name, ()))
            log = log[(log["seed"].map(began) > COMMITTED) & ~repeated]
        if not log.empty:
            found[name] = log
    return Records(preset, found)


def evaluate(
    claims: Sequence[str] | None = None,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    *,
    runs: Records | None = None,
) -> dict[str, list[Check] | None]:
    """Compute the checks of claims.

    Parameters
    ----------
    claims
        Ids such as "C9"; all sixteen if not given.
    preset, seeds
        Which runs; see :func:`records`.
    runs
        Runs to judge in place of the recorded ones.

    Returns
    -------
    dict
        Checks by claim, None where an experiment it needs has no run.

    Raises
    ------
    InputError
        On an unknown claim.
    """
    chosen = [claim(name) for name in (CLAIMS if claims is None else claims)]
    runs = records(preset, seeds) if runs is None else runs
    return {each.id: each.checks(runs) if runs.has(each.needs) else None for each in chosen}


def caveat(
    name: str,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    *,
    runs: Records | None = None,
) -> str:
    """Return what a claim's checks do not see: "But ...", or "" if nothing is to be said.

    Parameters
    ----------
    name
        Id of the claim, such as "C4".
    preset, seeds, runs
        As in :func:`evaluate`.

    Raises
    ------
    InputError
        On an unknown claim.
    """
    each = claim(name)
    runs = records(preset, seeds) if runs is None else runs
    told = "" if each.caveat is None or not runs.has(each.needs) else each.caveat(runs)
    return f"But {told}" if told else ""


def claim(name: str) -> Claim:
    """Return a claim by its id."""
    if name not in CLAIMS:
        raise InputError(f"There is no claim {name!r}; known are {', '.join(CLAIMS)}.")
    return CLAIMS[name]


def claim_table(
    claims: Sequence[str] | None = None,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return one row a check: what was measured, over how many seeds, and whether it holds.

    Parameters are those of :func:`evaluate`.

    Returns
    -------
    DataFrame
        Indexed by claim and check, with text columns ``median``, ``95 % interval``, ``claimed``,
        ``seeds`` and ``outcome``.
    """
    rows = {
        (name, check.name): {
            "median": _number(check.median, check.censored),
            "95 % interval": _interval(check),
            "claimed": f"{check.side} {check.bound:g}",
            "seeds": str(len(check.values)),
            "outcome": check.outcome,
        }
        for name, checks in evaluate(claims, preset, seeds).items()
        for check in checks or ()
    }
    columns = ["median", "95 % interval", "claimed", "seeds", "outcome"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["claim", "check"])
    return table


def verdict_table(
    preset: str = "paper", seeds: Sequence[int] | None = None, *, runs: Records | None = None
) -> pd.DataFrame:
    """Return the sixteen verdicts, one row a claim.

    Parameters are those of :func:`evaluate`.

    Returns
    -------
    DataFrame
        Indexed by claim, with text columns ``what the paper claims``, ``verdict`` (with the number
        of seeds if that is below ``rules.FEW``), ``measured`` (its checks with their medians and
        intervals; of more than two, the first that does not hold, or the first), ``caveat`` (what
        they do not see), ``checks that hold``, ``seeds`` (the fewest of its checks) and
        ``chapter``.
    """
    rows = {}
    runs = records(preset, seeds) if runs is None else runs
    for name, checks in evaluate(None, preset, seeds, runs=runs).items():
        each = CLAIMS[name]
        held = sum(check.outcome == "holds" for check in checks or ())
        fewest = min((len(check.values) for check in checks or ()), default=0)
        verdict: str = each.verdict(checks)
        if fewest < FEW and verdict not in ("open", "false as stated"):
            verdict += f" ({fewest} seed{'s' if fewest > 1 else ''})"
        rows[name] = {
            "what the paper claims": each.text,
            "verdict": verdict,
            "measured": _measured(checks or ()),
            "caveat": caveat(name, runs=runs),
            "checks that hold": "none yet" if checks is None else f"{held} of {len(checks)}",
            "seeds": str(fewest),
            "chapter": each.chapter,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def markdown_table(
    preset: str = "paper", seeds: Sequence[int] | None = None, *, book: str = ""
) -> str:
    """Return :func:`verdict_table` in Markdown, each claim linked to its evidence.

    Parameters
    ----------
    preset, seeds
        Which runs, as in :func:`records`.
    book
        Folder of the chapters, with a slash at its end, as seen from where the table stands.
    """
    lines = [
        "| | what the paper claims | verdict | measured: median (95 % interval) | checks | seeds |",
        "|---|---|---|---|---:|---:|",
    ]
    for name, row in verdict_table(preset, seeds).iterrows():
        cells = (
            f"[{name}]({book}{row['chapter']}.ipynb)",
            row["what the paper claims"],
            f"**{row['verdict']}**",
            f"{row['measured']}. {row['caveat']}" if row["caveat"] else row["measured"],
            row["checks that hold"],
            row["seeds"],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _measured(checks: Sequence[Check]) -> str:
    shown = list(checks)
    if len(shown) > 2:  # the first that does not hold tells why a claim is not reproduced
        shown = [check for check in shown if check.outcome != "holds"][:1] or shown[:1]
    return "; ".join(
        f"{check.name}: {_number(check.median, check.censored)} ({_interval(check)})"
        for check in shown
    )


def _interval(check: Check) -> str:
    return "one seed" if len(check.values) == 1 else " to ".join(map(_number, check.interval))


def _number(value: float, censored: int = 0) -> str:
    if np.isinf(value):
        return "undefined"
    return f"{value:.3g}" + (f" ({censored} censored)" if censored else "")
