"""How timely a metric is: when half of its change is done, relative to test accuracy.

Section 5.1 of arXiv:2311.06597 calls PMI and PE timelier than the weight norm because they change
sharply when test accuracy rises. It judges by a picture; this module gives numbers, one per seed.
All of them describe the time after training accuracy first reaches 100 %. Steps at which a column
was not logged (NaN) are skipped, so no result is finer than the column's own log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from grokbook.analysis.moments import moments


def halfway(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    """Step from which half of a column's change after training accuracy 100 % is done.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``train_accuracy`` in [0, 1] and
        ``column``.
    column
        The column.

    Returns
    -------
    Series
        By seed: the first logged step from which on the column stays on its last value's side of
        the midpoint between its value at the first step logged when or after training accuracy
        first is 1, and its last value. NaN where training accuracy never is 1 or those two values
        are equal.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30, 40],
    ...     "train_accuracy": [0.5, 1, 1, 1, 1], "metric": [9, 0, 3, 1, 4]})
    >>> halfway(run, "metric").to_dict()
    {0: 40.0}
    """
    return _per_seed(runs, lambda run: _halfway(*_after_fit(run, column)))


def halfway_fall(runs: pd.DataFrame, column: str = "weight_norm") -> pd.Series[float]:
    """Step from which a column has made half of its fall from its peak to its last value.

    Parameters are those of :func:`halfway`; ``train_accuracy`` is not used.

    Returns
    -------
    Series
        By seed: the first logged step from which on the column stays at or below the midpoint
        between its largest and its last value. NaN where the last value is the largest.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": [3, 5, 2.9, 1]})
    >>> halfway_fall(run).to_dict()
    {0: 20.0}
    """

    def from_peak(run: pd.DataFrame) -> float:
        steps, values = _logged(run, column)
        peak = int(values.argmax()) if len(values) else 0
        return _halfway(steps[peak:], values[peak:])

    return _per_seed(runs, from_peak)


def delay(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    """How much later than test accuracy a column completes half of its change.

    Parameters are those of :func:`halfway`; the runs also need a column ``test_accuracy``.

    Returns
    -------
    Series
        By seed: log₁₀(halfway step of the column / halfway step of test accuracy), in decades of
        steps; 0.3 is twice as many steps, below 0 is earlier. NaN where either is.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [1, 10, 100], "train_accuracy": 1.0,
    ...     "test_accuracy": [0.1, 0.9, 0.9], "metric": [5, 5, 3]})
    >>> delay(run, "metric").to_dict()
    {0: 1.0}
    """
    return (halfway(runs, column) / halfway(runs, "test_accuracy")).map(np.log10)


def lag(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    """Return the distance in time, in either direction: the absolute value of :func:`delay`."""
    return delay(runs, column).abs()


def rise_window(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the steps between which test accuracy rises.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``train_accuracy`` and
        ``test_accuracy``.

    Returns
    -------
    DataFrame
        By seed, ``t10`` and ``t90``: the first logged steps from which on test accuracy stays at or
        above 10 and 90 % of the way from its value when training accuracy first is 1 to its last
        value. NaN where training accuracy never is 1 or test accuracy does not rise after it.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "train_accuracy": 1.0,
    ...     "test_accuracy": [0.0, 0.2, 0.8, 1.0]})
    >>> rise_window(run).loc[0].to_dict()
    {'t10': 10.0, 't90': 30.0}
    """
    return pd.DataFrame(
        {
            "t10": _per_seed(runs, lambda run: _risen(run, 0.1)),
            "t90": _per_seed(runs, lambda run: _risen(run, 0.9)),
        }
    )


def sharpness_of_change(runs: pd.DataFrame, column: str, logarithmic: bool) -> pd.Series[float]:
    """How much faster a column changes while test accuracy rises than otherwise.

    Parameters
    ----------
    runs, column
        As in :func:`lag`.
    logarithmic
        Whether the step axis is log₁₀ of the step.

    Returns
    -------
    Series
        By seed: total variation of the column per unit of step axis inside the :func:`rise_window`,
        divided by that outside it, both after training accuracy first is 1. Between logged steps
        the column is taken as linear along the axis. 1 means that the rise does not stand out;
        infinite if all change falls into it; NaN if there is no window, no time outside it, or no
        change.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": range(5), "train_accuracy": 1.0,
    ...     "test_accuracy": [0, 0, 0.5, 1, 1], "metric": [0, 1, 4, 7, 8]})
    >>> rise_window(run).loc[0].to_dict()
    {'t10': 2.0, 't90': 3.0}
    >>> sharpness_of_change(run, "metric", logarithmic=False).round(6).to_dict()  # 3 / (5 / 3)
    {0: 1.8}
    """
    windows = rise_window(runs)

    def ratio(run: pd.DataFrame) -> float:
        steps, values = _after_fit(run, column)
        if logarithmic:  # which has no place for step 0
            steps, values = steps[steps > 0], values[steps > 0]
        window = windows.loc[run["seed"].iloc[0]].to_numpy(float)
        if not window[0] < window[1] or len(steps) < 2:
            return np.nan
        axis, (start, end) = (np.log10(steps), np.log10(window)) if logarithmic else (steps, window)
        lengths = np.diff(axis)
        inside = np.clip(np.minimum(axis[1:], end) - np.maximum(axis[:-1], start), 0, None)
        slopes = np.abs(np.diff(values)) / lengths
        outside = lengths - inside
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = [np.sum(slopes * part) / np.sum(part) for part in (inside, outside)]
            return float(np.divide(*rates))

    return _per_seed(runs, ratio)


