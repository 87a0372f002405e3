"""What the league answers on tables whose order is known."""

import numpy as np
import pandas as pd
import pytest
from league_tables import CHOSEN, RULES, drawn

from grokbook.analysis.method_names import METHODS
from grokbook.studies import league, results_league
from grokbook.studies.results import Answer


def outcomes(answers: dict[str, Answer]) -> list[str]:
    return [each.outcome for each in answers.values()]


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({}, ["yes", "in part"]),
        ({"perturbed": 0.7}, ["yes", "yes"]),
        ({"abelian": 1.5, "mirrored": 1.5, "perturbed": 1.02}, ["no", "no"]),
    ],
)
def test_the_answers_follow_the_ratios(factors: dict[str, float], expected: list[str]) -> None:
    usual = dict.fromkeys(RULES["arms"], 1.3) | {"abelian": 0.5, "mirrored": 0.6, "perturbed": 1.0}
    assert outcomes(results_league.answers(drawn(factors=usual | factors))) == expected


def test_what_noise_cannot_tell_is_undecided() -> None:
    usual = dict.fromkeys([m for m in RULES["arms"] if m != "perturbed"], 1.3)
    answers = results_league.answers(drawn(seeds=6, published=0, factors=usual))
    assert outcomes(answers) == ["undecided", "undecided"]


def test_with_too_few_seeds_it_says_how_many_there_are() -> None:
    table = drawn(seeds=4, confirmed=False)
    told = "It needs 6 seeds of all tuned methods and has 4."
    assert set(results_league.answers(table).values()) == {Answer("undecided", told)}
    assert results_league.in_short(table) == f"The league does not answer yet. {told}"
    assert not len(results_league.standings(table))


def test_the_words_are_the_numbers() -> None:
    table = drawn()
    short = results_league.in_short(table)
    assert short.startswith(
        "Sooner than AdamW tuned for as long: Abelian degrok 0.50 (0.50 to 0.50)"
    )
    assert "As soon: Perturbed training" in short
    assert "over 20 seeds. AdamW at its published settings, on 10 of them, takes 3.9" in short
    assert results_league.tuning_told(drawn(published=5)) == ""
    untuned = table[table["arm"].str.endswith("as published")]
    assert results_league.published_told(table).startswith(
        f"At their published settings {untuned['endpoint'].count()} of {10 * len(METHODS)} runs of"
        f" {len(METHODS)} methods grok within 5,000 steps, and none is sooner than"
        " tuned AdamW; later: AdamW, "
    )
    assert results_league.published_told(drawn(published=5)) == ""
    first = results_league.standings(table).iloc[0].to_dict()
    assert first["ratio"] == "0.50 (0.50 to 0.50)" and first["rank"] == "1 (1 to 1)"
    assert first["median"] == results_league.by_seed(table).loc["Abelian degrok"].median()
    assert first["as published"].startswith("3.9")
    told = results_league.paper_sooner(table).words
    assert told.startswith(
        "Perturbed training takes 1.00 (1.00 to 1.00) times the steps of tuned AdamW and 1.0"
    )
    assert told.count(" times its seconds") == 2
    found = results_league.spread(table)
    steps = results_league.by_seed(table)
    assert (found["highest"] == steps.max(axis=1)).all() and (found["late"] == 0).all()


def test_tuning_is_held_against_the_usual_settings_on_the_same_seeds() -> None:
    table = drawn()
    seeds = RULES["setting"]["seeds"]
    usual = pd.DataFrame(
        {"arm": "add-free", "seed": [*seeds, 90], "endpoint": 4000.0, "steps": 5000}
    )
    tuned, untuned = results_league.tuned_and_usual(table, usual)
    own = table[(table["arm"] == "adamw") & table["seed"].isin(seeds)]["endpoint"]
    assert (tuned, untuned) == (own.median(), 4000.0)
    told = results_league.tuning_is_worth(table, usual)
    assert told.startswith("Tuning alone brings AdamW from step 4,000 at")
    assert told.endswith("No method gains as much again."), "0.5 at best, and tuning gains 0.3"
    told = results_league.tuning_is_worth(table, usual.assign(endpoint=2000.0))
    assert told.endswith("(medians of the same seeds).")
    assert results_league.tuning_is_worth(drawn(seeds=0, published=0, confirmed=False), usual) == ""


