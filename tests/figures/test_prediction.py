"""The picture that ranks the signals: marks at the scores, words from the data."""

import numpy as np
import pandas as pd
import pytest
from prediction_tables import drawn

from grokbook.analysis.prediction import best_moments, moments, scores
from grokbook.analysis.signal_names import SHORT
from grokbook.analysis.twins import LABELS, courses
from grokbook.figures.prediction import ranking, twins
from grokbook.figures.style import svg
from grokbook.studies import prediction

RULES = prediction.STUDY.rules


@pytest.fixture
def table() -> pd.DataFrame:
    source = np.random.default_rng(0)
    rows = []
    for seed in RULES["setting"]["seeds"]:
        for arm in RULES["arms"]:
            groks = arm.startswith("grok")
            row = {"arm": arm, "seed": seed, "endpoint": 2000.0 if groks else np.nan, "steps": 400}
            row["train_100"] = 100.0
            for place, signal in enumerate(RULES["signals"]):
                for moment in moments(RULES):
                    row[f"{signal}_at_{moment}"] = source.normal() + 0.3 * place * groks
            rows.append(row)
    return pd.DataFrame(rows)


def test_every_signal_of_the_rules_has_a_name() -> None:
    assert set(SHORT) == set(RULES["signals"])


def test_the_marks_are_the_scores_best_on_top(table: pd.DataFrame) -> None:
    axes = ranking(table, RULES).axes[0]
    best = best_moments(scores(table, RULES))
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [SHORT[name] for name in best["signal"]]
    marks = [line for line in axes.lines if line.get_marker() in "soD"]
    assert [float(line.get_xdata()[0]) for line in marks] == best["auroc"].tolist()
    assert [int(line.get_ydata()[0]) for line in marks] == [*range(len(best))]
    kinds = {name: line.get_marker() for name, line in zip(best["signal"], marks, strict=True)}
    assert kinds["mid"] == "s" and kinds["train_loss"] == "o" and kinds["test_loss"] == "D"
    intervals = [list(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    expected = best[["low", "high"]].to_numpy().tolist()
    assert all(each in intervals for each in expected)


def test_its_words_are_the_data(table: pd.DataFrame) -> None:
    label = str(ranking(table, RULES).get_label())
    best = best_moments(scores(table, RULES))
    assert "30 held-out runs that will grok from 30 on random labels" in label
    for row in best.itertuples():
        assert (
            f"{SHORT[str(row.signal)]} {row.auroc:.2f} ({row.low:.2f} to {row.high:.2f})" in label
        )
    assert label.count("not ranked") == 1


def test_same_data_same_bytes_in_any_order_of_rows(table: pd.DataFrame) -> None:
    again = ranking(table.sample(frac=1, random_state=1), RULES)
    assert svg(ranking(table, RULES)) == svg(again)


def test_before_any_run_it_says_so(table: pd.DataFrame) -> None:
    assert "no run is recorded yet" in str(ranking(table.iloc[:0], RULES).get_label())


def test_the_twins_are_drawn_as_their_courses() -> None:
    figure = twins(drawn(), RULES, ["mid", "ed"])
    for axes, signal in zip(figure.axes, ("mid", "ed"), strict=True):
        found = courses(drawn(), RULES, signal)
        assert [line.get_label() for line in axes.lines] == list(LABELS.values())
        for line, labels in zip(axes.lines, LABELS.values(), strict=True):
            assert list(line.get_ydata()) == found.loc[labels, "median"].tolist()
    label = str(figure.get_label())
    assert "MID, true labels: 60 runs, median 2 at its largest and 0 at step 200" in label
    assert "ED, random labels: 60 runs, median 3 at its largest" in label
    shuffled = drawn(few=True).sample(frac=1, random_state=2)
    assert svg(twins(shuffled, RULES, ["mid", "ed"])) == svg(figure), "few pairs are left out"
    assert "no run is recorded yet" in str(twins(drawn().iloc[:0], RULES, ["mid"]).get_label())
