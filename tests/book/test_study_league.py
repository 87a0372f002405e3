"""The chapter on the league runs on whatever is recorded: all, a part, or the tuning alone."""

import os
from pathlib import Path

import papermill
import pytest
from league_tables import drawn

from grokbook.cli.prose import glued
from grokbook.store.records import write_record
from grokbook.studies.tables import rules_checksum

STATES = {
    "all runs": (
        drawn(),
        {"in short": "Sooner than AdamW tuned as long: Abelian degrok 0.50", "missing": "none"},
    ),
    "ten seeds": (
        drawn(seeds=10, published=5, confirmed=False),
        {"in short": "Sooner than AdamW tuned as long: ", "missing": "adamw (10 of 20)"},
    ),
    "the tuning": (
        drawn(seeds=0, published=0, confirmed=False),
        {"in short": "The league does not answer yet. ", "missing": "adamw (20 of 20)"},
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_the_chapter_stands_on_what_is_recorded(
    state: str, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, expected = STATES[state]
    record = tmp_path / "runs" / "studies" / "league"
    write_record(record, table, {"rules_sha256": rules_checksum("league")})
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path / "runs"))
    done = papermill.execute_notebook(
        str(book / "study_league.ipynb"), str(tmp_path / "out.ipynb"), cwd=os.fspath(tmp_path),
        kernel_name="python3", progress_bar=False,
    )  # fmt: skip
    values = glued(done)
    for name, beginning in expected.items():
        assert values[name].startswith(beginning)
    outputs = [each for cell in done.cells for each in cell.get("outputs", [])]
    assert not [each for each in outputs if each.get("name") == "stderr"]
    shown = [each["data"].get("text/plain", "") for each in outputs if "data" in each]
    assert sum("text/html" in each.get("data", {}) for each in outputs) == 6
    assert not [text for text in shown if "nan" in text.lower()]
