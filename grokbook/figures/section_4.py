"""Figures 5 to 7: the commutative law on modulo addition; the staircase explained; tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from grokbook.figures.section_3 import speed_up
from grokbook.figures.style import CURVES, ROLES, WIDTH, draw_seeds, finish, theme
from grokbook.figures.training_curves import accuracies, compared, on_step_axis, with_accuracies
from grokbook.moments import GROKKED, median_moments, moments, say_step
from grokbook.staircase import half_times, logged_share, on_half, plateau, splits

TASK = "Modulo addition"

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
        {TASK: (TASK, trainings)},
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
    """Draw the two parts of the test set apart: the staircase is one part after the other.

    Parameters
    ----------
    standard, perturbed, abelian
        As in :func:`figure_6`, with ``test_accuracy_mirrored`` (test pairs whose mirror image is a
        training pair) and ``test_accuracy_unmirrored`` (the others).

    Returns
    -------
    matplotlib.figure.Figure
        One panel a training. The line across is the share of the first part in the test set, the
        median over the seeds, recovered from the log by :func:`grokbook.staircase.logged_share`.
        Its label is its alternative text.
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
    """Draw the test accuracy on the pairs of which no training reads anything, under three.

    Parameters
    ----------
    standard, abelian, mirrored
        Runs of ``modadd-standard``, ``modadd-abelian`` and ``modadd-mirrored``, columns as in
        :func:`staircase`; seeds that one of them has not are left out.

    Returns
    -------
    matplotlib.figure.Figure
        One panel: accuracy on the test pairs whose mirror image is a test pair too; train
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
    unmirrored = {
        name: on_half(runs[runs["seed"].isin(shared)], "unmirrored")
        for name, runs in trainings.items()
    }
    return compared(
        "Test accuracy on the pairs whose mirror image is no training pair, and train accuracy"
        " dotted, against training steps under standard training, abelian degrok and standard"
        " training on pairs and mirror images",
        {TASK: (TASK, unmirrored)},
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
    threshold = GROKKED["modadd"]
    with theme():
        figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
        axes = figure.subplots()
        words = []
        last = max(int(runs["step"].max()) for runs in trainings.values())
        for role, (name, every) in zip(CURVES, trainings.items(), strict=False):
            runs = on_step_axis(axes, every, TASK).assign(ratio=_relative)
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


def abelian_times(runs: pd.DataFrame, threshold: float = 0.99) -> pd.DataFrame:
    """When the commutative law is learned on training pairs, one row a seed, in steps.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`figure_5`.
    threshold
        The abelian accuracy that counts as learned, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        ``train_100``, the first logged step with train accuracy 1; ``abelian_<percent>``, the first
        from which abelian accuracy never again falls below the threshold; ``test_99``, the same of
        test accuracy; NaN if never. ``abelian_start`` and ``abelian_at_train_100``, the abelian
        accuracies in [0, 1] at the first logged step and at ``train_100``.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20, 30], "weight_norm": 1.0,
    ...     "train_accuracy": [0.1, 1.0, 1.0, 1.0], "test_accuracy": [0.0, 0.1, 0.6, 1.0],
    ...     "abelian_accuracy_train": [1.0, 0.4, 1.0, 1.0]})
    >>> abelian_times(run).loc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'train_100': 10.0, 'abelian_99': 20.0, 'test_99': 30.0, 'abelian_start': 1.0,
     'abelian_at_train_100': 0.4}
    """
    times = moments(runs, (0.99,))
    # The same moments, were abelian accuracy the test accuracy.
    abelian = moments(runs.assign(test_accuracy=runs["abelian_accuracy_train"]), (threshold,))
    percent = f"{100 * threshold:g}"
    table = times[["train_100"]].assign(
        **{f"abelian_{percent}": abelian[f"test_{percent}"], "test_99": times["test_99"]}
    )
    curves = _by_seed(runs, "abelian_accuracy_train")
    return table.assign(
        abelian_start=pd.Series({seed: curve.iloc[0] for seed, curve in curves.items()}),
        abelian_at_train_100=pd.Series(
            {seed: curve.get(times.at[seed, "train_100"]) for seed, curve in curves.items()},
            dtype=float,
        ),
    )


def plateau_table(
    runs: pd.DataFrame, manifests: Sequence[Mapping[str, Any]], tolerance: float = 0.05
) -> pd.DataFrame:
    """Put the plateau of each seed beside the height that the commutative law predicts.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`staircase`.
    manifests
        Of the same runs (:func:`grokbook.runs.load_manifests`).
    tolerance
        As in :func:`grokbook.staircase.plateau`.

    Returns
    -------
    pandas.DataFrame
        By seed: ``start``, ``end``, ``length`` in steps and ``height`` of the plateau, the
        ``share`` of mirrored test pairs in that seed's split, ``off`` = height − share, and the
        median accuracies on the ``mirrored`` and ``unmirrored`` test pairs at the logged steps of
        the plateau. NaN where there is none.
    """
    table = plateau(runs, tolerance).join(splits(manifests)[["share"]])
    table["off"] = table["height"] - table["share"]
    for half in ("mirrored", "unmirrored"):
        medians = {}
        for seed, curve in _by_seed(runs, f"test_accuracy_{half}").items():
            start, end = table.at[seed, "start"], table.at[seed, "end"]
            inside = curve[(curve.index >= start) & (curve.index <= end)]
            medians[seed] = inside.median() if len(inside) else float("nan")
        table[half] = pd.Series(medians, dtype=float)
    return table


def logit_distances(runs: pd.DataFrame, threshold: float = 0.99) -> pd.DataFrame:
    """How far the logits of a + b and b + a lie apart before and after grokking, one row a seed.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`relative_distance`, and
        ``abelian_logit_mse_train``.
    threshold
        Test accuracy from which, if it stays there, the network counts as having grokked.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``quantity``: "distance", "distance / length" (by ``logit_scale``)
        and "root MSE". The ``largest`` of the run; the value when train accuracy reaches 100 %
        (``train_100``) and at the first logged step of the grokked phase (``grokked``); of that
        phase the ``lowest``, the ``highest_after`` it, and the value at the ``end``; its
        ``variation``, the sum of the steps up and down between logged values, divided by the range
        of the phase (1: it moves one way); and ``rising``, the share of neighbouring logged values
        of which the later is larger. NaN where there is no such phase or moment.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": range(0, 60, 10), "weight_norm": 1.0,
    ...     "train_accuracy": 1.0, "test_accuracy": [0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
    ...     "abelian_logit_distance_train": [8.0, 9.0, 4.0, 1.0, 3.0, 2.0],
    ...     "abelian_logit_mse_train": 1.0, "logit_scale": 2.0})
    >>> table = logit_distances(run)
    >>> table.loc[(0, "distance"), ["largest", "grokked", "lowest", "highest_after"]].tolist()
    [9.0, 4.0, 1.0, 3.0]
    >>> float(table.loc[(0, "distance"), "variation"])  # (3 + 2 + 1) / (4 - 1)
    2.0
    """
    times = moments(runs, (threshold,))
    grokked = times[f"test_{100 * threshold:g}"]
    quantities = runs.assign(
        **{
            "distance": runs["abelian_logit_distance_train"],
            "distance / length": _relative(runs),
            "root MSE": np.sqrt(runs["abelian_logit_mse_train"]),
        }
    )
    rows: dict[tuple[Any, str], dict[str, float]] = {}
    for quantity in ("distance", "distance / length", "root MSE"):
        for seed, curve in _by_seed(quantities, quantity).items():
            late = curve[curve.index >= grokked[seed]]
            rows[seed, quantity] = {
                "largest": curve.max(),
                "train_100": curve.get(times.at[seed, "train_100"], float("nan")),
                **_after_grokking(late.to_numpy(float)),
            }
    table = pd.DataFrame.from_dict(rows, orient="index").astype(float)
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["seed", "quantity"])
    return table.sort_index(level="seed", sort_remaining=False)


def halves_table(runs: pd.DataFrame) -> pd.DataFrame:
    """When the halves of the test set are learned, and the accuracy on one when the other is.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`staircase`.

    Returns
    -------
    pandas.DataFrame
        By seed, :func:`grokbook.staircase.half_times` at 50 and 99 %, and ``unmirrored_then``, the
        accuracy in [0, 1] on the pairs without a mirror image at the step from which that on the
        others stays at 50 % (NaN if it never does).
    """
    table = half_times(runs)
    then = {
        seed: curve.get(table.at[seed, "mirrored_50"], float("nan"))
        for seed, curve in _by_seed(runs, "test_accuracy_unmirrored").items()
    }
    return table.assign(unmirrored_then=pd.Series(then, dtype=float))


def law_beyond_labels(
    mirrored: pd.DataFrame, abelian: pd.DataFrame, threshold: float = 0.99
) -> pd.DataFrame:
    """Compare abelian degrok with training on labelled mirror images, one row a seed.

    Both read the training pairs and their mirror images, the one with the commutative law, the
    other with labels. They are compared on the test pairs of which neither reads anything, those
    whose mirror image is a test pair too.

    Parameters
    ----------
    mirrored, abelian
        Runs of ``modadd-mirrored`` and ``modadd-abelian``, columns as in :func:`staircase`; seeds
        that only one of them has are left out.
    threshold
        Accuracy on those pairs, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        By seed: ``mirrored`` and ``abelian``, the steps from which the accuracy stays at the
        threshold; ``speed_up``, the first over the second; ``reading`` as in
        :func:`grokbook.figures.section_3.speed_up`.

    Raises
    ------
    ValueError
        If no seed was recorded for both.
    """
    table = speed_up(on_half(mirrored, "unmirrored"), on_half(abelian, "unmirrored"), (threshold,))
    table = table[table.index.get_level_values("moment") == f"test_{100 * threshold:g}"]
    columns = ["mirrored", "abelian", "speed_up", "reading"]
    return table.droplevel("moment").set_axis(columns, axis=1)


MORE = 1.1
"""By how much abelian degrok has to be sooner to count as sooner in :func:`law_or_labels`."""


def law_or_labels(compared: pd.DataFrame) -> str:
    """Say what :func:`law_beyond_labels` tells, by the rule that was fixed before the runs.

    Returns
    -------
    str
        "more than the labels" if abelian degrok is sooner by more than a tenth on all seeds,
        "no more than the labels" if on none, else "more than the labels on <some> of <all> seeds".

    Examples
    --------
    >>> law_or_labels(pd.DataFrame({"speed_up": [1.2, 1.3, 1.0]}))
    'more than the labels on 2 of 3 seeds'
    """
    sooner = int((compared["speed_up"] > MORE).sum())
    if sooner in (0, len(compared)):
        return "more than the labels" if sooner else "no more than the labels"
    return f"more than the labels on {sooner} of {len(compared)} seeds"


def final_values(trainings: Mapping[str, pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return the last logged values of columns, one row a training and seed.

    Parameters
    ----------
    trainings
        Runs by the name of their training, with columns ``seed``, ``step`` and ``columns``.
    columns
        What to look up; costly metrics are logged at some of the steps only.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``training`` and ``seed``: the values at the last step that has all columns.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "entropy": [3.0, 2.0, None]})
    >>> final_values({"standard": run}, ["entropy"]).loc[("standard", 0)].to_dict()
    {'entropy': 2.0}
    """
    last = {
        name: runs.dropna(subset=list(columns)).sort_values("step").groupby("seed").last()
        for name, runs in trainings.items()
    }
    return pd.concat(last, names=["training"])[list(columns)]


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


def _after_grokking(late: np.ndarray) -> dict[str, float]:
    columns = ("grokked", "lowest", "highest_after", "end", "variation", "rising")
    if not len(late):
        return dict.fromkeys(columns, float("nan"))
    changes, span = np.diff(late), late.max() - late.min()
    return {
        "grokked": late[0],
        "lowest": late.min(),
        "highest_after": late[late.argmin() :].max(),
        "end": late[-1],
        "variation": np.abs(changes).sum() / span if span > 0 else float("nan"),
        "rising": (changes > 0).mean() if len(changes) else float("nan"),
    }


def _relative(runs: pd.DataFrame) -> pd.Series[float]:
    return runs["abelian_logit_distance_train"] / runs["logit_scale"]


def _by_seed(runs: pd.DataFrame, column: str) -> dict[Any, pd.Series[float]]:
    """Return the logged values of a column by step, for each seed."""
    logged = runs.dropna(subset=[column]).sort_values("step")
    return {seed: run.set_index("step")[column] for seed, run in logged.groupby("seed")}
