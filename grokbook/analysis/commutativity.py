"""When and how far the commutative law is learned: tables by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from grokbook.analysis.comparisons import speed_up
from grokbook.analysis.intervals import FEWEST, median_interval
from grokbook.analysis.moments import first_step_staying, moments
from grokbook.analysis.staircase import half_times, plateau, splits


def abelian_times(runs: pd.DataFrame, threshold: float = 0.99) -> pd.DataFrame:
    """Return the steps at which the law is learned on training pairs, one row per seed.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`grokbook.figures.section_4.figure_5`.
    threshold
        The abelian accuracy that counts as learned, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        ``train_100``, the first logged step with train accuracy 1; ``abelian_<percent>``, the first
        from which abelian accuracy never again falls below the threshold; ``test_99``, the same for
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
    table = times[["train_100"]].assign(
        **{
            f"abelian_{100 * threshold:g}": first_step_staying(
                runs, "abelian_accuracy_train", threshold
            ),
            "test_99": times["test_99"],
        }
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
    """Compare the plateau of each seed with the height that the commutative law predicts.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`grokbook.figures.section_4.staircase`.
    manifests
        Of the same runs (:func:`grokbook.store.reading.load_manifests`).
    tolerance
        As in :func:`grokbook.analysis.staircase.plateau`.

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


def closest_pauses(plateaus: pd.DataFrame, count: int = 2) -> str:
    """Say where test accuracy pauses on the seeds that then know most of the mirrored pairs.

    Parameters
    ----------
    plateaus
        As :func:`plateau_table` returns it.
    count
        How many seeds.

    Examples
    --------
    >>> table = pd.DataFrame({"mirrored": [0.2, 0.61], "unmirrored": [0.1, 0.002],
    ...     "start": [100, 850], "end": [200, 5500]}, index=[0, 1])
    >>> closest_pauses(table, 1)
    'on seed 1 it answers 61% of the mirrored pairs and 0.2% of the others from step 850 to 5,500'
    """
    chosen = plateaus.dropna().nlargest(count, "mirrored").sort_index()
    return "; ".join(
        f"on seed {seed} it answers {row['mirrored']:.0%} of the mirrored pairs and"
        f" {row['unmirrored']:.1%} of the others from step {row['start']:,.0f} to"
        f" {row['end']:,.0f}"
        for seed, row in chosen.iterrows()
    )


LATER = 500
"""Steps after grokking from which :func:`logit_distances` counts the way up and down."""

AT_ZERO = 0.1
"""A distance below this share of the run's largest counts as zero in :func:`late_distances`."""


def logit_distances(
    runs: pd.DataFrame, threshold: float = 0.99, later: int = LATER
) -> pd.DataFrame:
    """Distances of the logits of a + b and b + a before and after grokking, one row per seed.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`grokbook.figures.section_4.relative_distance`,
        and ``abelian_logit_mse_train``.
    threshold
        Test accuracy from which, if it stays there, the network counts as having grokked.
    later
        Steps after grokking from which ``way`` and ``rising`` count.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``seed`` and ``quantity``: "distance", "distance / length" (by ``logit_scale``)
        and "root MSE". The ``largest`` of the run; the value when train accuracy reaches 100 %
        (``train_100``) and at the first logged step of the grokked phase (``grokked``); of that
        phase the ``lowest``, the ``highest_after`` it, and the value at the ``end``. From ``later``
        steps after its start on, the ``way``, which is the sum of the steps up and down between
        logged values over the largest value of the run; and ``rising``, the share of neighbouring
        logged values of which the later is larger. NaN where there is no such phase or moment.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": range(0, 60, 10), "weight_norm": 1.0,
    ...     "train_accuracy": 1.0, "test_accuracy": [0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
    ...     "abelian_logit_distance_train": [8.0, 9.0, 4.0, 1.0, 3.0, 2.0],
    ...     "abelian_logit_mse_train": 1.0, "logit_scale": 2.0})
    >>> table = logit_distances(run)
    >>> table.loc[(0, "distance"), ["largest", "grokked", "lowest", "highest_after"]].tolist()
    [9.0, 4.0, 1.0, 3.0]
    >>> float(logit_distances(run, later=10).loc[(0, "distance"), "way"])  # (2 + 1) / 9
    0.3333333333333333
    """
    times = moments(runs, (threshold,))
    grokked = times[f"test_{100 * threshold:g}"]
    quantities = runs.assign(
        **{
            "distance": runs["abelian_logit_distance_train"],
            "distance / length": distance_over_length(runs),
            "root MSE": np.sqrt(runs["abelian_logit_mse_train"]),
        }
    )
    rows: dict[tuple[Any, str], dict[str, float]] = {}
    for quantity in ("distance", "distance / length", "root MSE"):
        for seed, curve in _by_seed(quantities, quantity).items():
            largest, start = curve.max(), grokked[seed]
            rows[seed, quantity] = {
                "largest": largest,
                "train_100": curve.get(times.at[seed, "train_100"], float("nan")),
                **_after_grokking(curve[curve.index >= start].to_numpy(float)),
                **_ups_and_downs(curve[curve.index >= start + later].to_numpy(float), largest),
            }
    table = pd.DataFrame.from_dict(rows, orient="index").astype(float)
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["seed", "quantity"])
    return table.sort_index(level="seed", sort_remaining=False)