def test_the_settings_are_those_that_the_tuning_chose() -> None:
    found = results_league.settings(drawn())
    adamw = league.grid("adamw", None)
    assert adamw is not None
    lr, decay = adamw[CHOSEN]["lr"], adamw[CHOSEN]["weight_decay"]
    assert found.loc["AdamW", "chosen"] == f"learning rate {lr:g}, decay {decay:g}"
    assert found.loc["AdamW", "edge"] == "decay", "the largest of its grid"
    assert found.loc["AdamW", "came"] == "12 of 24"
    assert found.loc["Abelian degrok", "reads"] == "mirror images of the training pairs"


def test_what_confirms_is_told_without_an_interval() -> None:
    found = results_league.confirmed(drawn(), "at p = 113")
    assert found.loc["Abelian degrok", "sooner on"] == "5 of 5 seeds"
    assert found.loc["AdamW", "ratio"] == 1 and set(found["came"]) == {"5 of 5"}
    assert not len(results_league.confirmed(drawn(confirmed=False), "at p = 113"))


def test_each_other_task_is_told() -> None:
    table = drawn()
    there = "The lowest mean is that of Abelian degrok, 0.52 times AdamW's; it came before AdamW on"
    said = results_league.confirmations_told(table)
    assert f"On addition modulo 113, 25 of 25 runs grok within 10,000 steps. {there}" in said
    late = table["arm"].str.endswith("on division") & ~table["arm"].str.startswith("adamw")
    said = results_league.confirmations_told(table.assign(endpoint=table["endpoint"].mask(late)))
    assert (
        "On division modulo 59, 5 of 25 runs grok within 10,000 steps. The lowest mean is AdamW's."
    ) in said
    said = results_league.confirmations_told(drawn(confirmed=False))
    assert said == "Not recorded yet: addition modulo 113 and division modulo 59."


def test_the_papers_task_is_solved_by_the_tuned_settings_and_by_its_own() -> None:
    runs = pd.DataFrame(
        {
            "seed": [0, 0, 0, 1, 1, 1],
            "step": [0, 100, 9000] * 2,
            "train_accuracy": [0.1, 1.0, 1.0] * 2,
            "test_accuracy_unmirrored": [0.0, 0.2, 1.0, 0.0, 0.2, 0.9],
        }
    )
    table = drawn()
    found = results_league.on_papers_task(table, runs)
    assert found.loc["tuned"].tolist() == [75.0, 3102.0, 5]
    assert found.loc["the paper's"].tolist() == [100.0, np.inf, 2], "one of two does not come"
    again = table["arm"].eq("abelian at p = 113")
    fell = table["final_test_accuracy_unmirrored"].mask(again, 0.5)
    said = results_league.papers_task_told(
        table.assign(final_test_accuracy_unmirrored=fell), runs.assign(test_accuracy_unmirrored=1.0)
    )
    assert "at step 3,102; at the paper's settings it takes 100 and 0 steps" in said
    assert f"Of the 25 networks trained so, {again.sum()} are below 99 % again 500" in said
    assert results_league.papers_task_told(drawn(confirmed=False), runs) == ""


def test_what_is_missing_is_named() -> None:
    assert results_league.unrecorded(drawn()) == "none"
    told = results_league.unrecorded(drawn(seeds=15, published=3, confirmed=False))
    assert told.startswith("adamw (5 of 20), perturbed (5 of 20)")
    assert "muon as published (7 of 10)" in told
    assert told.endswith("what confirms at p = 113, what confirms on division")
