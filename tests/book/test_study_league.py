"""The chapter on the league runs on whatever is recorded: all, a part, or the tuning alone."""

import pytest
from league_tables import drawn

STATES = {
    "all runs": (
        drawn(),
        {"in short": "Sooner than AdamW tuned for as long: Abelian degrok 0.50", "missing": "none"},
    ),
    "ten seeds": (
        drawn(seeds=10, published=5, confirmed=False),
        {"in short": "Sooner than AdamW tuned for as long: ", "missing": "adamw (10 of 20)"},
    ),
    "the tuning": (
        drawn(seeds=0, published=0, confirmed=False),
        {"in short": "The league does not answer yet. ", "missing": "adamw (20 of 20)"},
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_the_chapter_stands_on_what_is_recorded(state: str, executed_on) -> None:
    table, expected = STATES[state]
    values, outputs = executed_on("league", table)
    for name, beginning in expected.items():
        assert values[name].startswith(beginning)
    # What confirms on two other tasks has a table once it is recorded.
    tables = sum("text/html" in each.get("data", {}) for each in outputs)
    assert tables == (6 if state == "all runs" else 4)
