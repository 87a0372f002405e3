"""Answers of the league, by the rules fixed before its first run.

Each method is compared with AdamW tuned for as long. If there are too few recorded seeds for an
interval, an answer is undecided and says how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from grokbook.analysis.by_seed import reached, train_100
from grokbook.analysis.league import (
    BASE,
    confirmed_times,
    published,
    restricted_times,
    time_ratios,
    whole_seeds,
)
from grokbook.analysis.method_names import METHODS, PAPER
from grokbook.analysis.signal_names import listed
from grokbook.studies.league import best, grid
from grokbook.studies.results import Answer
from grokbook.studies.tables import study_rules

TASK_WORDS = {"on division": "division modulo 59", "at p = 113": "addition modulo 113"}
"""The other tasks in words, by their names in the rules."""


def any_sooner(table: pd.DataFrame) -> Answer:
    """Answer whether any way to grok sooner beats AdamW tuned for as long."""
    found = _tuned(table)
    if found is None:
        return _missing(table)
    sooner = [name for name in found.index if found.loc[name, "verdict"] == "sooner"]
    if sooner:
        return Answer("yes", _both_ways(table, found, sooner))
    if (found["verdict"].drop(BASE) == "undecided").any():
        return Answer("undecided", f"Soonest is {_told(found, [found.index[0]])}.")
    return Answer("no", f"Soonest is {_told(found, [found.index[0]])}.")


def paper_sooner(table: pd.DataFrame) -> Answer:
    """Answer whether the paper's two trainings beat it.

    "yes" if both are sooner, "in part" if one is, "no" if both are alike or later.
    """
    found = _tuned(table)
    if found is None:
        return _missing(table)
    verdicts = [found.loc[method, "verdict"] for method in PAPER]
    words = _both_ways(table, found, list(PAPER))
    count = verdicts.count("sooner")
    if count:
        return Answer("yes" if count == len(PAPER) else "in part", words)
    return Answer("undecided" if "undecided" in verdicts else "no", words)


def answers(table: pd.DataFrame) -> dict[str, Answer]:
    """Return all answers of the rules, by question."""
    return {
        "Does any way to grok sooner beat AdamW tuned as long?": any_sooner(table),
        "Do the paper's two trainings beat it?": paper_sooner(table),
    }


def in_short(table: pd.DataFrame) -> str:
    """Return the answers in plain words, for the lead of the chapter."""
    found = _tuned(table)
    if found is None:
        return f"The league does not answer yet. {_missing(table).words}"
    kinds = {
        "sooner": "sooner than AdamW tuned for as long",
        "alike": "as soon",
        "later": "later",
        "undecided": "not told apart",
    }
    parts = []
    for verdict, words in kinds.items():
        names = [str(name) for name in found.index if found.loc[name, "verdict"] == verdict]
        if names:
            told = _told(found, names) if verdict in ("sooner", "later") else _named(names)
            parts.append(f"{words}: {told}")
    told = ". ".join(each[0].upper() + each[1:] for each in parts)
    seeds = seeds_recorded(table)
    return f"{told}. Ratios of mean steps, over {seeds} seeds. {tuning_told(table)}".strip()


def tuning_told(table: pd.DataFrame) -> str:
    """Return a sentence on the gain from tuning AdamW; empty without seeds to compare."""
    found = time_ratios(table, study_rules("league")).to_dict("index")
    untuned = found.get(published(BASE))
    if untuned is None:
        return ""
    seeds = (table["arm"] == published(BASE)).sum()
    return (
        f"AdamW at its published settings, on {seeds} of them, takes {_spanned(untuned)} times the"
        " steps of tuned AdamW."
    )


def published_told(table: pd.DataFrame) -> str:
    """Return a sentence on the methods at their published settings; empty without enough seeds."""
    rules = study_rules("league")
    found = time_ratios(table, rules)
    untuned = found[found.index.isin([published(method) for method in METHODS])]
    if untuned.empty:
        return ""
    came, runs = (untuned["came"] * untuned["runs"]).sum(), untuned["runs"].sum()
    names = {
        verdict: [METHODS[m] for m in METHODS if published(m) in rows.index]
        for verdict, rows in untuned.groupby("verdict")
    }
    sooner = names.get("sooner", [])
    verb = "is" if len(sooner) < 2 else "are"
    return (
        f"At their published settings {came:.0f} of {runs} runs of {len(untuned)} methods grok"
        f" within {rules['setting']['limit']:,} steps, and {listed(sooner) or 'none'} {verb} sooner"
        f" than tuned AdamW; later: {listed(names.get('later', [])) or 'none'}."
    )


def seeds_recorded(table: pd.DataFrame) -> int:
    """Return the number of seeds on which every tuned method is recorded."""
    return len(whole_seeds(table, study_rules("league")))


def tuned_and_usual(table: pd.DataFrame, usual: pd.DataFrame) -> tuple[float, float]:
    """Return the median steps of tuned AdamW, and of AdamW at the settings of our other studies.

    Parameters
    ----------
    table, usual : DataFrame
        Tables of this study and of the study of the mechanism, whose arm ``add-free`` trains the
        same networks on the same splits from the same weights. The medians are NaN if nothing is
        recorded; censored runs count as the limit.
    """
    seeds = whole_seeds(table, study_rules("league"))
    own = by_seed(table).T.get(METHODS[BASE], pd.Series(dtype=float))
    rows = usual[(usual["arm"] == "add-free") & usual["seed"].isin(seeds)]
    return float(own.median()), float(rows["endpoint"].fillna(rows["steps"]).median())


def tuning_is_worth(table: pd.DataFrame, usual: pd.DataFrame) -> str:
    """Return sentences on the gain from tuning AdamW, and whether any method gains as much.

    The arguments are those of :func:`tuned_and_usual`.
    """
    tuned, untuned = tuned_and_usual(table, usual)
    if _tuned(table) is None:
        return ""
    best = float(by_seed(table).median(axis=1).min()) / tuned
    said = (
        f"Tuning alone brings AdamW from step {untuned:,.0f} at the settings of the study of the"
        f" mechanism to step {tuned:,.0f} (medians of the same seeds)."
    )
    return f"{said} No method gains as much again." if best > tuned / untuned else said


def on_papers_task(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return when AdamW fits and solves the paper's task, with our tuned settings and the paper's.

    Parameters
    ----------
    table : DataFrame
        The study's, whose networks modulo 113 are those of the paper.
    runs : DataFrame
        Logs of ``modadd-standard``.

    Returns
    -------
    DataFrame
        Indexed by ``settings``, "tuned" and "the paper's": median steps at which training accuracy
        is 1, ``fitted``, and at which 99 % of the unmirrored test pairs are answered, ``solved``;
        ``seeds``. A run that does not come counts as never. Empty until the first is recorded.
    """
    tuned = table[table["arm"] == f"{BASE} at p = 113"]
    if tuned.empty:
        return pd.DataFrame(columns=["fitted", "solved", "seeds"])
    endpoint = study_rules("league")["endpoint"]
    solved = reached(runs, endpoint["column"], endpoint["level"]).came
    rows = {
        "tuned": (tuned["train_100"], tuned["endpoint"]),
        "the paper's": (train_100(runs).came, solved),
    }
    found = {
        name: [*(each.fillna(np.inf).median() for each in columns), len(columns[0])]
        for name, columns in rows.items()
    }
    columns = ["fitted", "solved", "seeds"]
    return pd.DataFrame(found, index=columns).T.rename_axis("settings")


