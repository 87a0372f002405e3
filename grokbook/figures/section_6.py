"""Figures 12 and 13: entropies of several orders, and PMI′ (section 6 and appendix B)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokbook.analysis.moments import median_moments, say_step
from grokbook.experiments.columns import by_order
from grokbook.experiments.named import PAPER_TASKS
from grokbook.figures.style import CURVES, WIDTH, draw_seeds, finish, theme
from grokbook.figures.training_curves import (
    columns_with_accuracies,
    mark_moments,
    marked,
    on_step_axis,
)

MNIST, _ = PAPER_TASKS


def figure_12(mnist: pd.DataFrame) -> Figure:
    """Draw the entropies of the logits at un-perturbed images for several orders α.

    Parameters
    ----------
    mnist
        Runs of ``mnist-standard`` with columns ``seed``, ``step``, ``train_accuracy``,
        ``test_accuracy``, ``weight_norm``, and ``test_entropy`` and ``entropy`` (in nats, means
        over batches) at every order: see :func:`grokbook.experiments.columns.by_order`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels with the same axes, (a) the test set, which is the paper's figure, and (b) the
        training set. Median over seeds with the range as a band. Its label is its alternative text.
    """
    sets = {"test_entropy": "Test set", "entropy": "Training set"}
    task = MNIST
    with theme():
        figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
        grid = figure.subplots(len(sets), squeeze=False, sharey=True)[:, 0]
        words = []
        for letter, axes, (column, name) in zip("ab", grid, sets.items(), strict=True):
            runs = on_step_axis(axes, mnist, task)
            for role, (alpha, logged) in zip(CURVES, by_order(column).items(), strict=True):
                draw_seeds(axes, runs, logged, role=role, label=f"α = {alpha}")
                words.append(_range(f"{name}, α = {alpha}", runs, logged))
            mark_moments(axes, runs, marked(task))
            axes.set(xlabel="training step", ylabel="entropy of the logits (nats)")
            axes.set_title(f"({letter}) {name}", pad=24)
        handles = grid[0].get_legend_handles_labels()[0]
        figure.legend(handles=handles, loc="outside upper center", ncols=4, columnspacing=1.2)
        times = median_moments(runs, marked(task))
        reached = ", ".join(
            f"{100 * threshold:g} % from {say_step(times[f'test_{100 * threshold:g}'])}"
            for threshold in marked(task)
        )
        alt = (
            "Matrix entropy of the logits at un-perturbed MNIST images against training steps, four"
            f" orders, two panels, steps {runs['step'].min():,} to {runs['step'].max():,}:"
            f" {'; '.join(words)}. Train accuracy reaches 100 % at {say_step(times['train_100'])},"
            f" test accuracy stays above {reached}."
        )
        return finish(figure, alt)


def figure_13(mnist: pd.DataFrame) -> Figure:
    """Draw PMI′, the information of noisy logits about the labels, and PMI, over the accuracies.

    Parameters
    ----------
    mnist
        Runs of ``mnist-standard`` with columns ``seed``, ``step``, ``train_accuracy``,
        ``test_accuracy``, ``weight_norm``, ``perturbed_label_mutual_information`` and
        ``perturbed_mutual_information``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, (a) PMI′, which is the paper's figure, and (b) PMI, to compare when they change.
    """
    return columns_with_accuracies(
        "PMI′ and PMI on the training set of MNIST against training steps, with train and test"
        " accuracy, two panels",
        {
            "PMI′: noisy logits and labels": (
                MNIST, mnist, "perturbed_label_mutual_information",
            ),
            "PMI: first layer and logits, both noisy": (
                MNIST, mnist, "perturbed_mutual_information",
            ),
        },
    )  # fmt: skip


def both_sets(looks: pd.DataFrame) -> Figure:
    """Draw PMI and MID of the training set and of the test set against training steps.

    Parameters
    ----------
    looks
        Columns ``seed``, ``step``, and ``train_pmi``, ``test_pmi``, ``train_mid``, ``test_mid`` in
        nats: the study of sets, by :func:`grokbook.analysis.by_seed.unfolded`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, logarithmic in steps; the median over seeds with the range as a band. Its label
        is its alternative text.
    """
    shown = looks[looks["step"] > 0]
    with theme():
        figure, panels = _two_panels("pmi", "mid")
        words = []
        for metric, axes in panels.items():
            name = metric.upper()
            for role, kind in zip(CURVES, ("train", "test"), strict=False):
                label = {"train": "training set", "test": "test set"}[kind]
                draw_seeds(axes, shown, f"{kind}_{metric}", role=role, label=label)
                words.append(_range(f"{name} of the {label}", shown, f"{kind}_{metric}"))
        _legend(figure)
        alt = (
            "PMI and MID of the training set and of the test set of MNIST against training steps"
            f" {shown['step'].min():,.0f} to {shown['step'].max():,.0f}, two panels:"
            f" {'; '.join(words)}."
        )
        return finish(figure, alt)


def batch_sizes(table: pd.DataFrame, default: int) -> Figure:
    """Draw PMI and PE against training steps for the smallest, the default and the largest batch.

    Parameters
    ----------
    table
        As :func:`grokbook.studies.information_settings.information_settings` returns it; rows of
        one draw are drawn.
    default
        The batch size that runs log.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, logarithmic in steps. Its label is its alternative text.
    """
    one = table[(table["draws"] == 1) & (table["step"] > 0)]
    sizes = sorted({int(one["batch"].min()), default, int(one["batch"].max())})
    with theme():
        figure, panels = _two_panels("pmi", "pe")
        words = []
        for column, axes in panels.items():
            for role, batch in zip(CURVES, sizes, strict=False):
                curve = one[one["batch"] == batch].set_index("step")[column].sort_index()
                axes.plot(
                    curve.index, curve, color=role.light, ls=role.dashes, label=f"batch {batch}"
                )
                words.append(
                    f"{column.upper()}, batches of {batch}, from {curve.iloc[0]:.3g} to"
                    f" {curve.iloc[-1]:.3g}"
                )
        _legend(figure)
        alt = (
            f"PMI and PE with one draw of the noise against training steps {one['step'].min():,} to"
            f" {one['step'].max():,}, by batch size, two panels: {'; '.join(words)}."
        )
        return finish(figure, alt)


def _two_panels(*metrics: str) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for each of two metrics in nats, logarithmic in steps."""
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    grid = figure.subplots(2, squeeze=False, sharex=True)[:, 0]
    for letter, axes, metric in zip("ab", grid, metrics, strict=True):
        axes.set(xscale="log", ylabel=f"{metric.upper()} (nats)")
        axes.set_title(f"({letter}) {metric.upper()}")
    grid[-1].set_xlabel("training step")
    return figure, dict(zip(metrics, grid, strict=True))


def _legend(figure: Figure) -> None:
    """Put the names of the first panel's curves above both panels."""
    handles = figure.axes[0].get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def _range(name: str, runs: pd.DataFrame, column: str) -> str:
    """Return in words the range of the median over seeds."""
    curve = runs.dropna(subset=[column]).groupby("step")[column].median()
    return (
        f"{name}, from {curve.iloc[0]:.3g} to {curve.iloc[-1]:.3g}, between {curve.min():.3g} and"
        f" {curve.max():.3g}"
    )
