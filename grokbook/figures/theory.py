"""Figures of the theory: how tight the bounds are, and how the definitions behave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokbook.analysis.moments import say_step
from grokbook.figures.style import CURVES, ROLES, WIDTH, finish, theme
from grokbook.theory import corollary_3_3

FORMS = {
    "printed": "as printed",
    "repaired": "repaired",
    "sine": "sines",
    "sine_simple": "distances",
    "geodesic": "geodesic",
    "audenaert": "Audenaert",
    "varentropy": "varentropy",
    "first_layer": "first layer",
    "bias": "bias",
    "per_sample": "per sample",
    "norm_times_sharpness": "K ≤ ‖W‖²S",
}
"""Names of the forms of `grokbook.theory.instances.tightness` in figures."""

SMALLEST_RATIO = 1e-7
"""Smaller ratios are drawn at this value; among random instances they only mean "very loose"."""


SIDES = {
    "jacobian_frobenius_sq": "mean squared slope ‖∇f‖²",
    "theorem_5_9_left": "entropy difference (nats)",
    "theorem_5_12_left": "information difference (nats)",
}
"""The quantity that both sides of a statement measure, by the column of its left side."""


def bound_tightness(table: pd.DataFrame, statements: Sequence[str] | None = None) -> Figure:
    """Draw left side / bound over random instances, one row per form of a statement.

    Parameters
    ----------
    table
        Columns ``statement``, ``form`` and ``ratio``, as `grokbook.theory.instances.tightness`
        returns them.
    statements
        Statements to draw, in this order; by default all.

    Returns
    -------
    matplotlib.figure.Figure
        On a logarithmic axis, for each form the range from the 5 % quantile to the largest ratio
        (thin), the middle half (thick), the median (dot) and the largest (bar). Ratios above 1,
        which refute a form, lie in the shaded part.

    Raises
    ------
    ValueError
        If the table has no row of a statement.
    """
    names = list(dict.fromkeys(table["statement"])) if statements is None else list(statements)
    groups = {
        (name, str(form)): group["ratio"].to_numpy(float)
        for name in names
        for form, group in table[table["statement"] == name].groupby("form", sort=False)
    }
    for name in names:
        if not any(name == statement for statement, _ in groups):
            raise ValueError(
                f"The table has no statement {name!r}, only "
                f"{', '.join(dict.fromkeys(table['statement']))}."
            )
    with theme():
        figure = Figure(figsize=(WIDTH, 1.1 + 0.3 * len(groups)), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        words = []
        for row, ((name, form), ratios) in enumerate(groups.items()):
            words.append(_draw_ratios(axes, row, ratios, f"{name}, {FORMS[form]}", form))
        several = len(names) > 1
        axes.set_yticks(
            range(len(groups)),
            [f"{name}, {FORMS[form]}" if several else FORMS[form] for name, form in groups],
        )
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.grid(False, axis="y")
        left, right = axes.get_xlim()
        right = max(right, 10.0)
        axes.axvspan(1, right, color=ROLES["quiet"].light, alpha=0.15, lw=0)
        axes.axvline(1, color=ROLES["quiet"].light, lw=1)
        axes.set_xlim(left, right)
        axes.set_xlabel("left side / bound")
        count = min(len(ratios) for ratios in groups.values())
        alt = (
            f"Left side divided by bound over {count:,} random instances a form, logarithmic axis. "
            + "; ".join(words)
            + "."
        )
        return finish(figure, alt)


def corollary_3_3_curve(
    n: int = 3830,
    outputs: int = 113,
    a: float = 1925.0,
    b: float = 500.0,
    L: float = 0.5,
    mu: float = 0.01,
    last_step: int = 15_000,
) -> Figure:
    """Draw Corollary 3.3's curve, and shade the steps at which its premise cannot hold.

    Parameters
    ----------
    n, outputs
        Number of training points and of classes, here those of modulo addition with p = 113.
    a, b, L, mu
        As in `grokbook.theory.predicted_accuracy`; the defaults are those of the paper's Figure 3.
    last_step
        End of the logarithmic axis, which begins at step 1.
    """
    steps = np.unique(np.concatenate((np.geomspace(1, last_step, 400), [last_step])))
    accuracy = 100 * corollary_3_3.predicted_accuracy(steps, a, b, L, mu)
    feasible = corollary_3_3.feasible_until(n, outputs, a, b)
    at_most = 100 * float(corollary_3_3.predicted_accuracy(feasible, a, b, L, mu))
    reached = {q: corollary_3_3.steps_at_accuracy(q, a, b, L, mu) for q in (0.1, 0.5, 0.9)}
    with theme():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.axvspan(
            min(max(feasible, 1), last_step),
            last_step,
            color=ROLES["quiet"].light,
            alpha=0.15,
            lw=0,
        )
        curve, chance = ROLES["test_accuracy"], ROLES["train_accuracy"]
        axes.plot(steps, accuracy, color=curve.light, label="predicted accuracy")
        axes.axhline(
            100 / outputs, color=chance.light, ls=chance.dashes, lw=1.2, label="chance, 1/K"
        )
        for q, step in reached.items():
            if 1 <= step <= last_step:
                axes.plot(step, 100 * q, "o", color=curve.light, ms=5)
                axes.annotate(
                    f"{100 * q:g} % at {step:,.0f}",
                    (step, 100 * q),
                    (-8, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                    fontsize=9,
                )
        axes.text(
            0.84 if feasible < 100 else 0.02,
            0.24,
            f"shaded: no interpolating network\nmeets the premise (from step {feasible:,.1f} on)",
            transform=axes.transAxes,
            ha="right" if feasible < 100 else "left",
            fontsize=9,
            color=ROLES["quiet"].light,
        )
        axes.set(xlabel="training step", ylabel="accuracy (%)", ylim=(-3, 103))
        axes.set_xlim(1, last_step)
        figure.legend(loc="outside upper center", ncols=2)
        alt = (
            f"Corollary 3.3's predicted accuracy from step 1 to {last_step:,}, logarithmic in "
            "steps: "
            + ", ".join(f"{100 * q:g} % at {say_step(step)}" for q, step in reached.items())
            + f". The premise cannot hold after step {feasible:,.1f}, shaded; until then the "
            f"curve stays below {at_most:.3g} %, chance being {100 / outputs:.3g} %."
        )
        return finish(figure, alt)


def entropy_by_order(orders: Sequence[float], entropies: Mapping[str, Sequence[float]]) -> Figure:
    """Draw matrix entropies, or informations, against the order alpha.

    Parameters
    ----------
    orders
        Orders alpha > 0, increasing.
    entropies
        Up to four curves by name, each with one value in nats per order.

    Raises
    ------
    ValueError
        If there are more than four curves, or a curve does not have one value per order.
    """
    if not 1 <= len(entropies) <= len(CURVES):
        raise ValueError(f"There are {len(entropies)} curves, but 1 to {len(CURVES)} can be drawn.")
    alphas = np.asarray(orders, dtype=float)
    with theme():
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes = figure.subplots()
        words = []
        for role, (name, values) in zip(CURVES, entropies.items(), strict=False):
            curve = np.asarray(values, dtype=float)
            if curve.shape != alphas.shape:
                raise ValueError(
                    f"The curve {name!r} has shape {curve.shape}, but the orders {alphas.shape}."
                )
            axes.plot(alphas, curve, color=role.light, ls=role.dashes, label=name)
            words.append(f"{name} from {curve[0]:.3g} to {curve[-1]:.3g}")
        axes.axvline(1, color=ROLES["quiet"].light, lw=0.9, ls=":")
        if min(axes.get_ylim()) < 0:
            axes.axhline(0, color=ROLES["quiet"].light, lw=0.9)
        axes.set(xlabel="order α", ylabel="nats")
        axes.set_xlim(alphas[0], alphas[-1])
        figure.legend(loc="outside upper center", ncols=2)
        alt = (
            f"Curves against the order alpha from {alphas[0]:g} to {alphas[-1]:g}, in nats: "
            + "; ".join(words)
            + "."
        )
        return finish(figure, alt)


def bounds_along_run(runs: pd.DataFrame, left: str, bounds: Mapping[str, str]) -> Figure:
    """Draw the two sides of a statement on a recorded run, both axes logarithmic.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step`` and those named; steps at which they
        were not logged are skipped, and so is step 0.
    left
        The column of the left side.
    bounds
        Up to three columns of right sides, with their names.

    Returns
    -------
    matplotlib.figure.Figure
        The median over the seeds of each, the left side solid and thick.

    Raises
    ------
    ValueError
        If there are more than three bounds, or no step has all columns.
    """
    curves = _medians(runs, left, bounds)
    with theme():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        words = _draw_sides(figure.subplots(), curves, left, bounds)
        figure.legend(loc="outside upper center", ncols=2)
        return finish(figure, f"Both sides against training {words}.")


def robustness_bounds(tasks: Mapping[str, tuple[pd.DataFrame, int]]) -> Figure:
    """Draw both sides of Theorems 5.9 and 5.12 along training, and log n.

    Parameters
    ----------
    tasks
        Runs by the title of their task, with columns ``seed``, ``step`` and for ``theorem_5_9``
        and ``theorem_5_12`` those that end in ``_left``, ``_printed`` and ``_repaired`` (nats);
        and the number n of samples that the sides are of.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per theorem and task, both axes logarithmic, medians over the seeds. A line
        across is log n, the largest entropy: above it a bound on a difference of entropies
        excludes nothing. Its label is its alternative text.

    Raises
    ------
    ValueError
        If no step after 0 has all columns.
    """
    panels = [(name, task) for name in ("theorem_5_9", "theorem_5_12") for task in tasks]
    with theme():
        figure = Figure(figsize=(WIDTH, 2.7 * len(panels)), layout="constrained")
        grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        words = []
        for letter, axes, (name, task) in zip("abcdefgh", grid, panels, strict=False):
            runs, n = tasks[task]
            left = f"{name}_left"
            forms = {f"{name}_{form}": FORMS[form] for form in ("printed", "repaired")}
            told = _draw_sides(axes, _medians(runs, left, forms), left, forms)
            axes.axhline(math.log(n), color=ROLES["quiet"].light, lw=1, label="log n")
            title = f"({letter}) Theorem {name.removeprefix('theorem_').replace('_', '.')}, {task}"
            axes.set_title(title)
            words.append(f"{title}: {told}; log n is {math.log(n):.3g}")
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
        return finish(figure, f"Both sides against training steps. {'. '.join(words)}.")


def _medians(runs: pd.DataFrame, left: str, bounds: Mapping[str, str]) -> pd.DataFrame:
    """Return both sides by step, medians over the seeds, where all were logged."""
    if not 1 <= len(bounds) <= 3:
        raise ValueError(f"There are {len(bounds)} bounds, but 1 to 3 can be drawn.")
    columns = [left, *bounds]
    logged = runs[runs["step"] > 0].dropna(subset=columns)
    if logged.empty:
        raise ValueError(f"No step after 0 has all of the columns {', '.join(columns)}.")
    return logged.groupby("step")[columns].median()


def _draw_sides(axes: Axes, curves: pd.DataFrame, left: str, bounds: Mapping[str, str]) -> str:
    """Draw both sides on logarithmic axes and return them in words."""
    axes.plot(curves.index, curves[left], color=CURVES[1].light, lw=2.4, label="left side")
    for role, (column, name) in zip(
        (CURVES[0], CURVES[2], CURVES[3]), bounds.items(), strict=False
    ):
        axes.plot(curves.index, curves[column], color=role.light, ls=role.dashes, label=name)
    axes.set(
        xscale="log", yscale="log", xlabel="training step", ylabel=SIDES.get(left, "each side")
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    first, last = curves.iloc[0], curves.iloc[-1]
    return (
        f"steps {curves.index[0]:,} to {curves.index[-1]:,}, both axes logarithmic:"
        f" left side from {first[left]:.3g} to {last[left]:.3g}; "
        + "; ".join(
            f"{name} from {first[column]:.3g} to {last[column]:.3g}"
            for column, name in bounds.items()
        )
    )


def _draw_ratios(axes: Axes, row: int, ratios: np.ndarray, name: str, form: str) -> str:
    """Draw one row of `bound_tightness` and return it in words."""
    low, first, median, third = np.maximum(
        np.quantile(ratios, (0.05, 0.25, 0.5, 0.75)), SMALLEST_RATIO
    )
    largest = max(float(ratios.max()), SMALLEST_RATIO)
    colour = ROLES["test_accuracy" if form == "printed" else "train_accuracy"].light
    axes.plot((low, largest), (row, row), color=colour, lw=1, solid_capstyle="butt")
    axes.plot((first, third), (row, row), color=colour, lw=4, solid_capstyle="butt")
    axes.plot(median, row, "o", ms=5, color=colour)
    axes.plot(largest, row, "|", ms=9, mew=2, color=colour)
    return f"{name}: median {np.median(ratios):.2g}, largest {ratios.max():.3g}"
