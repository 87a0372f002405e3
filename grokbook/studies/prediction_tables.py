"""The tables and sentences of the chapter on the study of prediction.

Scores are those of :func:`grokbook.analysis.prediction.scores` on the ten main arms; each table
uses all recorded runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from grokbook.analysis.prediction import best_moments, counts, kinds, lead, moments, scores
from grokbook.analysis.signal_names import SHORT, listed, moment_words
from grokbook.analysis.twins import LABELS, twins
from grokbook.studies.results_prediction import PAPER, main_arms
from grokbook.studies.tables import study_rules

TWINS = ("mid", "ed")
"""The signals that are compared with those of the twins."""

SAID = SHORT | PAPER
"""Names of the signals in sentences."""


def main_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of all signals on the ten main arms.

    Parameters
    ----------
    table : DataFrame
        Table of the study.
    """
    return scores(main_arms(table), study_rules("prediction"))


def runs_by_arm(table: pd.DataFrame) -> pd.DataFrame:
    """Return the number of runs of each arm and kind, with the rules' words for the arm."""
    rules = study_rules("prediction")
    found = counts(table, rules).rename(columns={"random": "on random labels", "few": "few pairs"})
    words = {arm: said.replace(": ", ", ") for arm, said in rules["arms"].items()}
    return found.rename(index=_plain(words)).rename_axis("arm")


def signal_table() -> pd.DataFrame:
    """Return every signal with what it is, in the words of the rules."""
    words = {SHORT[name]: said for name, said in study_rules("prediction")["signals"].items()}
    return pd.DataFrame({"what it is": words}).rename_axis("signal")


def _plain(words: dict[str, str]) -> dict[str, str]:
    """Return the rules' words of each arm, with a twin's settings in place of its twin's name."""
    settings = {arm: said.removesuffix(", expected to grok") for arm, said in words.items()}
    twins_of = {arm: arm.replace("random-", "grok-") for arm in words}
    return {
        arm: said.replace(f"As {twins_of[arm]}", settings.get(twins_of[arm], ""))
        for arm, said in words.items()
    }


