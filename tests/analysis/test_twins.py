"""How far signals fall in networks and in their twins: curves whose fall is known."""

import numpy as np
import pandas as pd
import pytest
from prediction_tables import RULES, drawn

from grokbook.analysis.twins import courses, twins

SETTINGS = {arm.removeprefix("grok-") for arm in RULES["arms"] if arm.startswith("grok-")}


def test_left_and_fall_are_those_of_the_curve() -> None:
    run = {
        "seed": 100, "train_100": 30.0, "look_step": [0, 10, 20, 30, 40],
        "look_mid": [1.0, 4.0, 3.0, 1.0, 0.0],
    }  # fmt: skip
    twin = run | {"look_mid": [2.0, 1.0, 1.0, 1.0, 9.0], "train_100": 20.0}
    table = pd.DataFrame([run | {"arm": "grok-40"}, twin | {"arm": "random-40"}])
    row = twins(table, RULES, ["mid"]).loc[("40", 100)]
    assert row["mid", "left", "true labels"] == 1 / 4
    assert row["mid", "fall", "true labels"] == 2 / 4
    assert row["mid", "left", "random labels"] == 1 / 2
    assert row["mid", "fall", "random labels"] == 1 / 2


def test_a_fall_after_the_dense_steps_is_left_out_as_its_looks_are_far_apart() -> None:
    run = {
        "seed": 100, "train_100": 900.0, "look_step": [0, 100, 200, 900],
        "look_mid": [4.0, 4.0, 3.0, 0.0],
    }  # fmt: skip
    table = pd.DataFrame([run | {"arm": "grok-40"}, run | {"arm": "random-40"}])
    row = twins(table, RULES, ["mid"]).loc[("40", 100), "mid"]
    assert row["left", "true labels"] == 0 and row["fall", "true labels"] == 1 / 4


def test_pairs_are_of_one_setting_and_seed_and_few_pairs_have_no_twin() -> None:
    table = drawn(few=True)
    found = twins(table, RULES, ["mid", "ed"])
    assert set(found.index.get_level_values("setting")) == SETTINGS
    assert len(found) == len(SETTINGS) * len(RULES["setting"]["seeds"])
    assert found["mid", "left", "true labels"].tolist() == pytest.approx([0.25] * len(found))
    assert found["ed", "left", "random labels"].tolist() == pytest.approx([0.375] * len(found))
    alone = table[~((table["arm"] == "random-40") & (table["seed"] == 103))]
    assert len(twins(alone, RULES, ["mid"])) == len(found) - 1
    table.loc[table["arm"] == "random-40", "train_100"] = np.nan
    late = twins(table, RULES, ["mid"]).loc["40"]
    assert late["mid", "left", "random labels"].isna().all()
    assert late["mid", "left", "true labels"].notna().all()
    assert len(twins(table.iloc[:0], RULES, ["mid"])) == 0


def test_a_course_has_the_steps_that_all_runs_were_looked_at() -> None:
    table = drawn(few=True)
    first = table.index[0]
    table.at[first, "look_step"] = [*table.at[first, "look_step"], 417]
    table.at[first, "look_mid"] = [*table.at[first, "look_mid"], 99.0]
    found = courses(table, RULES, "mid")
    assert found.index.get_level_values("step").max() == 200
    assert (found["runs"] == len(SETTINGS) * len(RULES["setting"]["seeds"])).all()
    assert found.loc[("true labels", 100), "median"] == 1.0
    assert found.loc[("random labels", 100.0)].tolist() == [1.5, 1.5, 1.5, 60]
    assert len(courses(table.iloc[:0], RULES, "mid")) == 0
