"""Figures of the recorded benchmark: step times against the usual ways, and their growth."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from grokbook.benchmarks.record import PACKAGE
from grokbook.figures.style import CURVES, ROLES, WIDTH, finish, theme

VARIED = {
    "p": "modulus p",
    "d": "width d",
    "n": "training pairs n",
    "seeds": "seeds together",
}
"""Names of the varied quantities."""


def step_times(table: pd.DataFrame) -> Figure:
    """Draw the time of a training step for every implementation, one panel per experiment.

    Parameters
    ----------
    table
        As `grokbook.benchmarks.tables.step_table` returns it.

    Returns
    -------
    matplotlib.figure.Figure
        Milliseconds on a logarithmic axis, one dot each, followed by the ratio to the usual way;
        the package's dot is filled. Its label is its alternative text.
    """
    names = list(table.index.get_level_values("experiment").unique())
    groups = [table.loc[[name]].droplevel("experiment") for name in names]
    with theme():
        size = (WIDTH, 0.6 + 0.3 * len(table) + 0.35 * len(names))
        figure = Figure(figsize=size, layout="constrained")
        heights = [len(group) + 1 for group in groups]
        panels = figure.subplots(len(names), sharex=True, squeeze=False, height_ratios=heights)
        words = []
        for axes, name, group in zip(panels[:, 0], names, groups, strict=True):
            axes.set_title(name)
            words.append(f"{name}: {_draw_ways(axes, group)}")
        low, high = table["ms"].min(), table["ms"].max()
        panels[-1, 0].set_xlim(low / 1.5, high * (high / low) ** 0.2)  # room for the numbers
        panels[-1, 0].set_xlabel("milliseconds a training step")
        alt = (
            "Time of a training step on a logarithmic axis, one panel an experiment; in brackets,"
            " that of the usual way over it. "
        )
        return finish(figure, alt + "; ".join(words) + ".")


def _draw_ways(axes: Axes, group: pd.DataFrame) -> str:
    """Draw one panel of `step_times` and return it in words."""
    words = []
    for row, (way, ms, ratio) in enumerate(group[["ms", "ratio"]].itertuples()):
        colour = ROLES["test_accuracy" if way == PACKAGE else "train_accuracy"].light
        face = colour if way == PACKAGE else "none"
        axes.plot(ms, row, "o", ms=6, color=colour, markerfacecolor=face)
        axes.annotate(
            f"{ratio:.1f} ×", (ms, row), (8, 0), textcoords="offset points", va="center", fontsize=9
        )
        words.append(f"{way} {ms:,.1f} ms ({ratio:.1f})")
    axes.set_xscale("log")
    _tick(axes.xaxis, (1, 3))
    axes.set_yticks(range(len(group)), list(group.index))
    axes.set_ylim(len(group) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.spines["right"].set_visible(False)
    return ", ".join(words)


def scaling(table: pd.DataFrame, slopes: pd.DataFrame) -> Figure:
    """Draw time and memory of a step against the varied sizes, relative to the paper's.

    Parameters
    ----------
    table
        As `grokbook.benchmarks.tables.scaling_table` returns it, of one experiment.
    slopes
        That experiment's rows of `grokbook.benchmarks.tables.scaling_slopes`, by varied size.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, both axes logarithmic; the legends give the slopes. Its label is its alternative
        text.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 6.2), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True)
        upper.set_title("(a) Time of a step")
        lower.set_title("(b) Memory of a step")
        words = [
            "Time: " + _draw_growth(upper, table, "ms", "milliseconds", slopes["time"]),
            "Memory: " + _draw_growth(lower, table, "mebibytes", "MiB", slopes["memory"]),
        ]
        lower.set_xlabel("value / the paper's value (one seed)")
        alt = "Time and memory of a training step against size, all axes logarithmic. "
        return finish(figure, alt + " ".join(words))


def _draw_growth(axes: Axes, table: pd.DataFrame, column: str, unit: str, slopes: pd.Series) -> str:
    """Draw one panel of `scaling` and return it in words."""
    words = []
    for (varied, name), role in zip(VARIED.items(), CURVES, strict=True):
        rows = table[table["varied"] == varied]
        label = f"{name}: slope {slopes[varied]:.2f}"
        axes.plot(
            rows["relative"], rows[column], color=role.light, linestyle=role.dashes, marker="o",
            ms=4, label=label,
        )  # fmt: skip
        first, last = rows.iloc[0], rows.iloc[-1]
        words.append(
            f"{name} {first['value']:,} to {last['value']:,}, from {first[column]:,.1f} to"
            f" {last[column]:,.1f} {unit}, slope {slopes[varied]:.2f}"
        )
    axes.set(xscale="log", yscale="log", ylabel=unit)
    _tick(axes.xaxis, (1, 2, 5))
    _tick(axes.yaxis, (1, 2, 5))
    axes.spines["right"].set_visible(False)
    axes.legend(loc="upper left")
    return "; ".join(words) + "."


def _tick(axis: Axis, digits: tuple[int, ...]) -> None:
    """Plain numbers at these digits of each decade of a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())
