"""Tables of runs that come from elsewhere: what they must hold to be read as ours."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from grokbook._support.errors import InputError
from grokbook.analysis.moments import require_columns

NEEDED = ("step", "train_accuracy", "test_accuracy")
"""Columns without which a table tells of no run."""


def as_runs(table: pd.DataFrame, experiment: str = "mine", seed: int = 0) -> pd.DataFrame:
    """Return a foreign table as :func:`grokbook.load_runs` returns one of ours.

    Parameters
    ----------
    table : DataFrame
        One row a logged step: ``step``, ``train_accuracy`` and ``test_accuracy`` in [0, 1], and
        whatever else was logged, under the names of our columns; ``experiment`` and ``seed`` too
        where it holds several runs.
    experiment, seed : str, int
        What to call it where it does not say so itself.

    Returns
    -------
    DataFrame
        A copy with the columns ``experiment``, ``seed`` and ``step`` first, sorted by them.

    Raises
    ------
    InputError
        If it is empty, a column is missing, one is no number, or a step is there twice.

    Examples
    --------
    >>> log = pd.DataFrame({"step": [10, 0], "train_accuracy": [1, 0.1], "test_accuracy": 0.1})
    >>> as_runs(log).to_dict("list")["step"], list(as_runs(log))[:3]
    ([0, 10], ['experiment', 'seed', 'step'])
    """
    require_columns(table, NEEDED, "as_runs")
    if table.empty:
        raise InputError("The table has no row; one logged step at least is needed.")
    keys = {"experiment": experiment, "seed": seed}
    runs = table.copy()
    for name, value in keys.items():
        if name not in runs:
            runs[name] = value
    runs = runs[[*keys, "step", *runs.columns.drop([*keys, "step"])]]
    for column in runs.columns.drop("experiment"):
        if not is_numeric_dtype(runs[column]) or is_bool_dtype(runs[column]):
            raise InputError(f"The table's column {column!r} holds no numbers.")
    by = ["experiment", "seed", "step"]
    if runs["step"].isna().any() or runs.duplicated(by).any():
        raise InputError("The table has a run with the same step twice, or a row without a step.")
    return runs.sort_values(by, ignore_index=True)
