"""The table of what the paper leaves open: complete, true to the recipes, and right in parts."""

from dataclasses import fields, is_dataclass

import numpy as np
import pandas as pd
import pytest

from grokbook import InputError, experiment
from grokbook.claims.tables import STATEMENTS
from grokbook.studies import choices, open_choices
from grokbook.studies.results import strength
from grokbook.studies.tables import load_study, study_rules

SEEDS = range(100, 110)


def arm(name: str, ratio: float, seeds: range = SEEDS, limit: int = 10_000) -> pd.DataFrame:
    times = [ratio * 2000 * (1 + (seed - 105) / 50) for seed in seeds]
    return pd.DataFrame(
        {
            "arm": name,
            "seed": list(seeds),
            "endpoint": [time if time <= limit else np.nan for time in times],
            "steps": [min(time + 300, limit) for time in times],
        }
    )


def table(**changed: float) -> pd.DataFrame:
    arms = dict.fromkeys(study_rules("choices")["arms"], 1.0)
    arms |= {name.replace("_", "-"): ratio for name, ratio in changed.items()}
    return pd.concat([arm(name, ratio) for name, ratio in arms.items()], ignore_index=True)


def leaves(value: object, prefix: str = "") -> dict[str, object]:
    """Fields of a recipe and of what it nests, by their path."""
    if not is_dataclass(value):
        return {prefix: value}
    found = {f"{prefix}.type": type(value).__name__}
    for each in fields(value):
        found |= leaves(getattr(value, each.name), f"{prefix}.{each.name}")
    return found


def test_every_arm_of_the_rules_is_in_the_table_once_and_every_statement_exists() -> None:
    listed = [each for choice in open_choices.open_choices() for each in choice.arms.values()]
    assert sorted([*listed, *open_choices.BASES]) == sorted(study_rules("choices")["arms"])
    for choice in open_choices.open_choices():
        assert set(choice.statements) <= set(STATEMENTS), choice.words
        assert bool(choice.arms) != bool(choice.answered), choice.words


@pytest.mark.parametrize("name", [a for a in study_rules("choices")["arms"] if "-" in a])
def test_an_arm_changes_one_field_of_its_base(name: str) -> None:
    one, base = (leaves(choices.recipe(each, 100)) for each in (name, name.partition("-")[0]))
    assert len([field for field in one if one[field] != base[field]]) == 1


def test_the_bases_are_the_book_s_own_choices_at_a_smaller_size() -> None:
    for base in open_choices.BASES:
        ours, paper = choices.recipe(base, 100), experiment(f"modadd-{base}")
        assert ours.loss == paper.loss and ours.dtype == paper.dtype
        assert type(ours.strategy) is type(paper.strategy)
        for name in ("weight_decay", "betas", "warmup_steps"):
            assert getattr(ours.optimizer, name) == getattr(paper.optimizer, name)
    noise, paper = (
        choices.recipe("perturbed", 100).strategy,
        experiment("modadd-perturbed").strategy,
    )
    assert noise.refresh == paper.refresh
    assert noise.lambda_1 / noise.lambda_2 == paper.lambda_1 / paper.lambda_2
    assert choices.recipe("abelian", 100).strategy == experiment("modadd-abelian").strategy


def test_the_strength_of_the_noise_is_what_the_mechanism_s_search_chose() -> None:
    assert study_rules("choices")["setting"]["lambda_2"] == strength(load_study("mechanism"))


def test_an_unknown_arm_is_one_sentence() -> None:
    for name in ("standard-nonsense", "perturbed-sum", "abelian-float64", "nothing"):
        with pytest.raises(InputError, match=f"There is no arm '{name}'; known are standard, "):
            choices.recipe(name, 100)


def test_effects_are_those_of_the_rules() -> None:
    changed = {"standard-decay-0.5": 1.5, "standard-decay-2": 0.5, "perturbed-refresh-1": 1.05}
    found = open_choices.effects(table(**changed))
    assert found["effect"].value_counts().to_dict() == {
        "makes no difference": 11, "later": 1, "sooner": 1,
    }  # fmt: skip
    assert found.loc["decay 0.5", "ratio"] == pytest.approx(1.5)
    assert found.loc["decay 2", "effect"] == "sooner"
    assert found.loc["σ updated every step", "ratio"] == pytest.approx(1.05)
    assert found.loc["σ updated every step", "base"] == "perturbed training"
    assert (found["runs"] == 20).all() and (found["censored"] == 0).all()
    assert open_choices.missing(found) == []
    assert open_choices.in_short(found).startswith(
        "Brings grokking sooner: decay 2; brings it later: decay 0.5; makes no difference: betas"
    )


def test_arms_are_compared_with_their_own_base() -> None:
    """If perturbed training is twice as slow and its arms are not, they are twice as fast."""
    found = open_choices.effects(table(perturbed=2.0))
    twice = found["ratio"].round(6) == 0.5
    assert set(found.loc[twice, "base"]) == {"perturbed training"} and twice.sum() == 4


def test_runs_that_do_not_grok_are_counted_and_not_dropped() -> None:
    slow = arm("standard-decay-0.5", 4.9)
    late = int(slow["endpoint"].isna().sum())
    assert 0 < late < len(slow)
    found = open_choices.effects(pd.concat([arm("standard", 1.0), slow]))
    assert found.loc["decay 0.5", ["runs", "censored"]].tolist() == [20, late]
    assert found.loc["decay 0.5", "ratio"] == pytest.approx(4.9, rel=0.03)
    assert found.loc["decay 0.5", "effect"] == "later"


def test_where_no_network_groks_the_ratio_is_infinite_in_words_too() -> None:
    row = {
        "ratio": np.inf, "low": np.inf, "high": np.inf, "effect": "later", "runs": 20,
        "censored": 10, "base": "standard training",
    }  # fmt: skip
    shown = open_choices.choice_table(pd.DataFrame([row], index=["decay 0.5"]))
    told = shown.loc["weight decay on modulo addition", "other choice, and when it groks"]
    assert told.startswith("decay 0.5: later, ∞ (∞ to ∞); ")


def test_a_table_in_part_names_what_is_missing() -> None:
    part = pd.concat([arm("standard", 1.0), arm("standard-decay-2", 0.5), arm("abelian", 1.0)])
    few = pd.concat([part, arm("abelian-sum", 1.0, range(100, 105))])
    found = open_choices.effects(few)
    assert found.index.tolist() == ["decay 2"]
    assert len(open_choices.missing(found)) == 12
    assert open_choices.in_short(found).startswith(
        "Brings grokking sooner: decay 2. To be compared: decay 0.5, "
    )
    assert open_choices.in_short(found.iloc[:0]) == "None of them is compared yet."
    shown = open_choices.choice_table(found)["other choice, and when it groks"]
    assert shown["weight decay on modulo addition"] == (
        "decay 0.5: to be recorded; decay 2: sooner, 0.50 (0.50 to 0.50)"
    )


def test_without_any_run_every_arm_is_to_be_recorded(tmp_path) -> None:  # type: ignore[no-untyped-def]
    empty = open_choices.effects(open_choices.recorded(tmp_path))
    assert empty.empty
    assert open_choices.in_short(empty) == "None of them is compared yet."
    assert len(open_choices.choice_table(empty)) == len(open_choices.open_choices())


def test_no_cell_of_the_table_is_empty() -> None:
    for each in (table(), table().iloc[:0]):
        shown = open_choices.choice_table(open_choices.effects(each))
        assert shown.map(lambda cell: bool(cell.strip())).all(axis=None)
        assert shown.index.is_unique