def share_in_window(runs: pd.DataFrame, column: str, logarithmic: bool) -> pd.Series[float]:
    """Part of a column's net change that falls into the rise of test accuracy.

    Unlike :func:`sharpness_of_change`, it ignores changes that cancel, such as the scatter of
    single noise draws.

    Parameters
    ----------
    runs, column, logarithmic
        As in :func:`sharpness_of_change`.

    Returns
    -------
    Series
        By seed: (value at t90 - value at t10) / (last value - value when training accuracy first is
        1), with the :func:`rise_window` and linear interpolation along the axis; below 0 or above 1
        where the column turns. NaN where there is no window or no net change.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": range(5), "train_accuracy": 1.0,
    ...     "test_accuracy": [0, 0, 0.5, 1, 1], "metric": [0, 1, 4, 7, 8]})
    >>> share_in_window(run, "metric", logarithmic=False).to_dict()  # (7 - 4) / 8
    {0: 0.375}
    """
    windows = rise_window(runs)

    def share(run: pd.DataFrame) -> float:
        steps, values = _after_fit(run, column)
        window = windows.loc[run["seed"].iloc[0]].to_numpy(float)
        if np.isnan(window).any() or not len(values) or values[0] == values[-1]:
            return np.nan
        if logarithmic:  # which has no place for step 0
            steps, values = np.log10(steps[steps > 0]), values[steps > 0]
            window = np.log10(window)
        at = np.interp(window, steps, values)
        return float((at[1] - at[0]) / (values[-1] - values[0]))

    return _per_seed(runs, share)


def timeliness(runs: pd.DataFrame, columns: Sequence[str], logarithmic: bool) -> pd.DataFrame:
    """Return all numbers of this module in one table.

    Parameters
    ----------
    runs, logarithmic
        As in :func:`sharpness_of_change`.
    columns
        Columns to compare.

    Returns
    -------
    DataFrame
        Indexed by ``metric`` (the column) and ``seed``: ``at_train_100`` and ``end``, the two
        values that :func:`halfway` compares, ``halfway``, ``delay``, ``lag``,
        ``sharpness_of_change`` and ``share_in_window``.
    """

    def numbers(column: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "at_train_100": _per_seed(runs, lambda run: _value(run, column, 0)),
                "end": _per_seed(runs, lambda run: _value(run, column, -1)),
                "halfway": halfway(runs, column),
                "delay": delay(runs, column),
                "lag": lag(runs, column),
                "sharpness_of_change": sharpness_of_change(runs, column, logarithmic),
                "share_in_window": share_in_window(runs, column, logarithmic),
            }
        )

    return pd.concat({column: numbers(column) for column in columns}, names=["metric", "seed"])


def aligned(runs: pd.DataFrame, columns: Sequence[str], points: int = 200) -> pd.DataFrame:
    """Return how much of each column's change is done, on one axis of time for all seeds.

    Parameters
    ----------
    runs
        Runs of one experiment, as for :func:`delay`.
    columns
        Columns to compare.
    points
        Points of the axis; it spans what all seeds have.

    Returns
    -------
    DataFrame
        Indexed by ``decades``, log₁₀(step / halfway step of test accuracy), with a column each: the
        median over the seeds of the share of the change from training accuracy 100 % to the end
        that is done, linear between logged steps. Empty if no seed has a halfway step.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [1, 10, 100], "train_accuracy": 1.0,
    ...     "test_accuracy": [0.0, 0.5, 1.0], "metric": [8.0, 8.0, 4.0]})
    >>> aligned(run, ["test_accuracy", "metric"], points=3).round(2).to_dict("list")
    {'test_accuracy': [0.0, 0.5, 1.0], 'metric': [0.0, 0.0, 1.0]}
    """
    middle = halfway(runs, "test_accuracy").dropna()
    courses: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {column: [] for column in columns}
    for seed, run in runs[runs["seed"].isin(middle.index)].groupby("seed"):
        for column in columns:
            steps, values = _after_fit(run.sort_values("step"), column)
            change = values[-1] - values[0]
            share = (values - values[0]) / change if change else np.full(len(values), np.nan)
            courses[column].append((np.log10(steps / middle[seed]), share))
    if middle.empty:
        return pd.DataFrame(columns=list(columns), dtype=float).rename_axis("decades")
    every = [course for each in courses.values() for course in each]
    axis = np.linspace(max(at[0] for at, _ in every), min(at[-1] for at, _ in every), points)
    return pd.DataFrame(
        {
            column: np.median([np.interp(axis, at, share) for at, share in each], axis=0)
            for column, each in courses.items()
        },
        index=pd.Index(axis, name="decades"),
    )


