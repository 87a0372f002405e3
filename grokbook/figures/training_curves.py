"""Panels of training curves, which make up most figures of the paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from grokbook.analysis.moments import median_moments, say_step
from grokbook.figures.style import CURVES, LABELS, ROLES, WIDTH, Role, draw_seeds, finish, theme
from grokbook.tasks.base import Task

_LETTER = 0.0155
"""Width of a letter of a mark's label, as a share of the width of a panel."""


def marked(task: Task) -> tuple[float, float]:
    """Return the test accuracies marked in a task's panel; the last is its time to grok."""
    return (0.5, task.grokked)


def with_accuracies(
    title: str,
    panels: Mapping[str, tuple[Task, pd.DataFrame]],
    column: str,
    *,
    logarithmic_value: bool = False,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one column of the runs over their accuracies, one panel below the other.

    Parameters
    ----------
    title
        Title of the figure, without a full stop; it begins the alternative text.
    panels
        By panel title: the task, whose step axis it has, and runs with columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy`` and ``column``.
    column
        A column of the runs, drawn against the axis on the right.
    logarithmic_value
        Whether that axis is logarithmic.
    limits
        Ends of that axis; from 0 to a little above the largest value if left out.

    Returns
    -------
    matplotlib.figure.Figure
        Median over seeds, single seeds thin, their range as a band. Its label is its alternative
        text.
    """
    return columns_with_accuracies(
        title,
        {name: (task, runs, column) for name, (task, runs) in panels.items()},
        logarithmic_value=logarithmic_value,
        limits=limits,
    )


def columns_with_accuracies(
    title: str,
    panels: Mapping[str, tuple[Task, pd.DataFrame, str]],
    *,
    logarithmic_value: bool = False,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw columns of the runs over their accuracies, one column per panel.

    Parameters
    ----------
    title, logarithmic_value, limits
        As in :func:`with_accuracies`.
    panels
        By panel title: the task, the runs and the column.

    Returns
    -------
    matplotlib.figure.Figure
        As :func:`with_accuracies`. The legend names the column if there is only one; otherwise the
        axes do.
    """
    return panels_with_accuracies(
        title,
        {
            name: Panel(task, runs, column, logarithmic_value, limits)
            for name, (task, runs, column) in panels.items()
        },
    )


class Panel(NamedTuple):
    """One panel of :func:`panels_with_accuracies`.

    Parameters
    ----------
    task
        Task that sets the step axis of the panel.
    runs
        Columns ``seed``, ``step``, ``train_accuracy``, ``test_accuracy`` and ``column``.
    column
        Drawn against the axis on the right.
    logarithmic_value, limits
        Of that axis, as in :func:`with_accuracies`.
    thresholds
        Test accuracies marked; those of :func:`marked` if left out.
    """

    task: Task
    runs: pd.DataFrame
    column: str
    logarithmic_value: bool = False
    limits: tuple[float, float] | None = None
    thresholds: tuple[float, ...] | None = None


def panels_with_accuracies(title: str, panels: Mapping[str, Panel]) -> Figure:
    """Draw columns of the runs over their accuracies, each panel with separate axes.

    Parameters
    ----------
    title
        As in :func:`with_accuracies`.
    panels
        By panel title.

    Returns
    -------
    matplotlib.figure.Figure
        As :func:`columns_with_accuracies`.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 0.4 + 3.1 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), squeeze=False)[:, 0]
        one_column = len({panel.column for panel in panels.values()}) == 1
        handles: list[Artist] = []
        words = [f"{title}."]
        for letter, axes, (name, panel) in zip("abcdef", grid, panels.items(), strict=False):
            column, limits = panel.column, panel.limits
            thresholds = marked(panel.task) if panel.thresholds is None else panel.thresholds
            runs = on_step_axis(axes, panel.runs, panel.task)
            draw_accuracies(axes, runs)
            right = axes.twinx()
            draw_seeds(right, runs, column)
            colour = ROLES["metric"].light
            right.set_ylabel(LABELS[column], color=colour)
            if panel.logarithmic_value:
                right.set_yscale("log")
            elif limits is None:
                right.set_ylim(0, 1.06 * runs[column].max())
            if limits is not None:
                right.set_ylim(*limits)
            right.tick_params(axis="y", labelcolor=colour)
            right.grid(False)
            mark_moments(axes, runs, thresholds)
            axes.set_title(_lettered(letter, name, len(panels)), pad=24)
            handles = [*axes.get_legend_handles_labels()[0]]
            if one_column:
                handles += right.get_legend_handles_labels()[0]
            drawn = ("train_accuracy", "test_accuracy", column)
            words.append(describe(name, panel.runs, drawn, thresholds))
        _legend_above(figure, handles)
        return finish(figure, " ".join(words))


def _legend_above(figure: Figure, handles: list[Artist]) -> None:
    """Put the legend on top, in as many columns as the page allows, up to three."""
    for columns in (3, 2, 1):
        legend = figure.legend(
            handles=handles, loc="outside upper center", ncols=columns, columnspacing=1.2
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def compared(
    title: str,
    panels: Mapping[str, tuple[Task, Mapping[str, pd.DataFrame]]],
    column: str = "test_accuracy",
) -> Figure:
    """Draw test accuracy and, dotted, train accuracy of several trainings.

    Parameters
    ----------
    title
        As in :func:`with_accuracies`.
    panels
        By panel title: the task, and runs by the name of their training, at most four.
    column
        The test accuracy to draw, of the whole test set or of a part of it.

    Returns
    -------
    matplotlib.figure.Figure
        As :func:`with_accuracies`; the moments are dots in the colour of their training, at the
        height of the accuracy that is reached.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 1.0 + 2.9 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), squeeze=False)[:, 0]
        words = [f"{title}."]
        handles: list[Artist] = []
        for letter, axes, (name, (task, trainings)) in zip(
            "abcdef", grid, panels.items(), strict=False
        ):
            for role, (label, every) in zip(CURVES, trainings.items(), strict=False):
                runs = on_step_axis(axes, every, task)
                dotted = role._replace(dashes=":")
                draw_seeds(axes, runs, "train_accuracy", 100, dotted, label=None)
                draw_seeds(axes, runs, column, 100, role, label=label)
                steps = median_moments(runs, marked(task), column).drop(
                    "norm_peak", errors="ignore"
                )
                heights = [100, *(100 * threshold for threshold in marked(task))]
                axes.plot(steps, heights, "o", ms=4.5, color=role.light)
                words.append(describe(f"{name}, {label}", runs, (column,), marked(task), column))
            axes.set(xlabel="training step", ylabel="accuracy (%)", ylim=(-3, 103))
            axes.set_title(_lettered(letter, name, len(panels)))
            handles = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
        levels = sorted({level for task, _ in panels.values() for level in marked(task)})
        percents = ", ".join(f"{100 * level:g}" for level in levels)
        quiet = ROLES["quiet"].light
        handles += [
            Line2D([], [], color=quiet, ls=":", label="train accuracy"),
            Line2D([], [], color=quiet, ls="", marker="o", ms=4.5,
                   label=f"train 100 %; test {percents} %"),
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper center", ncols=2, columnspacing=1.2)
        return finish(figure, " ".join(words))


def accuracies(
    title: str,
    panels: Mapping[str, tuple[Task, pd.DataFrame]],
    columns: Mapping[str, Role],
    levels: Mapping[str, tuple[str, float]] | None = None,
    legend_columns: int = 3,
) -> Figure:
    """Draw several accuracies of each run against one axis, in percent.

    Parameters
    ----------
    title, panels
        As in :func:`with_accuracies`.
    columns
        Columns to draw, in [0, 1], and their style.
    levels
        By panel title: the name and the height in [0, 1] of a line across; NaN draws none.
    legend_columns
        Number of names side by side.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 0.5 + 2.9 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), squeeze=False)[:, 0]
        words = [f"{title}."]
        named: dict[str, Artist] = {}
        for letter, axes, (name, (task, every)) in zip(
            "abcdef", grid, panels.items(), strict=False
        ):
            runs = on_step_axis(axes, every, task)
            for column, role in columns.items():
                draw_seeds(axes, runs, column, 100, role)
            level, height = (levels or {}).get(name, ("", float("nan")))
            if not math.isnan(height):
                axes.axhline(100 * height, color=ROLES["quiet"].light, lw=1, label=level)
            axes.set(xlabel="training step", ylabel="accuracy (%)", ylim=(-3, 103))
            mark_moments(axes, runs, marked(task))
            axes.set_title(_lettered(letter, name, len(panels)), pad=24)
            words.append(describe(name, every, [*columns], marked(task)))
            if not math.isnan(height):
                words.append(f"Line across, {level}: {height:.3g}.")
            artists, labels = axes.get_legend_handles_labels()
            named |= dict(zip(labels, artists, strict=True))
        figure.legend(
            handles=[*named.values()],
            loc="outside upper center",
            ncols=legend_columns,
            columnspacing=1.2,
        )
        return finish(figure, " ".join(words))


def draw_accuracies(axes: Axes, runs: pd.DataFrame) -> None:
    """Draw train and test accuracy in percent and label the axes."""
    draw_seeds(axes, runs, "train_accuracy", scale=100)
    draw_seeds(axes, runs, "test_accuracy", scale=100)
    axes.set(xlabel="training step", ylabel="accuracy (%)", ylim=(-3, 103))
    axes.spines["right"].set_visible(False)


def mark_moments(axes: Axes, runs: pd.DataFrame, thresholds: Sequence[float]) -> None:
    """Mark where train accuracy reaches 100 % and test accuracy its thresholds (medians)."""
    medians = median_moments(runs, thresholds).drop("norm_peak", errors="ignore").dropna()
    # Neighbouring moments may be close together, so their labels alternate between two rows.
    rows: tuple[list[tuple[Annotation, float]], ...] = ([], [])
    for place, (column, step) in enumerate(medians.to_dict().items()):
        axes.axvline(step, color=ROLES["quiet"].light, lw=0.9, ls=":")
        along = axes.transAxes.inverted().transform(axes.transData.transform((step, 0)))[0]
        label = axes.annotate(
            str(column).replace("_", " ") + " %",
            (step, 1),
            (0, 3 + 10 * (place % 2)),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            # The labels of another axis are beyond the right end.
            ha="right" if along > 0.9 else "center",
            fontsize=8.5,
            color=ROLES["quiet"].light,
        )
        before = rows[place % 2]
        if before:
            _keep_apart(*before[-1], label, along)
        before.append((label, along))


def _keep_apart(first: Annotation, first_at: float, second: Annotation, second_at: float) -> None:
    """Turn one of two labels of a row away from the other if they would touch.

    The places are shares of the width of the axes, as are the lengths of the labels, nearly.
    """
    lengths = [_LETTER * len(label.get_text()) for label in (first, second)]
    end = first_at + lengths[0] / 2
    start = second_at - lengths[1] / (1 if second.get_horizontalalignment() == "right" else 2)
    if start - end > 2 * _LETTER:
        return
    if first_at > lengths[0]:
        first.set_horizontalalignment("right")
    elif second_at + lengths[1] < 1:
        second.set_horizontalalignment("left")


def describe(
    name: str,
    runs: pd.DataFrame,
    columns: Sequence[str],
    thresholds: Sequence[float],
    accuracy: str = "test_accuracy",
) -> str:
    """Return a description of a panel, from the data that it shows.

    Parameters
    ----------
    name
        Name of the panel.
    runs
        Runs drawn in it.
    columns
        The columns drawn.
    thresholds
        Test accuracies to report, as in :func:`grokbook.analysis.moments.moments`.
    accuracy
        The test accuracy that they apply to, as there.
    """
    seeds = sorted(runs["seed"].unique())
    who = f"seed {seeds[0]}" if len(seeds) == 1 else f"median of {len(seeds)} seeds"
    curves = []
    for column in columns:
        median = runs.dropna(subset=[column]).groupby("step")[column].median()
        steps, curve = median.index.to_numpy(float), median.to_numpy(float)
        words = f"{LABELS[column]} from {curve[0]:.3g} to {curve[-1]:.3g}"
        if "accuracy" not in column:
            for extreme, row in (("largest", curve.argmax()), ("smallest", curve.argmin())):
                if 0 < row < len(curve) - 1:
                    words += f", {extreme} {curve[row]:.3g} at {say_step(steps[row])}"
        curves.append(words)
    times = median_moments(runs, thresholds, accuracy)
    reached = [f"Train accuracy reaches 100 % at {say_step(times['train_100'])}"]
    for percent in (f"{100 * threshold:g}" for threshold in thresholds):
        since = say_step(times[f"test_{percent}"])
        reached.append(f"test accuracy stays above {percent} % from {since}")
    return (
        f"{name}, {who}, steps {runs['step'].min()} to {runs['step'].max():,}: "
        f"{'; '.join(curves)}. {'; '.join(reached)}."
    )


def on_step_axis(axes: Axes, runs: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Set up the step axis of a task and return the runs without rows that are off it."""
    if task.axis == "log":
        runs = runs[runs["step"] > 0]
        axes.set_xscale("log")
    axes.set_xlim(runs["step"].min(), runs["step"].max())
    return runs


def _lettered(letter: str, name: str, panels: int) -> str:
    return f"({letter}) {name}" if panels > 1 else name
