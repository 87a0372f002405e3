"""Theorem 3.2 and Corollary 3.3 compared with the runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grokbook.analysis.comparisons import by_seed_and
from grokbook.analysis.moments import moments
from grokbook.theory import corollary_3_3

QUANTILES = (0.1, 0.5, 0.9)
"""The accuracies at which a curve of Corollary 3.3 is compared with a run."""


def certified_shares(runs: pd.DataFrame, distances: pd.DataFrame) -> pd.DataFrame:
    """Return the largest share of the test set that Theorem 3.2 reaches, and the accuracy.

    Parameters
    ----------
    runs
        Runs of an MLP with columns ``seed``, ``step``, ``test_accuracy``, ``epsilon`` and
        ``relu_radius``.
    distances
        `grokbook.studies.image_geometry.distances` of the data the runs were trained on.

    Returns
    -------
    pandas.DataFrame
        One row per seed: the largest ``epsilon`` of the run and the share ``within_epsilon`` of
        test images that have a training image within it, P(ε), whatever its label; the largest
        ``relu_radius`` and the share ``certified`` that have one of their own label closer than
        that; the last ``test_accuracy``.
    """
    rows = {}
    for seed, run in runs.groupby("seed"):
        epsilon, radius = run["epsilon"].max(), run["relu_radius"].max()
        rows[seed] = {
            "epsilon": epsilon,
            "within_epsilon": (distances["distance"] <= epsilon).mean(),
            "relu_radius": radius,
            "certified": (distances["same_label_distance"] < radius).mean(),
            "test_accuracy": run.sort_values("step")["test_accuracy"].iloc[-1],
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed").astype(float)


def corollary_fit_table(
    runs: pd.DataFrame,
    a: float = 1925.0,
    b: float = 500.0,
    L: float = 0.5,
    mu: float = 0.01,
    n: int = 3830,
    outputs: int = 113,
) -> pd.DataFrame:
    """Compare Corollary 3.3's curve, printed and fitted, with each run.

    Parameters
    ----------
    runs
        Runs of ``modadd-standard`` with columns ``seed``, ``step``, ``train_accuracy`` and
        ``test_accuracy``.
    a, b, L, mu, n, outputs
        As in :func:`grokbook.figures.section_3.figure_3`.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``curve``: "measured", "printed", "fitted" (least squares at the
        logged steps from 1 on). ``t_10``, ``t_50``, ``t_90``: the steps at which the curve reaches,
        or from which a run stays above, that percentage (NaN if never). ``rmse``: root mean square
        difference from the run; ``rmse_others``: the same on all other seeds, NaN where there is
        none. ``a``, ``b``, ``L``, ``mu``, and ``feasible_until``, the last step at which the
        premise can hold.
    """
    logged = runs[runs["step"] >= 1]
    times = moments(runs, QUANTILES)
    rows: dict[tuple[object, str], dict[str, float]] = {}
    for seed, run in logged.groupby("seed"):
        rows[seed, "measured"] = {
            f"t_{100 * q:g}": times.loc[seed].to_dict()[f"test_{100 * q:g}"] for q in QUANTILES
        }
        fit = fitted_curve(run)
        for curve, parameters in (
            ("printed", (a, b, L, mu)),
            ("fitted", (fit.a, fit.b, fit.L, fit.mu)),
        ):
            reached = {
                f"t_{100 * q:g}": corollary_3_3.steps_at_accuracy(q, *parameters) for q in QUANTILES
            }
            rows[seed, curve] = {
                **{name: t if np.isfinite(t) else float("nan") for name, t in reached.items()},
                "rmse": _rmse(run, parameters),
                "rmse_others": _rmse(logged[logged["seed"] != seed], parameters),
                **dict(zip(("a", "b", "L", "mu"), parameters, strict=True)),
                "feasible_until": corollary_3_3.feasible_until(n, outputs, *parameters[:2]),
            }
    return by_seed_and(rows, "curve")


def fitted_curve(runs: pd.DataFrame) -> corollary_3_3.FittedCurve:
    """Fit Corollary 3.3's curve to the logged test accuracies after step 0."""
    logged = runs[runs["step"] >= 1].sort_values(["seed", "step"])
    return corollary_3_3.fit_predicted_accuracy(logged["step"], logged["test_accuracy"])


def _rmse(runs: pd.DataFrame, parameters: tuple[float, float, float, float]) -> float:
    if runs.empty:
        return float("nan")
    gap = corollary_3_3.predicted_accuracy(runs["step"], *parameters) - runs["test_accuracy"]
    return float(np.sqrt(np.mean(np.square(gap))))
