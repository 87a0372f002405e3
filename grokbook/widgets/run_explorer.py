"""The curves of recorded runs, chosen by the reader: task, trainings, metrics and seeds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import anywidget
import ipywidgets
import numpy as np
import pandas as pd
import traitlets

from grokbook.analysis.moments import moments
from grokbook.experiments.named import NAMED, task_of, training_of
from grokbook.figures.style import LABELS
from grokbook.tasks.base import Task
from grokbook.widgets._front_end import Explorer, script, style

TRAININGS = {
    "abelian": "abelian degrok",
    "unit-init": "usual initial weights",
    "l1": "ℓ₁ decay",
    "no-decay": "no decay",
    "mirrored": "pairs and mirror images",
    "constant-noise": "constant noise",
}
"""Labels of trainings that differ from the words in the experiment's name."""

METRICS = {
    "Accuracy": (
        "train_accuracy",
        "test_accuracy",
        "test_accuracy_mirrored",
        "test_accuracy_unmirrored",
        "abelian_accuracy_train",
    ),
    "Weights and robustness": (
        "weight_norm",
        "weight_norm_l1",
        "perturbation_error",
        "sharpness",
        "abelian_logit_distance_train",
    ),
    "Information": (
        "perturbed_mutual_information",
        "perturbed_entropy",
        "mutual_information_difference",
        "entropy_difference",
        "entropy",
        "test_entropy",
        "perturbed_label_mutual_information",
    ),
}
"""The columns of a run that can be shown, in groups: those that the figures draw."""

LOGARITHMIC = ("perturbation_error", "sharpness")
"""Columns shown on a logarithmic axis at first, as in Figure 2."""

LEVELS = 2**16 - 1
"""Number of levels in which a value is encoded, from its column's smallest to its largest
value over all runs of the task."""


