"""Figure 1: grokking on MNIST and on modulo addition (section 1 of the paper)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from grokbook.figures.training_curves import compared, with_accuracies
from grokbook.moments import moments


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
        {"MNIST": ("MNIST", mnist), "Modulo addition": ("Modulo addition", modadd)},
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
        {"MNIST": ("MNIST", {"α = 8": mnist, "α = 1": unit})},
    )


def norm_decay(runs: pd.DataFrame, threshold: float = 0.5) -> pd.DataFrame:
    """How far the weight norm has fallen by the time test accuracy rises, one row a seed.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`figure_1`.
    threshold
        The test accuracy that counts as risen, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        ‖W‖₂ at its ``peak``, when train accuracy reaches 100 % (``at_train_100``), when test
        accuracy stays above the threshold (``at_test_<percent>``) and at the ``end``; and
        ``fallen``, the share in [0, 1] of the whole fall, from peak to end, that lies before the
        rise of test accuracy. NaN where the moment is not within the run, or nothing fell.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": [3.0, 5.0, 2.0, 1.0],
    ...     "train_accuracy": [0.1, 1.0, 1.0, 1.0], "test_accuracy": [0.1, 0.1, 0.6, 0.7]})
    >>> norm_decay(run).loc[0].to_dict()
    {'peak': 5.0, 'at_train_100': 5.0, 'at_test_50': 2.0, 'end': 1.0, 'fallen': 0.75}
    """
    times = moments(runs, (threshold,))
    risen = f"test_{100 * threshold:g}"
    rows = {}
    for seed, run in runs.dropna(subset=["weight_norm"]).groupby("seed"):
        norm: pd.Series[float] = run.set_index("step")["weight_norm"].sort_index()
        at = norm.reindex([times.at[seed, "train_100"], times.at[seed, risen]]).to_numpy()
        peak, end = norm.max(), norm.iloc[-1]
        fallen = (peak - at[1]) / (peak - end) if peak > end else float("nan")
        rows[seed] = {"peak": peak, "at_train_100": at[0], f"at_{risen}": at[1], "end": end}
        rows[seed]["fallen"] = fallen
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")
