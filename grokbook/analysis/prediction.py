"""Scores of the early signals, and the verdicts of the study of prediction.

Everything is a function of the study's table and rules. The rules say which half of the seeds
chooses a direction, which signals are the paper's, and what counts as yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from grokbook.analysis.discrimination import (
    auroc_difference,
    auroc_interval,
    concordance,
    delong,
    false_alarms,
)
from grokbook.analysis.intervals import CONFIDENCE, FEWEST, median_interval, share_interval

Rules = Mapping[str, Any]

SCORE = (
    *("signal", "moment", "paper", "ranked", "direction", "will_grok", "random"),
    *("auroc", "low", "high", "wide_low", "wide_high"),
    *("false_alarms", "false_alarms_low", "false_alarms_high"),
    *("auroc_few", "concordance", "concordance_within"),
)
"""Columns of :func:`scores`."""

KINDS = ("will grok", "censored", "random", "few")


def moments(rules: Rules) -> list[str]:
    """Return the moments as named in the table: steps, then training accuracy 100 %."""
    return [*(str(step) for step in rules["measurement"]["moments"]), "train_100"]


def kinds(table: pd.DataFrame) -> pd.Series:
    """Return the kind of each run: "will grok", "censored", "random" or "few".

    A run on true labels that did not reach the endpoint by the limit is "censored": it may or may
    not grok later. A run on few pairs is "few" only if it did not reach the endpoint.

    Examples
    --------
    >>> arms = ["grok-40", "grok-30", "random-40", "few-5"]
    >>> kinds(pd.DataFrame({"arm": arms, "endpoint": [2500.0, None, None, None]})).tolist()
    ['will grok', 'censored', 'random', 'few']
    """
    arm, came = table["arm"].str.split("-").str[0], table["endpoint"].notna()
    names = np.select(
        [came, arm == "random", arm == "few"], ["will grok", "random", "few"], "censored"
    )
    return pd.Series(names, index=table.index)


def counts(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return the number of runs of each arm and kind, over all seeds.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``arm``, in the order of the rules; one column per kind.
    """
    found = pd.crosstab(table["arm"], kinds(table))
    return found.reindex(index=list(rules["arms"]), columns=list(KINDS), fill_value=0)