def papers_task_told(table: pd.DataFrame, runs: pd.DataFrame) -> str:
    """Return :func:`on_papers_task` in words, and how many tuned runs do not stay at the endpoint.

    Empty until something is recorded.
    """
    found = on_papers_task(table, runs)
    if found.empty:
        return ""
    ours, papers = (found.loc[name] for name in ("tuned", "the paper's"))
    endpoint, tail = study_rules("league")["endpoint"], study_rules("league")["setting"]["tail"]
    large = table[table["arm"].str.endswith(" at p = 113")]
    below = large[f"final_{endpoint['column']}"] < endpoint["level"]
    fell = (below & large["endpoint"].notna()).sum()
    return (
        "Addition modulo 113 is the paper's own task, and its network the paper's. AdamW as tuned"
        f" here fits it at step {ours.fitted:,.0f} and answers 99 % of the unmirrored pairs at step"
        f" {ours.solved:,.0f}; at the paper's settings it takes {papers.fitted:,.0f} and"
        f" {papers.solved:,.0f} steps (medians of {ours.seeds:.0f} and {papers.seeds:.0f} seeds)."
        f" Of the {len(large)} networks trained so, {fell} are below 99 % again {tail} steps later."
    )


def standings(table: pd.DataFrame) -> pd.DataFrame:
    """Return the tuned methods in the order of their times, for a table.

    Returns
    -------
    DataFrame
        Indexed by ``method``: ``median`` steps; ``ratio`` of restricted means with its interval;
        ``rank`` with its interval; ``seconds``, the ratio of seconds with its interval;
        ``as published``, the ratio of steps at the published settings; ``verdict``. Empty until
        there are enough seeds.
    """
    rules = study_rules("league")
    found = time_ratios(table, rules).to_dict("index")
    by_seconds = time_ratios(table, rules, seconds=True).to_dict("index")
    middle = by_seed(table).median(axis=1)
    rows = []
    for method in [str(each) for each in found if each in METHODS]:
        row, untuned = found[method], published(method)
        rows.append(
            {
                "method": METHODS[method],
                "median": middle[METHODS[method]],
                "ratio": _spanned(row),
                "rank": f"{row['rank']:g} ({row['rank_low']:g} to {row['rank_high']:g})",
                "seconds": _spanned(by_seconds[method]),
                "as published": _spanned(found[untuned]) if untuned in found else "",
                "verdict": row["verdict"],
            }
        )
    return pd.DataFrame(rows).set_index("method") if rows else pd.DataFrame()


