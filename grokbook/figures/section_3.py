"""Figures 2 to 4: robustness, Corollary 3.3's curve, perturbed training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grokbook.analysis.moments import median_moments, say_step
from grokbook.analysis.predicted_accuracy import QUANTILES, fitted_curve
from grokbook.experiments.named import PAPER_TASKS
from grokbook.figures.style import CURVES, LABELS, ROLES, WIDTH, draw_seeds, finish, theme
from grokbook.figures.training_curves import (
    columns_with_accuracies,
    compared,
    mark_moments,
    marked,
)
from grokbook.theory import corollary_3_3

MNIST, MODADD = PAPER_TASKS


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
    return columns_with_accuracies(
        "Perturbation error and sharpness against training steps, logarithmic in value, with train"
        " and test accuracy, four panels",
        {
            f"{task.title}, {LABELS[column].split(' Tr')[0]}": (task, runs, column)
            for column in ("perturbation_error", "sharpness")
            for task, runs in zip(PAPER_TASKS, (mnist, modadd), strict=True)
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
    fit = fitted_curve(modadd)
    predictions = {
        "predicted, printed parameters": (CURVES[2], (a, b, L, mu)),
        "predicted, fitted parameters": (CURVES[3], (fit.a, fit.b, fit.L, fit.mu)),
    }
    feasible = corollary_3_3.feasible_until(n, outputs, a, b)
    measured = median_moments(modadd, QUANTILES)
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
        mark_moments(axes, modadd, marked(MODADD))
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
        Two panels, (a) MNIST, logarithmic in steps, and (b) modulo addition. Test accuracies have
        the line style of their training, train accuracies are dotted. The label is the alternative
        text.
    """
    return compared(
        "Test accuracy, and train accuracy dotted, against training steps under standard and"
        " perturbed training, two panels",
        {
            MNIST.title: (MNIST, {"standard": mnist_standard, "perturbed": mnist_perturbed}),
            MODADD.title: (MODADD, {"standard": modadd_standard, "perturbed": modadd_perturbed}),
        },
    )


def radii_along_run(runs: pd.DataFrame, levels: Mapping[str, float]) -> Figure:
    """Draw Theorem 3.2's radius during training, and the lengths that it would have to reach.

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
            # The two highest are close together: one name goes above, the other below.
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
        ``modadd-l1`` and ``modadd-no-decay``, columns as in
        :func:`grokbook.analysis.moments.moments`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, MNIST (logarithmic in steps) and modulo addition.
    """
    return compared(
        "Test and train accuracy under decay of the l2 norm, of the l1 norm and without decay,"
        " two panels",
        {
            MNIST.title: (
                MNIST,
                {"ℓ₂ decay": mnist, "ℓ₁ decay": mnist_l1, "no decay": mnist_none},
            ),
            MODADD.title: (
                MODADD,
                {"ℓ₂ decay": modadd, "ℓ₁ decay": modadd_l1, "no decay": modadd_none},
            ),
        },
    )


def _say_real(step: float) -> str:
    return say_step(step) if np.isfinite(step) else "no step"
