"""Figures of the league: times against tuned AdamW, and shares of networks that have grokked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokbook.analysis.league import published
from grokbook.analysis.method_names import FAMILIES, METHODS, PAPER
from grokbook.claims.evidence import MARGIN
from grokbook.figures.style import CURVES, ROLES, WIDTH, finish, theme

FIRST, SHOWN = 50, (100, 300, 1000, 3000)
"""Steps from which shares are drawn, and at which the axis has ticks."""

TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


def ranking(ratios: pd.DataFrame) -> Figure:
    """Draw the time of every method over that of tuned AdamW, the earliest on top.

    Parameters
    ----------
    ratios
        As :func:`grokbook.analysis.league.time_ratios` returns it.

    Returns
    -------
    matplotlib.figure.Figure
        One row per method: a filled mark with its 95 % interval if it is tuned, an open one for its
        published settings. The paper's methods are squares. The band is the margin within which two
        times are alike. Its label is its alternative text.
    """
    rows = {str(arm): row for arm, row in ratios.to_dict("index").items()}
    tuned = [arm for arm in rows if arm in METHODS]
    with theme():
        figure = Figure(figsize=(WIDTH, 1.6 + 0.42 * max(len(tuned), 3)), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(1 / MARGIN, MARGIN, color=ROLES["grid"].light, lw=0)
        axes.axvline(1, color=ROLES["quiet"].light, lw=0.8)
        words = []
        for place, method in enumerate(tuned):
            untuned = rows.get(published(method))
            _mark(axes, place - 0.12, rows[method], method, "tuned")
            told = f"{METHODS[method]} {_said(rows[method])}"
            if untuned is not None:
                _mark(axes, place + 0.2, untuned, method, "as published")
                told += f", as published {_said(untuned)}"
            words.append(told)
        axes.set(xscale="log", xlabel="steps to grok over those of tuned AdamW")
        axes.set_yticks(range(len(tuned)), [METHODS[method] for method in tuned])
        axes.set_ylim(max(len(tuned), 1) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        low, high = axes.get_xlim()
        ticks = [tick for tick in TICKS if low < tick < high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        handles, labels = axes.get_legend_handles_labels()
        first = {label: handle for handle, label in zip(handles, labels, strict=True)}
        if first:
            figure.legend(list(first.values()), list(first), loc="outside lower center", ncols=2)
        if not words:
            words = ["too few runs are recorded"]
            axes.text(0.5, 0.5, words[0], transform=axes.transAxes, ha="center", va="center")
        return finish(figure, f"Steps to grok over those of tuned AdamW: {'; '.join(words)}.")


def _mark(axes: Axes, place: float, row: dict[Any, Any], method: str, kind: str) -> None:
    """Draw one ratio and its interval."""
    role = ROLES["test_accuracy"] if method in PAPER else ROLES["train_accuracy"]
    marker = "s" if method in PAPER else "o"
    solid = kind == "tuned"
    axes.plot(
        [row["low"], row["high"]], [place, place], color=role.light, lw=1.8 if solid else 0.9,
    )  # fmt: skip
    label = f"of the paper, {kind}" if method in PAPER else kind
    axes.plot(
        row["ratio"], place, marker, color=role.light, ms=6 if solid else 4.5, label=label,
        mfc=role.light if solid else "none", ls="none",
    )  # fmt: skip


def _said(row: dict[Any, Any]) -> str:
    return f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def shares(found: pd.DataFrame) -> Figure:
    """Draw the share of networks that have grokked by each step [Kaplan & Meier 1958].

    Parameters
    ----------
    found
        As :func:`grokbook.analysis.league.grokked_by` returns it.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each family of methods, with tuned AdamW in every one. Its label is its
        alternative text.
    """
    steps = found.index.to_numpy(float)
    with theme():
        figure = Figure(figsize=(WIDTH, 6.0), layout="constrained")
        grid = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
        for letter, axes, (family, methods) in zip("abcd", grid, FAMILIES.items(), strict=True):
            for role, method in zip(CURVES, methods, strict=False):
                axes.step(
                    steps, found[method], where="post", color=role.light, ls=role.dashes,
                    label=METHODS[method],
                )  # fmt: skip
            axes.set_title(f"({letter}) {family}")
            axes.set(xscale="log", ylim=(-0.03, 1.03), xlim=(FIRST, steps[-1]))
            axes.set_xticks(SHOWN, [f"{step:,}" for step in SHOWN])
            axes.minorticks_off()
            axes.legend(loc="lower right", fontsize="x-small")
        for axes in grid[2:]:
            axes.set_xlabel("training step")
        for axes in grid[::2]:
            axes.set_ylabel("share that has grokked")
        words = [_course(found[method], METHODS[method]) for method in METHODS]
        return finish(figure, f"Share of networks that have grokked: {'; '.join(words)}.")


def _course(share: pd.Series, name: str) -> str:
    half = share.index[np.asarray(share) >= 0.5]
    told = f"half by step {half[0]:,.0f}" if len(half) else "fewer than half"
    return f"{name} {share.iloc[-1]:.0%}, {told}"
