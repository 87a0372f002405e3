"""The tables and sentences of the chapter on prediction, with and without runs on few pairs."""

import pandas as pd
import pytest
from prediction_tables import MAIN, RULES, drawn

from grokbook.analysis.prediction import best_moments, lead, moments
from grokbook.analysis.signal_names import moment_words
from grokbook.figures.tables import tables as shown
from grokbook.studies import prediction_tables as told
from grokbook.studies.results_prediction import rivals

MOMENTS = [moment_words(each) for each in moments(RULES)]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return drawn(mid=-5.0, sharpness=2.0)


@pytest.fixture(scope="module")
def scored(table: pd.DataFrame) -> pd.DataFrame:
    return told.main_scores(table)


def test_scores_are_of_the_main_arms_alone(scored: pd.DataFrame) -> None:
    few = drawn(few=True).query("arm.str.startswith('few-')")
    both = pd.concat([drawn(mid=-5.0, sharpness=2.0), few.assign(endpoint=500.0)])
    pd.testing.assert_frame_equal(told.main_scores(both), scored)


def test_four_moments_name_the_best_and_the_lead(table: pd.DataFrame, scored: pd.DataFrame) -> None:
    found = told.four_moments(table, scored)
    assert list(found.index) == MOMENTS
    assert set(found["signals of the paper", "best"]) == {"MID"}
    assert set(found["rivals", "best"]) == {"sharpness"}
    row = scored.set_index(["signal", "moment"]).loc[("mid", "50")]
    assert found.loc["step 50", ("signals of the paper", "AUROC")] == (
        f"{row['auroc']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    )
    assert found.loc["step 50", ("signals of the paper", "false alarms")] == "0% (0% to 12%)"
    ahead = lead(table, RULES).loc["train_100", "median"]
    last = found.loc["training accuracy 100 %", ("lead", "steps to grokking")]
    assert last.startswith(f"{ahead:,.0f} (")


def test_every_signal_has_a_row_and_every_moment_a_column(scored: pd.DataFrame) -> None:
    found = told.by_moment(scored, "auroc")
    assert list(found.columns) == MOMENTS and len(found) == len(RULES["signals"])
    assert found.index[0] == "MID" and found.index[-1] == "test loss, not ranked"
    alarms = told.by_moment(scored, "false_alarms", pattern="{:.0%}")
    assert list(alarms.index) == list(found.index) and alarms.loc["MID", "step 50"].startswith("0%")


def test_concordances_and_their_sentence_are_the_scores(scored: pd.DataFrame) -> None:
    found, best = told.concordances(scored), best_moments(scored)
    assert found["all pairs of runs"].tolist() == best["concordance"].tolist()
    ranked = best[best["ranked"]]
    words = told.concordance_told(scored)
    for column in ("concordance", "concordance_within"):
        top = ranked.loc[ranked[column].idxmax()]
        assert f"of 16 signals is {top[column]:.2f} for {told.SAID[str(top['signal'])]}" in words
    mid = best.set_index("signal").loc["mid"]
    assert f"Over all pairs of runs it is {mid['concordance']:.2f} for MID, " in words


def test_rivals_in_words(table: pd.DataFrame) -> None:
    found = told.compared(rivals(table))
    assert found.index[0] == "sharpness" and len(found) == 13
    assert found["AUROC of the paper less it"].str.match(r"[+-]\d\.\d\d$").all()


def test_twins_in_words(table: pd.DataFrame) -> None:
    words = told.twins_told(table)
    assert words.startswith(
        "MID is left with 25% with true and 38% with random labels; less is left with true labels"
        " in 60 of 60 pairs. Its steepest fall takes 3% with true and 4% with random labels; it is"
        " steeper with true labels in 0 of 60 pairs."
    )
    assert "ED is left with 25%" in words
    found = told.twins_left(table, "left")
    assert found.columns.tolist() == [
        (signal, labels) for signal in ("MID", "ED") for labels in ("true labels", "random labels")
    ]
    html = shown(found, "Left.", "twins")["text/html"]
    assert "25.0&nbsp;%" in html and "<details" in html
    assert told.twins_told(table.iloc[:0]).startswith("No pair of twins")


def test_the_dependence_is_shown_within_seeds(table: pd.DataFrame, scored: pd.DataFrame) -> None:
    found = told.by_seed(table, scored)
    assert list(found.index) == RULES["statistic"]["held_out_seeds"] and found.shape[1] == 4
    assert (found.iloc[:, 0] > 0.9).all() and found.columns[0].startswith("MID at ")
    words = told.dependence_told(table, scored)
    assert words.startswith(
        "The 60 held-out runs share 6 seeds. Within one seed the AUROC of MID at"
    )
    assert words.count("goes from") == 4 and "; that of “MID or ED” at" in words


def test_few_pairs_are_told_apart_or_said_to_be_missing(table: pd.DataFrame) -> None:
    assert told.few_told(table) == "The arms few-5 and few-10 are not recorded yet."
    assert told.against_few(table).empty
    few = drawn(few=True, mid=-5.0)
    few.loc[(few["arm"] == "few-10") & (few["seed"] < 102), "endpoint"] = 900.0
    assert told.few_told(few) == (
        "Of the 12 networks of few-5, 0 grok within the limit."
        " Of the 12 networks of few-10, 2 grok within the limit."
    )
    found = told.against_few(few)
    assert len(found) == len(RULES["signals"]) and found.loc["MID", "step 50"] == "1.00"
    half = few[few["arm"] != "few-10"]
    assert told.few_told(half).endswith(
        "grok within the limit. The arm few-10 is not recorded yet."
    )


def test_runs_are_counted_by_arm_in_the_words_of_the_rules(table: pd.DataFrame) -> None:
    found = told.runs_by_arm(table)
    assert len(found) == len(RULES["arms"]) and found.index.is_unique
    by_arm = found.set_axis(list(RULES["arms"]))
    assert by_arm.loc["grok-40", "will grok"] == 12 and by_arm.loc["few-5"].sum() == 0
    assert found.index[0] == "35 % of the pairs, learning rate 3e-3, decay 1, expected to grok"
    assert "40 %, learning rate 1e-3, decay 3, labels at random, cannot grok" in found.index
    assert told.late_told(table) == (
        "In 0 of 120 runs training accuracy comes to 100 % after step 200, and in 0 not at all."
    )


def test_every_table_stands_before_any_run_and_on_half_of_them() -> None:
    for table in (drawn().iloc[:0], drawn().query("seed < 103"), drawn().query("seed > 108")):
        scored = told.main_scores(table)
        for frame in (
            told.four_moments(table, scored),
            told.by_moment(scored, "auroc"),
            told.concordances(scored),
            told.compared(rivals(table)),
            told.twins_left(table, "left"),
            told.by_seed(table, scored),
            told.against_few(table),
            told.runs_by_arm(table),
        ):
            assert "nan" not in shown(frame, "It stands.")["text/plain"].lower()
        for words in (
            told.concordance_told(scored),
            told.twins_told(table),
            told.dependence_told(table, scored),
            told.few_told(table),
            told.late_told(table),
        ):
            assert words.endswith(".") and "nan" not in words.lower()
    assert len(MAIN) == 10


def test_every_signal_of_the_rules_is_explained() -> None:
    words = told.signal_table()["what it is"]
    assert len(words) == len(RULES["signals"]) and "Nanda" in words["restricted loss"]
