"""The paper's sixteen claims, each with a verdict computed from recorded runs."""

from grokbook.claims.rules import Check, Claim, Records
from grokbook.claims.tables import (
    CLAIMS,
    caveat,
    claim,
    claim_table,
    evaluate,
    markdown_table,
    records,
    verdict_table,
)

__all__ = [
    "CLAIMS", "Check", "Claim", "Records", "caveat", "claim", "claim_table", "evaluate",
    "markdown_table", "records", "verdict_table",
]  # fmt: skip
