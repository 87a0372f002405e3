"""The league's ratios, ranks and shares on tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from grokbook.analysis.league import (
    confirmed_times,
    grokked_by,
    restricted_times,
    time_ratios,
    whole_seeds,
)

RULES = {
    "arms": dict.fromkeys(["adamw", "quick", "same", "never", "noisy"], ""),
    "setting": {"seeds": [*range(100, 120)], "limit": 1000},
    "statistic": {"resamples": 2000, "generator_seed": 0, "margin": 1.1, "fewest_seeds": 6},
    "confirm": {"seeds": [100, 101], "limit": 900},
}


@pytest.fixture
def table() -> pd.DataFrame:
    source = np.random.default_rng(0)
    rows = []
    for seed in RULES["setting"]["seeds"]:
        base = 400 + 200 * source.random()
        ends = {
            "adamw": base,
            "quick": 0.5 * base,
            "same": base + source.normal(),
            "never": np.nan,
            "noisy": float(np.clip(base * np.exp(source.normal()), 50, 999)),
            "quick as published": 0.8 * base if seed % 2 else np.nan,
        }
        for arm, end in ends.items():
            steps = 1000 if np.isnan(end) else end + 100
            pace = 0.02 if arm == "quick" else 0.01
            row = {"arm": arm, "seed": seed, "endpoint": end, "steps": steps}
            rows.append(row | {"seconds": pace * steps})
        rows.append({"arm": "quick, lr 1", "seed": 90, "endpoint": 1.0, "steps": 2, "seconds": 1.0})
    return pd.DataFrame(rows)


def test_a_time_is_cut_at_the_limit(table: pd.DataFrame) -> None:
    arms = ["never", "quick", "adamw", "quick as published", "adamw as published"]
    times = restricted_times(table, arms, 1000)
    assert (times["never"] == 1000).all() and times["adamw as published"].isna().all()
    assert times.loc[100, "quick as published"] == 1000
    table.loc[table["arm"] == "never", "seconds"] *= np.r_[1.0, np.full(19, 3.0)]
    seconds = restricted_times(table, arms, 1000, seconds=True)
    assert seconds["never"].tolist() == pytest.approx([10.0] * 20), "the quickest run's pace"
    assert seconds["quick"].tolist() == pytest.approx(seconds["adamw"].tolist())


def test_ratios_are_those_of_means_paired_by_seed(table: pd.DataFrame) -> None:
    found = time_ratios(table, RULES)
    assert found.loc["quick", ["ratio", "low", "high"]].tolist() == pytest.approx([0.5] * 3)
    assert found.loc["never", "ratio"] == pytest.approx(1000 / found.loc["adamw", "mean"])
    verdicts = found["verdict"].to_dict()
    assert verdicts["adamw"] == "" and verdicts["quick"] == "sooner"
    assert (verdicts["same"], verdicts["never"]) == ("alike", "later")
    assert found.loc["noisy", "low"] < found.loc["noisy", "ratio"] < found.loc["noisy", "high"]
    assert found.index[0] == "quick" and found.loc["quick", "rank"] == 1
    assert found.loc["quick", ["rank_low", "rank_high"]].tolist() == [1, 1]
    assert np.isnan(found.loc["quick as published", "rank"])
    assert found.loc["quick as published", "came"] == 0.5
    by_seconds = time_ratios(table, RULES, seconds=True)
    assert by_seconds.loc["quick", "ratio"] == pytest.approx(1.0)


def test_a_seed_that_one_method_lacks_is_left_out_for_all(table: pd.DataFrame) -> None:
    part = table[~((table["arm"] == "quick") & (table["seed"] == 105))]
    assert 105 not in whole_seeds(part, RULES)
    assert (time_ratios(part, RULES)["runs"] == 19).all()
    assert len(time_ratios(table[table["arm"] != "adamw"], RULES)) == 0
    assert len(time_ratios(table[table["seed"] < 105], RULES)) == 0, "five seeds have no interval"


def test_what_is_published_is_compared_on_the_seeds_it_has(table: pd.DataFrame) -> None:
    untuned = table["arm"] == "quick as published"
    part = table[~untuned | (table["seed"] < 108)]
    found = time_ratios(part, RULES).loc["quick as published"]
    arms = part["arm"].isin(["adamw", "quick as published"])
    first = part[arms & (part["seed"] < 108)].pivot(index="seed", columns="arm", values="endpoint")
    expected = first["quick as published"].fillna(1000).mean() / first["adamw"].mean()
    assert found["runs"] == 8 and found["ratio"] == pytest.approx(expected)
    assert (
        "quick as published"
        not in time_ratios(table[~untuned | (table["seed"] < 105)], RULES).index
    )


def test_what_confirms_has_every_seed_of_the_rules(table: pd.DataFrame) -> None:
    ends = {("adamw", 100): 800, ("adamw", 101): 700, ("quick", 100): 900, ("quick", 101): 600}
    ends |= {("same", 100): 500, ("never", 100): 900, ("never", 101): np.nan}
    rows = [{"arm": f"{arm} on division", "seed": s, "endpoint": e} for (arm, s), e in ends.items()]
    found = confirmed_times(pd.concat([table, pd.DataFrame(rows)]), RULES, "on division")
    assert found.index.tolist() == ["adamw", "quick", "never"]
    assert found["sooner"].tolist() == [0, 1, 0] and found["came"].tolist() == [2, 2, 1]
    assert found.loc["quick", "ratio"] == 1.0
    assert not len(confirmed_times(table, RULES, "on division"))


def test_the_share_is_one_less_kaplan_and_meier(table: pd.DataFrame) -> None:
    shares = grokked_by(table, RULES)
    for arm in ("noisy", "quick", "never"):
        runs = table[table["arm"] == arm]
        fitter = KaplanMeierFitter().fit(runs["endpoint"].fillna(1000), runs["endpoint"].notna())
        expected = 1 - fitter.predict(shares.index)
        assert shares[arm].to_numpy() == pytest.approx(np.asarray(expected), abs=1e-12)
