"""Answers of the studies of mechanism and norm, by the rules fixed before their first run.

Each answer is "yes", "no" or "undecided", with its numbers in one sentence. If runs are missing, it
is undecided and says how many there are. Where no run could contradict a yes, it is "untested".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from grokbook._support.errors import InputError
from grokbook.analysis.by_seed import at_end, train_100, value_at
from grokbook.analysis.censored import (
    arm_log,
    arm_times,
    log_ratios,
    ratio_interval,
    slope_interval,
)
from grokbook.analysis.intervals import FEWEST, Interval
from grokbook.studies.tables import soonest, study_rules

Outcome = Literal["yes", "no", "undecided", "in part", "untested"]
Effect = Literal["sooner", "later", "alike", "undecided"]

NOISE = {
    "law to be learned": ("add-free-noise", "add-free"),
    "law built in": ("add-built-noise", "add-built"),
    "subtraction": ("sub-free-noise", "sub-free"),
}
"""The pairs of arms with and without noise."""

WAYS = {
    "built in": ("add-built", "add-free"),
    "abelian degrok": ("add-abelian", "add-free"),
    "mirror images with labels": ("add-mirrored", "add-free"),
    "built in and mirror images": ("add-built-mirrored", "add-free"),
    "abelian degrok, against built in": ("add-abelian", "add-built"),
    "abelian degrok, against mirror images": ("add-abelian", "add-mirrored"),
}
"""The pairs of arms that compare ways to know the law."""


class Answer(NamedTuple):
    """The answer of a study to one question, and its reason."""

    outcome: Outcome
    words: str


def ratios(table: pd.DataFrame, pairs: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """Return the ratio of first passages of each pair of arms, with its interval.

    Parameters
    ----------
    table : DataFrame
        A study's.
    pairs : dict
        Arms by name, the first over the second; pairs with fewer than six recorded seeds are left
        out.

    Returns
    -------
    DataFrame
        Indexed by ``comparison``; ``ratio``, ``low``, ``high`` (95 %), ``seeds``, and ``censored``,
        the number of runs that did not get there.
    """
    rows = []
    for name, arms in pairs.items():
        seeds = _common(table, arms)
        if len(seeds) < FEWEST:
            continue
        times = [arm_times(table, arm) for arm in arms]
        found = ratio_interval(log_ratios([(times[0], times[1])]))
        censored = sum(int(each.censored[seeds].sum()) for each in times)
        rows.append((name, found.estimate[0], found.low, found.high, len(seeds), censored))
    columns = ["comparison", "ratio", "low", "high", "seeds", "censored"]
    return pd.DataFrame(rows, columns=columns).set_index("comparison")


def ways(table: pd.DataFrame) -> pd.DataFrame:
    """Return how the ways to know the law compare, as :func:`ratios`, and their ``effect``.

    "alike" if the interval lies within the margin of the rules; else "sooner" or "later" if it
    lies below or above 1; else "undecided".
    """
    found = ratios(table, WAYS)
    return found.assign(effect=[_effect(*_ends(found, name)) for name in map(str, found.index)])


def told(found: pd.DataFrame) -> str:
    """Return a Markdown list with one sentence per comparison.

    Parameters
    ----------
    found : DataFrame
        As :func:`ways` returns it.
    """
    effects = found["effect"].to_dict()
    return "\n".join(
        f"- *{str(name).capitalize()}*: {effects[name]}. It takes {_said(found, str(name))} times"
        f" the steps{'' if ', against ' in str(name) else ' of standard training'}."
        for name in found.index
    )


def _effect(low: float, high: float) -> Effect:
    if _none(low, high, _margin()):
        return "alike"
    return "sooner" if high < 1 else "later" if low > 1 else "undecided"


def mediated(table: pd.DataFrame) -> Interval | None:
    """Return the share of the noise's effect that the law mediates, 1 − β(built in) / β(free).

    None if the interval of exp(β(free)) contains 1, or runs are missing.
    """
    free, built = list(NOISE.values())[:2]
    if len(_common(table, (*free, *built))) < FEWEST:
        return None
    effects = log_ratios([(arm_times(table, a), arm_times(table, b)) for a, b in (free, built)])
    whole = ratio_interval(effects)
    if whole.low <= 1 <= whole.high:
        return None
    share = 1 - effects.resampled[:, 1] / effects.resampled[:, 0]
    low, high = np.quantile(share, [0.025, 0.975])
    estimate = float(1 - effects.estimate[1] / effects.estimate[0])
    return Interval(float(low), float(high), (estimate, estimate))


def speeds_up(table: pd.DataFrame) -> Answer:
    """Answer whether noise speeds up grokking if the network has to learn the law."""
    return _sooner(table, ratios(table, NOISE))


def _sooner(table: pd.DataFrame, found: pd.DataFrame) -> Answer:
    name = "law to be learned"
    if name not in found.index:
        return _missing(table, NOISE[name])
    low, high = _ends(found, name)
    margin = _margin()
    outcome: Outcome = (
        "yes" if high < 1 else "no" if low > 1 or _none(low, high, margin) else "undecided"
    )
    return Answer(outcome, f"With noise it takes {_said(found, name)} times the steps.")


def because_of_the_law(table: pd.DataFrame) -> Answer:
    """Answer whether it does so because it teaches the commutative law."""
    found, margin = ratios(table, NOISE), _margin()
    sooner = _sooner(table, found)
    others = [name for name in NOISE if name != "law to be learned"]
    for name in others:
        if name not in found.index:
            return _missing(table, NOISE[name])
    ends = [_ends(found, name) for name in others]
    if sooner.outcome == "no" or any(high < 1 / margin for _, high in ends):
        outcome: Outcome = "no"
    elif sooner.outcome == "yes" and all(_none(low, high, margin) for low, high in ends):
        outcome = "yes"
    else:
        outcome = "undecided"
    told = "; ".join(f"{name}, {_said(found, name)} times" for name in NOISE)
    return Answer(outcome, f"Steps with noise over steps without: {told}.")


def sufficient(table: pd.DataFrame) -> Answer:
    """Answer whether a falling norm is sufficient for grokking."""
    arm, rules = "random-labels", study_rules("norm")["setting"]
    if len(_common(table, (arm,))) < FEWEST:
        return _missing(table, (arm,))
    left = norm_left(table, arm)
    fell = left <= 0.8
    counter = fell & (at_end(arm_log(table, arm), "test_accuracy") < 2 / rules["p"])
    count, n = int(counter.sum()), len(counter)
    outcome: Outcome = "no" if count >= 0.8 * n else "yes" if count == 0 else "undecided"
    if not fell.any():
        tenth = int((left <= 0.9).sum())
        return Answer(
            "untested",
            "By the rule's letter, yes, but only as nothing could contradict it: on random labels"
            f" the norm falls by a fifth in none of {n} networks. It falls by a tenth in {tenth},"
            " and none of them generalises.",
        )
    return Answer(
        outcome,
        f"On random labels the norm falls by a fifth or more after the training set is fitted, and"
        f" nothing generalises, in {count} of {n} networks.",
    )


def norm_left(table: pd.DataFrame, arm: str) -> pd.Series[float]:
    """Return by seed the norm at the end over that at training accuracy 100 %."""
    log = arm_log(table, arm)
    return at_end(log, "weight_norm") / value_at(log, "weight_norm", train_100(log).came)


def necessary(table: pd.DataFrame) -> Answer:
    """Answer whether a falling norm is necessary for grokking."""
    counts = {}
    for arm in without_decay(table):
        log, late = arm_log(table, arm), arm_times(table, arm)
        then = value_at(log, "weight_norm", late.came)
        kept = then >= 0.95 * value_at(log, "weight_norm", train_100(log).came)
        counts[arm] = (int((kept & ~late.censored).sum()), len(late.steps))
    if not counts:
        return _missing(table, ("clamp-1.0",))
    best = max(counts, key=lambda arm: counts[arm][0] / counts[arm][1])
    count, n = counts[best]
    outcome: Outcome = (
        "no"
        if count >= 0.8 * n
        else "yes"
        if not any(each for each, _ in counts.values())
        else "undecided"
    )
    told = ", ".join(f"{each} of {n} {_clamped(arm)}" for arm, (each, n) in counts.items())
    return Answer(outcome, f"Without decay and without a fall of the norm, networks grok: {told}.")


def without_decay(table: pd.DataFrame) -> list[str]:
    """Return the arms without decay that have six or more recorded runs, in the rules' order."""
    arms = [each for each in study_rules("norm")["arms"] if each.startswith(("clamp", "no-"))]
    return [arm for arm in arms if len(_common(table, (arm,))) >= FEWEST]


