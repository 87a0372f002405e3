"""Matrix entropy and information of a few vectors that the reader moves."""

from collections.abc import Sequence
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor

from grokbook.metrics import Information, representation_information
from grokbook.widgets._front_end import Explorer, script, slider, style

CLASSES = 3
"""How many classes the labels may have."""

POINTS = (2, 8)
"""The fewest and the most points."""

ORDERS = (0.2, 4.0)
"""The range of α."""

SIGMAS = (0.0, 1.0)
"""The range of σ."""

NOISE: np.ndarray = np.random.default_rng(0).standard_normal((2, POINTS[1], 2)).round(3)
"""The directions δ of the perturbation, of the points of Z and of W: drawn once, so that all
readers have the same and entropy is a function of σ."""

ARRANGEMENTS: dict[str, dict[str, Any]] = {
    "two clusters and their labels": {
        "z": [20, 30, 40, 110, 120, 130],
        "labels": [0, 0, 0, 1, 1, 1],
    },
    "all equal": {"z": [120] * 6, "w": [0, 30, 60, 90, 120, 150]},
    "orthogonal pairs": {"z": [0, 90] * 3, "w": [0, 90] * 3},
    "orthogonal pairs, independent": {"z": [0, 90, 0, 90], "w": [0, 0, 90, 90]},
    "opposite points": {"z": [110, 290] * 3, "w": [0, 180, 60, 240, 120, 300]},
    "evenly spread": {"z": [0, 60, 120, 180, 240, 300], "labels": [0, 1, 2, 0, 1, 2]},
    "negative information": {"z": [320, 40, 0, 0], "w": [0, 0, 320, 40], "alpha": 2.0},
    "random": {"z": [9, 77, 143, 156, 228, 301, 347], "w": [75, 200, 66, 185, 102, 325, 12]},
}
"""Points to start from, as angles in degrees. Z is always on a circle; W is on another, or one-hot
labels. The other points are available too, for a reader who changes W."""


class MatrixEntropy(anywidget.AnyWidget):
    """The drawing; angles are in degrees."""

    _esm = script("matrix_entropy.js")
    _css = style("plot.css", "matrix_entropy.css")

    alpha = traitlets.Float(1.0).tag(sync=True)
    sigma = traitlets.Float(0.0).tag(sync=True)
    z: traitlets.List[float] = traitlets.List(traitlets.Float()).tag(sync=True)
    w: traitlets.List[float] = traitlets.List(traitlets.Float()).tag(sync=True)
    labels: traitlets.List[int] = traitlets.List(traitlets.Int()).tag(sync=True)
    second = traitlets.Enum(["circle", "labels"], "circle").tag(sync=True)

    noise: traitlets.List[Any] = traitlets.List(NOISE.tolist()).tag(sync=True)
    arrangements: traitlets.List[Any] = traitlets.List().tag(sync=True)
    points = traitlets.List(list(POINTS)).tag(sync=True)
    orders = traitlets.List(list(ORDERS)).tag(sync=True)
    sigmas = traitlets.List(list(SIGMAS)).tag(sync=True)
    classes = traitlets.Int(CLASSES).tag(sync=True)


def matrix_entropy_explorer(
    arrangement: str = "two clusters and their labels",
) -> ipywidgets.Widget:
    """Return the explorer of matrix entropy: two sliders, points to drag, and the results.

    Parameters
    ----------
    arrangement
        Initial arrangement of the points: a key of ``ARRANGEMENTS``.

    Returns
    -------
    ipywidgets.Widget
        The browser computes everything; the values equal those of `information_of_points`.

    Raises
    ------
    ValueError
        If there is no such arrangement.

    Examples
    --------
    >>> controls, drawing = matrix_entropy_explorer("orthogonal pairs").children
    >>> [slider.description for slider in controls.children], drawing.z
    (['α: order', 'σ: noise'], [0.0, 90.0, 0.0, 90.0, 0.0, 90.0])
    """
    if arrangement not in ARRANGEMENTS:
        known = ", ".join(map(repr, ARRANGEMENTS))
        raise ValueError(f"There is no arrangement {arrangement!r}; known are {known}.")
    arrangements = {name: _complete(**points) for name, points in ARRANGEMENTS.items()}
    start = arrangements[arrangement]
    drawing = MatrixEntropy(
        **start, arrangements=[{"name": name, **each} for name, each in arrangements.items()]
    )
    (low, high), (least, most) = ORDERS, SIGMAS
    controls = {
        "alpha": slider(
            ipywidgets.FloatSlider, "α: order",
            min=low, max=high, step=0.05, value=start["alpha"], readout_format=".2f",
        ),
        "sigma": slider(
            ipywidgets.FloatSlider, "σ: noise",
            min=least, max=most, step=0.01, value=start["sigma"], readout_format=".2f",
        ),
    }  # fmt: skip
    for name, control in controls.items():
        ipywidgets.jslink((control, "value"), (drawing, name))
    return Explorer(
        "Interactive drawing of matrix entropy and information: drag points on a circle and move α"
        " and σ; run this cell, or open the book's page, to use it.",
        list(controls.values()),
        drawing,
    )


def information_of_points(
    z: Sequence[float],
    w: Sequence[float] | None = None,
    labels: Sequence[int] | None = None,
    alpha: float | Sequence[float] = 1.0,
    sigma: float = 0.0,
) -> Information:
    """Return the entropies of the explorer's points, from `grokbook.metrics`.

    Parameters
    ----------
    z
        Angles of the points of Z, in degrees; the point i is z_i = (cos, sin).
    w, labels
        One of the two: the angles of the points of W, or their classes, as one-hot vectors.
    alpha
        One order or several.
    sigma
        Each point on a circle becomes the direction of z_i + sigma delta_i, with the fixed delta_i
        of ``NOISE``. Labels stay as they are.

    Returns
    -------
    Information
        ``entropy_1`` of Z, ``entropy_2`` of W, and so on.

    Raises
    ------
    ValueError
        If neither or both of w and labels are given, or their number is not that of z.

    Examples
    --------
    >>> pairs = information_of_points([0, 90], labels=[0, 1])
    >>> round(float(pairs.mutual_information.exp()), 6)
    2.0
    """
    second = labels if w is None else w
    if second is None or (labels is not None and w is not None):
        raise ValueError("Give w or labels, and not both.")
    if len(second) != len(z):
        raise ValueError(f"Z has {len(z)} points and W has {len(second)}; they must be as many.")
    Z = _on_circle(z, sigma, NOISE[0])
    if w is not None:
        return representation_information(Z, _on_circle(w, sigma, NOISE[1]), alpha)
    one_hot = torch.nn.functional.one_hot(torch.tensor(labels), CLASSES).double()
    return representation_information(Z, one_hot, alpha)


def _on_circle(degrees: Sequence[float], sigma: float, noise: np.ndarray) -> Tensor:
    angles = np.deg2rad(np.asarray(degrees, float))
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return torch.from_numpy(points + sigma * noise[: len(points)])


def _complete(
    z: list[float],
    w: list[float] | None = None,
    labels: list[int] | None = None,
    alpha: float = 1.0,
    sigma: float = 0.0,
) -> dict[str, Any]:
    """Return an arrangement with both a W on a circle and labels, and which of them is used."""
    return {
        "z": [float(angle) for angle in z],
        "w": [float(angle) for angle in (w or z)],
        "labels": labels or [i * 2 // len(z) for i in range(len(z))],
        "second": "circle" if w else "labels",
        "alpha": alpha,
        "sigma": sigma,
    }
