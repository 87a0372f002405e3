"""Answers of the study of prediction, by the rules fixed before its first run.

The ten main arms are five settings, each with true and with random labels. The two arms on few
pairs are reported separately, and no answer uses them. If runs of the main arms are missing, an
answer is undecided and says how many there are.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from grokbook._support.errors import InputError
from grokbook.analysis.intervals import FEWEST
from grokbook.analysis.prediction import best_moments, compare, decide, kinds, moments, scores
from grokbook.analysis.signal_names import SHORT, listed, moment_words
from grokbook.studies.results import Answer, Outcome
from grokbook.studies.tables import study_rules

PAPER = {"mid": "MID", "ed": "ED", "mid_or_ed": "“MID or ED”"}
"""Names of the paper's signals in sentences."""

HALVES = {"choosing": "choosing", "held_out": "held-out"}


def main_arms(table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the ten main arms, without those on few pairs."""
    return table[~table["arm"].str.startswith("few-")]


def foretells(table: pd.DataFrame, signal: str) -> Answer:
    """Answer whether a signal of the paper separates networks that will grok from others.

    Parameters
    ----------
    table : DataFrame
        The study's.
    signal : str
        "mid", "ed" or "mid_or_ed".

    Raises
    ------
    InputError
        If it is not a signal of the paper.
    """
    if signal not in PAPER:
        raise InputError(f"signal is {signal!r}, but must be one of {', '.join(PAPER)}.")
    return _foretell(table)[signal]


def paper_foretells(table: pd.DataFrame) -> Answer:
    """Answer for all signals of the paper at once.

    "yes" or "no" if all three answers agree, "in part" if some are yes, else "undecided".
    """
    if missing := _missing(table):
        return missing
    decided = _decided(table)
    if not decided:
        return Answer("undecided", _too_few(table))
    outcomes: list[Outcome] = [
        decided[each]["verdict"] if each in decided else "undecided" for each in PAPER
    ]
    same = len(set(outcomes)) == 1
    whole: Outcome = outcomes[0] if same else "in part" if "yes" in outcomes else "undecided"
    told = [
        f"{PAPER[each]}: {outcome}"
        + (f", AUROC {_spanned(decided[each])}{_turned(decided[each])}" if each in decided else "")
        for each, outcome in zip(PAPER, outcomes, strict=True)
    ]
    moment_count = len(moments(study_rules("prediction")))
    widened = f"Intervals are widened for {moment_count} moments"
    return Answer(whole, f"{'. '.join(told)}. {widened}.")


def better_than_rivals(table: pd.DataFrame) -> Answer:
    """Answer whether the best signal of the paper beats every rival at the same moment."""
    if missing := _missing(table):
        return missing
    main, rules = main_arms(table), study_rules("prediction")
    decided = decide(main, rules)
    if not len(decided):
        return Answer("undecided", _too_few(table))
    last = decided.iloc[-1].to_dict()
    against = rivals(table)
    if not len(against):
        return Answer("undecided", f"No rival has an AUROC at {moment_words(last['moment'])}.")
    if against[["will_grok", "random"]].to_numpy().min() < FEWEST:
        return Answer("undecided", _too_few(table))
    best = against.iloc[0].to_dict()
    names = [SHORT[name] for name in last["rivals"]]
    told = {
        "yes": f"the paired test finds it better than each of the {len(against)} rivals",
        "no": f"the paired test finds {listed(names)} better",
        "undecided": "the paired test finds no rival better, and does not find it better than"
        f" {listed(names, 'or')}",
    }[last["verdict"]]
    wide = _spanned(_decided(table)[last["signal"]])
    return Answer(
        last["verdict"],
        f"The best signal of the paper, {PAPER[last['signal']]}, has AUROC {wide} at"
        f" {moment_words(last['moment'])}, the best rival there, {SHORT[best['signal']]},"
        f" {_spanned(best)}, and {told}.",
    )


def answers(table: pd.DataFrame) -> dict[str, Answer]:
    """Return all answers of the rules, by question."""
    found = _foretell(table)
    return {
        "Does MID foretell grokking?": found["mid"],
        "Does ED?": found["ed"],
        "Does “MID or ED”, small or falling, as the paper words it?": found["mid_or_ed"],
        "Does the best of them beat every rival?": better_than_rivals(table),
    }


def best_auroc(table: pd.DataFrame, signal: str) -> str:
    """Return in words the AUROC of a signal of the paper at its best moment, with its interval."""
    decided = _decided(table)
    return _spanned(decided[signal]) if signal in decided else "not known yet"


def larger_foretells(table: pd.DataFrame, signal: str) -> bool:
    """Return whether the larger value of a signal predicts grokking, against the paper's words."""
    decided = _decided(table)
    return signal in decided and bool(decided[signal]["direction"] > 0)


def sign_told(table: pd.DataFrame) -> str:
    """Return sentences on whether predictive signals have the sign that the paper states."""
    found = _foretell(table)
    turned = [
        PAPER[signal]
        for signal, each in found.items()
        if each.outcome == "yes" and larger_foretells(table, signal)
    ]
    if turned:
        return (
            f"What differs is how much is left: of {listed(turned)} the larger value foretells."
            " In these networks the metric carries a signal, and the hypothesis has its sign wrong."
        )
    as_said = [PAPER[signal] for signal, each in found.items() if each.outcome == "yes"]
    if as_said:
        return f"The smaller value of {listed(as_said)} foretells, as the paper says."
    return "No signal of the paper is known to foretell."


def rivals(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the best signal of the paper with each rival at the same moment.

    Returns
    -------
    DataFrame
        One row per rival, the largest ``auroc`` first: ``signal``, ``auroc`` with ``low`` and
        ``high`` of 95 %, ``difference``, the paper's AUROC minus the rival's, with its ``p_value``,
        and the numbers of runs ``will_grok`` and ``random``. Empty until there are enough runs.
    """
    main, rules = main_arms(table), study_rules("prediction")
    columns = ["signal", "auroc", "low", "high", "difference", "p_value", "will_grok", "random"]
    scored = scores(main, rules)
    best = best_moments(scored)
    ours = best[best["paper"]]
    rows: list[dict[Any, Any]] = []
    if len(ours):
        own = ours.iloc[0].to_dict()
        at = scored[(scored["moment"] == own["moment"]) & scored["ranked"] & ~scored["paper"]]
        for rival in at.dropna(subset=["auroc"]).to_dict("records"):
            rows.append(rival | compare(own, rival, main, rules)._asdict())
    found = pd.DataFrame(rows, columns=columns if not rows else None)[columns]
    return found.sort_values("auroc", ascending=False, kind="stable").reset_index(drop=True)


def in_short(table: pd.DataFrame) -> str:
    """Return the answers in plain words, for the lead of the chapter."""
    if missing := _missing(table):
        return f"The study does not answer yet. {missing.words}"
    found, best, decided = _foretell(table), better_than_rivals(table), _decided(table)
    parts = []
    for outcome, one, several in (
        ("yes", "foretells grokking", "foretell grokking"),
        ("no", "does not foretell grokking", "do not foretell grokking"),
        ("undecided", "is undecided", "are undecided"),
    ):
        names = [
            PAPER[signal] + (" (the larger, not the smaller as the paper says)" if larger else "")
            for signal, each in found.items()
            if each.outcome == outcome
            for larger in [outcome == "yes" and decided[signal]["direction"] > 0]
        ]
        if names:
            parts.append(f"{listed(names)} {one if len(names) == 1 else several}")
    words = "; ".join(parts)
    compared = {
        "yes": "The best of them beats every rival.",
        "no": "A rival does better than the best of them.",
        "undecided": "Whether the best of them beats every rival is undecided.",
    }[best.outcome]
    return f"{words[0].upper()}{words[1:]}. {compared} {best.words}"


def _foretell(table: pd.DataFrame) -> dict[str, Answer]:
    if missing := _missing(table):
        return dict.fromkeys(PAPER, missing)
    moment_count = len(moments(study_rules("prediction")))
    answers = dict.fromkeys(PAPER, Answer("undecided", _too_few(table)))
    for signal, row in _decided(table).items():
        answers[signal] = Answer(
            row["verdict"],
            f"AUROC {_spanned(row)}, widened for {moment_count} moments, {_against(row)}.",
        )
    return answers


def _decided(table: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    """Return the verdict of the rules and its runs by signal, if there are enough."""
    main, rules = main_arms(table), study_rules("prediction")
    found = decide(main, rules)
    if not len(found):
        return {}
    numbers = scores(main, rules)[["signal", "moment", "direction", "will_grok", "random"]]
    rows = found[found["question"] == "foretells"].merge(numbers, on=["signal", "moment"])
    enough = rows[["will_grok", "random"]].min(axis=1) >= FEWEST
    return {row["signal"]: row for row in rows[enough].to_dict("records")}


def _against(row: dict[Any, Any]) -> str:
    way = "the smaller foretells"
    if row["direction"] > 0:
        way = "the larger foretells (in the paper the smaller)"
    return (
        f"at {moment_words(row['moment'])}, {row['will_grok']:.0f} held-out networks that will grok"
        f" against {row['random']:.0f} on random labels, {way}"
    )


def _turned(row: dict[Any, Any]) -> str:
    """Say where the larger value foretells."""
    if row["direction"] <= 0:
        return ""
    return ", but the larger foretells, where the paper says the smaller"


def _missing(table: pd.DataFrame) -> Answer | None:
    """Return the answer where a seed of a main arm is missing, None where none is."""
    rules = study_rules("prediction")
    arms = [arm for arm in rules["arms"] if not arm.startswith("few-")]
    there = set.intersection(*(set(table.loc[table["arm"] == arm, "seed"]) for arm in arms))
    wanted = {words: rules["statistic"][f"{half}_seeds"] for half, words in HALVES.items()}
    if all(there >= set(seeds) for seeds in wanted.values()):
        return None
    asked = " and ".join(f"{len(seeds)} {words}" for words, seeds in wanted.items())
    has = " and ".join(str(len(there & set(seeds))) for seeds in wanted.values())
    return Answer(
        "undecided", f"It needs {asked} seeds of each of the {len(arms)} main arms and has {has}."
    )


def _too_few(table: pd.DataFrame) -> str:
    """Return a sentence on the numbers of runs, if an interval needs more."""
    main, rules = main_arms(table), study_rules("prediction")
    held_out = main["seed"].isin(rules["statistic"]["held_out_seeds"])
    found = kinds(main[held_out]).value_counts()
    return (
        f"It needs {FEWEST} held-out networks of either kind at the moment, and of all held-out"
        f" ones {found.get('will grok', 0)} will grok and {found.get('random', 0)} learn random"
        " labels."
    )


def _spanned(row: dict[Any, Any]) -> str:
    return f"{row['auroc']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