class Range(NamedTuple):
    """The scale of the 16-bit numbers of one column.

    Parameters
    ----------
    low, high : float
        The column's smallest and largest value; 0 and 1 for an accuracy.
    logarithmic : bool
        Whether the levels between them have equal ratios, as they do if all values are positive and
        differ by more than a factor of 100.
    """

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, values: np.ndarray, share: bool) -> "Range":
        """Return the range of finite values; for an accuracy it is [0, 1]."""
        if share:
            return cls(0.0, 1.0, False)
        low, high = float(values.min()), float(values.max())
        return cls(low, high, low > 0 and high > 100 * low)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return values as integers of 16 bits.

        The error is at most half a step: (high - low) / 131070, or, where the steps have equal
        ratios, a relative error of (high / low)**(1/131070) - 1.

        >>> Range(1.0, 3.0, False).encode(np.array([1.0, 2.00001, 3.0])).tolist()
        [0, 32768, 65535]
        """
        low, high, values = self.low, self.high, np.asarray(values, float)
        if low == high:
            return np.zeros(len(values), "<u2")
        if self.logarithmic:
            low, high, values = np.log(low), np.log(high), np.log(values)
        return np.rint((values - low) / (high - low) * LEVELS).astype("<u2")


class RunExplorer(anywidget.AnyWidget):
    """The drawing: the selection, and the runs as `encode_runs` returns them."""

    _esm = script("run_explorer.js")
    _css = style("plot.css", "run_explorer.css")

    task = traitlets.Unicode().tag(sync=True)
    trainings: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    metrics: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    seeds: traitlets.List[int] = traitlets.List(traitlets.Int()).tag(sync=True)
    logarithmic = traitlets.Bool(False).tag(sync=True)  # the step axis

    catalogue: traitlets.List[Any] = traitlets.List().tag(sync=True)
    grids: traitlets.List[Any] = traitlets.List().tag(sync=True)
    values = traitlets.Bytes().tag(sync=True)


def recorded_runs_explorer(
    runs: Mapping[str, pd.DataFrame],
    task: str | None = None,
    trainings: Sequence[str] | None = None,
    metrics: Sequence[str] = ("train_accuracy", "test_accuracy", "weight_norm"),
    own_task: Task | None = None,
) -> ipywidgets.Widget:
    """Return the explorer of recorded runs, or of your own.

    Parameters
    ----------
    runs
        Runs by the name of their experiment, one of `grokbook.experiments.named.NAMED`, such as
        ``records(preset).logs`` of `grokbook.claims`: columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy`` and any of ``METRICS``. Any other name is a label of
        runs on ``own_task``.
    task, trainings, metrics
        The initial selection, with all seeds: a task by its title, by default the first; trainings
        by their labels, by default its first two; columns of ``METRICS``.
    own_task
        Task of the runs whose names are not those of experiments.

    Returns
    -------
    ipywidgets.Widget
        It contains every logged step of every run, in 16 bits per value (`encode_runs`). On a page
        of the book the page's address keeps the reader's selection.

    Raises
    ------
    ValueError
        If there is no run, no experiment has the name, or the initial selection does not exist.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "train_accuracy": [0.1, 1.0, 1.0],
    ...     "test_accuracy": [0.1, 0.4, 0.9], "weight_norm": [3.0, 4.0, 2.0]})
    >>> runs = {"modadd-standard": run, "modadd-l1": run}
    >>> controls, drawing = recorded_runs_explorer(runs).children
    >>> drawing.task, drawing.trainings, drawing.seeds
    ('Modulo addition', ['standard', 'ℓ₁ decay'], [0])
    """
    catalogue, grids, values = encode_runs(runs, own_task)
    by_title = {each["task"]: each for each in catalogue}
    first = by_title[_known("task", [task or catalogue[0]["task"]], list(by_title))[0]]
    labels = [training["label"] for training in first["trainings"]]
    columns = [column for group in METRICS.values() for column in group]
    drawing = RunExplorer(
        task=first["task"],
        trainings=_known("training", labels[:2] if trainings is None else trainings, labels),
        metrics=_known("metric", metrics, columns),
        seeds=sorted({run["seed"] for task in catalogue for run in _runs(task)}),
        logarithmic=first["logarithmic"],
        catalogue=catalogue,
        grids=grids,
        values=values,
    )
    count = sum(len(_runs(task)) for task in catalogue)
    return Explorer(
        f"Interactive drawing of {count} recorded run{'s' if count > 1 else ''}: choose task,"
        " trainings, metrics and seeds and read their curves; run this cell, or open the book's"
        " page, to use it.",
        [],
        drawing,
    )


def encode_runs(
    runs: Mapping[str, pd.DataFrame], own_task: Task | None = None
) -> tuple[list[dict[str, Any]], list[list[int]], bytes]:
    """Pack runs for the page: every logged value of ``METRICS`` in 16 bits.

    Parameters
    ----------
    runs, own_task
        As `recorded_runs_explorer`.

    Returns
    -------
    catalogue : list of dict
        One a task: ``task``; ``logarithmic``, whether its figures have logarithmic steps;
        ``threshold``, the test accuracy that counts as grokked; ``metrics``, each with its
        ``column``, ``label``, ``group``, ``low``, ``high``, whether its steps are ``ratios``
        (`Range`), and whether it is first shown ``logarithmic``; ``trainings``, each with its
        ``label`` and ``runs``. A run has its ``seed``; ``train_100`` and ``grokked``, the steps of
        `grokbook.analysis.moments.moments`, None if they are not reached; and ``curves``, by column
        the number of its list of steps and the place of its first value.
    grids : list of list of int
        Lists of steps that curves refer to. A value that is not finite has no step.
    values : bytes
        All curves one after the other, 16-bit little-endian integers.

    Raises
    ------
    ValueError
        As `recorded_runs_explorer`.
    """
    if not any(len(table) for table in runs.values()):
        raise ValueError("The explorer needs at least one run, got none.")
    tasks: dict[str, tuple[Task, dict[str, pd.DataFrame]]] = {}
    for name, table in runs.items():
        if own_task is not None and name not in NAMED:
            task, training = own_task, name
        else:
            task, training = task_of(name), training_of(name)
        if len(table):
            tables = tasks.setdefault(task.key, (task, {}))[1]
            tables[TRAININGS.get(training, training)] = table
    grids: dict[tuple[int, ...], int] = {}
    pieces: list[np.ndarray] = []
    catalogue = [_encode_task(task, tables, grids, pieces) for task, tables in tasks.values()]
    return catalogue, [list(grid) for grid in grids], np.concatenate(pieces).tobytes()


def _encode_task(
    task: Task,
    tables: dict[str, pd.DataFrame],
    grids: dict[tuple[int, ...], int],
    pieces: list[np.ndarray],
) -> dict[str, Any]:
    """Return a task's entry of the catalogue; add its steps to `grids`, its values to `pieces`."""
    threshold = task.grokked
    ranges: dict[str, Range] = {}
    metrics: list[dict[str, Any]] = []
    for group, columns in METRICS.items():
        for column in columns:
            logged = [table[column] for table in tables.values() if column in table]
            values = pd.concat(logged).to_numpy(float) if logged else np.empty(0)
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            ranges[column] = Range.of(values, share=group == "Accuracy")
            low, high, ratios = ranges[column]
            label, shown = LABELS[column], column in LOGARITHMIC and low > 0
            metrics.append(
                {"column": column, "label": label, "group": group, "low": low, "high": high,
                 "ratios": ratios, "logarithmic": shown}
            )  # fmt: skip

    trainings = []
    for label, table in tables.items():
        times = moments(table, (threshold,)).astype(object)
        times = times.where(times.notna(), None)
        entries = []
        for seed, run in table.sort_values("step").groupby("seed"):
            curves = {}
            for column in (column for column in ranges if column in run):
                run_values = run[column].to_numpy(float)
                finite = np.isfinite(run_values)
                grid = tuple(run["step"].to_numpy()[finite].tolist())
                if grid:
                    place = sum(map(len, pieces))
                    curves[column] = [grids.setdefault(grid, len(grids)), place]
                    pieces.append(ranges[column].encode(run_values[finite]))
            train_100, grokked = times.loc[seed, ["train_100", f"test_{100 * threshold:g}"]]
            entries.append(
                {"seed": int(str(seed)), "train_100": train_100, "grokked": grokked,
                 "curves": curves}
            )  # fmt: skip
        trainings.append({"label": label, "runs": entries})
    return {
        "task": task.title,
        "logarithmic": task.axis == "log",
        "threshold": threshold,
        "metrics": metrics,
        "trainings": trainings,
    }


def _known(kind: str, wanted: Sequence[str], there: list[str]) -> list[str]:
    for name in wanted:
        if name not in there:
            raise ValueError(f"There is no {kind} {name!r}; there are {', '.join(there)}.")
    return list(wanted)


def _runs(task: dict[str, Any]) -> list[dict[str, Any]]:
    return [run for training in task["trainings"] for run in training["runs"]]
