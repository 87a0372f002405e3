"""A whole recording, at sizes of seconds: what is printed, what is kept, what a page can read."""

import sys

import pytest
import torch

from grokbook import experiment
from grokbook.benchmarks import __main__ as command
from grokbook.benchmarks import (
    ideas,
    logging_cost,
    metrics,
    scaling,
    settings,
    tables,
    timing,
    training_steps,
)
from grokbook.benchmarks.record import PACKAGE, TABLES, load

NAMES = ("mnist-standard", "modadd-perturbed", "modadd-standard")


def small(name, preset="paper", seed=0):
    return experiment(name, "smoke", seed)


@pytest.fixture
def small_sizes(monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    for module in (ideas, logging_cost, scaling, settings, training_steps):
        monkeypatch.setattr(module, "experiment", small)
        monkeypatch.setattr(module, "EXPERIMENTS", NAMES)
    monkeypatch.setattr(training_steps, "SIDE", (64, 32))
    monkeypatch.setattr(scaling, "MODULI", (7, 13))
    monkeypatch.setattr(scaling, "WIDTHS", (8, 16))
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(ideas, "milliseconds_of_all", lambda *_: 1.0)  # has a test of its own
    monkeypatch.setattr(settings, "SETTINGS", settings.SETTINGS[:2])  # a process each
    races = metrics.races(n=40, images=10)
    monkeypatch.setattr(metrics, "races", lambda: races)


def test_what_is_measured_is_printed_kept_and_read(small_sizes, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rounds", "1"])
    command.main()
    printed = capsys.readouterr().out
    record = load(tmp_path)
    assert record.made["rounds"] == 1 and set(record.tables) == set(TABLES)
    for title, table in command.PRINTED.items():
        assert title in printed
        for line in tables.as_text(table(record)).to_string().splitlines():
            assert line.rstrip() in printed
    for name, table in record.tables.items():
        times = table[[column for column in table if "ms" in column]]
        assert (times > 0).all(axis=None), name
    idea = {each.name for each in ideas.IDEAS if each.experiment in NAMES}
    assert set(record.tables["ideas"]["idea"]) == {PACKAGE} | idea
    assert (record.tables["scaling"]["mebibytes"] > 0).all()


def test_processes_side_by_side_add_up():
    """Each takes steps for a tenth of a second; of two, together at least one."""
    assert 0 < ideas.milliseconds_of_all(small("mnist-standard"), 2, 1, 0.1) < 5_000


def test_no_rounds_is_refused_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--rounds", "0"])
    with pytest.raises(SystemExit):
        command.main()
    assert "rounds is 0, but must be at least 1." in capsys.readouterr().err


def test_products_are_in_float32_and_not_in_tf32():
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32
