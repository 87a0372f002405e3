"""Images: MNIST, the paper's first task (section 2.1), and digits that need no download."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grokbook._support.errors import DataError, reason
from grokbook._support.validation import conform
from grokbook.tasks.base import Split, Task, check_train_points

# SHA-256 of the decompressed IDX files: mirrors recompress, the content never changes.
_MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_MNIST_BYTES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 784,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 784,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class _Images(Task):
    """Settings shared by the image tasks, after Omnigrok [Liu et al. 2022b]."""

    axis = "log"
    grokked = 0.8
    loss = "mse"


@dataclass(frozen=True)
class MNIST(_Images):
    """The first ``train_points`` MNIST training images and the whole test set of 10 000.

    Pixels are scaled to [0, 1] and flattened to 784 [LeCun et al. 1998; setting of Liu et al.
    2022b]. The files are read from the folder in ``GROKBOOK_DATA`` if that is set, and otherwise
    downloaded once per user from one of two public mirrors. Their decompressed content must have
    the published SHA-256.

    Raises
    ------
    InputError
        If ``train_points`` is outside 1…60 000.
    DataError
        On :meth:`load`: no network and no data folder, or a wrong checksum.
    """

    train_points: int = 1000

    key = "mnist"
    name = "MNIST"

    def __post_init__(self) -> None:
        conform(self)
        check_train_points(self.train_points, 60_000, "MNIST")

    def load(self) -> Split:
        """Return the split; see the class for where the bytes come from."""
        train_x = _idx_images(_mnist_bytes("train-images-idx3-ubyte"))[: self.train_points]
        train_y = _idx_labels(_mnist_bytes("train-labels-idx1-ubyte"))[: self.train_points]
        test_x = _idx_images(_mnist_bytes("t10k-images-idx3-ubyte"))
        test_y = _idx_labels(_mnist_bytes("t10k-labels-idx1-ubyte"))
        return Split(train_x, train_y, test_x, test_y, classes=10)


@dataclass(frozen=True)
class Digits(_Images):
    """scikit-learn's 1797 handwritten 8×8 digits: the stand-in for MNIST that needs no download.

    Pixels are scaled to [0, 1]; the first ``train_points`` images train, the rest test. For tests
    and smoke runs only: the paper does not use it.

    Examples
    --------
    >>> split = Digits(train_points=200).load()
    >>> split.train_x.shape, split.test_x.shape, split.classes
    (torch.Size([200, 64]), torch.Size([1597, 64]), 10)
    """

    train_points: int = 200

    name = "handwritten digits"

    def __post_init__(self) -> None:
        conform(self)
        check_train_points(self.train_points, 1796, "Digits")

    def load(self) -> Split:
        """Return the split, from the copy inside scikit-learn."""
        from sklearn.datasets import load_digits  # slow to import, and only this class needs it

        data = load_digits()
        x = torch.from_numpy(data.data.astype(np.float32) / 16)
        y = torch.from_numpy(data.target.astype(np.int64))
        n = self.train_points
        return Split(x[:n], y[:n], x[n:], y[n:], classes=10)


def _mnist_bytes(name: str) -> bytes:
    """Decompressed content of one MNIST file, verified."""
    folder = os.environ.get("GROKBOOK_DATA")
    if folder:
        path = Path(folder).expanduser() / f"{name}.gz"
        try:
            if not path.exists():
                raise DataError(
                    f"GROKBOOK_DATA is {folder!r}, but there is no {name}.gz in it; it must hold"
                    " the four MNIST files, or be unset to download them (the data set Digits needs"
                    " none)."
                )
            content = _gunzip(path, name)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({reason(error)}).") from error
        if content is None or hashlib.sha256(content).hexdigest() != _MNIST_SHA256[name]:
            raise DataError(
                f"{path} is not the published MNIST file: its decompressed SHA-256 must be"
                f" {_MNIST_SHA256[name]}."
            )
        return content
    import pooch  # slow to import, and only a download needs it

    cache = Path(pooch.os_cache("grokbook")) / "mnist"
    problems = []
    for mirror in _MNIST_MIRRORS:
        try:
            path = Path(pooch.retrieve(f"{mirror}{name}.gz", None, f"{name}.gz", cache))
        except Exception as error:
            # requests, urllib3, ssl and pooch each raise their own kinds; any of them means "next".
            problems.append(f"{mirror} ({type(error).__name__})")
            continue
        try:
            content = _gunzip(path, name)
            if content is not None and hashlib.sha256(content).hexdigest() == _MNIST_SHA256[name]:
                return content
            path.unlink(missing_ok=True)  # damaged: drop it from the cache
        except OSError as error:  # a folder, or another user's file
            raise DataError(f"{path} cannot be read ({reason(error)}); remove it.") from error
        problems.append(f"{mirror} (wrong SHA-256)")
    raise DataError(
        f"{name}.gz could not be fetched from {' or '.join(problems)}: set GROKBOOK_DATA to a"
        " folder with the four MNIST files, or use the data set Digits, which needs no download."
    )


def _gunzip(path: Path, name: str) -> bytes | None:
    """Decompressed content, or None where the file is truncated, of another size, or not gzip.

    It decompresses at most as many bytes as the published file has.
    """
    size = _MNIST_BYTES[name]
    try:
        with gzip.open(path) as file:
            content = file.read(size + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return None
    return content if len(content) == size else None


def _idx_images(content: bytes) -> Tensor:
    """IDX3 bytes -> float32 (n, 784) in [0, 1]."""
    raw = np.frombuffer(content, dtype=np.uint8, offset=16)
    return torch.from_numpy(raw.reshape(-1, 784).astype(np.float32) / np.float32(255))


def _idx_labels(content: bytes) -> Tensor:
    """IDX1 bytes -> int64 (n,)."""
    return torch.from_numpy(np.frombuffer(content, dtype=np.uint8, offset=8).astype(np.int64))