def radii(table: pd.DataFrame) -> dict[float, str]:
    """Return the arms with a clamped norm by radius, in multiples of the initial norm."""
    arms = [arm for arm in without_decay(table) if arm.startswith("clamp-")]
    return {float(arm.removeprefix("clamp-")): arm for arm in arms}


def held(table: pd.DataFrame) -> dict[str, str]:
    """Return at most four of these arms by their words for a legend: the smallest, the largest."""
    found = {f"{radius:g} of the initial": arm for radius, arm in radii(table).items()}
    names = list(found)
    chosen = names if len(names) <= 4 else [names[0], *names[-3:]]
    return {name: found[name] for name in chosen}


def exponent(table: pd.DataFrame) -> tuple[Interval, float]:
    """Return κ of T ∝ exp(κ ρ) over the clamped radii, and the factor to ρ's published unit.

    Here ρ is a multiple of the initial norm. In the published unit it is a multiple of the norm at
    which networks with decay grok; for that unit multiply κ by the second number, the median of
    that norm over the median of the initial one.

    Raises
    ------
    InputError
        If runs are missing.
    """
    times = {radius: arm_times(table, arm) for radius, arm in radii(table).items()}
    log = arm_log(table, "decay")
    first = log.sort_values("step").groupby("seed")["weight_norm"].first()
    then = value_at(log, "weight_norm", arm_times(table, "decay").came)
    return slope_interval(times), float(then.median() / first.median())