def four_moments(table: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Return the paper's best signal, the best rival and the lead, by moment.

    Parameters
    ----------
    table : DataFrame
        Table of the study.
    scored : DataFrame
        As :func:`main_scores` returns it.

    Returns
    -------
    DataFrame
        One row per moment, in words: the names, AUROCs and false alarms (at the rules' detection)
        of both, with 95 % intervals, and the median of the steps to grokking with its interval.
    """
    rules = study_rules("prediction")
    leads = lead(main_arms(table), rules)
    rows = {}
    for moment in moments(rules):
        row: dict[tuple[str, str], str] = {}
        at = scored[(scored["moment"] == moment) & scored["ranked"]].dropna(subset=["auroc"])
        for whose, paper in (("signals of the paper", True), ("rivals", False)):
            of_them = at[at["paper"] == paper]
            best = next(iter(of_them.nlargest(1, "auroc").to_dict("records")), {})
            row[whose, "best"] = SHORT[best["signal"]] if best else ""
            row[whose, "AUROC"] = spanned(best, "auroc", "low", "high")
            alarms = ("false_alarms", "false_alarms_low", "false_alarms_high")
            row[whose, "false alarms"] = spanned(best, *alarms, pattern="{:.0%}")
        steps = leads.loc[moment].to_dict()
        row["lead", "steps to grokking"] = spanned(
            steps, "median", "low", "high", pattern="{:,.0f}"
        )
        rows[moment_words(moment)] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("moment")


def by_moment(scored: pd.DataFrame, name: str, pattern: str = "{:.2f}") -> pd.DataFrame:
    """Return a score of every signal at every moment, in words.

    Parameters
    ----------
    scored : DataFrame
        As :func:`main_scores` returns it.
    name : str
        "auroc", "false_alarms" or another of its columns.
    pattern : str
        Format of a number.

    Returns
    -------
    DataFrame
        One row per signal, in the order of their best moments, with unranked signals last; one
        column per moment. Values have a 95 % interval if there is one.
    """
    ends = {"auroc": ("low", "high")}.get(name, (f"{name}_low", f"{name}_high"))
    rows: dict[str, dict[str, str]] = {}
    for signal in best_moments(scored)["signal"]:
        of_it = scored[scored["signal"] == signal].to_dict("records")
        rows[_named(of_it[0])] = {
            moment_words(row["moment"]): spanned(row, name, *ends, pattern=pattern) for row in of_it
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("signal")


def concordances(scored: pd.DataFrame) -> pd.DataFrame:
    """Return each signal's concordance with the time to grok, at its best moment.

    Returns
    -------
    DataFrame
        One row per signal, as :func:`by_moment`: its ``moment``, and the concordance over all pairs
        of runs and over pairs within one arm, ½ by chance.
    """
    best = best_moments(scored)
    found = pd.DataFrame(
        {
            "moment": [moment_words(each) for each in best["moment"]],
            "all pairs of runs": best["concordance"].tolist(),
            "pairs within an arm": best["concordance_within"].tolist(),
        },
        index=[_named(row) for row in best.to_dict("records")],
    )
    return found.rename_axis("signal")


def concordance_told(scored: pd.DataFrame) -> str:
    """Return a sentence with the concordances of the paper's signals, and the highest."""
    best = best_moments(scored)
    best = best[best["ranked"]]
    told = []
    for column, words in (
        ("concordance", "Over all pairs of runs"),
        ("concordance_within", "within an arm"),
    ):
        known = best.dropna(subset=[column])
        ours = [
            f"{row[column]:.2f} for {SAID[row['signal']]}"
            for row in known[known["paper"]].to_dict("records")
        ]
        if not len(known) or not ours:
            return "Too few networks grok for a concordance with the time."
        top = known.nlargest(1, column).iloc[0]
        told.append(
            f"{words} it is {listed(ours)}, and the highest of {len(known)} signals is"
            f" {top[column]:.2f} for {SAID[top['signal']]}"
        )
    return f"{'; '.join(told)}."


def compared(rivals: pd.DataFrame) -> pd.DataFrame:
    """Return the rivals of :func:`grokbook.studies.results_prediction.rivals` in words."""
    found = pd.DataFrame(
        {
            "AUROC": [spanned(row, "auroc", "low", "high") for row in rivals.to_dict("records")],
            "AUROC of the paper less it": [f"{each:+.2f}" for each in rivals["difference"]],
            "p-value": [f"{each:.2g}" for each in rivals["p_value"]],
        },
        index=[SHORT[name] for name in rivals["signal"]],
    )
    return found.rename_axis("rival")


def twins_left(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the shares left of MID and ED, or their steepest falls, one row per pair of twins.

    Parameters
    ----------
    table : DataFrame
        Table of the study.
    what : str
        "left" or "fall", see :func:`grokbook.analysis.twins.twins`.
    """
    found = twins(main_arms(table), study_rules("prediction"), TWINS)
    columns = {
        (SHORT[signal], labels): found[signal, what, labels]
        for signal in TWINS
        for labels in LABELS.values()
    }
    words = {
        arm.partition("-")[2]: said.split(":")[0]
        for arm, said in study_rules("prediction")["arms"].items()
        if arm.startswith("grok-")
    }
    found = pd.DataFrame(columns)
    return found.rename(index=words, level="setting") if len(found) else found


def twins_told(table: pd.DataFrame) -> str:
    """Return sentences on how MID and ED fall with true and with random labels."""
    found = twins(main_arms(table), study_rules("prediction"), TWINS)
    told = []
    for signal in TWINS:
        words = {}
        for what in ("left", "fall"):
            # select columns by full names: pandas warns that partial ones are slow
            both = found[[(signal, what, labels) for labels in LABELS.values()]].dropna()
            if not len(both):
                return "No pair of twins has come to training accuracy 100 %."
            true, random = (both[signal, what, each] for each in LABELS.values())
            further = true < random if what == "left" else true > random
            words[what] = (
                f"{true.median():.0%} with true and {random.median():.0%} with random labels",
                f"{further.sum()} of {len(both)} pairs",
            )
        (left, less), (fall, steeper) = words["left"], words["fall"]
        told.append(
            f"{SHORT[signal]} is left with {left}; less is left with true labels in {less}. Its"
            f" steepest fall takes {fall}; it is steeper with true labels in {steeper}."
        )
    return " ".join(told)


def by_seed(table: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC within each held-out seed, of signals at their best moments.

    Parameters
    ----------
    table : DataFrame
        Table of the study.
    scored : DataFrame
        As :func:`main_scores` returns it.

    Returns
    -------
    DataFrame
        One row per seed; a column for each of the paper's signals and for the best rival. NaN where
        a seed lacks a run of either kind.
    """
    main, best = main_arms(table), best_moments(scored)
    chosen = [*best[best["paper"]].to_dict("records")]
    chosen += best[~best["paper"] & best["ranked"]].head(1).to_dict("records")
    kind = kinds(main)
    rows = {
        seed: {
            f"{SAID[row['signal']]} at {moment_words(row['moment'])}": _area(
                main[main["seed"] == seed], kind, row
            )
            for row in chosen
        }
        for seed in study_rules("prediction")["statistic"]["held_out_seeds"]
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")


def dependence_told(table: pd.DataFrame, scored: pd.DataFrame) -> str:
    """Return a sentence on the held-out seeds, and the range of the AUROC within a seed."""
    main = main_arms(table)
    held_out = study_rules("prediction")["statistic"]["held_out_seeds"]
    runs = main[main["seed"].isin(held_out)]
    told = [
        f"of {name} goes from {values.min():.2f} to {values.max():.2f}"
        for name, values in by_seed(table, scored).items()
        if values.notna().any()
    ]
    within = f" Within one seed the AUROC {'; that '.join(told)}." if told else ""
    return f"The {len(runs)} held-out runs share {runs['seed'].nunique()} seeds.{within}"


def late_told(table: pd.DataFrame) -> str:
    """Return a sentence on runs that reach training accuracy 100 % after the dense measurements."""
    main, until = main_arms(table), study_rules("prediction")["measurement"]["dense_until"]
    late, never = (main["train_100"] > until).sum(), main["train_100"].isna().sum()
    return (
        f"In {late} of {len(main)} runs training accuracy comes to 100 % after step {until}, and in"
        f" {never} not at all."
    )


def few_told(table: pd.DataFrame) -> str:
    """Return a sentence on the arms on few pairs, or that they are not recorded yet."""
    arms = [arm for arm in study_rules("prediction")["arms"] if arm.startswith("few-")]
    there = [arm for arm in arms if (table["arm"] == arm).any()]
    words = []
    for arm in there:
        came = table.loc[table["arm"] == arm, "endpoint"].notna()
        words.append(f"Of the {len(came)} networks of {arm}, {came.sum()} grok within the limit.")
    lacking = [arm for arm in arms if arm not in there]
    if lacking:
        arm = "arm" if len(lacking) == 1 else "arms"
        words.append(
            f"The {arm} {listed(lacking)} {'is' if arm == 'arm' else 'are'} not recorded yet."
        )
    return " ".join(words)


def against_few(table: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC of every signal against runs on few pairs that do not grok, by moment.

    Empty until one is recorded. A run on few pairs that groks counts on neither side.
    """
    apart = table[~(table["arm"].str.startswith("few-") & table["endpoint"].notna())]
    if len(apart) == len(main_arms(apart)):
        return pd.DataFrame()
    scored = scores(apart, study_rules("prediction"))
    return by_moment(scored, "auroc_few")


def spanned(row: dict[Any, Any], name: str, low: str, high: str, pattern: str = "{:.2f}") -> str:
    """Return a number with its interval, without one if unknown, or nothing.

    >>> spanned({"auroc": 0.912, "low": 0.8, "high": 1.0}, "auroc", "low", "high")
    '0.91 (0.80 to 1.00)'
    >>> spanned({"auroc": 0.912}, "auroc", "low", "high"), spanned({}, "auroc", "low", "high")
    ('0.91', '')
    """
    value, ends = row.get(name, np.nan), [row.get(end, np.nan) for end in (low, high)]
    if pd.isna(value):
        return ""
    said = pattern.format(value)
    if any(pd.isna(end) for end in ends):
        return said
    return f"{said} ({' to '.join(pattern.format(end) for end in ends)})"


def _named(row: dict[Any, Any]) -> str:
    return SHORT[row["signal"]] + ("" if row["ranked"] else ", not ranked")


def _area(runs: pd.DataFrame, kind: pd.Series, row: dict[Any, Any]) -> float:
    """Return the share of pairs of runs that a score orders correctly, ties counted half."""
    value = row["direction"] * runs[f"{row['signal']}_at_{row['moment']}"]
    grok, random = (
        value[kind[runs.index] == name].dropna().to_numpy() for name in ("will grok", "random")
    )
    if not (len(grok) and len(random)):
        return float("nan")
    return float(((np.sign(grok[:, None] - random) + 1) / 2).mean())
