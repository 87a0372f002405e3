"""Scores and decisions of the study of prediction on tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from grokbook.analysis.discrimination import auroc_difference
from grokbook.analysis.prediction import (
    best_moments,
    compare,
    counts,
    decide,
    kinds,
    lead,
    moments,
    scores,
)

RULES = {
    "arms": dict.fromkeys(["grok-a", "grok-b", "random-a", "random-b", "few-5"], ""),
    "measurement": {"moments": [50, 200]},
    "statistic": {
        "choosing_seeds": [*range(100, 110)],
        "held_out_seeds": [*range(110, 120)],
        "paper_signals": ["mid", "ed", "mid_or_ed"],
        "smaller_foretells": ["mid_or_ed"],
        "not_ranked": ["test_loss"],
        "detection": 0.9,
    },
    "signals": dict.fromkeys(["mid", "ed", "mid_or_ed", "rival", "noise", "test_loss"], ""),
    "decision": {"bound": 0.75},
}


def drawn(**shift: float) -> pd.DataFrame:
    """A table whose signals are normal, those of runs that grok moved by ``shift``."""
    source = np.random.default_rng(3)
    rows = []
    for seed in range(100, 120):
        for arm in RULES["arms"]:
            groks = arm.startswith("grok")
            time = 1000.0 + 50 * source.integers(20) + (500 if arm.endswith("b") else 0)
            row = {
                "arm": arm, "seed": seed, "endpoint": time if groks else np.nan,
                "steps": 400, "train_100": 120.0,
            }  # fmt: skip
            for signal in RULES["signals"]:
                for moment in moments(RULES):
                    value = source.normal() + shift.get(signal, 0.0) * groks
                    row[f"{signal}_at_{moment}"] = value
            rows.append(row)
    return pd.DataFrame(rows)


def test_a_signal_that_tells_is_scored_high_in_either_direction_and_noise_is_not() -> None:
    table = drawn(mid=-4.0, rival=4.0)
    scored = scores(table, RULES).set_index(["signal", "moment"])
    assert scored.loc[("mid", "50"), "direction"] == -1
    assert scored.loc[("rival", "50"), "direction"] == 1
    for signal in ("mid", "rival"):
        row = scored.loc[(signal, "200")]
        assert row["auroc"] > 0.97 and row["false_alarms"] < 0.1
        assert row["wide_low"] < row["low"] < row["auroc"] <= row["high"] <= row["wide_high"]
        assert row["auroc_few"] > 0.9
        assert (row["will_grok"], row["random"]) == (20, 20)
    assert 0.2 < scored.loc[("noise", "50"), "auroc"] < 0.8
    assert scored.loc[("noise", "50"), "false_alarms"] > 0.5


def test_the_direction_is_chosen_on_other_seeds_than_it_is_scored_on() -> None:
    table = drawn(mid=4.0)
    columns = [name for name in table if name.startswith("mid_at")]
    table.loc[table["seed"] >= 110, columns] *= -1
    scored = scores(table, RULES).set_index(["signal", "moment"])
    assert scored.loc[("mid", "50"), "direction"] == 1
    assert scored.loc[("mid", "50"), "auroc"] < 0.05


def test_the_disjunction_has_the_paper_s_direction_whatever_the_seeds_say() -> None:
    scored = scores(drawn(mid_or_ed=4.0), RULES).set_index(["signal", "moment"])
    assert scored.loc[("mid_or_ed", "50"), "direction"] == -1
    assert scored.loc[("mid_or_ed", "50"), "auroc"] < 0.05
    verdicts = decide(drawn(mid_or_ed=4.0), RULES).set_index(["question", "signal"])["verdict"]
    assert verdicts["foretells", "mid_or_ed"] == "no"


def test_concordance_within_an_arm_does_not_see_what_the_arm_tells() -> None:
    table = drawn()
    table["rival_at_50"] = table["arm"].str.endswith("b").astype(float)
    table["mid_at_50"] = table["endpoint"].fillna(9e9)
    scored = scores(table, RULES).set_index(["signal", "moment"])
    assert abs(scored.loc[("rival", "50"), "concordance"] - 0.5) > 0.1
    assert scored.loc[("rival", "50"), "concordance_within"] == 0.5
    assert scored.loc[("mid", "50"), "concordance_within"] == 1.0


def test_a_run_that_is_censored_is_neither_and_counts_in_the_concordance() -> None:
    table = drawn(mid=-4.0)
    late = table[(table["arm"] == "grok-a") & (table["seed"] == 115)].index
    table.loc[late, ["endpoint", "steps"]] = [np.nan, 15000]
    assert (kinds(table.loc[late]) == "censored").all()
    assert counts(table, RULES).loc["grok-a"].to_dict() == {
        "will grok": 19, "censored": 1, "random": 0, "few": 0,
    }  # fmt: skip
    table["rival_at_50"] = -table["endpoint"].fillna(table["steps"])
    scored = scores(table, RULES).set_index(["signal", "moment"])
    assert scored.loc[("mid", "50"), "will_grok"] == 19
    came = table["endpoint"].notna() & (table["seed"] >= 110)
    assert scored.loc[("rival", "50"), "concordance"] in (0.0, 1.0)
    assert came.sum() == 19


def test_the_lead_is_from_the_moment_to_the_endpoint() -> None:
    table = drawn()
    held = table[(table["seed"] >= 110) & table["endpoint"].notna()]["endpoint"]
    found = lead(table, RULES)
    assert found.loc["50", "median"] == held.median() - 50
    assert found.loc["train_100", "shortest"] == held.min() - 120
    assert found.loc["200", "low"] <= found.loc["200", "median"] <= found.loc["200", "high"]


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [({"mid": -4.0}, "yes"), ({"mid": 2.0}, "no"), ({"mid": -1.0}, "undecided")],
)
def test_foretells_is_decided_by_the_wide_interval_at_the_best_moment(
    shift: dict[str, float], verdict: str
) -> None:
    table = drawn(**shift)
    if verdict == "no":  # the direction that was chosen is the wrong one
        columns = [name for name in table if name.startswith("mid_at")]
        table.loc[table["seed"] >= 110, columns] *= -1
    row = decide(table, RULES).set_index(["question", "signal"]).loc[("foretells", "mid")]
    assert row["verdict"] == verdict
    scored = scores(table, RULES)
    assert row["auroc"] == scored[scored["signal"] == "mid"]["auroc"].max()


def test_a_better_rival_says_no_and_equals_leave_it_undecided() -> None:
    last = decide(drawn(mid=-1.0, rival=4.0), RULES).iloc[-1]
    assert (last["question"], last["verdict"]) == ("better_than_rivals", "no")
    assert last["rivals"] == ["rival"]
    last = decide(drawn(mid=-4.0, rival=4.0, noise=4.0), RULES).iloc[-1]
    assert last["verdict"] == "undecided" and set(last["rivals"]) == {"rival", "noise"}
    last = decide(drawn(mid=-4.0, test_loss=9.0), RULES).iloc[-1]
    assert last["verdict"] == "yes", "the test loss is no rival"


def test_two_scores_are_compared_on_the_same_runs_in_their_directions() -> None:
    table = drawn(mid=-2.0, rival=1.0)
    table.loc[table.index[-3], "rival_at_50"] = np.nan
    scored = scores(table, RULES).set_index(["signal", "moment"], drop=False)
    one, other = (scored.loc[(name, "50")].to_dict() for name in ("mid", "rival"))
    held = table[(table["seed"] >= 110) & table["rival_at_50"].notna()]
    pair = np.c_[-held["mid_at_50"], held["rival_at_50"]]
    groks = held["endpoint"].notna().to_numpy()
    random = held["arm"].str.startswith("random").to_numpy()
    assert compare(one, other, table, RULES) == auroc_difference(pair[groks], pair[random])


def test_of_half_a_table_nothing_is_said_that_is_not_known() -> None:
    table = drawn(mid=-4.0)
    early = table[table["seed"] < 110]
    scored = scores(early, RULES)
    assert scored["auroc"].isna().all() and set(scored["direction"]) <= {1, -1}
    assert len(best_moments(scored)) == 0 and len(decide(early, RULES)) == 0
    late = scores(table[table["seed"] >= 110], RULES).set_index("signal")
    assert (late.loc["mid", "direction"] == 0).all() and late.loc["mid", "auroc"].isna().all()


def test_best_moments_puts_the_best_first_and_what_is_not_ranked_last() -> None:
    best = best_moments(scores(drawn(mid=-2.0, rival=4.0, test_loss=9.0), RULES))
    assert best["signal"].iloc[0] == "rival" and best["signal"].iloc[-1] == "test_loss"
    assert best["auroc"].iloc[:-1].is_monotonic_decreasing
