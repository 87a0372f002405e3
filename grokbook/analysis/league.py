"""Times of the league against tuned AdamW, ranks, and shares of runs that have grokked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from grokbook.analysis.intervals import CONFIDENCE

Rules = Mapping[str, Any]

BASE = "adamw"
"""The method that all others are compared with: AdamW, tuned for as long as they are."""


def published(method: str) -> str:
    """Return the arm of a method at its published settings."""
    return f"{method} as published"


def whole_seeds(table: pd.DataFrame, rules: Rules) -> list[int]:
    """Return the seeds on which every tuned method is recorded."""
    there = set(zip(table["arm"], table["seed"], strict=True))
    return [
        seed
        for seed in rules["setting"]["seeds"]
        if all((method, seed) in there for method in rules["arms"])
    ]


def restricted_times(
    table: pd.DataFrame, arms: Sequence[str], limit: float, *, seconds: bool = False
) -> pd.DataFrame:
    """Return the time to the endpoint of each run of some arms, or the limit if it has none.

    Parameters
    ----------
    table : DataFrame
        Of the study.
    arms
        Names in its column ``arm``.
    limit : float
        Steps after which a run is no longer watched.
    seconds : bool
        Return seconds in place of steps, at the pace of the arm's fastest run: slower runs shared
        the machine with more processes.

    Returns
    -------
    pandas.DataFrame
        Indexed by seed, one column per arm. NaN where a run is not recorded.
    """
    runs = table[table["arm"].isin(arms)]
    times = runs["endpoint"].fillna(limit)
    if seconds:
        times = times * (runs["seconds"] / runs["steps"]).groupby(runs["arm"]).transform("min")
    found = runs.assign(time=times).pivot(index="seed", columns="arm", values="time")
    return found.reindex(columns=list(arms))


def time_ratios(table: pd.DataFrame, rules: Rules, *, seconds: bool = False) -> pd.DataFrame:
    """Compare the restricted mean time of every arm with that of tuned AdamW.

    Every run is watched to its endpoint or to the limit, so that the restricted mean is the mean of
    the times cut at the limit. Intervals are those of the bootstrap over seeds: all tuned methods
    are drawn with the same seeds, which keeps them paired; so are the published settings and AdamW.

    Parameters
    ----------
    table, rules
        Of the study.
    seconds : bool
        As for :func:`restricted_times`.

    Returns
    -------
    pandas.DataFrame
        Indexed by arm, the earliest first: ``mean`` time, ``ratio`` with ``low`` and ``high`` of
        95 %; ``rank`` with ``rank_low`` and ``rank_high`` among tuned methods, NaN for the others;
        ``came``, the share of runs that reached the endpoint by the limit; ``runs``; ``verdict``,
        "sooner", "later", "alike" or "undecided" by the rules, empty for tuned AdamW itself. Tuned
        methods use the seeds common to all of them; an arm at published settings uses the seeds it
        shares with them. Arms with fewer seeds than the rules require are left out; if all have too
        few, there is no row.
    """
    seeds = whole_seeds(table, rules)
    fewest, margin = rules["statistic"]["fewest_seeds"], rules["statistic"]["margin"]
    tuned = list(rules["arms"])
    arms = [*tuned, *map(published, tuned)]
    times = restricted_times(table, arms, rules["setting"]["limit"], seconds=seconds)
    times = times.reindex(seeds)
    if len(times) < fewest:
        return pd.DataFrame(columns=["mean", "ratio", "low", "high"])

    together = times[tuned]
    means = _resampled(together, rules)
    ranks = pd.DataFrame(means, columns=tuned).rank(axis=1)
    tail = (1 - CONFIDENCE) / 2
    rows = []
    for arm in arms:
        own = times[arm].dropna()
        if len(own) < fewest:
            continue
        pair = times.loc[own.index, [arm, BASE]] if arm not in tuned else together
        drawn = means if arm in tuned else _resampled(pair, rules)
        at, base = pair.columns.get_loc(arm), pair.columns.get_loc(BASE)
        low, high = np.quantile(drawn[:, at] / drawn[:, base], [tail, 1 - tail])
        runs = table[(table["arm"] == arm) & table["seed"].isin(own.index)]
        rows.append(
            {
                "arm": arm,
                "mean": own.mean(),
                "ratio": pair[arm].mean() / pair[BASE].mean(),
                "low": low,
                "high": high,
                "rank": together.mean().rank().get(arm, np.nan),
                "rank_low": ranks[arm].quantile(tail) if arm in tuned else np.nan,
                "rank_high": ranks[arm].quantile(1 - tail) if arm in tuned else np.nan,
                "came": float(runs["endpoint"].notna().mean()),
                "runs": len(own),
                "verdict": "" if arm == BASE else _verdict(float(low), float(high), margin),
            }
        )
    return pd.DataFrame(rows).set_index("arm").sort_values("mean", kind="stable")


def _resampled(times: pd.DataFrame, rules: Rules) -> np.ndarray:
    """Return the mean of each column over seeds drawn with replacement, one row per resample."""
    statistic = rules["statistic"]
    source = np.random.default_rng(statistic["generator_seed"])
    drawn = source.integers(len(times), size=(statistic["resamples"], len(times)))
    return times.to_numpy()[drawn].mean(axis=1)


def _verdict(low: float, high: float, margin: float) -> str:
    if high < 1:
        return "sooner"
    if low > 1:
        return "later"
    return "alike" if low >= 1 / margin and high <= margin else "undecided"


def confirmed_times(table: pd.DataFrame, rules: Rules, task: str) -> pd.DataFrame:
    """Compare the methods under confirmation with AdamW on another task, settings unchanged.

    Parameters
    ----------
    table, rules
        Of the study.
    task : str
        One of the rules' ``confirm.tasks``.

    Returns
    -------
    pandas.DataFrame
        Indexed by method, the earliest first: ``mean`` time in steps, cut at the limit, ``ratio``
        to that of AdamW, ``sooner``, the number of seeds on which it reached the endpoint before
        AdamW, ``came``, the number on which it reached it at all, and ``runs``. Methods that lack a
        seed of the rules are left out; the seeds are too few for an interval.
    """
    methods = [m for m in rules["arms"] if (table["arm"] == f"{m} {task}").any()]
    arms = [f"{method} {task}" for method in methods]
    times = restricted_times(table, arms, rules["confirm"]["limit"])
    times = times.reindex(rules["confirm"]["seeds"]).set_axis(methods, axis=1).dropna(axis=1)
    endless = restricted_times(table, arms, np.inf).set_axis(methods, axis=1)
    if BASE not in times:
        return pd.DataFrame(columns=["mean", "ratio", "sooner", "came", "runs"])
    found = pd.DataFrame(
        {
            "mean": times.mean(),
            "ratio": times.mean() / times[BASE].mean(),
            "sooner": times.lt(times[BASE], axis=0).sum(),
            "came": endless.loc[times.index, times.columns].lt(np.inf).sum(),
            "runs": len(times),
        }
    )
    return found.rename_axis("method").sort_values("mean", kind="stable")


def grokked_by(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return the share of runs of each tuned method that reached the endpoint by each step.

    This is one minus Kaplan and Meier's estimate: no run leaves before the limit, so it is the
    plain share.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``step``, from 0 to the limit; one column per method, over the seeds common to
        all.
    """
    seeds = whole_seeds(table, rules)
    limit = float(rules["setting"]["limit"])
    runs = table[table["seed"].isin(seeds) & table["arm"].isin(list(rules["arms"]))]
    steps = np.unique(np.r_[0.0, runs["endpoint"].dropna().to_numpy(), limit])
    shares = {}
    for arm in rules["arms"]:
        ends = np.sort(runs.loc[runs["arm"] == arm, "endpoint"].dropna().to_numpy())
        shares[arm] = np.searchsorted(ends, steps, side="right") / max(len(seeds), 1)
    return pd.DataFrame(shares, index=pd.Index(steps, name="step"))
