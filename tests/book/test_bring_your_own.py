"""The pages for those who bring something of their own: their examples run as printed."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "book" / "bring_your_own"
PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_examples_run_one_after_the_other(page, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    examples = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
    assert examples
    shared: dict[str, object] = {"__name__": page.stem}
    for example in examples:
        exec(compile(example, page.name, "exec"), shared)
        printed = capsys.readouterr().out
        assert printed.count("\n") >= example.count("print(") and "nan" not in printed


def test_the_table_of_tasks_names_every_task_there_is():
    from typing import get_args

    from grokbook.experiments.schema import Dataset

    text = (FOLDER / "tasks.md").read_text("utf-8").partition("## The tasks that are there")[2]
    assert {kind.__name__ for kind in get_args(Dataset)} <= set(re.findall(r"`(\w+)`", text))


def test_the_table_of_attributes_names_all_that_a_task_tells():
    from grokbook.tasks.base import Task

    text = (FOLDER / "tasks.md").read_text("utf-8").partition("## What a task may say")[2]
    told = {name for name in vars(Task) if not name.startswith("_")} - {"load"}
    assert told <= set(re.findall(r"`(\w+)(?:\(\))?`", text.partition("## ")[0]))
