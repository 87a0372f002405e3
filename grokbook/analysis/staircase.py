"""The pause of test accuracy on modulo addition, and its predicted height.

Call a pair *mirrored* if its mirror image (b, a) lies on the other side of the split. Let N = p² be
the number of pairs, n that of training pairs and m that of mirrored test pairs (which is also that
of mirrored training pairs):

- A network that answers every training pair and obeys the commutative law answers the mirrored test
  pairs; the law says nothing about the others. If these stay wrong, test accuracy is the *mirrored
  share* m / (N - n). Over random splits its mean is n / (p (p + 1)): a test pair is off the
  diagonal with probability (p - 1) / p, and its mirror image is then one of the N - 1 other pairs,
  n of which are for training.
- While train accuracy is 1, "a + b =" and "b + a =" are given the same class for the n - m
  training pairs that are not mirrored, for any network, and for a mirrored training pair exactly if
  its mirror image is answered correctly. So the abelian accuracy on training pairs is f + (1 - f) *
  (test accuracy on mirrored pairs), with the *free share* f = (n - m) / n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from grokbook import metrics
from grokbook._support.errors import InputError
from grokbook.analysis.moments import first_step_staying
from grokbook.tasks.modular import ModularAddition

HEIGHTS = (0.1, 0.9)
"""Test accuracies between which a pause counts as a plateau: neither the start nor the end."""


def mirrored_share(dataset: ModularAddition) -> float:
    """Return the share in [0, 1] of a split's test pairs whose mirror image is a training pair.

    Raises
    ------
    InputError
        If the split leaves no pair for testing.

    Examples
    --------
    >>> round(mirrored_share(ModularAddition(p=113, train_fraction=0.3, seed=0)), 4)
    0.3029
    """
    return metrics.mirror_share(dataset.load().train_x, dataset.p)


def expected_mirrored_share(dataset: ModularAddition) -> float:
    """Return the mean of :func:`mirrored_share` over all splits of that size, n / (p (p + 1)).

    Examples
    --------
    >>> round(expected_mirrored_share(ModularAddition(p=113, train_fraction=0.3)), 4)
    0.2973
    """
    return dataset.train_points / (dataset.p * (dataset.p + 1))


def splits(manifests: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Count each run's pairs, and those whose mirror image lies on the other side of the split.

    Parameters
    ----------
    manifests
        Of runs of one experiment on modulo addition, as
        :func:`grokbook.store.reading.load_manifests` returns them.

    Returns
    -------
    DataFrame
        By seed: ``train`` pairs n, ``test`` pairs N - n, the ``mirrored`` m of either; and in
        [0, 1] the ``share`` m / (N - n) of mirrored test pairs, its mean over all splits
        (``expected``), and the ``free`` share (n - m) / n of training pairs that are not mirrored.

    Raises
    ------
    InputError
        If a run is not of modulo addition, or leaves no pair for testing.
    """
    rows = {}
    for manifest in manifests:
        fields = dict(manifest["experiment"]["dataset"])
        kind = fields.pop("type")
        if kind != ModularAddition.__name__:
            raise InputError(f"The run's data set is {kind}, but only ModularAddition has mirrors.")
        dataset = ModularAddition(**fields)
        test = dataset.p**2 - dataset.train_points
        share = mirrored_share(dataset)
        mirrored = round(share * test)
        rows[manifest["experiment"]["seed"]] = {
            "train": dataset.train_points,
            "test": test,
            "mirrored": mirrored,
            "share": share,
            "expected": expected_mirrored_share(dataset),
            "free": 1 - mirrored / dataset.train_points,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")


def logged_share(runs: pd.DataFrame) -> pd.Series[float]:
    """Recover the mirrored share of each run's split from its test accuracies alone.

    At every step, test accuracy is s * (accuracy on mirrored pairs) + (1 - s) * (accuracy on the
    others). The least-squares solution is exact up to rounding, so a figure needs only the log.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``test_accuracy``, ``test_accuracy_mirrored``
        and ``test_accuracy_unmirrored``.

    Returns
    -------
    Series
        s in [0, 1] by seed; NaN where the two halves never differ.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "test_accuracy": [0.0, 0.25, 1.0],
    ...     "test_accuracy_mirrored": [0.0, 1.0, 1.0],
    ...     "test_accuracy_unmirrored": [0.0, 0.0, 1.0]})
    >>> logged_share(run).to_dict()
    {0: 0.25}
    """
    above = runs["test_accuracy"] - runs["test_accuracy_unmirrored"]
    gap = runs["test_accuracy_mirrored"] - runs["test_accuracy_unmirrored"]
    products = pd.DataFrame({"above": above * gap, "gap": gap * gap})
    sums = products.groupby(runs["seed"]).sum()
    return (sums["above"] / sums["gap"].where(sums["gap"] > 0)).rename("share")


def plateau(runs: pd.DataFrame, tolerance: float = 0.05) -> pd.DataFrame:
    """Find where test accuracy pauses longest between its start and its end.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``train_accuracy`` and
        ``test_accuracy``, accuracies in [0, 1].
    tolerance
        Largest difference of the highest and the lowest test accuracy of a pause, in [0, 1].

    Returns
    -------
    DataFrame
        By seed, the longest stretch of at least two neighbouring logged steps, none before train
        accuracy first is 1, whose test accuracies lie in ``HEIGHTS`` and within ``tolerance`` of
        one another: its first and last step (``start``, ``end``), their distance (``length``), and
        the median test accuracy at its logged steps (``height``). The earlier of two equally long
        stretches counts. NaN where there is none. A curve that rises slowly also has such a
        stretch; only its length and height show whether there is a pause.

    Raises
    ------
    InputError
        If ``tolerance`` lies outside [0, 1].

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": range(0, 70, 10), "train_accuracy": 1.0,
    ...     "test_accuracy": [0.0, 0.0, 0.25, 0.3, 0.28, 0.9, 1.0]})
    >>> plateau(run).loc[0].to_dict()
    {'start': 20.0, 'end': 40.0, 'length': 20.0, 'height': 0.28}
    """
    if not 0 <= tolerance <= 1:
        raise InputError(f"tolerance is {tolerance}, but must lie in [0, 1].")
    rows = {}
    for seed, run in runs.groupby("seed"):
        run = run.sort_values("step")
        fitted = run.loc[run["train_accuracy"] >= 1, "step"].min()  # NaN: nothing is after it
        after = run[run["step"] >= fitted].dropna(subset=["test_accuracy"])
        steps = after["step"].to_numpy(float)
        accuracy = after["test_accuracy"].to_numpy(float)
        rows[seed] = _longest(steps, accuracy, tolerance)
    columns = ["start", "end", "length", "height"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=float)
    return table.rename_axis("seed")


def half_times(runs: pd.DataFrame, thresholds: Sequence[float] = (0.5, 0.99)) -> pd.DataFrame:
    """Return the steps at which the two parts of the test set are learned, one row per seed.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``step``, ``test_accuracy_mirrored`` and
        ``test_accuracy_unmirrored``.
    thresholds
        Accuracies, each in (0, 1].

    Returns
    -------
    DataFrame
        ``mirrored_<percent>`` and ``unmirrored_<percent>`` for each threshold: the first logged
        step from which the accuracy on that half never again falls below it; NaN if never.
    """
    return pd.DataFrame(
        {
            f"{half}_{100 * threshold:g}": first_step_staying(
                runs, f"test_accuracy_{half}", threshold
            )
            for half in ("mirrored", "unmirrored")
            for threshold in thresholds
        }
    )


def abelian_identity(runs: pd.DataFrame, counts: pd.DataFrame) -> pd.Series[float]:
    """Largest deviation of a run from the identity of Figure 5 and the mirrored test pairs.

    Parameters
    ----------
    runs
        Runs of one experiment with columns ``seed``, ``train_accuracy``,
        ``abelian_accuracy_train`` and ``test_accuracy_mirrored``.
    counts
        :func:`splits` of these runs.

    Returns
    -------
    Series
        By seed, over the logged steps with train accuracy 1, the largest
        |abelian accuracy - (f + (1 - f) * test accuracy on mirrored pairs)|: 0 up to rounding.
        NaN where train accuracy never is 1.
    """
    fitted = runs[runs["train_accuracy"] >= 1]
    free = fitted["seed"].map(counts["free"])
    predicted = free + (1 - free) * fitted["test_accuracy_mirrored"]
    deviation = (fitted["abelian_accuracy_train"] - predicted).abs()
    largest = deviation.groupby(fitted["seed"]).max()
    return largest.reindex(sorted(runs["seed"].unique())).rename_axis("seed").rename("deviation")


def _longest(steps: np.ndarray, accuracy: np.ndarray, tolerance: float) -> dict[str, float]:
    best = dict.fromkeys(("start", "end", "length", "height"), float("nan"))
    # Differences of decimal fractions round to either side of the tolerance.
    slack = tolerance + 1e-9
    low, high = HEIGHTS
    inside = (accuracy >= low) & (accuracy <= high)
    for first in range(len(steps)):
        rest = accuracy[first:]
        spread = np.maximum.accumulate(rest) - np.minimum.accumulate(rest)
        leaves = ~inside[first:] | (spread > slack)
        count = int(np.argmax(leaves)) if leaves.any() else len(rest)
        if count < 2:
            continue
        last = first + count - 1
        length = float(steps[last] - steps[first])
        if not length <= best["length"]:
            best = {
                "start": float(steps[first]),
                "end": float(steps[last]),
                "length": length,
                "height": float(np.median(accuracy[first : last + 1])),
            }
    return best