def settings(table: pd.DataFrame) -> pd.DataFrame:
    """Return the settings that the tuning chose for each method.

    Returns
    -------
    DataFrame
        Indexed by ``method``: ``chosen`` settings, ``edge``, those at an end of their grid, where a
        wider grid might have done better, ``came``, the number of tuning runs that reached the
        endpoint, ``accuracy``, the median at the end on the test seeds, and what it ``reads``
        beyond the training pairs.
    """
    rules, rows = study_rules("league"), []
    adamws_best = best(BASE, grid(BASE, None), table)
    for method in rules["arms"]:
        configs = grid(method, adamws_best)
        chosen = best(method, configs, table)
        if chosen is None or configs is None:
            continue
        edges = []
        for name, value in chosen.items():
            values = sorted({config[name] for config in configs})
            if len(values) > 1 and value in (values[0], values[-1]):
                edges.append(name)
        tuning = table[table["arm"].str.startswith(f"{method}, ")]
        tested = table[(table["arm"] == method) & table["seed"].isin(rules["setting"]["seeds"])]
        rows.append(
            {
                "method": METHODS[method],
                "chosen": ", ".join(f"{_word(name)} {value:g}" for name, value in chosen.items()),
                "edge": ", ".join(map(_word, edges)),
                "came": f"{tuning['endpoint'].notna().sum()} of {len(tuning)}",
                "accuracy": tested["final_test_accuracy"].median() if len(tested) else np.nan,
                "reads": rules["reads"].get(method, ""),
            }
        )
    return pd.DataFrame(rows).set_index("method") if rows else pd.DataFrame()


