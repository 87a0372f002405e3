"""Figures of the studies: first passages, ratios of times, and the delay at a clamped norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from grokbook.analysis.censored import arm_times
from grokbook.claims.evidence import MARGIN
from grokbook.figures.style import CURVES, ROLES, WIDTH, finish, theme


def first_passages(table: pd.DataFrame, panels: Mapping[str, Mapping[str, str]]) -> Figure:
    """Draw the share of networks that have grokked by each step [Kaplan & Meier 1958].

    Parameters
    ----------
    table
        Table of a study, with ``arm``, ``seed``, ``endpoint`` (NaN if censored) and ``steps``.
    panels
        Arms by label, by the panel's title; at most four in a panel.

    Returns
    -------
    matplotlib.figure.Figure
        One panel each, one below the other. Runs are censored only at their limit, so the estimate
        is the share of runs. Its label is its alternative text.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 0.8 + 1.9 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
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
            axes.set(xlim=(0, None), ylim=(-0.03, 1.03))
            axes.set_title(f"({letter}) {title}" if len(panels) > 1 else title)
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small")
        grid[-1].set_xlabel("training step")
        grid[-1].xaxis.set_major_locator(MaxNLocator(5))
        grid[-1].xaxis.set_major_formatter("{x:,.0f}")
        figure.supylabel("share that has grokked", fontsize="medium")
        return finish(figure, f"Share of networks that have grokked, {'; '.join(words)}.")


def time_ratios(ratios: pd.DataFrame, what: str) -> Figure:
    """Draw ratios of times with their intervals against 1, logarithmic.

    Parameters
    ----------
    ratios
        As :func:`grokbook.studies.results.ratios` returns it.
    what
        Name of the ratio, for the axis.

    Returns
    -------
    matplotlib.figure.Figure
        One row each, the first at the top; the band is the margin within which two times count as
        equal. Its label is its alternative text.
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


def choice_effects(effects: pd.DataFrame, missing: Sequence[str] = ()) -> Figure:
    """Draw the effect of each choice on the step of grokking: ratios with intervals, by base.

    Parameters
    ----------
    effects
        As :func:`grokbook.studies.open_choices.effects` returns it.
    missing
        Choices without enough runs: they have no row, and the label names them.

    Returns
    -------
    matplotlib.figure.Figure
        One row per choice under the name of its base; where runs are censored, how many of them.
        The band is the margin within which two times are alike, an arrow an end beyond the axis.
        Its label is its alternative text, with all numbers.
    """
    absent = f" Without enough runs: {', '.join(missing)}." if missing else ""
    rows: list[tuple[str, pd.Series | None]] = []
    for base, part in effects.groupby("base", sort=False):
        rows += [(str(base), None), *((str(name), row) for name, row in part.iterrows())]
    with theme():
        figure = Figure(figsize=(WIDTH, 1.3 + 0.3 * len(rows)), layout="constrained")
        axes = figure.subplots()
        low, high = _ends(effects)
        axes.axvspan(1 / MARGIN, MARGIN, color=ROLES["grid"].light, lw=0)
        axes.axvline(1, color=ROLES["quiet"].light, lw=0.8)
        words = [_choice(axes, place, *row, low, high) for place, row in enumerate(rows)]
        axes.set(xscale="log", xlim=(low, high), ylim=(max(len(rows), 1) - 0.5, -0.5))
        names = [name.partition(", as in")[0] for name, _ in rows]
        axes.set_yticks(range(len(rows)), names, fontsize="small")
        for label, (_, row) in zip(axes.get_yticklabels(), rows, strict=True):
            label.set_fontweight("bold" if row is None else "normal")
        axes.set_xlabel("steps to grok over those of the base")
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low < t < high]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        told = "; ".join(filter(None, words))
        if not told:
            told = "no choice can be compared yet"
            axes.text(0.5, 0.5, told, transform=axes.transAxes, ha="center", va="center")
        return finish(figure, f"Steps to grok over those of the base: {told}.{absent}")


def _ends(effects: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis, which covers the band and all finite values."""
    values = effects[["ratio", "low", "high"]].to_numpy(float).ravel()
    some = [*values[np.isfinite(values) & (values > 0)], 1 / MARGIN, MARGIN]
    return min(some) / 1.25, max(some) * 1.25


def _choice(
    axes: Axes, place: int, name: str, row: pd.Series | None, low: float, high: float
) -> str:
    """Draw one row and return its words; the name of a base has neither."""
    if row is None:
        return ""
    color = ROLES["train_accuracy"].light
    ends = float(np.clip(row["low"], low, high)), float(np.clip(row["high"], low, high))
    axes.plot(ends, [place, place], color=color)
    for end, beyond, marker in (
        (ends[0], row["low"] < low, "<"),
        (ends[1], row["high"] > high, ">"),
    ):
        if beyond:
            axes.plot(end, place, marker, color=color, clip_on=False)
    if low < row["ratio"] < high:
        axes.plot(row["ratio"], place, "o", color=color)
    if row["censored"]:
        late = f"{row['censored']} of {row['runs']} late"
        axes.text(
            1.02, place, late, transform=axes.get_yaxis_transform(), va="center", fontsize="small"
        )
    return (
        f"{name}, against {row['base']}, {row['ratio']:.2f} (95 % interval {row['low']:.2f} to"
        f" {row['high']:.2f}; {row['runs']} runs, {row['censored']} censored), {row['effect']}"
    )


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
        One dot per network, or a cross if it did not grok by its limit; the line joins the medians.
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
