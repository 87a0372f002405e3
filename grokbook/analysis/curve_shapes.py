"""The shape of a rise: Corollary 3.3's curve and others with as many free numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy import optimize, special

from grokbook.theory import corollary_3_3

SHAPES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    # At L = 1/2 and the paper's mu, so that only place and width are free, as in the others.
    "Corollary 3.3": lambda z: special.erf(
        1 / (np.sqrt(2 * corollary_3_3.PAPER_MU) * (1 + np.maximum(-z, 0)))
    ),
    "logistic": special.expit,
    "Weibull": lambda z: -np.expm1(-np.exp(np.minimum(z, 50))),
    "Gompertz": lambda z: np.exp(-np.exp(np.minimum(-z, 50))),
}
"""Curves from 0 to 1 by name, as functions of z = (log₁₀ t - place) / width."""


def shape_errors(runs: pd.DataFrame) -> pd.DataFrame:
    """Distances of curves with two free numbers, place and width, from measured accuracies.

    Parameters
    ----------
    runs
        Runs with columns ``seed``, ``step`` and ``test_accuracy``.

    Returns
    -------
    DataFrame
        By seed, the smallest root mean square difference over the logged steps from 1 on, of each
        of ``SHAPES`` over log₁₀ t, and of "Corollary 3.3 in steps", the same curve over t.

    Examples
    --------
    >>> steps = np.arange(100, 10_001, 100)
    >>> run = pd.DataFrame({"seed": 0, "step": steps,
    ...     "test_accuracy": special.expit((np.log10(steps) - 3.5) / 0.05)})
    >>> shape_errors(run).loc[0].idxmin()
    'logistic'
    """
    rows = {}
    for seed, run in runs[runs["step"] >= 1].groupby("seed"):
        run = run.sort_values("step")
        steps, accuracy = (run[name].to_numpy(float) for name in ("step", "test_accuracy"))
        decades = np.log10(steps)
        rows[seed] = {name: _shape_error(s, decades, accuracy) for name, s in SHAPES.items()}
        rows[seed]["Corollary 3.3 in steps"] = _shape_error(
            SHAPES["Corollary 3.3"], steps / steps.max(), accuracy
        )
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")


def _shape_error(
    shape: Callable[[np.ndarray], np.ndarray], axis: np.ndarray, accuracy: np.ndarray
) -> float:
    """Smallest root mean square difference over places and widths, from several starts."""
    risen = axis[np.argmax(accuracy >= (accuracy.min() + accuracy.max()) / 2)]

    def gaps(at: np.ndarray) -> np.ndarray:
        return np.asarray(shape((axis - at[0]) * np.exp(at[1])) - accuracy)

    span = float(np.ptp(axis))
    fits = [
        optimize.least_squares(gaps, x0=(risen + shift * span, np.log(rate / span)))
        for shift in (0.0, 0.03)
        for rate in (10.0, 100.0, 1000.0)
    ]
    return float(np.sqrt(2 * min(fit.cost for fit in fits) / len(axis)))
