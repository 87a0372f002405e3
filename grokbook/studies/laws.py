"""Study of laws: the laws of a group that standard training obeys, and from which step.

Rules are in ``rules/laws.toml``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from grokbook.analysis.moments import first_step_staying
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.studies.study import Study, row_of, seed_by_seed, watched
from grokbook.studies.workhorse import workhorse

LAWS = {
    "identity": "law_identity",
    "inverse": "law_inverse",
    "associativity": "law_associativity",
    "commutativity": "abelian_accuracy_all",
    "test_accuracy": "test_accuracy",
}
"""Columns of a log by the law that they measure."""


def recipe(arm: str, seed: int) -> Experiment:
    """Return the experiment of a run: the workhorse, with the laws measured."""
    base = workhorse(STUDY.rules["setting"], seed, limit=STUDY.limit(arm))
    return replace(base, measurements=Measurements(("accuracy", "norms", "commutativity", "laws")))


def run_one(recipe: Experiment, column: str, level: float, limit: int, tail: int) -> dict[str, Any]:
    """Train one run and return its row.

    The arguments are those of :func:`grokbook.studies.study.run_one`.

    Returns
    -------
    dict
        As there, with ``stays_<law>``, the first logged step from which a law stays at the rules'
        level until the run ends, or NaN.
    """
    run, reached = watched(recipe, column, level, limit, tail)
    log = run.log.assign(seed=recipe.seed)
    bound = STUDY.rules["statistic"]["level"]
    stays = {
        f"stays_{law}": float(first_step_staying(log, name, bound).iloc[0])
        for law, name in LAWS.items()
    }
    return row_of(run, reached) | stays


STUDY: Study = Study("laws", lambda _: seed_by_seed(STUDY.rules, recipe), run_one)


def times_of_grokking(table: pd.DataFrame) -> pd.DataFrame:
    """Return when each law is learned for good, relative to the same step of test accuracy.

    Parameters
    ----------
    table : DataFrame
        The study's.

    Returns
    -------
    DataFrame
        Indexed by ``law``: ``median``, ``lowest`` and ``highest`` over the seeds, ``seeds``, and
        ``before``, how many of them have the law first. A run without one of the two is left out.
    """
    rows = {}
    for law in LAWS:
        if law != "test_accuracy":
            ratio = (table[f"stays_{law}"] / table["stays_test_accuracy"]).dropna()
            rows[law] = {
                "median": ratio.median(),
                "lowest": ratio.min(),
                "highest": ratio.max(),
                "seeds": len(ratio),
                "before": int((ratio < 1).sum()),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("law")
