"""Figure 1: grokking on MNIST and on modulo addition (section 1 of the paper)."""

from __future__ import annotations

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokbook.figures.style import (
    LABELS,
    ROLES,
    WIDTH,
    alt_text,
    draw_seeds,
    finish,
    moments,
    theme,
)

THRESHOLDS = {"MNIST": (0.5, 0.8), "Modulo addition": (0.5, 0.99)}
"""The test accuracies marked in each panel."""


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
    panels = {"MNIST": mnist, "Modulo addition": modadd}
    with theme():
        figure = Figure(figsize=(WIDTH, 6.6), layout="constrained")
        for axes, letter, (name, runs) in zip(
            figure.subplots(2), "ab", panels.items(), strict=True
        ):
            lines = _draw_panel(axes, runs, THRESHOLDS[name], logarithmic=name == "MNIST")
            axes.set_title(f"({letter}) {name}", pad=24)
        figure.legend(handles=lines, loc="outside upper center", ncols=3, columnspacing=1.2)
        alt = alt_text(
            "Train and test accuracy and weight norm against training steps, two panels",
            panels,
            ("train_accuracy", "test_accuracy", "weight_norm"),
            THRESHOLDS,
        )
        return finish(figure, alt)


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


def _draw_panel(
    axes: Axes, runs: pd.DataFrame, thresholds: tuple[float, ...], logarithmic: bool
) -> list[Artist]:
    """Draw one panel and return the handles of its three curves."""
    if logarithmic:
        # Step 0 has no place on a logarithmic axis.
        runs = runs[runs["step"] > 0]
        axes.set_xscale("log")
    draw_seeds(axes, runs, "train_accuracy", scale=100)
    draw_seeds(axes, runs, "test_accuracy", scale=100)
    axes.set(xlabel="training step", ylabel="accuracy (%)", ylim=(-3, 103))
    axes.set_xlim(runs["step"].min(), runs["step"].max())
    axes.spines["right"].set_visible(False)

    norm = axes.twinx()
    draw_seeds(norm, runs, "weight_norm")
    colour = ROLES["weight_norm"].light
    norm.set_ylabel(LABELS["weight_norm"], color=colour)
    norm.set_ylim(0, 1.06 * runs["weight_norm"].max())
    norm.tick_params(axis="y", labelcolor=colour)
    norm.grid(False)

    times = moments(runs, thresholds).median().drop("norm_peak").dropna()
    for row, (column, step) in enumerate(times.items()):
        axes.axvline(step, color=ROLES["quiet"].light, lw=0.9, ls=":")
        axes.annotate(
            str(column).replace("_", " ") + " %",
            (step, 1),
            # Neighbouring moments may be close together: their labels take turns in two rows.
            (0, 3 + 10 * (row % 2)),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=ROLES["quiet"].light,
        )
    return [*axes.get_legend_handles_labels()[0], *norm.get_legend_handles_labels()[0]]
