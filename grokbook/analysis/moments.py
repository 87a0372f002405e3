"""The moments of a run: the steps that figures mark and claims compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from grokbook._support.errors import InputError
from grokbook.analysis.run_tables import require_columns


def first_step_staying(runs: pd.DataFrame, column: str, level: float) -> pd.Series[float]:
    """Return the first logged step from which a column never again falls below a level, by seed.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step`` and ``column``; steps at which it was
        not logged are skipped.
    column
        Any logged quantity.
    level
        Level in the units of the column.

    Returns
    -------
    Series
        In steps, NaN if there is none within the run.

    Raises
    ------
    InputError
        If a column is lacking.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "share": [0.9, 0.1, 0.6, 0.7]})
    >>> [float(first_step_staying(run, "share", level)[0]) for level in (0.5, 0.8)]
    [20.0, nan]
    """
    require_columns(runs, ("seed", "step", column), "first_step_staying")
    found = {}
    for seed, run in runs.sort_values("step").groupby("seed"):
        logged = run.dropna(subset=[column])
        reached = logged[column].to_numpy() >= level
        # True from the last step below the level on, exclusive.
        stays = np.logical_and.accumulate(reached[::-1])[::-1]
        found[seed] = _first(logged["step"].to_numpy(float), stays)
    return pd.Series(found, dtype=float).rename_axis("seed")


def moments(
    runs: pd.DataFrame, thresholds: Sequence[float] = (0.5, 0.99), column: str = "test_accuracy"
) -> pd.DataFrame:
    """Return the moments of each run in steps, one row per seed (NaN: not within the run).

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``train_accuracy`` and, if there are
        thresholds, ``column``; accuracies in [0, 1].
    thresholds
        Test accuracies, each in (0, 1].
    column
        The test accuracy that they apply to: of the whole test set or of a part of it.

    Returns
    -------
    pandas.DataFrame
        ``train_100``, the first logged step with train accuracy 1; for each threshold
        ``test_<percent>``, the first logged step from which test accuracy never again falls below
        it; and, where ``weight_norm`` was logged, ``norm_peak``, the step of the largest.

    Raises
    ------
    InputError
        If there is no row, a column is lacking, or a threshold lies outside (0, 1].

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": [3.0, 4.0, 2.0, 1.0],
    ...     "train_accuracy": [0.1, 1.0, 0.9, 1.0], "test_accuracy": [0.1, 0.6, 0.2, 0.7]})
    >>> moments(run, thresholds=[0.5]).loc[0].to_dict()
    {'train_100': 10.0, 'test_50': 30.0, 'norm_peak': 10.0}
    """
    needed = ("seed", "step", "train_accuracy", *((column,) if len(thresholds) else ()))
    require_columns(runs, needed, "moments")
    if runs.empty:
        raise InputError("moments needs at least one logged step, got an empty table.")
    for threshold in thresholds:
        if not 0 < threshold <= 1:
            raise InputError(f"A test accuracy threshold lies in (0, 1], got {threshold}.")
    rows = {}
    for seed, run in runs.sort_values("step").groupby("seed"):
        steps = run["step"].to_numpy(float)
        rows[seed] = {"train_100": _first(steps, run["train_accuracy"].to_numpy() >= 1)}
        if "weight_norm" in run:
            norms = run.set_index("step")["weight_norm"].dropna()
            peak = int(np.argmax(norms)) if len(norms) else None
            rows[seed]["norm_peak"] = float("nan") if peak is None else float(norms.index[peak])
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")
    for place, threshold in enumerate(thresholds, start=1):
        table.insert(
            place, f"test_{100 * threshold:g}", first_step_staying(runs, column, threshold)
        )
    return table


def decline(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """How steadily a column falls, one row per seed.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step`` and ``column``.
    column
        Any logged quantity; rows where it was not logged are skipped.

    Returns
    -------
    pandas.DataFrame
        Its value at the ``start``, at its ``peak`` (and the ``peak_step``) and at the ``end``, and
        ``falling``, the share of neighbouring logged values of which the later is smaller.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "S": [2.0, 8.0, 4.0, 1.0]})
    >>> {name: float(value) for name, value in decline(run, "S").round(2).loc[0].items()}
    {'start': 2.0, 'peak': 8.0, 'peak_step': 10.0, 'end': 1.0, 'falling': 0.67}
    """
    rows = {}
    for seed, run in runs.dropna(subset=[column]).groupby("seed"):
        values: pd.Series[float] = run.set_index("step")[column].sort_index()
        rows[seed] = {
            "start": values.iloc[0],
            "peak": values.max(),
            "peak_step": values.idxmax(),
            "end": values.iloc[-1],
            "falling": (np.diff(values) < 0).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed").astype(float)


def median_moments(
    runs: pd.DataFrame, thresholds: Sequence[float] = (0.5, 0.99), column: str = "test_accuracy"
) -> pd.Series[float]:
    """Medians of :func:`moments` over seeds; a step never reached counts as later than any other.

    Returns
    -------
    Series
        By moment; NaN if half of the runs or more did not reach it.

    Examples
    --------
    >>> runs = pd.DataFrame({"seed": [0, 1, 2], "step": [10, 20, 30], "weight_norm": 1.0,
    ...     "train_accuracy": 1.0, "test_accuracy": [0.6, 0.1, 0.9]})
    >>> median_moments(runs, [0.5]).to_dict()
    {'train_100': 20.0, 'test_50': 30.0, 'norm_peak': 20.0}
    """
    return median_steps(moments(runs, thresholds, column))


def median_steps(steps: pd.DataFrame) -> pd.Series[float]:
    """Median of each column of steps; NaN, a step never reached, counts as later than any.

    >>> never = float("nan")
    >>> median_steps(pd.DataFrame({"a": [1, never, 3], "b": [never, 2, never]})).to_dict()
    {'a': 3.0, 'b': nan}
    """
    return steps.astype(float).fillna(np.inf).median().replace(np.inf, np.nan)


def say_step(step: float) -> str:
    """Return a step in words; NaN, as in :func:`moments`, is a step never reached.

    >>> say_step(15000), say_step(float("nan"))
    ('step 15,000', 'no step of the run')
    """
    return "no step of the run" if np.isnan(step) else f"step {step:,.0f}"


def _first(steps: np.ndarray, true: np.ndarray) -> float:
    return float(steps[int(np.argmax(true))]) if true.any() else float("nan")


def norm_decay(runs: pd.DataFrame, threshold: float = 0.5) -> pd.DataFrame:
    """How far the weight norm has fallen when test accuracy rises, one row per seed.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`grokbook.figures.section_1.figure_1`.
    threshold
        The test accuracy that counts as risen, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        ‖W‖₂ at its ``peak``, when train accuracy reaches 100 % (``at_train_100``), when test
        accuracy stays above the threshold (``at_test_<percent>``) and at the ``end``; and
        ``fallen``, the share in [0, 1] of the whole fall, from peak to end, that lies before the
        rise of test accuracy. NaN where the moment is not within the run, or nothing fell.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": [3.0, 5.0, 2.0, 1.0],
    ...     "train_accuracy": [0.1, 1.0, 1.0, 1.0], "test_accuracy": [0.1, 0.1, 0.6, 0.7]})
    >>> norm_decay(run).loc[0].to_dict()
    {'peak': 5.0, 'at_train_100': 5.0, 'at_test_50': 2.0, 'end': 1.0, 'fallen': 0.75}
    """
    times = moments(runs, (threshold,))
    risen = f"test_{100 * threshold:g}"
    rows = {}
    for seed, run in runs.dropna(subset=["weight_norm"]).groupby("seed"):
        norm: pd.Series[float] = run.set_index("step")["weight_norm"].sort_index()
        at = norm.reindex([times.at[seed, "train_100"], times.at[seed, risen]]).to_numpy()
        peak, end = norm.max(), norm.iloc[-1]
        fallen = (peak - at[1]) / (peak - end) if peak > end else float("nan")
        rows[seed] = {"peak": peak, "at_train_100": at[0], f"at_{risen}": at[1], "end": end}
        rows[seed]["fallen"] = fallen
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")
