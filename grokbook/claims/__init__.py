"""The statements of the paper, each with an outcome computed from recorded runs."""

from grokbook.claims.answers import interval_told, outcomes, require
from grokbook.claims.evidence import Bound
from grokbook.claims.rules import Claim, Judgement, Records, Statement
from grokbook.claims.tables import (
    CLAIMS,
    STATEMENTS,
    claim,
    claim_table,
    evaluate,
    markdown_table,
    printed,
    records,
    summary,
    verdict_table,
)

__all__ = [
    "CLAIMS", "STATEMENTS", "Bound", "Claim", "Judgement", "Records", "Statement", "claim",
    "claim_table", "evaluate", "interval_told", "markdown_table", "outcomes", "printed", "records",
    "require", "summary", "verdict_table",
]  # fmt: skip
