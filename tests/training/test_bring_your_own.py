"""The examples of the page on bringing one's own run as they stand, one file after the other."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "book" / "bring_your_own"


@pytest.mark.parametrize("name", sorted(page.stem for page in PAGES.glob("*.md")))
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path / "runs"))
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks and text.startswith("## ")
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, f"{name}.md", "exec"), namespace)
