"""Answers of the study of prediction: each outcome of the rules, on tables in which it is so."""

import numpy as np
import pandas as pd
import pytest
from prediction_tables import MAIN, RULES, drawn

from grokbook import InputError
from grokbook.analysis.prediction import best_moments, decide, moments, scores
from grokbook.studies import results_prediction as results

PAPER = RULES["statistic"]["paper_signals"]


def turned(table: pd.DataFrame, signal: str) -> pd.DataFrame:
    """A table whose held-out seeds say the contrary of the choosing ones."""
    columns = [f"{signal}_at_{moment}" for moment in moments(RULES)]
    table.loc[table["seed"].isin(RULES["statistic"]["held_out_seeds"]), columns] *= -1
    return table


@pytest.mark.parametrize("signal", PAPER)
def test_a_signal_that_tells_foretells_and_the_contrary_does_not(signal: str) -> None:
    yes = results.foretells(drawn(**{signal: -5.0}), signal)
    assert yes.outcome == "yes"
    assert yes.words.startswith("AUROC 1.00 (0.8")
    assert yes.words.endswith(
        ", 30 held-out networks that will grok against 30 on random labels, the smaller foretells."
    )
    assert "widened for 4 moments, at step" in yes.words
    against = turned(drawn(**{signal: -5.0}), signal)
    assert results.foretells(against, signal).outcome == "no"


def test_no_signal_is_no_and_some_of_it_undecided() -> None:
    nothing = drawn()
    for moment in moments(RULES):  # the very same number for a network and its twin
        for arm in MAIN[5:]:
            twin = nothing["arm"] == arm.replace("random", "grok")
            nothing.loc[nothing["arm"] == arm, f"mid_at_{moment}"] = nothing.loc[
                twin, f"mid_at_{moment}"
            ].to_numpy()
    found = results.foretells(nothing, "mid")
    assert found.outcome == "no" and found.words.startswith("AUROC 0.50 (0.3")
    assert results.foretells(drawn(mid=-1.0), "mid").outcome == "undecided"


def test_the_larger_value_may_foretell_and_the_sentence_says_so() -> None:
    found = results.foretells(drawn(ed=5.0), "ed")
    assert (
        found.outcome == "yes" and "the larger foretells (in the paper the smaller)" in found.words
    )
    assert results.foretells(drawn(mid_or_ed=5.0), "mid_or_ed").outcome == "no", "the paper's words"


def test_the_numbers_are_those_of_the_rules_decision() -> None:
    table = drawn(mid=-1.5, ed=0.5)
    decided = decide(table, RULES).set_index(["question", "signal"])
    for signal in PAPER:
        row = decided.loc[("foretells", signal)]
        found = results.foretells(table, signal)
        assert found.outcome == row["verdict"]
        said = f"AUROC {row['auroc']:.2f} ({row['low']:.2f} to {row['high']:.2f}), widened"
        assert found.words.startswith(said)


def test_missing_runs_leave_every_answer_undecided_and_are_counted() -> None:
    table = drawn(mid=-5.0)
    lacking = table[~((table["arm"] == "random-40") & (table["seed"] > 109))]
    told = "It needs 6 choosing and 6 held-out seeds of each of the 10 main arms and has 6 and 4."
    for answer in (
        *(results.foretells(lacking, signal) for signal in PAPER),
        results.paper_foretells(lacking),
        results.better_than_rivals(lacking),
    ):
        assert answer == ("undecided", told)
    assert results.in_short(lacking) == f"The study does not answer yet. {told}"
    empty = results.foretells(table.iloc[:0], "mid")
    assert empty.outcome == "undecided" and empty.words.endswith("and has 0 and 0.")


def test_where_too_few_grok_it_is_undecided_and_says_how_many() -> None:
    table = drawn(mid=-5.0)
    late = table["seed"].isin(RULES["statistic"]["held_out_seeds"]) & (table["seed"] != 111)
    table.loc[late, "endpoint"] = np.nan
    found = results.foretells(table, "mid")
    assert found.outcome == "undecided"
    assert "all held-out ones 5 will grok and 30 learn random labels" in found.words
    assert results.better_than_rivals(table).outcome == "undecided"
    table["endpoint"] = np.nan
    for answer in (results.paper_foretells(table), results.better_than_rivals(table)):
        assert answer.outcome == "undecided" and "0 will grok and 30 learn" in answer.words
    assert len(results.rivals(table)) == 0


