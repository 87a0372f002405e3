"""Diagrams of section 2.1: the two networks, the split of all pairs, and a mirrored pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from grokbook._support.errors import InputError
from grokbook.figures.style import ROLES, WIDTH, finish, theme
from grokbook.models.mlp import MLPConfig
from grokbook.models.transformer import TransformerConfig
from grokbook.tasks.modular import ModularAddition

_TEXT, _QUIET, _GRID = (ROLES[role].light for role in ("text", "quiet", "grid"))
_FIRST = ROLES["train_accuracy"].light  # the first layer, and training pairs
_OTHER = ROLES["test_accuracy"].light  # the logits, and mirrored test pairs


def networks(
    perceptron: MLPConfig, inputs: int, classes: int, transformer: TransformerConfig, p: int
) -> Figure:
    """Draw both networks from input to logits, each layer with its width.

    Colour and a word mark the logits and the output of the first layer, on which the metrics of
    section 5 rest.

    Parameters
    ----------
    perceptron, inputs, classes
        The network for images: its sizes, numbers in an image, and classes.
    transformer, p
        The network for pairs: its sizes, and the modulus.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels of equal height, (a) images, (b) pairs. Its label is its alternative text.
    """
    dense = [(f"{inputs} pixels", _QUIET, "noise Δ is\nadded here")]
    for number, width in enumerate(perceptron.hidden):
        note = "first layer,\nf(x, W₁)" if not number else ""
        dense.append((f"{width} ReLU", _FIRST if not number else _QUIET, note))
    dense.append((f"{classes} logits", _OTHER, "f(x, W)"))
    plural = "s" if transformer.layers > 1 else ""
    read = [
        ("tokens\na, b, =", _QUIET, ""),
        (f"embed\n3 × {transformer.d}", _QUIET, "noise Δ is\nadded here"),
        (f"attention\n{transformer.heads} heads", _FIRST, "first layer,\nf(x, W₁), at ="),
        (f"{transformer.mlp} ReLU", _QUIET, f"{transformer.layers} layer{plural}"),
        (f"{p} logits", _OTHER, "f(x, W)"),
    ]
    with theme():
        figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
        upper, lower = figure.subplots(2, 1)
        _chain(upper, "(a) MNIST: a ReLU network", dense)
        _chain(lower, "(b) Modulo addition: a transformer", read, residual=(1, 4))
        return finish(
            figure,
            f"Diagram of two networks. (a) {inputs} pixels of an image, to which noise may be"
            f" added, go through hidden layers of {_listed(perceptron.hidden)} ReLU units to"
            f" {classes} logits; the first hidden layer is f(x, W₁). (b) The three tokens a, b"
            f" and = are embedded in {transformer.d} numbers each, to which noise may be added."
            f" They go through attention with {transformer.heads} heads and {transformer.mlp} ReLU"
            f" units, each added to what came in, to {p} logits read at =; what attention has"
            " added up is f(x, W₁).",
        )


def split_of_pairs(task: ModularAddition, pair: tuple[int, int]) -> Figure:
    """Draw all pairs as a square: training pairs, mirrored test pairs, and the other test pairs.

    Parameters
    ----------
    task
        A modulus small enough to see single pairs, and its split.
    pair
        A training pair whose mirror image is for testing; both are marked.

    Returns
    -------
    matplotlib.figure.Figure
        One panel. Its label is its alternative text, with the three counts.

    Raises
    ------
    InputError
        If the pair is not of that kind.

    Examples
    --------
    >>> figure = split_of_pairs(ModularAddition(p=5, train_fraction=0.4), (0, 3))
    >>> figure.get_label()[-87:]
    '10 training pairs, 4 test pairs whose mirror image is one of them, 11 other test pairs.'
    """
    training = torch.zeros(task.p, task.p, dtype=torch.bool)
    training[tuple(task.load().train_x.T)] = True
    mirrored = training.T & ~training
    a, b = pair
    if not mirrored[b, a]:
        raise InputError(
            f"pair is {pair}, but must be a training pair whose mirror image is a test pair."
        )
    counts = (
        (int(training.sum()), "training pairs"),
        (int(mirrored.sum()), "test pairs whose mirror image is one of them"),
        (int((~training & ~mirrored).sum()), "other test pairs"),
    )
    with theme():
        figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
        axes = figure.subplots()
        for i in range(task.p):
            for j in range(task.p):
                axes.add_patch(_cell(i, j, bool(training[i, j]), bool(mirrored[i, j])))
        axes.plot([-0.5, task.p - 0.5], [-0.5, task.p - 0.5], color=_QUIET, lw=1, ls=":")
        (line,) = axes.plot([a, b], [b, a], color=_TEXT, lw=1.4, marker="o", ms=5)
        axes.set(
            xlim=(-0.6, task.p - 0.4), ylim=(-0.6, task.p - 0.4), xlabel="a", ylabel="b",
            aspect="equal", xticks=range(task.p), yticks=range(task.p),
        )  # fmt: skip
        axes.grid(visible=False)
        names = [f"{count} {words}" for count, words in counts]
        listed = ", ".join(names)
        samples = [_cell(0, 0, True, False), _cell(0, 0, False, True), _cell(0, 0, False, False)]
        names.append(f"the training pair {a} + {b} and its mirror image {b} + {a}")
        figure.legend([*samples, line], names, loc="outside lower center", ncols=1)
        return finish(
            figure,
            f"All {task.p**2} pairs (a, b) modulo {task.p} as a square, mirrored at its diagonal."
            f" A line joins the training pair {a} + {b} and its mirror image, the test pair"
            f" {b} + {a}. There are {listed}.",
        )


def _chain(
    axes: Axes,
    title: str,
    boxes: Sequence[tuple[str, str, str]],
    residual: tuple[int, int] | None = None,
) -> None:
    """Boxes from left to right, each with its words, its colour and a note below it."""
    axes.set_title(title)
    axes.set_axis_off()
    last = len(boxes) - 1
    axes.set(xlim=(-0.55, last + 0.55), ylim=(-1.25, 1.35))
    for i, (words, colour, note) in enumerate(boxes):
        axes.add_patch(
            FancyBboxPatch(
                (i - 0.36, -0.4), 0.72, 0.8, boxstyle="round,pad=0,rounding_size=0.08",
                facecolor="none", edgecolor=colour, linewidth=2 if colour != _QUIET else 1,
            )
        )  # fmt: skip
        axes.text(i, 0, words, ha="center", va="center", fontsize=8.5)
        axes.text(i, -0.55, note, ha="center", va="top", fontsize=8, color=colour)
        if i < last:
            arrow = {"arrowstyle": "->", "color": _QUIET}
            axes.annotate("", (i + 0.63, 0), (i + 0.37, 0), arrowprops=arrow)
    if residual:
        first, end = residual
        curve = {"arrowstyle": "->", "color": _QUIET, "connectionstyle": "arc3,rad=-0.16"}
        axes.annotate("", (end - 0.15, 0.42), (first, 0.42), arrowprops=curve)
        axes.text((first + end) / 2, 1.05, "added", ha="center", fontsize=8, color=_QUIET)


def _cell(a: int, b: int, training: bool, mirrored: bool) -> Rectangle:
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": _QUIET}
    if training:
        look = {"facecolor": _FIRST, "edgecolor": _FIRST}
    elif mirrored:
        look = {"facecolor": "none", "edgecolor": _OTHER, "hatch": "/////"}
    return Rectangle((a - 0.42, b - 0.42), 0.84, 0.84, linewidth=0.8, **look)


def _listed(widths: Sequence[int]) -> str:
    return " and ".join(map(str, widths))
