import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
import yaml

from grokbook.cli.prose import glued
from grokbook.store.records import write_record
from grokbook.studies.tables import rules_checksum

BOOK = Path(__file__).parents[2] / "book"
CHAPTERS = sorted(path.stem for path in BOOK.glob("*.ipynb"))


def pytest_generate_tests(metafunc):
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", CHAPTERS)


@pytest.fixture(scope="session")
def book() -> Path:
    return BOOK


@pytest.fixture
def path(chapter) -> Path:
    """The notebook of one chapter."""
    return BOOK / f"{chapter}.ipynb"


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory, worker_id) -> Path:
    """A folder for runs of the small presets, shared by all workers; not the repository's."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "small-runs"


@pytest.fixture
def executed_on(book, tmp_path, monkeypatch):
    """Execute a study's chapter on a table, and return what it glues and what it shows."""

    def execute(study: str, table) -> tuple[dict[str, str], list]:
        record = tmp_path / "runs" / "studies" / study
        write_record(record, table, {"rules_sha256": rules_checksum(study)})
        if not (tmp_path / "runs" / "paper").exists():
            (tmp_path / "runs" / "paper").symlink_to(BOOK.parent / "runs" / "paper")
        monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path / "runs"))
        done = papermill.execute_notebook(
            str(book / f"study_{study}.ipynb"), str(tmp_path / "out.ipynb"),
            cwd=os.fspath(tmp_path), kernel_name="python3", progress_bar=False,
        )  # fmt: skip
        outputs = [each for cell in done.cells for each in cell.get("outputs", [])]
        assert not [each for each in outputs if each.get("name") == "stderr"]
        shown = [each["data"].get("text/plain", "") for each in outputs if "data" in each]
        assert not [text for text in shown if re.search(r"\bnan\b", text.lower())]
        return glued(done), outputs

    return execute


TINY_INDEX = """# A tiny book

The radius $r$ is not for a preview.

This paragraph is: it is *plain*, of two chapters, and "quoted". {numref}`fig-1` is in another one.
There is [a part of it](1_introduction.ipynb), [another](live_training.ipynb#what-to-try), and
[the paper](https://arxiv.org/abs/2311.06597).

## A section

Here is {ref}`the index <genindex>`.
"""


@pytest.fixture(scope="session")
def tiny_book(tmp_path_factory) -> Path:
    """A book of one page and two chapters, built as this one is but without executing any."""
    folder = tmp_path_factory.mktemp("tiny") / "book"
    folder.mkdir()
    for name in ("assets", "extensions"):
        shutil.copytree(BOOK / name, folder / name)
    for name in ("1_introduction.ipynb", "live_training.ipynb", "references.bib"):
        shutil.copy(BOOK / name, folder)
    (folder / "index.md").write_text(TINY_INDEX, encoding="utf-8")
    parts = {"Text": "1_introduction", "More": "live_training"}
    toc = {
        "format": "jb-book",
        "root": "index",
        "parts": [
            {"caption": caption, "chapters": [{"file": name}]} for caption, name in parts.items()
        ],
    }
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False))
    config = yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["execute_notebooks"] = "off"
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    builder = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run([builder, "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder
