"""The paper's sixteen claims, each with a verdict computed from recorded runs."""

from grokbook.claims.rules import Check, Claim, Records
from grokbook.claims.tables import (
    CLAIMS,
    claim,
    claim_table,
    evaluate,
    markdown_table,
    records,
    verdict_table,
)

__all__ = [
    "CLAIMS", "Check", "Claim", "Records", "claim", "claim_table", "evaluate",
    "markdown_table", "records", "verdict_table",
]  # fmt: skip
