"""Figures 8 to 11: PMI, PE, MID and ED along training (section 5 of the paper)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from grokbook.analysis.timeliness import early
from grokbook.experiments.named import PAPER_TASKS
from grokbook.figures.training_curves import Panel, panels_with_accuracies, with_accuracies


def figure_8(mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    """Draw the perturbed mutual information on the training set over the accuracies.

    Parameters
    ----------
    mnist, modadd
        Runs of ``mnist-standard`` and ``modadd-standard`` with columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy``, ``weight_norm`` and
        ``perturbed_mutual_information`` (in nats; Definition 5.1, one draw, mean over batches).

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, (a) MNIST, logarithmic in steps, and (b) modulo addition. Its label is its
        alternative text.
    """
    return with_accuracies(
        "Perturbed mutual information on the training set against training steps, with train and"
        " test accuracy, two panels",
        {task.title: (task, runs) for task, runs in zip(PAPER_TASKS, (mnist, modadd), strict=True)},
        "perturbed_mutual_information",
    )


def figure_9(mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    """Draw the perturbed entropy of the logits on the training set over the accuracies.

    Parameters
    ----------
    mnist, modadd
        As in :func:`figure_8`, with ``perturbed_entropy`` (Definition 5.2).

    Returns
    -------
    matplotlib.figure.Figure
        As :func:`figure_8`, but the axis of each panel spans the values after step 0 and not from
        zero on: on MNIST, whose ten classes cap the entropy at log 10, all changes are small.
    """
    column = "perturbed_entropy"
    return panels_with_accuracies(
        "Perturbed entropy of the logits on the training set against training steps, with train and"
        " test accuracy, two panels whose entropy axes do not start at zero",
        {
            task.title: Panel(task, runs, column, limits=_span(runs, column))
            for task, runs in zip(PAPER_TASKS, (mnist, modadd), strict=True)
        },
    )


def figure_10(mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    """Draw the mutual information difference early in training over the accuracies.

    Parameters
    ----------
    mnist, modadd
        As in :func:`figure_8`, with ``mutual_information_difference`` (Definition 5.3).

    Returns
    -------
    matplotlib.figure.Figure
        As :func:`figure_8`, of the steps that :func:`grokbook.analysis.timeliness.early` keeps.
    """
    return _early_panels(
        "Mutual information difference", "mutual_information_difference", mnist, modadd
    )


def figure_11(mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    """Draw the entropy difference early in training over the accuracies.

    Parameters
    ----------
    mnist, modadd
        As in :func:`figure_8`, with ``entropy_difference`` (Definition 5.4).

    Returns
    -------
    matplotlib.figure.Figure
        As :func:`figure_10`.
    """
    return _early_panels("Entropy difference", "entropy_difference", mnist, modadd)


def _early_panels(name: str, column: str, mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    return panels_with_accuracies(
        f"{name} on the training set early in training, with train and test accuracy, two panels"
        " that end a little after train accuracy reaches 100 %",
        {
            # Test accuracy does not rise yet: only the end of fitting is marked.
            task.title: Panel(task, early(runs), column, thresholds=())
            for task, runs in zip(PAPER_TASKS, (mnist, modadd), strict=True)
        },
    )


def _span(runs: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return the range of a column after step 0, with a little room."""
    values = runs.loc[runs["step"] > 0, column]
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 0.06
    return low - room, high + room
