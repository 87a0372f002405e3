"""Dots of single seeds, shown above a folded table of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokbook.figures.style import CURVES, ROLES, WIDTH, finish, theme
from grokbook.figures.words import words

_BEYOND = {"at least": 1, "at most": -1}


def ratios_by_seed(title: str, panels: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw how many times as fast a training is, one dot per seed, on a logarithmic axis.

    Parameters
    ----------
    title
        The ratio in words, for the alternative text.
    panels
        By panel title: as :func:`grokbook.analysis.comparisons.speed_up` returns it, indexed by
        ``moment`` and ``seed``, with ``speed_up`` and ``reading``.

    Returns
    -------
    matplotlib.figure.Figure
        One row per moment; right of the line at 1 the second training is faster. A ring is a ratio
        that is only a bound, and its arrow points to the side of the true value. A stroke is the
        median. The label of the figure is its alternative text.
    """
    rows = {
        name: list(dict.fromkeys(t.index.get_level_values("moment"))) for name, t in panels.items()
    }
    most = max(map(len, rows.values()))
    with theme():
        figure = Figure(figsize=(WIDTH, len(panels) * (1.0 + 0.42 * most)), layout="constrained")
        grid = figure.subplots(len(panels), squeeze=False)[:, 0]
        told = [f"{title}."]
        for letter, axes, (name, table) in zip("abcdef", grid, panels.items(), strict=False):
            told += [_draw(axes, table, rows[name], f"({letter}) {name}")]
            axes.set_ylim(len(rows[name]) - 0.5, -0.5)
        low = min(axes.get_xlim()[0] for axes in grid)
        high = max(axes.get_xlim()[1] for axes in grid)
        for axes in grid:
            axes.set_xlim(low, high)
            ticks = [tick for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if low < tick < high]
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
            axes.set_xticks([], minor=True)
        return finish(figure, " ".join(told))


def _draw(axes: Axes, table: pd.DataFrame, moments: list[str], title: str) -> str:
    dot, line = CURVES[0].light, ROLES["quiet"].light
    axes.set(xscale="log", xlabel="times as fast", title=title)
    axes.axvline(1, color=line, lw=1.2)
    told = []
    for row, moment in enumerate(moments):
        each = pd.DataFrame(table.xs(moment, level="moment")).dropna(subset=["speed_up"])
        if each.empty:
            continue
        spread = np.linspace(-0.16, 0.16, len(each)) if len(each) > 1 else np.zeros(1)
        for place, (ratio, reading) in zip(
            spread, zip(each["speed_up"], each["reading"], strict=True), strict=True
        ):
            side = _BEYOND.get(str(reading), 0)
            face = "none" if side else dot
            axes.plot(ratio, row + place, "o", ms=5, color=dot, markerfacecolor=face)
            if side:
                arrow = {"arrowstyle": "->", "color": dot}
                axes.annotate(
                    "", (ratio * 1.25**side, row + place), (ratio, row + place), arrowprops=arrow
                )
        middle = float(each["speed_up"].median())
        axes.plot([middle, middle], [row - 0.3, row + 0.3], color=ROLES["text"].light, lw=2)
        low, high = each["speed_up"].min(), each["speed_up"].max()
        told.append(f"{words(moment).words}: median {middle:.2g}, seeds {low:.2g} to {high:.2g}")
    axes.set_yticks(range(len(moments)), [_short(moment) for moment in moments])
    return f"{title}: {'; '.join(told)}."


def _short(moment: str) -> str:
    kind, level = moment.split("_", 1)
    return f"{kind} {level} %"
