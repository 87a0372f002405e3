"""The study of twins: its runs differ from the recorded ones by their labels alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from grokbook import experiment
from grokbook.models.transformer import TransformerConfig
from grokbook.studies import twins
from grokbook.tasks.modular import ModularAddition
from grokbook.tasks.random_labels import RandomLabels
from grokbook.training.loop import train


def test_a_run_is_the_paper_s_with_other_labels() -> None:
    ours, paper = twins.recipe("random-labels", 3), experiment("modadd-standard", seed=3)
    assert isinstance(ours.dataset, RandomLabels) and ours.dataset.task == paper.dataset
    same = {"dataset": paper.dataset, "log": paper.log, "measurements": paper.measurements}
    assert replace(ours, **same) == paper
    assert ours.measurements.information_sigma == paper.measurements.information_sigma
    assert ours.measurements.information_batch == paper.measurements.information_batch
    mine, theirs = ours.load(), paper.load()
    assert mine.train_x.equal(theirs.train_x) and not mine.train_y.equal(theirs.train_y)


def test_a_row_keeps_what_the_log_says_of_both_differences() -> None:
    base = twins.recipe("random-labels", 0)
    recipe = replace(
        base,
        dataset=RandomLabels(ModularAddition(7, 0.5, 0), 0),
        model=TransformerConfig(d=16, mlp=64),
        steps=40,
        log=replace(base.log, points=4),
        measurements=replace(base.measurements, information_batch=8),
    )
    row = twins.run_one(recipe, "train_accuracy", 2.0, 40, 0)
    log = train(recipe, compiled=False).log
    assert row["look_step"] == log["step"].tolist() == [0, 10, 20, 30, 40]
    assert row["look_mid"] == log["mutual_information_difference"].tolist()
    assert row["look_ed"] == log["entropy_difference"].tolist()


def looks(left: float) -> pd.DataFrame:
    rows = [
        {
            "arm": "random-labels", "seed": seed, "look_step": [0, 10, 20], "train_100": 20.0,
            "look_mid": [1.0, 2.0, 2 * left], "look_ed": [1.0, 2.0, 2 * left],
        }
        for seed in range(7)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_less_left_with_true_labels_foretells() -> None:
    course = {"mutual_information_difference": [1.0, 2.0, 0.4], "entropy_difference": [1.0, 2, 0.4]}
    logs = [
        pd.DataFrame({"seed": seed, "step": [0, 10, 20], "train_accuracy": [0, 0.5, 1]} | course)
        for seed in range(8)
    ]
    runs = pd.concat(logs)
    for share, outcome, words in ((0.4, "yes", "2.00"), (0.1, "no", "0.50")):
        found, told = twins.smaller_foretells(twins.left(looks(share), runs, "mid"))
        assert found == outcome and told == f"{words} ({words} to {words})"
    assert twins.left(looks(0.4), runs, "ed")["true labels"].tolist() == pytest.approx([0.2] * 7)
    mixed = looks(0.4)
    mixed["look_mid"] = [[1.0, 2.0, value] for value in np.linspace(0.1, 1, 7)]
    assert twins.smaller_foretells(twins.left(mixed, runs, "mid"))[0] == "undecided"
    few = twins.left(looks(0.4).head(5), runs, "mid")
    assert twins.smaller_foretells(few) == ("undecided", "not known")