def _per_seed(runs: pd.DataFrame, number: Callable[[pd.DataFrame], float]) -> pd.Series[float]:
    """Return one number per seed, from its rows in the order of steps."""
    numbers = {seed: number(run.sort_values("step")) for seed, run in runs.groupby("seed")}
    return pd.Series(numbers, dtype=float).rename_axis("seed")


def _logged(run: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and values where the column was logged."""
    rows = run.dropna(subset=[column])
    return rows["step"].to_numpy(float), rows[column].to_numpy(float)


def _after_fit(run: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and values where the column was logged, from train accuracy 1 on."""
    fitted = run.loc[run["train_accuracy"] >= 1, "step"]
    return _logged(run[run["step"] >= fitted.min()] if len(fitted) else run.iloc[:0], column)


def _halfway(steps: np.ndarray, values: np.ndarray) -> float:
    """First step from which the values stay beyond the middle of the first and the last."""
    if not len(values) or values[0] == values[-1]:
        return np.nan
    middle = (values[0] + values[-1]) / 2
    return _stays(steps, values >= middle if values[-1] > values[0] else values <= middle)


def _risen(run: pd.DataFrame, share: float) -> float:
    steps, accuracy = _after_fit(run, "test_accuracy")
    if not len(accuracy) or not accuracy[0] < accuracy[-1]:
        return np.nan
    return _stays(steps, accuracy >= accuracy[0] + share * (accuracy[-1] - accuracy[0]))


def _stays(steps: np.ndarray, true: np.ndarray) -> float:
    """First step from which the condition holds; the last row must meet it."""
    return float(steps[int(np.argmax(np.logical_and.accumulate(true[::-1])[::-1]))])


def _value(run: pd.DataFrame, column: str, row: int) -> float:
    values = _after_fit(run, column)[1]
    return float(values[row]) if len(values) else np.nan


BEYOND = 1.5
"""The early phase is drawn up to this multiple of the step at which fitting ends."""


def early(runs: pd.DataFrame, beyond: float = BEYOND) -> pd.DataFrame:
    """Keep the steps before training accuracy reaches 100 %, and a little more.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``train_accuracy`` and
        ``weight_norm``.
    beyond
        Rows up to this factor times the latest seed's first step of training accuracy 1 are kept;
        all rows if a seed never gets there.
    """
    fitted = moments(runs, ())["train_100"]
    return runs if fitted.isna().any() else runs[runs["step"] <= beyond * fitted.max()]


def early_change(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """How a column changes before training accuracy reaches 100 %, one row per seed.

    Parameters
    ----------
    runs
        Columns ``seed``, ``step``, ``train_accuracy``, ``weight_norm`` and ``column``, at least 0.
    column
        ``mutual_information_difference`` or ``entropy_difference``, in nats.

    Returns
    -------
    DataFrame
        ``start``, the first logged value; ``largest`` and ``smallest`` up to ``at_train_100``, the
        first value logged when or after training accuracy first is 1; ``left``, the share
        at_train_100 / largest; ``falling``, the share of changes from one logged step to the next
        that are downwards in that time. NaN where training accuracy never is 1.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 1, 2, 3], "weight_norm": 1.0,
    ...     "train_accuracy": [0.1, 0.2, 1.0, 1.0], "metric": [4.0, 2.0, 1.0, 9.0]})
    >>> early_change(run, "metric").loc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'start': 4.0, 'largest': 4.0, 'smallest': 1.0, 'at_train_100': 1.0, 'left': 0.25,
     'falling': 1.0}
    """
    fitted = moments(runs, ())["train_100"]
    rows = {}
    for seed, run in runs.dropna(subset=[column]).sort_values("step").groupby("seed"):
        values = run[column].to_numpy(float)
        # Up to and including the first row at or after the moment; none if it never comes.
        late = run["step"].to_numpy() >= fitted[seed]
        values = values[: int(np.argmax(late)) + 1] if late.any() else np.full(1, np.nan)
        changes = np.diff(values)
        rows[seed] = {
            "start": values[0],
            "largest": values.max(),
            "smallest": values.min(),
            "at_train_100": values[-1],
            "left": values[-1] / values.max() if values.max() > 0 else np.nan,
            "falling": float(np.mean(changes < 0)) if len(changes) else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")
