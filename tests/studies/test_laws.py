"""The study of laws: a row tells from which step each law stays, as the log does."""

import math
from dataclasses import replace

import pandas as pd

from grokbook.analysis.moments import first_step_staying
from grokbook.experiments.schema import LogSchedule
from grokbook.models.transformer import TransformerConfig
from grokbook.studies import laws
from grokbook.tasks.modular import ModularAddition
from grokbook.training.loop import train


def test_a_row_tells_what_the_log_does() -> None:
    recipe = replace(
        laws.recipe("standard", 100),
        dataset=ModularAddition(5, 0.9, 0),
        model=TransformerConfig(d=16, mlp=64),
        steps=60,
        log=LogSchedule("linear", points=12),
    )
    row = laws.run_one(recipe, "test_accuracy", 2.0, 60, 10)
    log = train(recipe, compiled=False).log.assign(seed=100)
    assert row["status"] == "censored" and row["steps"] == 60
    for law, column in laws.LAWS.items():
        found, expected = row[f"stays_{law}"], first_step_staying(log, column, 0.99).iloc[0]
        assert found == expected or (math.isnan(found) and math.isnan(expected))
        assert row[f"final_{column}"] == log[column].iloc[-1]


def test_the_rules_name_the_laws_that_are_measured() -> None:
    assert set(laws.LAWS) == {*laws.STUDY.rules["statistic"]["laws"], "test_accuracy"}


def test_a_law_is_timed_by_grokking() -> None:
    stays = {f"stays_{law}": [500.0, 900.0, math.nan] for law in laws.LAWS}
    table = pd.DataFrame(stays | {"stays_test_accuracy": [1000.0, 1000.0, 1000.0]})
    found = laws.times_of_grokking(table)
    assert list(found.index) == laws.STUDY.rules["statistic"]["laws"]
    assert found.loc["inverse"].tolist() == [0.7, 0.5, 0.9, 2, 2]
