"""Figures 5 to 7: the commutative law on modulo addition; the staircase explained."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grokbook.analysis.commutativity import distance_over_length
from grokbook.analysis.moments import median_moments, say_step
from grokbook.analysis.staircase import half_times, logged_share, plateau
from grokbook.experiments.named import PAPER_TASKS
from grokbook.figures.style import CURVES, ROLES, WIDTH, draw_seeds, finish, theme
from grokbook.figures.training_curves import accuracies, compared, on_step_axis, with_accuracies

_, TASK = PAPER_TASKS

LEVEL = "share of test pairs whose mirror image is a training pair"
"""The line across :func:`staircase`."""


def figure_5(standard: pd.DataFrame, perturbed: pd.DataFrame) -> Figure:
    """Draw the abelian test on training pairs with train and test accuracy.

    Parameters
    ----------
    standard, perturbed
        Runs of ``modadd-standard`` and ``modadd-perturbed`` with columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy``, ``weight_norm`` and ``abelian_accuracy_train``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, (a) standard and (b) perturbed training, 0 to 100 %. Its label is its
        alternative text.
    """
    return accuracies(
        "Abelian accuracy on training pairs, train and test accuracy against training steps on"
        " modulo addition, two panels",
        {"Standard training": (TASK, standard), "Perturbed training": (TASK, perturbed)},
        {
            "train_accuracy": ROLES["train_accuracy"],
            "test_accuracy": ROLES["test_accuracy"],
            "abelian_accuracy_train": ROLES["metric"],
        },
    )


def figure_6(standard: pd.DataFrame, perturbed: pd.DataFrame, abelian: pd.DataFrame) -> Figure:
    """Draw the accuracies of abelian degrok over those of standard and perturbed training.

    Parameters
    ----------
    standard, perturbed, abelian
        Runs of ``modadd-standard``, ``modadd-perturbed`` and ``modadd-abelian`` with columns
        ``seed``, ``step``, ``train_accuracy``, ``test_accuracy`` and ``weight_norm``.

    Returns
    -------
    matplotlib.figure.Figure
        One panel; train accuracies dotted. Its label is its alternative text.
    """
    trainings = {"standard": standard, "perturbed": perturbed, "abelian degrok": abelian}
    return compared(
        "Test accuracy, and train accuracy dotted, against training steps under standard and"
        " perturbed training and abelian degrok",
        {TASK.title: (TASK, trainings)},
    )


def figure_7(standard: pd.DataFrame, perturbed: pd.DataFrame) -> Figure:
    """Draw the distance of the logits of mirrored training pairs with the accuracies.

    Parameters
    ----------
    standard, perturbed
        As in :func:`figure_5`, with ``abelian_logit_distance_train``: the mean over training pairs
        of ‖f("a + b =") − f("b + a =")‖₂.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, (a) standard and (b) perturbed training. Its label is its alternative text.
    """
    return with_accuracies(
        "Distance of the logits of a + b and b + a on training pairs, train and test accuracy"
        " against training steps on modulo addition, two panels",
        {"Standard training": (TASK, standard), "Perturbed training": (TASK, perturbed)},
        "abelian_logit_distance_train",
    )


def staircase(standard: pd.DataFrame, perturbed: pd.DataFrame, abelian: pd.DataFrame) -> Figure:
    """Draw the two parts of the test set separately: the staircase is one part after the other.

    Parameters
    ----------
    standard, perturbed, abelian
        As in :func:`figure_6`, with ``test_accuracy_mirrored`` (test pairs whose mirror image is a
        training pair) and ``test_accuracy_unmirrored`` (the others).

    Returns
    -------
    matplotlib.figure.Figure
        One panel per training. The line across is the share of the first part in the test set, the
        median over the seeds, recovered from the log by
        :func:`grokbook.analysis.staircase.logged_share`. Its label is its alternative text.
    """
    trainings = {
        "Standard training": standard,
        "Perturbed training": perturbed,
        "Abelian degrok": abelian,
    }
    figure = accuracies(
        "Test accuracy on modulo addition, overall and on the two parts of the test set, against"
        " training steps, three panels",
        {name: (TASK, runs) for name, runs in trainings.items()},
        {
            "test_accuracy": ROLES["test_accuracy"],
            "test_accuracy_mirrored": CURVES[2],
            "test_accuracy_unmirrored": CURVES[3],
        },
        {
            name: (LEVEL, float(logged_share(runs).dropna().median()))
            for name, runs in trainings.items()
        },
        legend_columns=1,
    )
    words = [_say_halves(name, runs) for name, runs in trainings.items()]
    figure.set_label(" ".join([str(figure.get_label()), *words]))
    return figure


def mirror_images(standard: pd.DataFrame, abelian: pd.DataFrame, mirrored: pd.DataFrame) -> Figure:
    """Draw the test accuracy of three trainings on the pairs that none of them reads.

    Parameters
    ----------
    standard, abelian, mirrored
        Runs of ``modadd-standard``, ``modadd-abelian`` and ``modadd-mirrored``, columns as in
        :func:`staircase`; only common seeds are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        One panel: accuracy on the test pairs whose mirror image is also a test pair; train
        accuracies dotted. Its label is its alternative text.

    Raises
    ------
    ValueError
        If no seed was recorded for all three.
    """
    trainings = {"standard": standard, "abelian degrok": abelian, "mirror images": mirrored}
    shared = set.intersection(*(set(runs["seed"]) for runs in trainings.values()))
    if not shared:
        raise ValueError("No seed was recorded for all three trainings.")
    unmirrored = {name: runs[runs["seed"].isin(shared)] for name, runs in trainings.items()}
    return compared(
        "Test accuracy on the pairs whose mirror image is no training pair, and train accuracy"
        " dotted, against training steps under standard training, abelian degrok and standard"
        " training on pairs and mirror images",
        {TASK.title: (TASK, unmirrored)},
        "test_accuracy_unmirrored",
    )


def relative_distance(
    standard: pd.DataFrame, perturbed: pd.DataFrame, abelian: pd.DataFrame
) -> Figure:
    """Draw the logit distance in units of the logits' own length, logarithmic in value.

    Parameters
    ----------
    standard, perturbed, abelian
        As in :func:`figure_7`, with ``logit_scale``, the mean length of the logits of the training
        pairs.

    Returns
    -------
    matplotlib.figure.Figure
        One panel; the step from which test accuracy stays at 99 % as a line of each training's
        colour. Its label is its alternative text.
    """
    trainings = {"standard": standard, "perturbed": perturbed, "abelian degrok": abelian}
    threshold = TASK.grokked
    with theme():
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.subplots()
        words = []
        last = max(int(runs["step"].max()) for runs in trainings.values())
        for role, (name, every) in zip(CURVES, trainings.items(), strict=False):
            runs = on_step_axis(axes, every, TASK).assign(ratio=distance_over_length)
            draw_seeds(axes, runs, "ratio", 1, role, label=name)
            at = median_moments(runs, (threshold,))[f"test_{100 * threshold:g}"]
            if not np.isnan(at):
                axes.axvline(at, color=role.light, lw=0.9, ls=":")
            curve = runs.groupby("step")["ratio"].median()
            peak = float(curve.index[int(curve.argmax())])
            words.append(
                f"{name}: from {curve.iloc[0]:.2g} to {curve.iloc[-1]:.2g}, largest"
                f" {curve.max():.2g} at {say_step(peak)}; test accuracy stays"
                f" above {100 * threshold:g} % from {say_step(at)}"
            )
        axes.set(
            xlabel="training step", ylabel="logit distance / logit length", yscale="log",
            xlim=(0, last),
        )  # fmt: skip
        figure.legend(loc="outside upper center", ncols=3)
        alt = (
            "Distance of the logits of a + b and b + a on training pairs, divided by the mean"
            f" length of the logits, logarithmic, against training steps 0 to {last:,} on modulo"
            f" addition, medians over the seeds. {'. '.join(words)}."
        )
        return finish(figure, alt)


def _say_halves(name: str, runs: pd.DataFrame) -> str:
    learned = half_times(runs, (0.99,)).median()
    pause = plateau(runs).median()
    words = (
        f"{name}: 99 % of the pairs whose mirror image is a training pair are answered from"
        f" {say_step(learned['mirrored_99'])} on, of the others from"
        f" {say_step(learned['unmirrored_99'])} on"
    )
    if np.isnan(pause["start"]):
        return f"{words}; test accuracy does not pause."
    return (
        f"{words}; test accuracy pauses longest at {pause['height']:.3g}, from"
        f" {say_step(pause['start'])} to {say_step(pause['end'])}."
    )
