"""Tables of runs: what their columns mean, their seeds, and checks of tables from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from grokbook._support.errors import InputError
from grokbook.experiments.columns import COLUMNS, ORDERS

NEEDED = ("step", "train_accuracy", "test_accuracy")
"""Columns that every table of runs needs."""


def column_table() -> pd.DataFrame:
    """Return what each column of a log means, one row a column or family of columns.

    Returns
    -------
    DataFrame
        ``name``, ``group``, ``meaning``, ``unit``, ``source``, and ``orders``, the orders α at
        which it is also logged, under ``<name>_alpha_<α>``.

    Examples
    --------
    >>> column_table().set_index("name").loc["perturbed_entropy", ["group", "unit"]].tolist()
    ['information', 'nats']
    """
    others = ", ".join(f"{alpha:g}" for alpha in ORDERS if alpha != 1)
    rows = pd.DataFrame(COLUMNS)
    return rows.assign(orders=rows["orders"].map({True: others, False: ""}))


def as_runs(table: pd.DataFrame, experiment: str = "mine", seed: int = 0) -> pd.DataFrame:
    """Return a foreign table in the form that :func:`grokbook.load_runs` returns.

    Parameters
    ----------
    table : DataFrame
        One row per logged step: ``step``, ``train_accuracy`` and ``test_accuracy`` in [0, 1], and
        anything else that was logged, under the names of our columns; also ``experiment`` and
        ``seed`` if it holds several runs.
    experiment, seed : str, int
        Values for columns that the table lacks.

    Returns
    -------
    DataFrame
        A copy with the columns ``experiment``, ``seed`` and ``step`` first, sorted by them.

    Raises
    ------
    InputError
        If it is empty, a column is missing or is not numeric, or a run has the same step twice.

    Examples
    --------
    >>> log = pd.DataFrame({"step": [10, 0], "train_accuracy": [1, 0.1], "test_accuracy": 0.1})
    >>> as_runs(log).to_dict("list")["step"], list(as_runs(log))[:3]
    ([0, 10], ['experiment', 'seed', 'step'])
    """
    require_columns(table, NEEDED, "as_runs")
    if table.empty:
        raise InputError("The table has no row; one logged step at least is needed.")
    keys: dict[str, Any] = {"experiment": experiment, "seed": seed}
    runs = table.assign(**{name: value for name, value in keys.items() if name not in table})
    runs = runs[[*keys, "step", *runs.columns.drop([*keys, "step"])]]
    for column in runs.columns.drop("experiment"):
        if not is_numeric_dtype(runs[column]) or is_bool_dtype(runs[column]):
            raise InputError(f"The table's column {column!r} holds no numbers.")
    by = ["experiment", "seed", "step"]
    if runs["step"].isna().any() or runs.duplicated(by).any():
        raise InputError("The table has a run with the same step twice, or a row without a step.")
    return runs.sort_values(by, ignore_index=True)


def spans(seeds: Iterable[int]) -> str:
    """Write whole numbers in order, neighbours as a span.

    >>> spans([3, 0, 1, 2, 7])
    '0 to 3, 7'
    """
    told: list[list[int]] = []
    for seed in sorted(map(int, seeds)):
        if told and seed == told[-1][-1] + 1:
            told[-1].append(seed)
        else:
            told.append([seed])
    return ", ".join(f"{g[0]} to {g[-1]}" if len(g) > 1 else str(g[0]) for g in told)


def require_columns(runs: pd.DataFrame, columns: Sequence[str], who: str) -> None:
    """Raise an InputError that names the columns that a table lacks.

    A log of one run has no ``seed``; `log.assign(seed=0)` gives it one.
    """
    lacking = [column for column in columns if column not in runs]
    if lacking:
        how = "; give a single run one with `.assign(seed=0)`" if lacking[0] == "seed" else ""
        raise InputError(
            f"{who} needs the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}, which the"
            f" table lacks{how}."
        )