def confirmed(table: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return the methods confirmed on a task, for a table.

    Parameters
    ----------
    table : DataFrame
        The study's.
    task : str
        One of the rules' ``confirm.tasks``.
    """
    found = confirmed_times(table, study_rules("league"), task)
    told = pd.DataFrame(
        {
            "came": [f"{row.came} of {row.runs}" for row in found.itertuples()],
            "mean": found["mean"],
            "ratio": found["ratio"],
            "sooner on": [f"{row.sooner} of {row.runs} seeds" for row in found.itertuples()],
        }
    )
    return told.rename(index=METHODS).rename_axis("method")


def confirmations_told(table: pd.DataFrame) -> str:
    """Return sentences on the tuned settings on each of the other tasks."""
    rules = study_rules("league")
    told, absent = [], []
    for task in rules["confirm"]["tasks"]:
        found = confirmed_times(table, rules, task)
        if len(found):
            told.append(_on_task(TASK_WORDS[task], found, rules["confirm"]["limit"]))
        else:
            absent.append(TASK_WORDS[task])
    if absent:
        told.append(f"Not recorded yet: {listed(absent)}.")
    return " ".join(told)


def by_seed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the step of the endpoint of each tuned run, or the limit if it has none."""
    rules = study_rules("league")
    times = restricted_times(table, list(rules["arms"]), rules["setting"]["limit"])
    return times.reindex(whole_seeds(table, rules)).rename(columns=METHODS).T.rename_axis("method")


def unrecorded(table: pd.DataFrame) -> str:
    """Return in words the arms with fewer runs than the rules require, without the tuning."""
    rules = study_rules("league")
    wanted = {method: rules["setting"]["seeds"] for method in rules["arms"]}
    wanted |= {published(method): rules["setting"]["published_seeds"] for method in rules["arms"]}
    lacking = []
    for arm, seeds in wanted.items():
        missing = set(seeds) - set(table.loc[table["arm"] == arm, "seed"])
        if missing:
            lacking.append(f"{arm} ({len(missing)} of {len(seeds)})")
    for task in rules["confirm"]["tasks"]:
        if not len(confirmed_times(table, rules, task)):
            lacking.append(f"what confirms {task}")
    return ", ".join(lacking) or "none"


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """Return the ``lowest``, ``median`` and ``highest`` step of each tuned method.

    Also ``late``, the number of runs past the limit, which count as the limit.
    """
    steps, limit = by_seed(table), study_rules("league")["setting"]["limit"]
    if steps.empty:
        return pd.DataFrame()
    return pd.DataFrame(
        {
            "lowest": steps.min(axis=1),
            "median": steps.median(axis=1),
            "highest": steps.max(axis=1),
            "late": (steps >= limit).sum(axis=1),
        }
    )


def _tuned(table: pd.DataFrame) -> pd.DataFrame | None:
    found = time_ratios(table, study_rules("league"))
    tuned = found[found.index.isin(list(METHODS))]
    return tuned if len(tuned) else None


def _on_task(task: str, found: pd.DataFrame, limit: int) -> str:
    """Return how many runs grok on another task, and which method is soonest there."""
    came, runs = found["came"].sum(), found["runs"].sum()
    said = f"On {task}, {came} of {runs} runs grok within {limit:,} steps."
    first = str(found.index[0])
    if first == BASE:
        return f"{said} The lowest mean is AdamW's."
    row = found.to_dict("index")[first]
    return (
        f"{said} The lowest mean is that of {METHODS[first]}, {row['ratio']:.2f} times AdamW's; it"
        f" came before AdamW on {row['sooner']} of {row['runs']} seeds."
    )


def _both_ways(table: pd.DataFrame, found: pd.DataFrame, names: list[str]) -> str:
    """Return ratios of steps and, since steps differ in cost, of seconds."""
    seconds = time_ratios(table, study_rules("league"), seconds=True).to_dict("index")
    steps = found.to_dict("index")
    told = [
        f"{METHODS[name]} takes {_spanned(steps[name])} times the steps of tuned AdamW and"
        f" {_spanned(seconds[name])} times its seconds"
        for name in names
    ]
    return f"{'; '.join(told)}."


def _named(names: list[str]) -> str:
    return listed([METHODS[name] for name in names])


def _told(found: pd.DataFrame, names: list[str]) -> str:
    rows = found.to_dict("index")
    return listed([f"{METHODS[name]} {_spanned(rows[name])}" for name in names])


def _spanned(row: dict[Any, Any]) -> str:
    return f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _word(name: str) -> str:
    words = {
        "lr": "learning rate",
        "weight_decay": "decay",
        "adamw_lr": "learning rate of the rest",
        "alpha": "α",
        "radius": "ρ",
    }
    return words.get(name, name)


def _missing(table: pd.DataFrame) -> Answer:
    rules = study_rules("league")
    seeds, fewest = len(whole_seeds(table, rules)), rules["statistic"]["fewest_seeds"]
    return Answer("undecided", f"It needs {fewest} seeds of all tuned methods and has {seeds}.")
