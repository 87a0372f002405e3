"""Figure 1: grokking on MNIST and on modulo addition (section 1 of the paper)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from grokbook.experiments.named import PAPER_TASKS
from grokbook.figures.training_curves import compared, with_accuracies

MNIST, _ = PAPER_TASKS


def figure_1(mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    """Draw train and test accuracy and ‖W‖₂ against steps, MNIST on a logarithmic step axis.

    Parameters
    ----------
    mnist, modadd
        Runs of ``mnist-standard`` and ``modadd-standard`` with columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy`` and ``weight_norm``. Several seeds are drawn as their
        median, with the range between the lowest and the highest as a band.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, (a) MNIST and (b) modulo addition. Its label is its alternative text.
    """
    return with_accuracies(
        "Train and test accuracy and weight norm against training steps, two panels",
        {task.title: (task, runs) for task, runs in zip(PAPER_TASKS, (mnist, modadd), strict=True)},
        "weight_norm",
    )


def initial_scale(mnist: pd.DataFrame, unit: pd.DataFrame) -> Figure:
    """Draw accuracies on MNIST from large initial weights and from usual ones.

    Parameters
    ----------
    mnist, unit
        Runs of ``mnist-standard``, whose weights start α = 8 times as large as usual, and of
        ``mnist-unit-init``, α = 1; columns as in :func:`figure_1`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel, logarithmic in steps.
    """
    return compared(
        "Test and train accuracy on MNIST from two scales of the initial weights",
        {MNIST.title: (MNIST, {"α = 8": mnist, "α = 1": unit})},
    )
