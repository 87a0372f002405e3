"""The answers of networks on pairs and their embeddings of the numbers during training."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from grokbook._support.errors import InputError
from grokbook.analysis import embeddings
from grokbook.tasks.base import Split
from grokbook.tasks.modular import ModularAddition
from grokbook.widgets._front_end import Explorer, script, style

CIRCLES = 2
"""Number of frequencies of the last network that are shown as circles."""

LEVELS = 2**16 - 1
"""Number of levels from 0 to 1 in which a share of the spectrum is encoded."""


class NetworkExplorer(anywidget.AnyWidget):
    """The drawing; the chosen step and pair, and what :func:`encode` returns."""

    _esm = script("network_explorer.js")
    _css = style("plot.css", "answer_table.css", "network_explorer.css")

    step = traitlets.Int(0).tag(sync=True)
    pair: traitlets.List[int] = traitlets.List(traitlets.Int(), [5, 12]).tag(sync=True)
    plays = traitlets.Bool(False).tag(sync=True)
    """Whether it plays by itself once, unless the reader prefers reduced motion."""

    p = traitlets.Int().tag(sync=True)
    kinds = traitlets.Bytes().tag(sync=True)
    trainings: traitlets.List[Any] = traitlets.List().tag(sync=True)
    packed = traitlets.Bytes().tag(sync=True)


def trained_networks_explorer(
    snapshots: Mapping[str, Mapping[str, NDArray[Any]]],
    task: ModularAddition,
    *,
    embedding: bool = True,
    frames: int | None = None,
    step: int | None = None,
    plays: bool = False,
) -> ipywidgets.Widget:
    """Return the explorer of what networks compute.

    Parameters
    ----------
    snapshots
        What :func:`grokbook.studies.snapshots.load` returns, by the label of the training.
    task
        The task they were trained on; its seed determines the training pairs.
    embedding
        Whether the spectrum and the circles of the embedding are also shown.
    frames
        Approximate number of steps of each training; by default all.
    step
        The first step shown; by default the last step.
    plays
        Whether it plays by itself when it comes into view.

    Raises
    ------
    InputError
        If there is no training, or its answers are not those of the task's pairs.
    """
    trainings, packed = encode(snapshots, task, embedding=embedding, frames=frames)
    last = max(each["steps"][-1] for each in trainings)
    drawing = NetworkExplorer(
        step=last if step is None else step,
        pair=[min(5, task.p - 1), min(12, task.p - 1)],
        plays=plays,
        p=task.p,
        kinds=kinds(task.load(), task.p).tobytes(),
        trainings=trainings,
        packed=packed,
    )
    names = ", ".join(snapshots)
    return Explorer(
        f"Interactive drawing of every answer modulo {task.p} and of the embedding through"
        f" training ({names}): move the step and ask a pair; run this cell, or open the book's"
        " page, to use it.",
        [],
        drawing,
    )


def kinds(split: Split, p: int) -> NDArray[np.uint8]:
    """Return for every pair (a, b) whether it is a training pair (0), mirrors one (1) or not (2).

    Parameters
    ----------
    split
        Of a task on all pairs modulo p.

    Returns
    -------
    ndarray
        (p, p).

    Examples
    --------
    >>> kinds(ModularAddition(3, 0.5, 0).load(), 3).shape
    (3, 3)
    """
    train = np.zeros((p, p), dtype=bool)
    a, b = split.train_x.numpy().T
    train[a, b] = True
    return np.where(train, 0, np.where(train.T, 1, 2)).astype(np.uint8)


def encode(
    snapshots: Mapping[str, Mapping[str, NDArray[Any]]],
    task: ModularAddition,
    *,
    embedding: bool = True,
    frames: int | None = None,
) -> tuple[list[dict[str, Any]], bytes]:
    """Pack snapshots for the page.

    Parameters
    ----------
    snapshots, task, embedding, frames
        As :func:`trained_networks_explorer`.

    Returns
    -------
    trainings : list of dict
        Each with its ``label``, its ``steps`` (k) and, if the embedding is shown, the
        ``frequencies`` of its circles; they determine the lengths of the packed arrays.
    packed : bytes
        One gzip stream of all trainings. For each: the answer minus the right one modulo p at every
        step and pair, uint8 (k, p, p), so right answers are zeros; the spectrum, uint16 (k, ⌊p/2⌋);
        the places on each circle, int8 (k, p, 2), with 127 the largest distance.
    """
    if not snapshots:
        raise InputError("The explorer needs at least one training, got none.")
    numbers = np.arange(task.p)
    right = (numbers[:, None] + numbers) % task.p
    trainings, parts = [], []
    for label, kept in snapshots.items():
        if kept["predictions"].shape[1:] != right.shape:
            raise InputError(
                f"The answers of {label} have shape {kept['predictions'].shape[1:]}, but the pairs"
                f" of the task are {right.shape}."
            )
        chosen = _chosen(len(kept["step"]), frames)
        weights = kept["weights"][chosen]
        training: dict[str, Any] = {"label": label, "steps": kept["step"][chosen].tolist()}
        answers = kept["predictions"][chosen].astype(np.int16)
        parts.append(((answers - right) % task.p).astype(np.uint8))
        if embedding:
            training["frequencies"] = embeddings.strongest(weights, CIRCLES)
            shares = embeddings.spectra(weights) * LEVELS
            parts.append(np.rint(shares).astype("<u2"))
            for frequency in training["frequencies"]:
                places = embeddings.circle(weights, frequency)
                scale = 127 / np.hypot(*np.moveaxis(places, 2, 0)).max()
                parts.append(np.rint(places * scale).astype(np.int8))
        trainings.append(training)
    content = b"".join(part.tobytes() for part in parts)
    return trainings, gzip.compress(content, 9, mtime=0)


def _chosen(count: int, frames: int | None) -> NDArray[np.intp]:
    """Return the indices of about so many steps, including the first and the last."""
    some = count if frames is None else max(2, min(frames, count))
    return np.unique(np.linspace(0, count - 1, some).round().astype(np.intp))