def late_distance(
    runs: pd.DataFrame,
    later: int,
    number: Callable[[pd.Series[float]], float],
    threshold: float = 0.99,
) -> pd.Series[float]:
    """Return a number of the logit distances some steps after grokking, by seed.

    Parameters
    ----------
    runs, threshold
        As in :func:`logit_distances`.
    later
        Steps after grokking from which on distances count.
    number
        Applied to these distances, each over the largest of the whole run: :func:`largest_late` or
        :func:`way_of`. A seed that does not grok, or has no such step, has NaN.
    """
    grokked = first_step_staying(runs, "test_accuracy", threshold)
    curves = _by_seed(runs, "abelian_logit_distance_train")
    late = {
        seed: curve[curve.index >= grokked[seed] + later] / curve.max()
        for seed, curve in curves.items()
    }
    numbers = {seed: number(curve) if len(curve) else np.nan for seed, curve in late.items()}
    return pd.Series(numbers, dtype=float)


def largest_late(late: pd.Series[float]) -> float:
    """Return the largest of the distances."""
    return float(late.max())


def way_of(late: pd.Series[float]) -> float:
    """Return the sum of the steps up and down between neighbouring distances."""
    return float(late.diff().abs().sum())


def late_distances(
    runs: pd.DataFrame, later: Sequence[int], threshold: float = 0.99
) -> pd.DataFrame:
    """Return how near to zero the logit distance stays, by the steps after grokking.

    Parameters
    ----------
    runs, threshold
        As in :func:`logit_distances`.
    later
        Steps after grokking from which on the largest distance is taken.

    Returns
    -------
    pandas.DataFrame
        By ``later``: the ``median`` over the seeds of that largest distance, over the largest of
        the whole run; ``low`` and ``high``, the ends of its 95 % interval
        (:func:`grokbook.analysis.intervals.median_interval`; NaN below
        :data:`grokbook.analysis.intervals.FEWEST` seeds); and ``near_zero``, the number of seeds on
        which it lies below ``AT_ZERO``. A seed that does not grok counts as anything.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": range(0, 60, 10),
    ...     "test_accuracy": [0, 0, 1, 1, 1, 1],
    ...     "abelian_logit_distance_train": [8.0, 10.0, 4.0, 0.5, 0.3, 0.2]})
    >>> late_distances(run, (0, 10))[["median", "near_zero"]].to_numpy().tolist()
    [[0.4, 0.0], [0.05, 1.0]]
    """
    rows = {}
    for each in later:
        shares = late_distance(runs, each, largest_late, threshold)
        low, high, _ = (
            median_interval(shares) if len(shares) >= FEWEST else (np.nan, np.nan, (np.nan, np.nan))
        )
        rows[each] = {
            "median": shares.median(),
            "low": low,
            "high": high,
            "near_zero": (shares < AT_ZERO).sum(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("later")


def halves_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return when each half of the test set is learned, and the accuracy on the other then.

    Parameters
    ----------
    runs
        Runs of one experiment, columns as in :func:`grokbook.figures.section_4.staircase`.

    Returns
    -------
    pandas.DataFrame
        By seed, :func:`grokbook.analysis.staircase.half_times` at 50 and 99 %, and
        ``unmirrored_then``, the accuracy in [0, 1] on the pairs without a mirror image at the step
        from which that on the others stays at 50 % (NaN if it never does).
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
    """Compare abelian degrok with training on labelled mirror images, one row per seed.

    Both read the training pairs and their mirror images: the first uses the commutative law, the
    second labels. They are compared on the test pairs that neither reads, whose mirror image is
    also a test pair.

    Parameters
    ----------
    mirrored, abelian
        Runs of ``modadd-mirrored`` and ``modadd-abelian``, columns as in
        :func:`grokbook.figures.section_4.staircase`; seeds that only one of them has are left out.
    threshold
        Accuracy on those pairs, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        By seed: ``mirrored`` and ``abelian``, the steps from which the accuracy stays at the
        threshold; ``speed_up``, the first over the second; ``reading`` as in
        :func:`grokbook.analysis.comparisons.speed_up`.

    Raises
    ------
    ValueError
        If no seed was recorded for both.
    """
    table = speed_up(mirrored, abelian, (threshold,), "test_accuracy_unmirrored")
    table = table[table.index.get_level_values("moment") == f"test_{100 * threshold:g}"]
    columns = ["mirrored", "abelian", "speed_up", "reading"]
    return table.droplevel("moment").set_axis(columns, axis=1)


def _after_grokking(late: np.ndarray) -> dict[str, float]:
    if not len(late):
        return dict.fromkeys(("grokked", "lowest", "highest_after", "end"), float("nan"))
    return {
        "grokked": late[0],
        "lowest": late.min(),
        "highest_after": late[late.argmin() :].max(),
        "end": late[-1],
    }


def _ups_and_downs(late: np.ndarray, largest: float) -> dict[str, float]:
    if len(late) < 2:
        return dict.fromkeys(("way", "rising"), float("nan"))
    changes = np.diff(late)
    return {
        "way": np.abs(changes).sum() / largest if largest > 0 else float("nan"),
        "rising": (changes > 0).mean(),
    }


def distance_over_length(runs: pd.DataFrame) -> pd.Series[float]:
    """Return the logit distance of mirrored pairs in units of the logits' own length."""
    return runs["abelian_logit_distance_train"] / runs["logit_scale"]


def _by_seed(runs: pd.DataFrame, column: str) -> dict[Any, pd.Series[float]]:
    """Return the logged values of a column by step, for each seed."""
    logged = runs.dropna(subset=[column]).sort_values("step")
    return {seed: run.set_index("step")[column] for seed, run in logged.groupby("seed")}
