"""The study of sets: the paper's runs again, with PMI and MID on the test set."""

from dataclasses import replace

import numpy as np
import pandas as pd

from grokbook import experiment, load_runs
from grokbook.analysis.by_seed import unfolded
from grokbook.experiments.schema import LogSchedule
from grokbook.studies import sets
from grokbook.studies.tables import load_study
from grokbook.training.loop import train


def test_a_run_is_the_paper_s_with_other_measurements() -> None:
    ours, paper = sets.recipe("standard", 3), experiment("mnist-standard", seed=3)
    assert replace(ours, measurements=paper.measurements) == paper
    assert ours.measurements.information_sigma == paper.measurements.information_sigma
    assert ours.measurements.information_batch == paper.measurements.information_batch


def test_a_row_keeps_what_the_log_says_of_both_sets() -> None:
    smoke = experiment("mnist-standard", "smoke")
    recipe = replace(
        smoke,
        steps=20,
        log=LogSchedule("linear", 4, dear_every=2),
        measurements=replace(smoke.measurements, groups=("information", "test_information")),
    )
    row = sets.run_one(recipe, "test_accuracy", 2.0, 20, 0)
    log = train(recipe, compiled=False).log.iloc[::2]
    assert row["look_step"] == log["step"].tolist() == [0, 10, 20]
    assert row["look_train_pmi"] == log["perturbed_mutual_information"].tolist()
    assert row["look_test_pmi"] == log["test_perturbed_mutual_information"].tolist()
    assert row["look_train_mid"] == log["mutual_information_difference"].tolist()
    assert row["look_test_mid"] == log["test_mutual_information_difference"].tolist()


def test_the_recorded_runs_are_the_paper_s() -> None:
    """On the training set they measured what the recorded runs did."""
    looks = unfolded(load_study("sets"))
    runs = load_runs("mnist-standard").set_index(["seed", "step"])
    for signal, column in sets.SIGNALS.items():
        theirs = runs.loc[list(zip(looks["seed"], looks["step"], strict=True)), column]
        np.testing.assert_array_equal(looks[f"train_{signal}"], theirs)
        assert not np.array_equal(looks[f"test_{signal}"], theirs)


def test_unfolding_keeps_every_look() -> None:
    table = load_study("sets")
    looks = unfolded(table)
    assert len(looks) == sum(map(len, table["look_step"]))
    assert set(looks) == {"seed", "step", "train_pmi", "test_pmi", "train_mid", "test_mid"}
    last = looks.groupby("seed")["step"].max()
    recipe = sets.recipe("standard", 0)
    assert set(last) == {recipe.log.dear_steps(recipe.steps)[-1]}


def test_the_lowest_is_found_by_seed_and_after_a_step() -> None:
    looks = pd.DataFrame(
        {
            "seed": [0, 0, 0, 1, 1],
            "step": [0, 10, 20, 10, 20],
            "test_mid": [0.0, 0.2, 0.1, 0.1, 0.2],
        }
    )
    assert sets.steps_of_lowest(looks, "test_mid", 5).to_dict() == {0: 20, 1: 10}
    assert sets.steps_of_lowest(looks, "test_mid", -1).to_dict() == {0: 0, 1: 10}
