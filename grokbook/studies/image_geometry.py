"""Tables of the images of a data set, recorded for MNIST so that the book needs no download.

A table is a pure function of a :class:`grokbook.tasks.base.Split`, everything in float64.
:func:`record` computes those of MNIST and stores each as ``runs/derived/mnist_<table>.parquet``,
with a JSON manifest of the code, the machine and the data. :func:`load` reads one back. ``grokbook
reproduce`` records those that are missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from grokbook import metrics
from grokbook._support.errors import InputError
from grokbook._support.provenance import provenance
from grokbook.experiments.columns import ORDERS
from grokbook.experiments.schema import Dataset
from grokbook.store.records import default_root, find_record, read_record, write_record
from grokbook.tasks.base import Split
from grokbook.tasks.images import MNIST
from grokbook.theory import neighbouring_probability


def distances(split: Split) -> pd.DataFrame:
    """Return the distance of each test image from the training set, d(x, D_train) of section 3.1.

    Returns
    -------
    DataFrame
        One row per test image, in the order of the test set: ``distance``, Euclidean, to the
        nearest training image, with pixels from 0 to 1; ``same_label_distance``, to the nearest of
        the test image's own label (infinite where there is none); ``nearest_has_label``, whether
        the nearest one has that label.
    """
    nearest = neighbouring_probability.nearest_distances(split.test_x, split.train_x)
    same_label = neighbouring_probability.nearest_distances(
        split.test_x, split.train_x, test_labels=split.test_y, train_labels=split.train_y
    )
    return pd.DataFrame(
        {
            "distance": nearest.numpy(),
            "same_label_distance": same_label.numpy(),
            # Both distances are recomputed for the nearest image, so that the same image gives
            # equal bits.
            "nearest_has_label": (nearest == same_label).numpy(),
        }
    )


def training_distances(split: Split) -> pd.DataFrame:
    """Return the bounds that the images alone give on the radii of Theorem 3.2.

    Returns
    -------
    DataFrame
        One row: ``smallest_norm``, min ‖xᵢ‖; ``opposed_distance``, the smallest distance between
        two training images of different labels; ``half``, half of it, which no radius common to all
        training points can exceed (`neighbouring_probability.label_consistent_radius`);
        ``share_within_half`` and ``same_label_share_within_half``, the shares of test images within
        it of any training image, and of one of their own label.
    """
    half = neighbouring_probability.label_consistent_radius(split.train_x, split.train_y)
    table = distances(split)
    return pd.DataFrame(
        {
            "smallest_norm": [float(split.train_x.double().norm(dim=1).min())],
            "opposed_distance": [2 * half],
            "half": [half],
            "share_within_half": [float((table["distance"] <= half).mean())],
            "same_label_share_within_half": [float((table["same_label_distance"] <= half).mean())],
        }
    )


def raw_entropies(split: Split) -> pd.DataFrame:
    """Compute matrix entropies of the raw training images (Definition 2.1; remark in appendix A).

    Returns
    -------
    DataFrame
        One row per order: ``alpha``; ``entropy``, H_α in nats of the Gram matrix of the images
        scaled to length 1; ``log_n``, its largest possible value; ``mean_cosine``, the mean of that
        matrix off its diagonal.
    """
    images = split.train_x.double()
    n = len(images)
    return pd.DataFrame(
        {
            "alpha": ORDERS,
            "entropy": metrics.representation_entropy(images, ORDERS).numpy(),
            "log_n": math.log(n),
            "mean_cosine": _mean_cosine(images),
        }
    )


def _mean_cosine(images: Tensor) -> float:
    unit = torch.nn.functional.normalize(images, dim=1)
    n = len(unit)
    # The entries of the Gram matrix add up to the squared length of the sum of the vectors.
    return float((unit.sum(dim=0).square().sum() - unit.square().sum()) / (n * (n - 1)))


TABLES: dict[str, Callable[[Split], pd.DataFrame]] = {
    "distances": distances,
    "training_distances": training_distances,
    "raw_entropies": raw_entropies,
}
"""The tables by name."""


def table(name: str, dataset: Dataset, root: Path | None = None) -> pd.DataFrame:
    """Return a table of a data set: the recorded one for the paper's MNIST, else computed.

    Parameters
    ----------
    name : {"distances", "training_distances", "raw_entropies"}
        Which table.
    dataset : Dataset
        Of images.
    root : Path, optional
        As in :func:`load`.

    Raises
    ------
    InputError
        On an unknown table.
    RunError
        As :func:`load`.

    Examples
    --------
    >>> from grokbook.tasks.images import Digits
    >>> round(float(table("training_distances", Digits()).loc[0, "half"]), 3)
    0.694
    """
    if name not in TABLES:
        raise InputError(f"There is no table {name!r}; known are {', '.join(TABLES)}.")
    if dataset == MNIST():
        return load(f"mnist_{name}", root)
    return TABLES[name](dataset.load())


def load(name: str, root: Path | None = None) -> pd.DataFrame:
    """Read a recorded table.

    Parameters
    ----------
    name : {"mnist_distances", "mnist_training_distances", "mnist_raw_entropies"}
        Which table, with the data set in front.
    root : Path, optional
        The folder of runs whose ``derived`` holds it; by default
        :func:`grokbook.store.records.default_root`, then that of the checkout, since these tables
        do not depend on the store.

    Raises
    ------
    InputError
        On an unknown name.
    RunError
        If the record is missing or damaged.
    """
    known = [f"mnist_{each}" for each in TABLES]
    if name not in known:
        raise InputError(f"There is no recorded table {name!r}; known are {', '.join(known)}.")

    def check(table: pd.DataFrame, manifest: dict[str, Any]) -> None:
        if manifest["table"] != name:
            raise ValueError(f"it is the table {manifest['table']}")

    found, _ = read_record(
        find_record(f"derived/{name}", root), f"the table {name}",
        lambda again: "`grokbook reproduce`", check=check,
    )  # fmt: skip
    return found


def record(root: Path | None = None) -> list[Path]:
    """Compute every table from MNIST and store it in ``root``/derived.

    Returns the Parquet files written. As with runs, a table exists exactly when its manifest does,
    and both files are replaced or none.

    Raises
    ------
    DataError
        As :meth:`grokbook.tasks.images.MNIST.load`.
    """
    dataset = MNIST()
    split = dataset.load()
    folder = (default_root() if root is None else root) / "derived"
    written = []
    for name, compute in TABLES.items():
        path = folder / f"mnist_{name}"
        manifest = {
            "table": path.name,
            "dataset": {"type": "MNIST", "train_points": dataset.train_points},
            "data_sha256": split.checksum(),
            **provenance(torch.device("cpu")),
        }
        write_record(path, compute(split), manifest)
        written.append(path.with_suffix(".parquet"))
    return written
