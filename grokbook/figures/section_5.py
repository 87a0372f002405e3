"""Figures 8 to 11: PMI, PE, MID and ED along training (section 5 of the paper)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from grokbook.analysis.timeliness import aligned, delay, early
from grokbook.experiments.named import PAPER_TASKS
from grokbook.figures.style import CURVES, LABELS, ROLES, WIDTH, draw_seeds, finish, theme
from grokbook.figures.training_curves import (
    Panel,
    describe,
    on_step_axis,
    panels_with_accuracies,
    with_accuracies,
)


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
        As :func:`figure_8`, but the axis of each panel spans only the values after step 0 and does
        not start at zero: on MNIST, whose ten classes cap the entropy at log 10, all changes are
        small.
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


def early_with_and_without(decay: pd.DataFrame, none: pd.DataFrame) -> Figure:
    """Draw MID and ED of modulo addition early in training, with weight decay and without it.

    Parameters
    ----------
    decay, none
        Runs of ``modadd-standard`` and ``modadd-no-decay`` with columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy``, ``weight_norm``, ``mutual_information_difference``
        and ``entropy_difference``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, (a) MID and (b) ED, both trainings in each, until a little after training
        accuracy reaches 100 %. Its label is its alternative text.
    """
    trainings = {"with weight decay": early(decay), "without weight decay": early(none)}
    words = [
        "MID and ED on the training set of modulo addition early in training, with weight decay and"
        " without it, two panels that end a little after train accuracy reaches 100 %."
    ]
    with theme():
        figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
        grid = figure.subplots(2, 1)
        for letter, axes, column in zip(
            "ab", grid, ("mutual_information_difference", "entropy_difference"), strict=True
        ):
            for role, (name, every) in zip(CURVES, trainings.items(), strict=False):
                runs = on_step_axis(axes, every, PAPER_TASKS[1])
                draw_seeds(axes, runs, column, role=role, label=name)
                words.append(describe(f"{LABELS[column]}, {name}", runs, (column,), ()))
            axes.set(xlabel="training step", ylabel=LABELS[column])
            axes.set_title(f"({letter}) {LABELS[column].split(' (')[0]}")
        figure.legend(
            handles=grid[0].get_legend_handles_labels()[0], loc="outside upper center", ncols=2
        )
        return finish(figure, " ".join(words))


TIMED = {
    "test_accuracy": "test accuracy", "weight_norm": "weight norm",
    "perturbed_mutual_information": "PMI", "perturbed_entropy": "PE",
}  # fmt: skip
"""What :func:`aligned_changes` draws."""


def aligned_changes(mnist: pd.DataFrame, modadd: pd.DataFrame) -> Figure:
    """Draw how much of its change each metric has made, against test accuracy's halfway step.

    Parameters
    ----------
    mnist, modadd
        Runs of ``mnist-standard`` and ``modadd-standard`` with columns ``seed``, ``step``,
        ``train_accuracy``, ``test_accuracy``, ``weight_norm``, ``perturbed_mutual_information`` and
        ``perturbed_entropy``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels. A line is the median over the seeds, a dot where it crosses one half for good,
        the median of :func:`grokbook.analysis.timeliness.delay`; its distance from the upright line
        is the lag. Its label is its alternative text.
    """
    roles = (ROLES["test_accuracy"], CURVES[0], CURVES[2], CURVES[3])
    words = []
    with theme():
        figure = Figure(figsize=(WIDTH, 6.0), layout="constrained")
        grid = figure.subplots(2, 1)
        for letter, axes, task, runs in zip("ab", grid, PAPER_TASKS, (mnist, modadd), strict=True):
            courses = aligned(runs, list(TIMED))
            told = []
            for role, (column, name) in zip(roles, TIMED.items(), strict=True):
                axes.plot(
                    courses.index, courses[column], color=role.light, ls=role.dashes, label=name
                )
                late = delay(runs, column).median()
                axes.plot(late, 0.5, "o", color=role.light, ms=6, clip_on=False)
                told.append(f"{name} {late:+.3f}")
            axes.axvline(0, color=ROLES["quiet"].light, lw=0.8)
            axes.axhline(0.5, color=ROLES["quiet"].light, lw=0.8)
            axes.set(ylim=(-0.25, 1.25), ylabel="share of its change")
            axes.set_title(f"({letter}) {task.title}")
            words.append(f"({letter}) {task.title}: {', '.join(told)}")
        grid[-1].set_xlabel("decades of steps after half of test accuracy's rise")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2)
        return finish(
            figure,
            "Share of its change that each metric has made from training accuracy 100 % on, against"
            " the step at which test accuracy has made half of its rise. Half of the change comes"
            f" at, in decades of steps, medians over the seeds: {'; '.join(words)}.",
        )


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
