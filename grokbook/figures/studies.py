"""Pictures of the studies: first passages, ratios of times, and the delay at a clamped norm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grokbook.analysis.censored import arm_times
from grokbook.claims.evidence import MARGIN
from grokbook.figures.style import CURVES, ROLES, WIDTH, finish, theme


def first_passages(table: pd.DataFrame, panels: Mapping[str, Mapping[str, str]]) -> Figure:
    """Draw the share of networks that have grokked by each step [Kaplan & Meier 1958].

    Parameters
    ----------
    table
        A study's, with ``arm``, ``seed``, ``endpoint`` (NaN if censored) and ``steps``.
    panels
        Arms by label, by the panel's title; at most four in a panel.

    Returns
    -------
    matplotlib.figure.Figure
        A panel each, side by side. A run is censored at its limit only, so that the estimate is the
        share of runs. Its label is its alternative text.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        words = []
        for letter, axes, (title, arms) in zip("abcd", grid, panels.items(), strict=False):
            for role, (label, arm) in zip(CURVES, arms.items(), strict=False):
                times = arm_times(table, arm)
                steps = np.sort(times.came.dropna().to_numpy())
                n, end = len(times.steps), float(times.steps.max())
                x = np.r_[0, np.repeat(steps, 2), end]
                y = np.r_[0, 0, np.repeat(np.arange(1, len(steps) + 1) / n, 2)][: len(x)]
                axes.plot(x, y, color=role.light, ls=role.dashes, label=label)
                middle = times.steps.median()
                half = f"half by step {middle:,.0f}" if len(steps) > n / 2 else "fewer than half"
                words.append(f"{title}, {label}: {len(steps)} of {n} grok, {half}")
            axes.set(xlabel="training step", xlim=(0, None), ylim=(-0.03, 1.03))
            axes.set_title(f"({letter}) {title}")
            axes.legend(loc="lower right", fontsize="small")
        grid[0].set_ylabel("share that has grokked")
        return finish(figure, f"Share of networks that have grokked, {'; '.join(words)}.")


def time_ratios(ratios: pd.DataFrame, what: str) -> Figure:
    """Draw ratios of times with their intervals against 1, logarithmic.

    Parameters
    ----------
    ratios
        As :func:`grokbook.studies.results.ratios` returns it.
    what
        What the ratio is of, for the axis.

    Returns
    -------
    matplotlib.figure.Figure
        A row each, the first at the top; the band is the margin within which two times make no
        difference. Its label is its alternative text.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 1.1 + 0.42 * len(ratios)), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(1 / MARGIN, MARGIN, color=ROLES["grid"].light, lw=0)
        axes.axvline(1, color=ROLES["quiet"].light, lw=0.8)
        words = []
        for place, (name, row) in enumerate(ratios.iterrows()):
            low, high = max(row["low"], 1e-3), min(row["high"], 1e3)
            axes.plot([low, high], [place, place], color=ROLES["train_accuracy"].light)
            axes.plot(row["ratio"], place, "o", color=ROLES["train_accuracy"].light)
            words.append(
                f"{name} {row['ratio']:.2f} (95 % interval {row['low']:.2f} to {row['high']:.2f})"
            )
        axes.set(xscale="log", xlabel=what, yticks=range(len(ratios)))
        axes.set_yticklabels(ratios.index)
        axes.set_ylim(len(ratios) - 0.5, -0.5)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10) if _within(t, ratios)]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        return finish(figure, f"{what[0].upper()}{what[1:]}: {'; '.join(words)}.")


def delay_by_radius(table: pd.DataFrame, arms: Mapping[float, str]) -> Figure:
    """Draw the step of grokking against the radius at which the norm is clamped.

    Parameters
    ----------
    table
        The study of the norm.
    arms
        Arms by radius, as a multiple of the initial norm.

    Returns
    -------
    matplotlib.figure.Figure
        A dot a network, a cross where it did not grok by its limit; the line joins the medians.
        Its label is its alternative text.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
        axes = figure.subplots()
        words, middles = [], []
        for radius, arm in arms.items():
            times = arm_times(table, arm)
            came, late = times.came.dropna(), times.steps[times.censored]
            spread = np.linspace(-0.012, 0.012, len(times.steps))
            place = pd.Series(radius + spread, index=times.steps.index)
            axes.plot(place[came.index], came, "o", ms=4, color=ROLES["train_accuracy"].light)
            axes.plot(place[late.index], late, "X", ms=6, color=ROLES["test_accuracy"].light)
            middles.append((radius, times.steps.median()))
            words.append(
                f"at {radius:g} times the initial norm {len(came)} of {len(times.steps)} grok,"
                f" median step {times.steps.median():,.0f}"
            )
        axes.plot(*zip(*middles, strict=True), color=ROLES["quiet"].light, lw=1)
        axes.set(
            yscale="log", xlabel="norm, held at this multiple of its initial value",
            ylabel="step of grokking",
        )  # fmt: skip
        return finish(figure, f"Step of grokking against the clamped norm: {'; '.join(words)}.")


def _within(tick: float, ratios: pd.DataFrame) -> bool:
    low = min(float(ratios["low"].min()), 1 / MARGIN)
    high = max(float(ratios["high"].max()), MARGIN)
    return low / 1.3 <= tick <= high * 1.3
