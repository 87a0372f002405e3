"""Figures 2 to 4: robustness, Corollary 3.3's curve, perturbed training; and the tables beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grokbook.figures.style import CURVES, LABELS, ROLES, WIDTH, draw_seeds, finish, theme
from grokbook.figures.training_curves import (
    THRESHOLDS,
    columns_with_accuracies,
    compared,
    mark_moments,
)
from grokbook.moments import median_moments, moments, say_step
from grokbook.theory import corollary_3_3

QUANTILES = (0.1, 0.5, 0.9)
"""The accuracies at which a curve of Corollary 3.3 is compared with a run."""


def figure_2(mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    """Draw perturbation error and sharpness on the training set over the accuracies.

    Parameters
    ----------
    mnist, modadd
        Runs of ``mnist-standard`` and ``modadd-standard`` with columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy``, ``weight_norm``, ``perturbation_error`` and
        ``sharpness``.

    Returns
    -------
    matplotlib.figure.Figure
        Four panels as in the paper: (a) and (b) perturbation error, (c) and (d) sharpness, of MNIST
        and modulo addition. The values span decades and have logarithmic axes. The label of the
        figure is its alternative text.
    """
    tasks = {"MNIST": mnist, "Modulo addition": modadd}
    return columns_with_accuracies(
        "Perturbation error and sharpness against training steps, logarithmic in value, with train"
        " and test accuracy, four panels",
        {
            f"{task}, {LABELS[column].split(' Tr')[0]}": (task, runs, column)
            for column in ("perturbation_error", "sharpness")
            for task, runs in tasks.items()
        },
        logarithmic_value=True,
    )


def figure_3(
    modadd: pd.DataFrame,
    a: float = 1925.0,
    b: float = 500.0,
    L: float = 0.5,
    mu: float = 0.01,
    n: int = 3830,
    outputs: int = 113,
) -> Figure:
    """Draw Corollary 3.3's predicted accuracy over the measured test accuracy.

    Parameters
    ----------
    modadd
        Runs of ``modadd-standard`` with columns ``seed``, ``step``, ``train_accuracy`` and
        ``test_accuracy``.
    a, b, L, mu
        As in `grokbook.theory.predicted_accuracy`; the defaults are the paper's, b > 0.
    n, outputs
        Number of training points and of classes.

    Returns
    -------
    matplotlib.figure.Figure
        Linear in steps. Besides the paper's two curves the least-squares fit to all runs at once.
        Shaded: the steps at which the premise cannot hold for an interpolating network
        (`grokbook.theory.corollary_3_3.feasible_until`). The label is the alternative text.
    """
    last = int(modadd["step"].max())
    steps = np.linspace(0, last, 601)
    fit = _fit(modadd)
    predictions = {
        "predicted, printed parameters": (CURVES[2], (a, b, L, mu)),
        "predicted, fitted parameters": (CURVES[3], (fit.a, fit.b, fit.L, fit.mu)),
    }
    feasible = corollary_3_3.feasible_until(n, outputs, a, b)
    measured = median_moments(modadd.assign(weight_norm=0.0), QUANTILES)
    with theme():
        figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(
            min(feasible, last), last, color=ROLES["quiet"].light, alpha=0.12, lw=0, zorder=0
        )
        draw_seeds(axes, modadd, "test_accuracy", 100, label="test accuracy, measured")
        words = []
        for label, (role, parameters) in predictions.items():
            curve = 100 * corollary_3_3.predicted_accuracy(steps, *parameters)
            axes.plot(steps, curve, color=role.light, ls=role.dashes, label=label)
            reached = (
                f"{100 * q:g} % at {_say_real(corollary_3_3.steps_at_accuracy(q, *parameters))}"
                for q in QUANTILES
            )
            words.append(f"{label}: {', '.join(reached)}")
        axes.text(
            0.97,
            0.12,
            f"shaded, from step {feasible:,.1f} on:\nno interpolating network\nmeets the premise",
            transform=axes.transAxes,
            ha="right",
            fontsize=9,
            color=ROLES["quiet"].light,
        )
        axes.set(xlabel="training step", ylabel="accuracy (%)", xlim=(0, last), ylim=(-3, 103))
        mark_moments(axes, modadd.assign(weight_norm=0.0), THRESHOLDS["Modulo addition"])
        figure.legend(loc="outside upper center", ncols=1)
        seeds = sorted(modadd["seed"].unique())
        who = f"seed {seeds[0]}" if len(seeds) == 1 else f"median of {len(seeds)} seeds"
        stays = ", ".join(
            f"{100 * q:g} % from {say_step(measured[f'test_{100 * q:g}'])}" for q in QUANTILES
        )
        alt = (
            f"Predicted and measured test accuracy on modulo addition, steps 0 to {last:,}."
            f" Measured, {who}, stays above {stays}. {'; '.join(words)}. The premise cannot hold"
            f" after step {feasible:,.1f}, shaded."
        )
        return finish(figure, alt)


def figure_4(
    mnist_standard: pd.DataFrame,
    mnist_perturbed: pd.DataFrame,
    modadd_standard: pd.DataFrame,
    modadd_perturbed: pd.DataFrame,
) -> Figure:
    """Draw accuracies under standard and under perturbed training.

    Parameters
    ----------
    mnist_standard, mnist_perturbed, modadd_standard, modadd_perturbed
        Runs of the experiments of these names, columns ``seed``, ``step``, ``train_accuracy``,
        ``test_accuracy`` and ``weight_norm``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, (a) MNIST, logarithmic in steps, and (b) modulo addition. Test accuracies are
        drawn full, train accuracies dotted. The label is the alternative text.
    """
    return compared(
        "Test accuracy, and train accuracy dotted, against training steps under standard and"
        " perturbed training, two panels",
        {
            "MNIST": ("MNIST", {"standard": mnist_standard, "perturbed": mnist_perturbed}),
            "Modulo addition": (
                "Modulo addition",
                {"standard": modadd_standard, "perturbed": modadd_perturbed},
            ),
        },
    )


def radii_along_run(runs: pd.DataFrame, levels: Mapping[str, float]) -> Figure:
    """Draw Theorem 3.2's radius while a network trains, beside lengths that it would have to reach.

    Parameters
    ----------
    runs
        Runs of an MLP with columns ``seed``, ``step``, ``epsilon`` (as printed, with L = 0) and
        ``relu_radius`` (repaired, for ReLU networks).
    levels
        Lengths by name, each drawn as a line across.

    Returns
    -------
    matplotlib.figure.Figure
        Both axes logarithmic, medians over the seeds. The label is the alternative text.

    Raises
    ------
    ValueError
        If no step after 0 has both columns.
    """
    columns = {"epsilon": "ε(W), printed", "relu_radius": "certified radius, repaired"}
    logged = runs[runs["step"] > 0].dropna(subset=list(columns))
    if logged.empty:
        raise ValueError(f"No step after 0 has all of the columns {', '.join(columns)}.")
    curves = logged.groupby("step")[list(columns)].median()
    with theme():
        figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", xlabel="training step", ylabel="length")
        words = []
        for role, (column, name) in zip(CURVES[1:], columns.items(), strict=False):
            curve = curves[column]
            axes.plot(curves.index, curve, color=role.light, ls=role.dashes, label=name)
            words.append(f"{name}, from {curve.iloc[0]:.2g} to {curve.iloc[-1]:.2g}")
        highest = max(levels.values(), default=0.0)
        for name, length in levels.items():
            axes.axhline(length, color=ROLES["quiet"].light, lw=1, ls=":")
            # The two highest are close together: names above the one, below the other.
            up = length == highest
            axes.annotate(
                f"{name}: {length:.3g}",
                (0.02, length),
                (0, 3 if up else -3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="bottom" if up else "top",
                fontsize=9,
                color=ROLES["quiet"].light,
            )
            words.append(f"{name}, {length:.3g}")
        axes.set_xlim(curves.index[0], curves.index[-1])
        axes.set_ylim(top=max(axes.get_ylim()[1], 5 * highest))
        figure.legend(loc="outside upper center", ncols=2)
        alt = (
            f"Lengths against training steps {curves.index[0]:,} to {curves.index[-1]:,}, both axes"
            f" logarithmic: {'; '.join(words)}."
        )
        return finish(figure, alt)


def decay(
    mnist: pd.DataFrame,
    mnist_l1: pd.DataFrame,
    mnist_none: pd.DataFrame,
    modadd: pd.DataFrame,
    modadd_l1: pd.DataFrame,
    modadd_none: pd.DataFrame,
) -> Figure:
    """Draw test and train accuracy under decay of the ℓ₂ norm, of the ℓ₁ norm, and of none.

    Parameters
    ----------
    mnist, mnist_l1, mnist_none, modadd, modadd_l1, modadd_none
        Runs of ``mnist-standard``, ``mnist-l1``, ``mnist-no-decay``, ``modadd-standard``,
        ``modadd-l1`` and ``modadd-no-decay``, columns as in :func:`grokbook.moments.moments`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, MNIST (logarithmic in steps) and modulo addition.
    """
    return compared(
        "Test and train accuracy under decay of the l2 norm, of the l1 norm and without decay,"
        " two panels",
        {
            "MNIST": (
                "MNIST",
                {"ℓ₂ decay": mnist, "ℓ₁ decay": mnist_l1, "no decay": mnist_none},
            ),
            "Modulo addition": (
                "Modulo addition",
                {"ℓ₂ decay": modadd, "ℓ₁ decay": modadd_l1, "no decay": modadd_none},
            ),
        },
    )


def values_at_moments(
    runs: pd.DataFrame, columns: Sequence[str], thresholds: Sequence[float] = (0.5,)
) -> pd.DataFrame:
    """Return columns of the runs at the start, at the moments of each seed, and at the end.

    Parameters
    ----------
    runs
        Runs of one experiment, with ``columns`` and those that
        :func:`grokbook.moments.moments` needs.
    columns
        What to look up; costly metrics are logged at some of the steps only.
    thresholds
        Test accuracies, as in :func:`grokbook.moments.moments`.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``moment``: "start", "train_100", "test_<percent>", "end". The
        ``step`` of the first row at or after the moment that has all columns, and their values
        there; NaN where there is none.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "weight_norm": [3.0, 2.0, 1.0],
    ...     "train_accuracy": [0.1, 1.0, 1.0], "test_accuracy": [0.1, 0.1, 0.6]})
    >>> values_at_moments(run, ["weight_norm"])["weight_norm"].tolist()
    [3.0, 2.0, 1.0, 1.0]
    """
    times = moments(runs, thresholds).drop(columns="norm_peak")
    wanted = ["step", *columns]
    rows: dict[tuple[object, str], dict[str, float]] = {}
    for seed, run in runs.dropna(subset=list(columns)).groupby("seed"):
        run = run.sort_values("step")
        ends = {"start": run["step"].iloc[0], "end": run["step"].iloc[-1]}
        at = {"start": ends["start"], **times.loc[seed].to_dict(), "end": ends["end"]}
        for moment, step in at.items():
            later = run.loc[run["step"] >= step, wanted]
            empty = dict.fromkeys(wanted, float("nan"))
            rows[seed, str(moment)] = later.iloc[0].to_dict() if len(later) else empty
    return _by_seed_and(rows, "moment").astype(float)


def certified_shares(runs: pd.DataFrame, distances: pd.DataFrame) -> pd.DataFrame:
    """How much of the test set Theorem 3.2 reaches at best, beside what was learned.

    Parameters
    ----------
    runs
        Runs of an MLP with columns ``seed``, ``step``, ``test_accuracy``, ``epsilon`` and
        ``relu_radius``.
    distances
        `grokbook.derived.distances` of the data the runs were trained on.

    Returns
    -------
    pandas.DataFrame
        One row a seed: the largest ``epsilon`` of the run and the share ``within_epsilon`` of test
        images that have a training image within it, P(ε), whatever its label; the largest
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
        As in :func:`figure_3`.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``curve``: "measured", "printed", "fitted" (least squares at the
        logged steps from 1 on). ``t_10``, ``t_50``, ``t_90``: the steps at which the accuracy
        reaches, or from which on it stays above, that percentage (NaN if never). ``rmse``: root
        mean square difference from the run; ``rmse_others``: the same on all other seeds, NaN where
        there is none. ``a``, ``b``, ``L``, ``mu``, and ``feasible_until``, the last step at which
        the premise can hold.
    """
    logged = runs[runs["step"] >= 1]
    times = moments(runs.assign(weight_norm=0.0), QUANTILES)
    rows: dict[tuple[object, str], dict[str, float]] = {}
    for seed, run in logged.groupby("seed"):
        rows[seed, "measured"] = {
            f"t_{100 * q:g}": times.loc[seed].to_dict()[f"test_{100 * q:g}"] for q in QUANTILES
        }
        fit = _fit(run)
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
    return _by_seed_and(rows, "curve")


def speed_up(
    standard: pd.DataFrame, perturbed: pd.DataFrame, thresholds: Sequence[float] = (0.5, 0.99)
) -> pd.DataFrame:
    """Compare the times of two trainings seed by seed; a seed fixes split and initial weights.

    Parameters
    ----------
    standard, perturbed
        Runs of the two, as in :func:`grokbook.moments.moments`; seeds that only one of them has are
        left out.
    thresholds
        Test accuracies, each in (0, 1].

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``moment`` ("train_100", "test_<percent>"): the steps of the
        ``standard`` and the ``perturbed`` run, NaN where it did not come within the run, and
        ``speed_up``, the first over the second. Where one is missing, its run's last step stands in
        for it, and ``reading`` says which side of the truth this is on: "at least", "at most", or
        "unknown" with a speed-up of NaN where both are missing.

    Raises
    ------
    ValueError
        If no seed was recorded for both.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": 1.0,
    ...     "train_accuracy": 1.0, "test_accuracy": [0.1, 0.1, 0.1, 0.6]})
    >>> sooner = run.assign(test_accuracy=[0.1, 0.6, 0.6, 1.0])
    >>> table = speed_up(run, sooner, [0.5, 0.9]).loc[0]
    >>> [(float(row.speed_up), row.reading) for row in table.itertuples()]
    [(nan, ''), (3.0, ''), (1.0, 'at least')]
    """
    seeds = sorted(set(standard["seed"]) & set(perturbed["seed"]))
    if not seeds:
        raise ValueError("No seed was recorded for both trainings.")
    times = [moments(runs, thresholds).drop(columns="norm_peak") for runs in (standard, perturbed)]
    lasts = [runs.groupby("seed")["step"].max() for runs in (standard, perturbed)]
    readings = {
        (False, False): "",
        (True, False): "at least",
        (False, True): "at most",
        (True, True): "unknown",
    }
    rows: dict[tuple[object, str], dict[str, Any]] = {}
    for seed in seeds:
        for moment in times[0].columns:
            steps = [table.loc[seed].to_dict()[moment] for table in times]
            missing = (bool(np.isnan(steps[0])), bool(np.isnan(steps[1])))
            filled = [
                float(last[seed]) if gone else step
                for step, gone, last in zip(steps, missing, lasts, strict=True)
            ]
            rows[seed, str(moment)] = {
                "standard": steps[0],
                "perturbed": steps[1],
                "speed_up": _ratio(*filled) if not all(missing) else float("nan"),
                "reading": readings[missing],
            }
    return _by_seed_and(rows, "moment")


def at_equal_accuracy(
    standard: pd.DataFrame,
    perturbed: pd.DataFrame,
    columns: Sequence[str],
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Compare two trainings at the moment when each has reached the same test accuracy.

    Parameters
    ----------
    standard, perturbed
        Runs of the two, as in :func:`values_at_moments`; seeds that only one of them has are left
        out.
    columns
        What to compare; positive quantities, as they are compared by ratio.
    threshold
        The test accuracy, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``column``: the values of the ``standard`` and the ``perturbed`` run
        when test accuracy stays above the threshold; their ``ratio``, the second over the first;
        and ``gap``, the size of its logarithm as a share of that of the whole change in the
        standard run, from start to end: 0 where the column tells the accuracy alone, whatever the
        training, near 1 where the two are as far apart as start and end. NaN where a run did not
        get there.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "weight_norm": [16.0, 4.0, 1.0],
    ...     "train_accuracy": 1.0, "test_accuracy": [0.1, 0.6, 0.9]})
    >>> other = run.assign(test_accuracy=[0.1, 0.2, 0.9])
    >>> row = at_equal_accuracy(run, other, ["weight_norm"]).iloc[0]
    >>> [float(value) for value in row]
    [4.0, 1.0, 0.25, 0.5]
    """
    moment = f"test_{100 * threshold:g}"
    rows: dict[tuple[object, str], dict[str, float]] = {}
    for column in columns:
        tables = [
            values_at_moments(runs, [column], (threshold,))[column].unstack("moment")
            for runs in (standard, perturbed)
        ]
        both = tables[0].join(tables[1][[moment]], rsuffix="_perturbed", how="inner")
        for row in both.reset_index().to_dict("records"):
            ratio = row[f"{moment}_perturbed"] / row[moment]
            whole = row["end"] / row["start"]
            rows[row["seed"], column] = {
                "standard": row[moment],
                "perturbed": row[f"{moment}_perturbed"],
                "ratio": ratio,
                "gap": float(abs(np.log(ratio)) / abs(np.log(whole))),
            }
    return _by_seed_and(rows, "column").sort_index(level="seed", sort_remaining=False)


def _by_seed_and(rows: Mapping[tuple[object, str], Mapping[str, Any]], name: str) -> pd.DataFrame:
    """Table of rows keyed by a seed and something else, in their order."""
    index = pd.MultiIndex.from_tuples(list(rows), names=["seed", name])
    return pd.DataFrame(list(rows.values()), index=index)


def _ratio(first: float, second: float) -> float:
    """Quotient of two steps; of a step to step 0 it says nothing."""
    return first / second if second > 0 else float("nan")


def _fit(runs: pd.DataFrame) -> corollary_3_3.FittedCurve:
    logged = runs[runs["step"] >= 1].sort_values(["seed", "step"])
    return corollary_3_3.fit_predicted_accuracy(logged["step"], logged["test_accuracy"])


def _rmse(runs: pd.DataFrame, parameters: tuple[float, float, float, float]) -> float:
    if runs.empty:
        return float("nan")
    gap = corollary_3_3.predicted_accuracy(runs["step"], *parameters) - runs["test_accuracy"]
    return float(np.sqrt(np.mean(np.square(gap))))


def _say_real(step: float) -> str:
    return say_step(step) if np.isfinite(step) else "no step"
