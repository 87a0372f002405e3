"""An animation of all answers during training, for places without scripts such as the README."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from grokbook.figures.style import PAGE, ROLES, theme

FRAME = 220
"""Milliseconds per frame; the last frame stays for ``HOLD``."""

HOLD = 4000

CELL, GAP, MARGIN = 2, 18, 34
"""In pixels: the side of a pair, and the space between, above and below tables."""

COLOURS = (
    ROLES["grid"].light,
    ROLES["train_accuracy"].light,
    ROLES["test_accuracy"].light,
    ROLES["metric"].light,
)
"""Colours of a wrong answer, and of right ones to training pairs, mirror images and others."""


def every_answer(
    snapshots: Mapping[str, Mapping[str, NDArray[Any]]],
    right: NDArray[np.integer],
    kinds: NDArray[np.integer],
    frames: int = 26,
) -> bytes:
    """Draw the pairs that networks answer correctly, step by step, as a GIF.

    Parameters
    ----------
    snapshots
        What :func:`grokbook.studies.snapshots.load` returns, by the title of the panel; at most
        three.
    right
        The true answers (p, p).
    kinds
        For every pair whether it is a training pair (0), mirrors one (1) or neither (2).
    frames
        Approximate number of drawn steps; each training shows its latest recorded answers.

    Returns
    -------
    bytes
        The file; the same for the same snapshots.
    """
    steps = np.unique(np.concatenate([kept["step"] for kept in snapshots.values()]))
    chosen = steps[np.unique(np.linspace(0, len(steps) - 1, frames).round().astype(int))]
    pictures = [_frame(snapshots, right, kinds, int(step)) for step in chosen]
    buffer = BytesIO()
    pictures[0].save(
        buffer, format="GIF", save_all=True, append_images=pictures[1:], loop=0, optimize=False,
        duration=[FRAME] * (len(pictures) - 1) + [HOLD], disposal=1,
    )  # fmt: skip
    return buffer.getvalue()


def in_words(
    snapshots: Mapping[str, Mapping[str, NDArray[Any]]],
    right: NDArray[np.integer],
    kinds: NDArray[np.integer],
) -> str:
    """Return a description of the picture, for readers who do not see it.

    The arguments are those of :func:`every_answer`. A kind of pair counts as known from the first
    step from which 99 % of its answers stay right.
    """
    told = []
    for title, kept in snapshots.items():
        known = kept["predictions"] == right
        steps = [_known_from(kept["step"], known[:, kinds == kind]) for kind in range(3)]
        told.append(
            f"{title} training knows its training pairs {steps[0]}, their mirror images {steps[1]}"
            f" and the others {steps[2]}"
        )
    p = len(right)
    return (
        f"A table of all pairs modulo {p} through training, a cell coloured where the network"
        f" answers rightly: {'; '.join(told)}"
    )


def _known_from(steps: NDArray[np.integer], known: NDArray[Any]) -> str:
    low = np.flatnonzero(known.mean(axis=1) < 0.99)
    first = int(low[-1]) + 1 if len(low) else 0
    return f"by step {steps[first]:,}" if first < len(steps) else "at no step"


def _frame(
    snapshots: Mapping[str, Mapping[str, NDArray[Any]]],
    right: NDArray[np.integer],
    kinds: NDArray[np.integer],
    step: int,
) -> Image.Image:
    """Draw all trainings at one step, each by its latest snapshot."""
    side = CELL * len(right)
    width, height = GAP + len(snapshots) * (side + GAP), side + 2 * MARGIN
    with theme():
        figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=PAGE["light"][0])
        for panel, (title, kept) in enumerate(snapshots.items()):
            left = GAP + panel * (side + GAP)
            axes = figure.add_axes((left / width, MARGIN / height, side / width, side / height))
            place = int(np.searchsorted(kept["step"], step, side="right")) - 1
            _table(axes, title, kept["predictions"][max(place, 0)] == right, kinds)
        figure.text(GAP / width, 0.035, f"step {step:,}", fontsize=11, fontweight="bold")
        legend = ("wrong", "training pair", "mirror image of one", "neither")
        for at, words, colour in zip((0.26, 0.38, 0.56, 0.81), legend, COLOURS, strict=True):
            figure.text(at, 0.035, "■", color=colour, fontsize=11)
            figure.text(at + 0.025, 0.042, words, fontsize=9)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    return picture.quantize(24, dither=Image.Dither.NONE)


def _table(axes: Axes, title: str, known: NDArray[Any], kinds: NDArray[np.integer]) -> None:
    shown = np.where(known, kinds + 1, 0)
    axes.imshow(
        shown, cmap=ListedColormap(COLOURS), vmin=-0.5, vmax=3.5, interpolation="nearest",
        origin="lower",
    )  # fmt: skip
    unseen = known[kinds > 0].mean()
    axes.set_title(f"{title}: {unseen:.0%} of unseen", fontsize=8.5)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
