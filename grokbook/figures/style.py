"""The style of every figure: colours, type, bands over seeds, and file formats.

Figures are vector graphics whose colours are *roles*. On a page of the book a role is a CSS
variable, so that one drawing is legible in light and in dark mode; elsewhere it falls back to the
light colour. The colours are those of Okabe and Ito, which readers with any common form of colour
blindness can distinguish, darkened or lightened where a thin line would be faint. Curves also
differ in their dashes.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, NamedTuple

import matplotlib
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokbook._support.notation import readable


class Role(NamedTuple):
    """The colour of one role on a light and on a dark page, and its dash pattern."""

    light: str
    dark: str
    dashes: Any = "-"


ROLES: dict[str, Role] = {
    "text": Role("#24292f", "#e6e6e6"),
    "quiet": Role("#5b6570", "#a3adb8"),
    "grid": Role("#d8dde3", "#3a4048"),
    "train_accuracy": Role("#0072b2", "#56b4e9", "--"),
    "test_accuracy": Role("#c24e00", "#f0803c"),
    "metric": Role("#00805d", "#2fc79a", "-."),
}
"""Every colour a figure may use, by role. The accuracies have their own; any other column of a run
is a "metric"."""

CURVES: tuple[Role, ...] = (
    ROLES["train_accuracy"]._replace(dashes="-"),
    ROLES["test_accuracy"]._replace(dashes="--"),
    ROLES["metric"],
    ROLES["text"]._replace(dashes=(0, (1, 1))),
)
"""Colours and dashes of compared curves, in order."""

PAGE = {"light": ("#ffffff",), "dark": ("#121212", "#14181e")}
"""The page colours on which every role must be legible."""

LABELS = {
    "train_accuracy": "train accuracy",
    "test_accuracy": "test accuracy",
    "test_accuracy_mirrored": "test accuracy, mirror image in training set",
    "test_accuracy_unmirrored": "test accuracy, mirror image not in training set",
    "weight_norm": "weight norm ‖W‖₂",
    "weight_norm_l1": "weight norm ‖W‖₁",
    "perturbation_error": "perturbation error",
    "sharpness": "sharpness Tr ∇²L",
    "abelian_accuracy_train": "abelian accuracy",
    "abelian_accuracy_all": "abelian accuracy, all pairs",
    "abelian_logit_distance_train": "logit distance",
    "abelian_logit_mse_train": "logit MSE",
    "perturbed_mutual_information": "PMI (nats)",
    "perturbed_mutual_information_other_layer": "PMI, other first layer (nats)",
    "perturbed_label_mutual_information": "PMI′ (nats)",
    "perturbed_entropy": "PE (nats)",
    "mutual_information_difference": "MID (nats)",
    "entropy_difference": "ED (nats)",
    "entropy": "entropy, training set (nats)",
    "test_entropy": "entropy, test set (nats)",
    "test_perturbed_mutual_information": "PMI, test set (nats)",
    "test_perturbed_entropy": "PE, test set (nats)",
    "test_mutual_information_difference": "MID, test set (nats)",
    "test_entropy_difference": "ED, test set (nats)",
}
"""Names of the columns of a run in figures and tables."""

WIDTH = 5.2
"""Width of a figure in inches: one column, so that text stays readable on a phone."""


@contextmanager
def theme() -> Iterator[None]:
    """Draw with the book's type and colours, so that equal figures give equal files."""
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
    # Ignore a user's matplotlibrc and style.
    with matplotlib.style.context("default"), matplotlib.rc_context(settings):
        yield