def scores(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Score each signal at each moment on the held-out seeds.

    Parameters
    ----------
    table : DataFrame
        Table of the study, one row per run.
    rules : mapping
        Rules of the study.

    Returns
    -------
    pandas.DataFrame
        One row a ``signal`` and ``moment``: ``paper`` and ``ranked``, as the rules say;
        ``direction``, 1 if a larger value predicts grokking, -1 if a smaller one does, 0 if the
        choosing seeds do not decide; ``auroc`` of will-grok against random labels with ``low`` and
        ``high`` of 95 %, and ``wide_low`` and ``wide_high`` that hold for all moments at once;
        ``false_alarms`` at the rules' detection with its interval; ``auroc_few``, against runs on
        few pairs; ``concordance`` with the time to grok, and ``concordance_within`` arms;
        ``will_grok`` and ``random``, numbers of runs. NaN where there are fewer than 2 runs of a
        kind.
    """
    kind = kinds(table)
    rows = [
        _score(table, kind, signal, moment, rules)
        for signal in rules["signals"]
        for moment in moments(rules)
    ]
    return pd.DataFrame(rows).reindex(columns=list(SCORE))


def _score(
    table: pd.DataFrame, kind: pd.Series, signal: str, moment: str, rules: Rules
) -> dict[str, Any]:
    """Return one row of :func:`scores`, without unknown values."""
    half = rules["statistic"]
    value = table[f"{signal}_at_{moment}"]
    known = pd.Series(np.isfinite(value), table.index)
    choosing, held_out = (
        known & table["seed"].isin(half[f"{name}_seeds"]) for name in ("choosing", "held_out")
    )
    chosen = [value[choosing & (kind == name)].to_numpy() for name in ("will grok", "random")]
    direction = -1 if signal in half["smaller_foretells"] else _direction(*chosen)
    row = {
        "signal": signal, "moment": moment, "paper": signal in half["paper_signals"],
        "ranked": signal not in half["not_ranked"], "direction": direction,
    }  # fmt: skip
    if not direction:
        return row
    score = direction * value
    grok, random, few = (
        score[held_out & (kind == name)].to_numpy() for name in ("will grok", "random", "few")
    )
    row |= {"will_grok": len(grok), "random": len(random)}
    if min(len(grok), len(random)) > 1:
        row |= _against_random(grok, random, rules)
    if min(len(grok), len(few)) > 1:
        row["auroc_few"] = float(delong(grok[:, None], few[:, None])[0][0])
    true_labels = held_out & table["arm"].str.startswith("grok-")
    runs = table[true_labels]
    came = runs["endpoint"].notna()
    given = (runs["endpoint"].fillna(runs["steps"]), came, score[true_labels])
    row["concordance"] = concordance(*given)
    row["concordance_within"] = concordance(*given, groups=runs["arm"])
    return row


def _direction(grok: np.ndarray, random: np.ndarray) -> int:
    """Return 1 if a larger value predicts grokking on the choosing seeds, -1 if smaller, else 0."""
    if min(len(grok), len(random)) < 2:
        return 0
    areas, _ = delong(grok[:, None], random[:, None])
    return 1 if areas[0] >= 0.5 else -1


def _against_random(grok: np.ndarray, random: np.ndarray, rules: Rules) -> dict[str, float]:
    """Return the columns of a score that compare runs that will grok with random labels."""
    low, high, (area, _) = auroc_interval(grok, random)
    # Bonferroni's correction, so that it holds for all moments at once.
    wide = auroc_interval(grok, random, 1 - (1 - CONFIDENCE) / len(moments(rules)))
    alarms = false_alarms(grok, random, rules["statistic"]["detection"]).false
    found = {
        "auroc": area, "low": low, "high": high, "wide_low": wide.low, "wide_high": wide.high,
        "false_alarms": alarms,
    }  # fmt: skip
    if len(random) >= FEWEST:
        share = share_interval(round(alarms * len(random)), len(random))
        found |= {"false_alarms_low": share.low, "false_alarms_high": share.high}
    return found


def lead(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return the steps from each moment to grokking, over the held-out runs that will grok.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``moment``: ``median`` with ``low`` and ``high`` of 95 %, ``shortest``,
        ``longest`` and ``runs``; NaN where there are fewer than 6.
    """
    runs = table[
        (kinds(table) == "will grok") & table["seed"].isin(rules["statistic"]["held_out_seeds"])
    ]
    rows = {}
    for moment in moments(rules):
        at = runs["train_100"] if moment == "train_100" else float(moment)
        steps = (runs["endpoint"] - at).dropna()
        row = {"median": steps.median(), "low": np.nan, "high": np.nan}
        if len(steps) >= FEWEST:
            low, high, _ = median_interval(steps)
            row |= {"low": low, "high": high}
        rows[moment] = row | {
            "shortest": steps.min(), "longest": steps.max(), "runs": len(steps),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("moment")


def best_moments(scored: pd.DataFrame) -> pd.DataFrame:
    """Return each signal's score at its best moment, the largest AUROC first.

    Signals shown without a rank come last.
    """
    best = scored.loc[scored.groupby("signal", sort=False)["auroc"].idxmax().dropna()]
    return best.sort_values(["ranked", "auroc"], ascending=False, kind="stable").reset_index(
        drop=True
    )


def decide(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return the verdicts of the rules.

    Returns
    -------
    pandas.DataFrame
        One row a ``question``: "foretells" for each of the paper's signals, then
        "better_than_rivals"; the ``signal``, its best ``moment``, ``auroc`` with the interval that
        was compared (of the last question, that of 95 %), the ``verdict`` "yes", "no" or
        "undecided", and ``rivals``: of the last question, those that beat the paper's best signal
        by the paired test, else those that it does not beat; empty elsewhere.
    """
    scored = scores(table, rules)
    bound, rows = rules["decision"]["bound"], []
    best = best_moments(scored)
    ours = best[best["paper"]]
    for row in (
        ours.set_index("signal")
        .loc[[name for name in rules["statistic"]["paper_signals"] if name in set(ours["signal"])]]
        .reset_index()
        .to_dict("records")
    ):
        above, below = row["wide_low"] > bound, row["wide_high"] < bound
        rows.append(
            {
                "question": "foretells",
                **{name: row[name] for name in ("signal", "moment", "auroc")},
                "low": row["wide_low"],
                "high": row["wide_high"],
                "verdict": "yes" if above else "no" if below else "undecided",
                "rivals": [],
            }
        )
    if len(ours):
        rows.append(_against_rivals(ours.iloc[0].to_dict(), table, scored, rules))
    return pd.DataFrame(rows)


def _against_rivals(
    own: dict[Any, Any], table: pd.DataFrame, scored: pd.DataFrame, rules: Rules
) -> dict[str, Any]:
    """Return the row of the question whether the paper's best signal beats every rival."""
    at = scored[(scored["moment"] == own["moment"]) & scored["ranked"] & ~scored["paper"]]
    beaten: list[str] = []
    beating: list[str] = []
    for rival in at.dropna(subset=["auroc"]).to_dict("records"):
        found = compare(own, rival, table, rules)
        if found.p_value < 1 - CONFIDENCE:
            (beaten if found.difference > 0 else beating).append(rival["signal"])
    left = [name for name in at["signal"] if name not in beaten]
    verdict = "no" if beating else "undecided" if left else "yes"
    return {
        "question": "better_than_rivals",
        **{name: own[name] for name in ("signal", "moment", "auroc", "low", "high")},
        "verdict": verdict,
        "rivals": beating or left,
    }


def compare(
    one: Mapping[Any, Any], other: Mapping[Any, Any], table: pd.DataFrame, rules: Rules
) -> Any:
    """Compare two scores, rows of :func:`scores`, on the held-out runs that have both.

    Returns
    -------
    Difference
        See :func:`grokbook.analysis.discrimination.auroc_difference`.
    """
    runs = table[table["seed"].isin(rules["statistic"]["held_out_seeds"])]
    pair = np.stack(
        [
            score["direction"] * runs[f"{score['signal']}_at_{score['moment']}"].to_numpy()
            for score in (one, other)
        ],
        axis=1,
    )
    kind = kinds(runs).to_numpy()
    known = np.isfinite(pair).all(axis=1)
    return auroc_difference(pair[known & (kind == "will grok")], pair[known & (kind == "random")])
