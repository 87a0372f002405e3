"""Verdicts under the earlier rules, next to the current ones.

Until seeds 5 and later were recorded, a claim was a list of checks. A check held if the whole
bootstrap interval of its median lay on the claim's side, and failed if the median alone lay on the
other side. At three and five seeds that interval is the range of the values and covers 75 and 94 %
instead of 95 %. ``before.json`` keeps the verdicts of these rules on seeds 0 to 4, and 0 to 2 of
the controls. They are data: no code uses these rules any more.
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
"""Current words for the earlier outcomes."""


def before() -> dict[str, Any]:
    """Return the earlier ``verdicts`` by claim, and the ``checks`` behind them."""
    return json.loads(files("grokbook.claims").joinpath("before.json").read_text("utf-8"))


def before_and_now(
    preset: str = "paper", seeds: Sequence[int] | None = None, *, runs: Records | None = None
) -> pd.DataFrame:
    """Return one row per earlier check, with the statements that replaced it.

    Parameters
    ----------
    preset, seeds, runs
        As in :func:`grokbook.claims.evaluate`.

    Returns
    -------
    DataFrame
        Indexed by claim and check, with text columns ``verdict before`` (of the claim),
        ``median (interval), claimed``, ``seeds before``, ``outcome before``, ``outcome now`` (one
        per statement) and ``reason``.
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
    """Return the reason why an outcome changed, or that it did not."""
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
