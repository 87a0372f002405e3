"""The league's table read: times against tuned AdamW, ranks, and who had grokked by when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from grokbook.analysis.intervals import CONFIDENCE

Rules = Mapping[str, Any]


def restricted_times(table: pd.DataFrame, rules: Rules, *, seconds: bool = False) -> pd.DataFrame:
    """Return the time to the endpoint of each method's runs, the limit where it did not come.

    Parameters
    ----------
    table, rules
        Of the study.
    seconds : bool
        In seconds, at the mean pace of each run, in place of steps.

    Returns
    -------
    pandas.DataFrame
        Indexed by seed, one column an arm: each method tuned, and "<method> as published". NaN
        where a run is not recorded.
    """
    arms = [*rules["arms"], *(f"{method} as published" for method in rules["arms"])]
    seeds = rules["setting"]["seeds"]
    runs = table[table["arm"].isin(arms) & table["seed"].isin(seeds)]
    times = runs["endpoint"].fillna(rules["setting"]["limit"])
    if seconds:
        times = times * runs["seconds"] / runs["steps"]
    found = runs.assign(time=times).pivot(index="seed", columns="arm", values="time")
    return found.reindex(columns=arms)


def time_ratios(table: pd.DataFrame, rules: Rules, *, seconds: bool = False) -> pd.DataFrame:
    """Compare the restricted mean time of every arm with that of tuned AdamW.

    Every run is watched to its endpoint or to the limit, so that the restricted mean is the mean of
    the times cut at the limit. Intervals are those of the bootstrap over seeds: all arms are drawn
    with the same seeds, which keeps them paired.

    Parameters
    ----------
    table, rules, seconds
        As for :func:`restricted_times`.

    Returns
    -------
    pandas.DataFrame
        Indexed by arm, the soonest first: ``mean`` time, ``ratio`` with ``low`` and ``high`` of
        95 %; ``rank`` with ``rank_low`` and ``rank_high`` among tuned methods, NaN for the others;
        ``came``, share that came by the limit; ``runs``; ``verdict``, "sooner", "later", "alike" or
        "undecided" by the rules, empty for AdamW itself. Arms without all seeds are left out.
    """
    times = restricted_times(table, rules, seconds=seconds).dropna(axis=1)
    if "adamw" not in times or not len(times):
        return pd.DataFrame(columns=["mean", "ratio", "low", "high"])
    statistic = rules["statistic"]
    source = np.random.default_rng(statistic["generator_seed"])
    drawn = source.integers(len(times), size=(statistic["resamples"], len(times)))
    means = times.to_numpy()[drawn].mean(axis=1)  # (resamples, arms)
    ratios = means / means[:, [times.columns.get_loc("adamw")]]
    tail = 100 * (1 - CONFIDENCE) / 2
    ends = np.percentile(ratios, [tail, 100 - tail], axis=0)
    found = pd.DataFrame(
        {
            "mean": times.mean(),
            "ratio": times.mean() / times["adamw"].mean(),
            "low": ends[0],
            "high": ends[1],
        }
    )
    tuned = [method for method in rules["arms"] if method in times]
    places = [times.columns.get_loc(method) for method in tuned]
    ranks = pd.DataFrame(means[:, places], columns=tuned).rank(axis=1)
    found["rank"] = times[tuned].mean().rank()
    found["rank_low"] = ranks.quantile(tail / 100)
    found["rank_high"] = ranks.quantile(1 - tail / 100)
    runs = table[table["seed"].isin(rules["setting"]["seeds"])].groupby("arm")["endpoint"]
    found["came"], found["runs"] = runs.count() / runs.size(), runs.size()
    margin = statistic["margin"]
    found["verdict"] = [
        "" if arm == "adamw" else _verdict(float(row["low"]), float(row["high"]), margin)
        for arm, row in found.iterrows()
    ]
    return found.sort_values("mean", kind="stable")


def _verdict(low: float, high: float, margin: float) -> str:
    if high < 1:
        return "sooner"
    if low > 1:
        return "later"
    return "alike" if low >= 1 / margin and high <= margin else "undecided"


def grokked_by(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return the share of runs that have come to the endpoint by each step.

    One minus Kaplan and Meier's estimate: as no run leaves before the limit, it is the share
    itself.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``step``, from 0 to the limit; one column an arm with all its seeds.
    """
    times = restricted_times(table, rules).dropna(axis=1)
    limit = rules["setting"]["limit"]
    runs = table[table["seed"].isin(rules["setting"]["seeds"])]
    steps = np.unique(np.r_[0.0, runs["endpoint"].dropna().to_numpy(), float(limit)])
    shares = {}
    for arm in times:
        ends = np.sort(runs.loc[runs["arm"] == arm, "endpoint"].dropna().to_numpy())
        shares[arm] = np.searchsorted(ends, steps, side="right") / len(times)
    return pd.DataFrame(shares, index=pd.Index(steps, name="step"))
