"""The chapter on prediction runs on whatever is recorded: its runs, with few pairs or without."""

import os
from pathlib import Path

import papermill
import pytest
from prediction_tables import drawn

from grokbook.cli.prose import glued
from grokbook.store.records import write_record
from grokbook.studies.tables import rules_checksum

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
def test_the_chapter_stands_on_what_is_recorded(
    state: str, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, expected = STATES[state]
    record = tmp_path / "runs" / "studies" / "prediction"
    write_record(record, table, {"rules_sha256": rules_checksum("prediction")})
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path / "runs"))
    done = papermill.execute_notebook(
        str(book / "study_prediction.ipynb"), str(tmp_path / "out.ipynb"), cwd=os.fspath(tmp_path),
        kernel_name="python3", progress_bar=False,
    )  # fmt: skip
    values = glued(done)
    for name, beginning in expected.items():
        assert values[name].startswith(beginning)
    outputs = [each for cell in done.cells for each in cell.get("outputs", [])]
    assert not [each for each in outputs if each.get("name") == "stderr"]
    shown = [each["data"].get("text/plain", "") for each in outputs if "data" in each]
    assert sum("text/html" in each.get("data", {}) for each in outputs) == 11
    assert not [text for text in shown if "nan" in text.lower()]