def finish(figure: Figure, alt: str) -> Figure:
    """Fix the layout, so that saving twice gives the same bytes, and label it with ``alt``.

    Who hears the label hears 23,600 for 2.36e+04.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    figure.set_label(readable(alt))
    return figure


def side_by_side(figure: Figure) -> Figure | None:
    """Return a copy of a figure with its panels in rows of two.

    None if it has one panel, more than one column, or panels of unequal height.
    """
    grids = [axes.get_subplotspec() for axes in figure.axes]
    grid = next((each.get_gridspec() for each in grids if each is not None), None)
    if grid is None or grid.nrows < 2 or grid.ncols > 1 or np.ptp(grid.get_height_ratios()) > 0:
        return None
    rows = grid.nrows
    with theme():
        wide: Figure = pickle.loads(pickle.dumps(figure))
        lines = -(-rows // 2)
        width, height = figure.get_size_inches()
        wide.set_size_inches(2 * width, height * lines / rows + (0.4 if lines < rows else 0))
        places = wide.add_gridspec(lines, 2)
        lowest = [
            axes
            for axes, place in zip(wide.axes, grids, strict=True)
            if place is not None and place.rowspan.stop == rows
        ]
        for axes, place in zip(wide.axes, grids, strict=True):
            if place is not None:
                row = place.rowspan.start
                axes.set_subplotspec(places[row // 2, row % 2])
                if not axes.get_xlabel():  # it was only under the last panel of the column
                    axes.set_xlabel(lowest[0].get_xlabel())
                    axes.tick_params(labelbottom=True)
        wide.set_layout_engine("constrained")
        return finish(wide, str(figure.get_label()))


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


def svg(figure: Figure, shape: str = "") -> str:
    """Return the figure as an ``<svg>`` element for a page: coloured by role, labelled, scalable.

    The label of the figure (``figure.get_label()``) becomes its accessible name. ``shape``, one of
    "narrow" and "wide", becomes a class by which a page selects one of two forms of a figure.
    """
    buffer = io.StringIO()
    with theme():
        # Definitions in a hidden form do not apply to the other, so each form has its own names.
        matplotlib.rcParams["svg.hashsalt"] = f"grokbook{shape}"
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # Names of groups would clash between two figures of a page: keep only referenced ones.
    referred = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in referred else "", text)
    text = re.sub(
        r"font-family: [^;\"]*", "font-family: var(--pst-font-family-base, sans-serif)", text
    )
    # matplotlib's style sheet would apply to the whole page.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, flags=re.DOTALL)
    for role, colour in ROLES.items():
        text = text.replace(colour.light, f"var(--grokbook-{_css_name(role)}, {colour.light})")
    viewbox = re.search(r'viewBox="[^"]*"', text)
    assert viewbox is not None, "matplotlib writes a viewBox"
    label = escape(str(figure.get_label()), quote=True)
    classes = f"grokbook-figure {shape}".strip()
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' {viewbox[0]} class="{classes}" role="img" aria-label="{label}"'
        ' style="stroke-linejoin: round; stroke-linecap: butt">'
    )
    return opening + text[text.index(">") + 1 :].strip() + "\n"


def png(figure: Figure, dpi: int = 144) -> bytes:
    """Return the figure as PNG on white, for readers without SVG."""
    buffer = io.BytesIO()
    with theme():
        figure.savefig(
            buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None}
        )
    return buffer.getvalue()


def draw_seeds(
    axes: Axes,
    runs: pd.DataFrame,
    column: str,
    scale: float = 1.0,
    role: Role | None = None,
    label: str | None = "",
) -> None:
    """Draw a column of the runs: the median over seeds, and single seeds and range if several.

    Rows where the column was not logged (NaN) are skipped.

    Parameters
    ----------
    axes
        Where to draw.
    runs
        Columns ``seed``, ``step`` and ``column``.
    column
        What to draw, times ``scale``.
    scale
        100 for percent.
    role
        Colour and dashes; those of the column if left out.
    label
        Name in the legend; that of the column if empty, none if None.
    """
    if role is None:
        role = ROLES.get(column, ROLES["metric"])
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
        label=LABELS[column] if label == "" else label,
    )


def _css_name(role: str) -> str:
    return role.replace("_", "-")