def test_runs_on_few_pairs_change_no_answer_even_if_they_grok() -> None:
    without = drawn(mid=-1.5)
    few = drawn(few=True).query("arm.str.startswith('few-')")
    few = few.assign(endpoint=500.0, mid_at_50=1e9)
    table = pd.concat([without, few], ignore_index=True)
    assert results.paper_foretells(table) == results.paper_foretells(without)
    assert results.better_than_rivals(table) == results.better_than_rivals(without)
    assert results.in_short(table) == results.in_short(without)


def test_all_signals_at_once() -> None:
    every = results.paper_foretells(drawn(mid=-5.0, ed=5.0, mid_or_ed=-5.0))
    assert every.outcome == "yes"
    assert every.words.startswith("MID: yes, AUROC 1.00 (0.8")
    assert every.words.endswith(". Intervals are widened for 4 moments.")
    assert "ED: yes, AUROC 1.00" in every.words
    assert results.paper_foretells(drawn(mid=-5.0)).outcome == "in part"
    assert results.paper_foretells(drawn(mid=-1.0, ed=-1.0)).outcome == "undecided"
    none = drawn(mid=-5.0, ed=-5.0, mid_or_ed=-5.0)
    for signal in PAPER:
        turned(none, signal)
    assert results.paper_foretells(none).outcome == "no"


def test_the_chapter_s_answers_are_these() -> None:
    table = drawn(mid=-5.0, ed=1.0)
    assert list(results.answers(table).values()) == [
        *(results.foretells(table, signal) for signal in PAPER),
        results.better_than_rivals(table),
    ]


def test_a_better_rival_is_named_and_equals_leave_it_undecided() -> None:
    worse = results.better_than_rivals(drawn(mid=-1.0, gradient_norm=5.0))
    assert worse.outcome == "no"
    assert "the best rival there, gradient norm, 1.00" in worse.words
    assert worse.words.endswith("the paired test finds gradient norm better.")
    equal = results.better_than_rivals(drawn(mid=-5.0, gradient_norm=5.0, sharpness=5.0))
    assert equal.outcome == "undecided"
    assert equal.words.endswith("does not find it better than gradient norm or sharpness.")
    better = results.better_than_rivals(drawn(mid=-5.0, test_loss=9.0))
    assert better.outcome == "yes" and "each of the 13 rivals" in better.words


def test_rivals_are_those_of_the_best_moment_the_best_first() -> None:
    table = drawn(mid=-2.0, sharpness=1.0, test_loss=9.0)
    found = results.rivals(table)
    best = best_moments(scores(table, RULES))
    own = best[best["paper"]].iloc[0]
    assert len(found) == len(RULES["signals"]) - 4 and found["auroc"].is_monotonic_decreasing
    assert found["signal"].iloc[0] == "sharpness" and "test_loss" not in set(found["signal"])
    assert found["difference"].tolist() == pytest.approx((own["auroc"] - found["auroc"]).tolist())
    beating = set(found[(found["p_value"] < 0.05) & (found["difference"] < 0)]["signal"])
    last = decide(table, RULES).iloc[-1]
    assert beating == (set(last["rivals"]) if last["verdict"] == "no" else set())


def test_the_lead_says_each_outcome_in_plain_words() -> None:
    told = results.in_short(drawn(mid=-5.0))
    assert told.startswith("MID foretells grokking; ")
    assert ". The best of them beats every rival. The best signal of the paper, MID, has" in told
    none = drawn(mid=-5.0, ed=-5.0, mid_or_ed=-5.0)
    for signal in PAPER:
        turned(none, signal)
    told = results.in_short(none)
    assert told.startswith("MID, ED and “MID or ED” do not foretell grokking. ")
    told = results.in_short(drawn(mid=-1.0, gradient_norm=5.0))
    assert "MID" in told.split(" is undecided")[0]
    assert ". A rival does better than the best of them. The best signal of the paper" in told


def test_a_signal_that_is_not_the_paper_s_is_refused() -> None:
    with pytest.raises(InputError, match="signal is 'sharpness', but must be one of mid, ed, mid_"):
        results.foretells(drawn(), "sharpness")


def test_the_sign_is_told_as_it_is() -> None:
    assert results.sign_told(drawn(mid=-5.0)) == (
        "The smaller value of MID foretells, as the paper says."
    )
    told = results.sign_told(drawn(mid=5.0))
    assert "of MID the larger value foretells" in told and "sign wrong" in told
    assert results.larger_foretells(drawn(mid=5.0), "mid")
    assert not results.larger_foretells(drawn(mid=-5.0), "mid")
    assert results.sign_told(drawn().iloc[:0]) == "No signal of the paper is known to foretell."
    assert results.best_auroc(drawn().iloc[:0], "mid") == "not known yet"
    assert results.best_auroc(drawn(mid=-5.0), "mid").startswith("1.00 (")
