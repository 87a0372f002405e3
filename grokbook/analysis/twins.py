"""Networks and their twins on random labels: how far a signal falls in either.

A twin has the same split, initial weights and settings as its network, and labels that can only be
memorised. A fall that both show does not predict grokking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LABELS = {"grok": "true labels", "random": "random labels"}
"""Either kind of labels by the first word of an arm."""


def twins(table: pd.DataFrame, rules: Mapping[str, Any], signals: Sequence[str]) -> pd.DataFrame:
    """Return how far signals fall up to training accuracy 100 %, for networks and their twins.

    Parameters
    ----------
    table : DataFrame
        Table of the study of prediction, one row per run.
    rules : mapping
        Rules of the study.
    signals
        Some of the signals that can be read from the network at one step.

    Returns
    -------
    DataFrame
        Indexed by ``setting`` and ``seed``, for the pairs with both runs recorded. Columns have
        three levels: the signal; "left", its value at training accuracy 100 % over the largest so
        far, or "fall", its steepest fall between neighbouring measurements over the same, up to
        that moment and to the last densely measured step; "true labels" or "random labels". NaN
        where training accuracy does not reach 100 %.
    """
    until = rules["measurement"]["dense_until"]
    rows: dict[tuple[str, int], dict[tuple[str, str, str], float]] = {}
    for run in table.to_dict("records"):
        kind, _, setting = run["arm"].partition("-")
        if kind not in LABELS:
            continue
        row = rows.setdefault((setting, run["seed"]), {})
        for signal in signals:
            left, fall = _fallen(run, signal, until)
            row[signal, "left", LABELS[kind]] = left
            row[signal, "fall", LABELS[kind]] = fall
    columns = pd.MultiIndex.from_product([signals, ["left", "fall"], LABELS.values()])
    pairs = {key: row for key, row in sorted(rows.items()) if len(row) == len(columns)}
    index = pd.MultiIndex.from_tuples(list(pairs), names=["setting", "seed"]) if pairs else None
    found = pd.DataFrame([list(map(row.get, columns)) for row in pairs.values()], index, columns)
    return found.astype(float)


def early_change(table: pd.DataFrame, arm: str, signal: str) -> pd.DataFrame:
    """Return how far a signal of one arm falls up to training accuracy 100 %.

    Returns
    -------
    DataFrame
        Indexed by ``seed``: ``largest``, and ``left``, the value at training accuracy 100 % over
        it; NaN where that accuracy is not reached.
    """
    rows = {}
    for run in table[table["arm"] == arm].to_dict("records"):
        _, values = _until_fitted(run, signal)
        largest = float(values.max()) if len(values) else np.nan
        left = 0.0 if largest == 0 else float(values[-1] / largest) if len(values) else np.nan
        rows[run["seed"]] = {"largest": largest, "left": left}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["largest", "left"]).rename_axis(
        "seed"
    )


def _fallen(run: Mapping[Any, Any], signal: str, until: int) -> tuple[float, float]:
    """Return the share left at training accuracy 100 %, and the steepest fall before."""
    steps, values = _until_fitted(run, signal)
    if not len(values):
        return np.nan, np.nan
    largest = float(values.max())
    if largest <= 0:
        return 0.0, 0.0
    falls = -np.diff(values[steps <= until])
    return float(values[-1] / largest), float(max(falls.max(initial=0.0), 0.0) / largest)


def _until_fitted(
    run: Mapping[Any, Any], signal: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps and values of a signal up to training accuracy 100 %."""
    steps, values = (np.asarray(run[name], dtype=float) for name in ("look_step", f"look_{signal}"))
    seen = steps <= run["train_100"]
    return steps[seen], values[seen]


def courses(table: pd.DataFrame, rules: Mapping[str, Any], signal: str) -> pd.DataFrame:
    """Return a signal over the first steps, with true and with random labels.

    Returns
    -------
    DataFrame
        Indexed by ``labels`` and ``step``, the steps at which all runs were measured: ``median``,
        ``low`` and ``high``, the range of the runs, and ``runs``.
    """
    kind = table["arm"].str.split("-").str[0].map(LABELS)
    runs = pd.DataFrame(
        {"labels": kind, "step": table["look_step"], "value": table[f"look_{signal}"]}
    ).dropna(subset=["labels"])
    looks = runs.explode(["step", "value"]).astype({"step": float, "value": float})
    looks = looks[looks["step"] <= rules["measurement"]["dense_until"]]
    common = looks.groupby("step")["value"].count() == len(runs)
    looks = looks[looks["step"].map(common).astype(bool)]
    found = looks.groupby(["labels", "step"])["value"].agg(["median", "min", "max", "count"])
    return found.set_axis(["median", "low", "high", "runs"], axis=1)
