"""The chapter on prediction runs on whatever is recorded: its runs, with few pairs or without."""

import pytest
from prediction_tables import drawn

STATES = {
    "the ten main arms": (
        drawn(mid=-5.0),
        {
            "in short": "MID foretells grokking; ",
            "few": "The arms few-5 and few-10 are not recorded yet.",
            "missing": "few-5 (12 of 12), few-10 (12 of 12)",
        },
    ),
    "all arms": (
        drawn(few=True, mid=-1.0, sharpness=5.0),
        {
            "in short": "",
            "few": "Of the 12 networks of few-5, 0 grok within the limit.",
            "missing": "none",
        },
    ),
    "its first seed": (
        drawn().query("seed < 101"),
        {
            "in short": "The study does not answer yet. ",
            "few": "The arms few-5",
            "missing": "grok-35",
        },
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_the_chapter_stands_on_what_is_recorded(state: str, executed_on) -> None:
    table, expected = STATES[state]
    values, outputs = executed_on("prediction", table)
    for name, beginning in expected.items():
        assert values[name].startswith(beginning)
    # Networks on few pairs have a table once one is recorded.
    tables = sum("text/html" in each.get("data", {}) for each in outputs)
    assert tables == (12 if state == "all arms" else 11)
