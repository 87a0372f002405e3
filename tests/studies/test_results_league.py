"""What the league answers on tables whose order is known."""

import pandas as pd
import pytest
from league_tables import CHOSEN, RULES, drawn

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
    assert found.loc["AdamW", "ratio"] == 1
    assert not len(results_league.confirmed(drawn(confirmed=False), "at p = 113"))


def test_what_is_missing_is_named() -> None:
    assert results_league.unrecorded(drawn()) == "none"
    told = results_league.unrecorded(drawn(seeds=15, published=3, confirmed=False))
    assert told.startswith("adamw (5 of 20), perturbed (5 of 20)")
    assert "muon as published (7 of 10)" in told
    assert told.endswith("what confirms at p = 113, what confirms on division")