DECAYS = {"decay of the ℓ₂ norm": "decay", "decay of the ℓ₁ norm": "l1", "no decay": "no-decay"}
"""The arms of the study of the norm in which the norm is free, by their decay."""


def decays(table: pd.DataFrame) -> pd.DataFrame:
    """Return what became of the networks by their decay, a row a decay that has a run.

    Parameters
    ----------
    table : DataFrame
        The study's of the norm.

    Returns
    -------
    DataFrame
        Indexed by ``decay``: ``fit`` and ``grok`` count networks, as in "5 of 6"; ``step`` is the
        median step of grokking of those that do, ``norm`` the median ℓ₂ norm at the end of a run,
        ``steps`` the longest run.
    """
    rows = {}
    for name, arm in DECAYS.items():
        runs = table[table["arm"] == arm]
        came = runs["endpoint"].dropna()
        if len(runs):
            rows[name] = {
                "fit": f"{runs['train_100'].notna().sum()} of {len(runs)}",
                "grok": f"{len(came)} of {len(runs)}",
                "step": came.median() if len(came) else np.nan,
                "norm": at_end(arm_log(table, arm), "weight_norm").median(),
                "steps": runs["steps"].max(),
            }
    return pd.DataFrame(rows).T.infer_objects().rename_axis("decay")


def strength(table: pd.DataFrame) -> float:
    """Return the λ₂ of every arm with noise, chosen by the search of the study of the mechanism."""
    rules = study_rules("mechanism")
    values = {f"noise at {each:g}": float(each) for each in rules["search"]["lambda_2"]}
    limit = int(rules["setting"]["limit"])
    best = soonest(table, list(values), rules["search"]["seeds"], limit)
    if best is None:
        raise InputError("The search for the strength of the noise is not over.")
    return values[best]


def search_table(table: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Return a search's steps to the endpoint by value and seed, in words; "never" if censored.

    Parameters
    ----------
    table : DataFrame
        A study's.
    prefix : str
        Prefix of the names of the search's arms, such as "noise at ".
    """
    rows = table[table["arm"].str.startswith(prefix)]
    found = rows.assign(value=rows["arm"].str.removeprefix(prefix).astype(float)).pivot(
        index="value", columns="seed", values="endpoint"
    )
    told = found.map(lambda step: "never" if np.isnan(step) else f"{step:,.0f}")
    return told.rename(columns=lambda seed: f"seed {seed}").rename_axis(columns=None)


def final_medians(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return final medians of columns over the seeds, one row per arm of the rules.

    Parameters
    ----------
    table : DataFrame
        A study's.
    columns
        Columns of the runs' logs.
    """
    arms = [arm for arm in table["arm"].drop_duplicates() if " at " not in arm]
    found = table.groupby("arm")[[f"final_{name}" for name in columns]].median().loc[arms]
    return found.rename(columns=lambda name: name.removeprefix("final_"))


def unrecorded(table: pd.DataFrame, study: str) -> str:
    """Return in words the arms of a study with fewer runs than its rules require.

    Parameters
    ----------
    table : DataFrame
        The study's.
    study : str
        Its name.
    """
    rules = study_rules(study)
    wanted = set(rules["setting"]["seeds"])
    lacking = []
    for arm in rules["arms"]:
        missing = wanted - set(table.loc[table["arm"] == arm, "seed"])
        if missing:
            lacking.append(f"{arm} ({len(missing)} of {len(wanted)})")
    return ", ".join(lacking) or "none"


def _common(table: pd.DataFrame, arms: Sequence[str]) -> list[int]:
    """Seeds that all arms have."""
    return sorted(set.intersection(*(set(table.loc[table["arm"] == a, "seed"]) for a in arms)))


def _clamped(arm: str) -> str:
    radius = arm.removeprefix("clamp-")
    return "with a free norm" if radius == arm else f"held at {radius} of the initial norm"


def _margin() -> float:
    return float(study_rules("mechanism")["statistic"]["margin"])


def _none(low: float, high: float, margin: float) -> bool:
    return 1 / margin < low and high < margin


def _ends(found: pd.DataFrame, name: str) -> tuple[float, float]:
    low, high = (found[end].to_dict()[name] for end in ("low", "high"))
    return float(low), float(high)


def _said(found: pd.DataFrame, name: str) -> str:
    low, high = _ends(found, name)
    ratio = float(found["ratio"].to_dict()[name])
    return f"{ratio:.2f} ({low:.2f} to {high:.2f})"


def _missing(table: pd.DataFrame, arms: Sequence[str]) -> Answer:
    n = len(_common(table, arms))
    return Answer("undecided", f"It needs {FEWEST} seeds of {' and '.join(arms)} and has {n}.")
