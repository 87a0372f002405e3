"""One look for every figure: colours, type, bands over seeds, moments, alternative text.

Figures are vector graphics whose colours are *roles*. On a page of the book a role is a CSS
variable, so that one drawing is legible in light and in dark mode; anywhere else it falls back to
the light colour. The colours start from Okabe and Ito's, which readers with any common form of
colour blindness can tell apart, darkened or lightened where a thin line would otherwise be faint;
curves differ in their dashes too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure


class Role(NamedTuple):
    """The colour of one role on a light and on a dark page, and its dash pattern."""

    light: str
    dark: str
    dashes: str = "-"


ROLES: dict[str, Role] = {
    "text": Role("#24292f", "#e6e6e6"),
    "quiet": Role("#5b6570", "#a3adb8"),
    "grid": Role("#d8dde3", "#3a4048"),
    "train_accuracy": Role("#0072b2", "#56b4e9", "--"),
    "test_accuracy": Role("#c24e00", "#f0803c"),
    "weight_norm": Role("#00805d", "#2fc79a", "-."),
}
"""Every colour a figure may use, by role; curves are named after their column."""

PAGE = {"light": ("#ffffff",), "dark": ("#121212", "#14181e")}
"""The page colours on which every role has to be legible."""

LABELS = {
    "train_accuracy": "train accuracy",
    "test_accuracy": "test accuracy",
    "weight_norm": "weight norm ‖W‖₂",
}
"""How the columns of a run are written in figures and tables."""

WIDTH = 5.2
"""Width of a figure in inches: one column, so that text stays readable on a phone."""


@contextmanager
def theme() -> Iterator[None]:
    """Draw with the book's type and colours, and with nothing that differs between two runs."""
    text, quiet, grid = (ROLES[role].light for role in ("text", "quiet", "grid"))
    settings: dict[Any, Any] = {
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": text,
        "axes.labelcolor": text,
        "axes.edgecolor": quiet,
        "axes.linewidth": 0.8,
        "axes.grid": True,
        "axes.spines.top": False,
        "grid.color": grid,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.8,
        "text.color": text,
        "xtick.color": quiet,
        "ytick.color": quiet,
        "xtick.labelcolor": text,
        "ytick.labelcolor": text,
        "legend.frameon": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "grokbook",
    }
    with matplotlib.rc_context(settings):
        yield


def finish(figure: Figure, alt: str) -> Figure:
    """Fix the layout, so that saving twice gives the same bytes, and label it with ``alt``."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    figure.set_label(alt)
    return figure


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two ``#rrggbb`` colours, 1 to 21, as WCAG 2.1 defines it.

    >>> round(contrast("#000000", "#ffffff"), 1)
    21.0
    """

    def luminance(colour: str) -> float:
        channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def css() -> str:
    """Return the style sheet that gives every role its colour on dark pages."""
    lines = [f"  --grokbook-{_css_name(role)}: {ROLES[role].dark};" for role in ROLES]
    return "\n".join(['html[data-theme="dark"] {', *lines, "}", ""])


def svg(figure: Figure) -> str:
    """Return the figure as an ``<svg>`` element for a page: coloured by role, labelled, scalable.

    The label of the figure (``figure.get_label()``) becomes its accessible name.
    """
    buffer = io.StringIO()
    with theme():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # Names of groups would clash between two figures of a page: only what is referred to keeps one.
    referred = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in referred else "", text)
    text = re.sub(
        r"font-family: [^;\"]*", "font-family: var(--pst-font-family-base, sans-serif)", text
    )
    # matplotlib's style sheet would speak to the whole page.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, flags=re.DOTALL)
    for role, colour in ROLES.items():
        text = text.replace(colour.light, f"var(--grokbook-{_css_name(role)}, {colour.light})")
    viewbox = re.search(r'viewBox="[^"]*"', text)
    assert viewbox is not None, "matplotlib writes a viewBox"
    label = escape(str(figure.get_label()), quote=True)
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' {viewbox[0]} class="grokbook-figure" role="img" aria-label="{label}"'
        ' style="stroke-linejoin: round; stroke-linecap: butt">'
    )
    return opening + text[text.index(">") + 1 :].strip() + "\n"


def png(figure: Figure, dpi: int = 144) -> bytes:
    """Return the figure as PNG on white, for readers that take no SVG."""
    buffer = io.BytesIO()
    with theme():
        figure.savefig(
            buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None}
        )
    return buffer.getvalue()


