"""The page on tasks names all there is; its examples are run in tests/training."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "book" / "bring_your_own"


def test_the_table_of_tasks_names_every_task_there_is():
    from typing import get_args

    from grokbook.experiments.schema import Dataset

    text = (FOLDER / "tasks.md").read_text("utf-8").partition("### The tasks that are there")[2]
    assert {kind.__name__ for kind in get_args(Dataset)} <= set(re.findall(r"`(\w+)`", text))


def test_the_table_of_attributes_names_all_that_a_task_tells():
    from grokbook.tasks.base import Task

    text = (FOLDER / "tasks.md").read_text("utf-8").partition("### What a task may say")[2]
    told = {name for name in vars(Task) if not name.startswith("_")} - {"load"}
    assert told <= set(re.findall(r"`(\w+)(?:\(\))?`", text.partition("### ")[0]))
