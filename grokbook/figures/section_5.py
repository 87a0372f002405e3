"""Figures 8 to 11: PMI, PE, MID and ED along training (section 5 of the paper)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grokbook.figures.training_curves import Panel, panels_with_accuracies, with_accuracies
from grokbook.moments import moments

BEYOND = 1.5
"""How far past the end of fitting the early phase is drawn, as a factor of steps."""


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
        {"MNIST": ("MNIST", mnist), "Modulo addition": ("Modulo addition", modadd)},
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
    tasks = {"MNIST": mnist, "Modulo addition": modadd}
    return panels_with_accuracies(
        "Perturbed entropy of the logits on the training set against training steps, with train and"
        " test accuracy, two panels whose entropy axes do not start at zero",
        {
            task: Panel(task, runs, column, limits=_span(runs, column))
            for task, runs in tasks.items()
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
        As :func:`figure_8`, of the steps that :func:`early` keeps.
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


def early(runs: pd.DataFrame, beyond: float = BEYOND) -> pd.DataFrame:
    """Keep the steps before training accuracy reaches 100 %, and a little more.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``train_accuracy`` and
        ``weight_norm``.
    beyond
        Rows up to this factor times the latest seed's first step of training accuracy 1 are kept;
        all rows where a seed never gets there.
    """
    fitted = moments(runs, ())["train_100"]
    return runs if fitted.isna().any() else runs[runs["step"] <= beyond * fitted.max()]


def early_change(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """How a column changes before training accuracy reaches 100 %, one row a seed.

    Parameters
    ----------
    runs
        Columns ``seed``, ``step``, ``train_accuracy``, ``weight_norm`` and ``column``, at least 0.
    column
        ``mutual_information_difference`` or ``entropy_difference``, in nats.

    Returns
    -------
    DataFrame
        ``start``, the first logged value; ``largest`` and ``smallest`` up to ``at_train_100``, the
        first value logged when or after training accuracy first is 1; ``left``, the share
        at_train_100 / largest; ``falling``, the share of changes from one logged step to the next
        that are downwards in that time. NaN where training accuracy never is 1.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 1, 2, 3], "weight_norm": 1.0,
    ...     "train_accuracy": [0.1, 0.2, 1.0, 1.0], "metric": [4.0, 2.0, 1.0, 9.0]})
    >>> early_change(run, "metric").loc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'start': 4.0, 'largest': 4.0, 'smallest': 1.0, 'at_train_100': 1.0, 'left': 0.25,
     'falling': 1.0}
    """
    fitted = moments(runs, ())["train_100"]
    rows = {}
    for seed, run in runs.dropna(subset=[column]).sort_values("step").groupby("seed"):
        values = run[column].to_numpy(float)
        # Up to and with the first row at or after the moment; none if it never comes.
        late = run["step"].to_numpy() >= fitted[seed]
        values = values[: int(np.argmax(late)) + 1] if late.any() else np.full(1, np.nan)
        changes = np.diff(values)
        rows[seed] = {
            "start": values[0],
            "largest": values.max(),
            "smallest": values.min(),
            "at_train_100": values[-1],
            "left": values[-1] / values.max() if values.max() > 0 else np.nan,
            "falling": float(np.mean(changes < 0)) if len(changes) else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")


def _early_panels(name: str, column: str, mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    tasks = {"MNIST": mnist, "Modulo addition": modadd}
    return panels_with_accuracies(
        f"{name} on the training set early in training, with train and test accuracy, two panels"
        " that end a little after train accuracy reaches 100 %",
        {
            # Test accuracy does not rise yet: only the end of fitting is marked.
            task: Panel(task, early(runs), column, thresholds=())
            for task, runs in tasks.items()
        },
    )


def _span(runs: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return the range of a column after step 0, with a little room."""
    values = runs.loc[runs["step"] > 0, column]
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 0.06
    return low - room, high + room