def draw_seeds(axes: Axes, runs: pd.DataFrame, column: str, scale: float = 1.0) -> None:
    """Draw a column of the runs: the median over seeds, and each seed and their range if several.

    Rows where the column was not logged (NaN) are passed over.
    """
    role = ROLES[column]
    curves = runs.dropna(subset=[column]).pivot(index="step", columns="seed", values=column) * scale
    if curves.shape[1] > 1:
        axes.fill_between(
            curves.index, curves.min(axis=1), curves.max(axis=1), color=role.light, alpha=0.15, lw=0
        )
        for seed in curves:
            axes.plot(curves.index, curves[seed], color=role.light, lw=0.6, alpha=0.6)
    axes.plot(
        curves.index,
        curves.median(axis=1),
        color=role.light,
        linestyle=role.dashes,
        label=LABELS[column],
    )


def moments(runs: pd.DataFrame, thresholds: Sequence[float] = (0.5, 0.99)) -> pd.DataFrame:
    """When things happened, one row a seed, in steps (NaN: not within the run).

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``train_accuracy``,
        ``test_accuracy`` and ``weight_norm``; accuracies in [0, 1].
    thresholds
        Test accuracies, each in (0, 1].

    Returns
    -------
    pandas.DataFrame
        ``train_100``, the first logged step with train accuracy 1; for each threshold
        ``test_<percent>``, the first logged step from which test accuracy never again falls below
        it; ``norm_peak``, the step of the largest weight norm.

    Raises
    ------
    ValueError
        If there is no row, or a threshold lies outside (0, 1].

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": [3.0, 4.0, 2.0, 1.0],
    ...     "train_accuracy": [0.1, 1.0, 0.9, 1.0], "test_accuracy": [0.1, 0.6, 0.2, 0.7]})
    >>> moments(run, thresholds=[0.5]).loc[0].to_dict()
    {'train_100': 10.0, 'test_50': 30.0, 'norm_peak': 10.0}
    """
    if runs.empty:
        raise ValueError("moments needs at least one logged step, got an empty table")
    for threshold in thresholds:
        if not 0 < threshold <= 1:
            raise ValueError(f"a test accuracy threshold lies in (0, 1], got {threshold}")
    rows = {}
    for seed, run in runs.groupby("seed"):
        run = run.sort_values("step")
        steps = run["step"].to_numpy(float)
        row = {"train_100": _first(steps, run["train_accuracy"].to_numpy() >= 1)}
        for threshold in thresholds:
            below = run["test_accuracy"].to_numpy() < threshold
            # True from the last step below the threshold on, exclusive.
            stays = np.logical_and.accumulate(~below[::-1])[::-1]
            row[f"test_{100 * threshold:g}"] = _first(steps, stays)
        row["norm_peak"] = float(steps[int(np.nanargmax(run["weight_norm"].to_numpy(float)))])
        rows[seed] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")


def alt_text(
    title: str,
    panels: Mapping[str, pd.DataFrame],
    columns: Sequence[str],
    thresholds: Mapping[str, Sequence[float]],
) -> str:
    """Say in words what a figure of training curves shows, from the very data it is drawn from.

    Parameters
    ----------
    title
        What the figure is, without a full stop.
    panels
        Runs by panel name.
    columns
        The columns drawn.
    thresholds
        Test accuracies to report, by panel name, as in :func:`moments`.
    """
    sentences = [f"{title}."]
    for name, runs in panels.items():
        seeds = sorted(runs["seed"].unique())
        who = f"seed {seeds[0]}" if len(seeds) == 1 else f"median of {len(seeds)} seeds"
        sentences.append(f"{name}, {who}, steps {runs['step'].min()} to {runs['step'].max():,}:")
        curves = []
        for column in columns:
            curve = runs.dropna(subset=[column]).groupby("step")[column].median()
            top = float(curve.index[int(curve.argmax())])
            peak = (
                f", largest {curve.max():.3g} at {say_step(top)}" if column == "weight_norm" else ""
            )
            curves.append(
                f"{LABELS[column]} from {curve.iloc[0]:.3g} to {curve.iloc[-1]:.3g}{peak}"
            )
        sentences.append("; ".join(curves) + ".")
        times = moments(runs, thresholds[name]).median()
        reached = [f"Train accuracy reaches 100 % at {say_step(times['train_100'])}"]
        for percent in (f"{100 * threshold:g}" for threshold in thresholds[name]):
            since = say_step(times[f"test_{percent}"])
            reached.append(f"test accuracy stays above {percent} % from {since}")
        sentences.append("; ".join(reached) + ".")
    return " ".join(sentences)


def say_step(step: float) -> str:
    """Write a step for a sentence; NaN, as in :func:`moments`, is a step that never came.

    >>> say_step(15000), say_step(float("nan"))
    ('step 15,000', 'no step of the run')
    """
    return "no step of the run" if np.isnan(step) else f"step {step:,.0f}"


def _first(steps: np.ndarray, true: np.ndarray) -> float:
    return float(steps[int(np.argmax(true))]) if true.any() else float("nan")


def _css_name(role: str) -> str:
    return role.replace("_", "-")
