"""Verdicts as they stood under the rules of before, beside those of now.

Until seeds 5 and later were recorded, a claim was a list of checks. A check held if the whole
bootstrap interval of its median lay on the claim's side, and failed if only the median lay on the
other; that interval is the range of the values at three and five seeds, and covers 75 and 94 % in
place of 95. ``before.json`` keeps what these rules said of the runs of seeds 0 to 4, and 0 to 2 of
the controls. They are data: no code judges by them any more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from grokbook.analysis.intervals import FEWEST
from grokbook.claims.rules import Judgement, Records
from grokbook.claims.tables import evaluate

HELD = {"holds": "supported", "fails": "contradicted", "unclear": "undecided"}
"""Words of now for outcomes of before."""


def before() -> dict[str, Any]:
    """Return the ``verdicts`` of before by claim, and the ``checks`` they rested on."""
    return json.loads(files("grokbook.claims").joinpath("before.json").read_text("utf-8"))


def before_and_now(
    preset: str = "paper", seeds: Sequence[int] | None = None, *, runs: Records | None = None
) -> pd.DataFrame:
    """Return one row a check of before, with the statements that took its place.

    Parameters
    ----------
    preset, seeds, runs
        As in :func:`grokbook.claims.evaluate`.

    Returns
    -------
    DataFrame
        Indexed by claim and check, with text columns ``verdict before`` (of the claim),
        ``median (interval), claimed``, ``seeds before``, ``outcome before``, ``outcome now`` (one a
        statement) and ``reason``.
    """
    judged = evaluate(None, preset, seeds, runs=runs)
    old = before()
    rows = {}
    for check in old["checks"]:
        now = [judged[name] for name in check["now"]]
        rows[check["claim"], check["check"]] = {
            "verdict before": old["verdicts"][check["claim"]],
            "median (interval), claimed": (
                f"{check['median']} ({check['interval']}), {check['claimed']}"
            ),
            "seeds before": str(check["seeds"]),
            "outcome before": check["outcome"],
            "outcome now": "; ".join(f"{each.statement.id} {each.outcome}" for each in now)
            or "none",
            "reason": _reason(check, now),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["claim", "check"])
    return table


def _reason(check: dict[str, Any], now: Sequence[Judgement]) -> str:
    """Say why an outcome changed, or that it did not."""
    reasons = [check["why"]]
    outcomes = {each.outcome for each in now}
    if len(now) and any(0 < len(each.seeds) < FEWEST for each in now):
        reasons.append(f"Fewer than {FEWEST} seeds bear no interval of 95 %.")
    elif check["outcome"] == "fails" and "undecided" in outcomes and any(e.interval for e in now):
        reasons.append("A median alone was enough to fail; the interval reaches across the bound.")
    if outcomes == {HELD[check["outcome"]]}:
        reasons.append("The outcome is the same.")
    elif not any(reasons):
        reasons.append("More seeds, the same statistic and bound.")
    return " ".join(filter(None, reasons))
