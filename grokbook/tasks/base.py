"""What a data set is: a split, and whatever loads one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from grokbook._support.errors import InputError


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test tensors of one task.

    Attributes
    ----------
    train_x, test_x : Tensor
        Images, float32 ``(n, d)`` in [0, 1]; or pairs ``(a, b)``, int64 ``(n, 2)``.
    train_y, test_y : Tensor
        Labels, int64 ``(n,)``.
    classes : int
        Number of labels K.
    """

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: int

    def to(self, device: torch.device | str) -> Split:
        """Return the same split on another device."""
        tensors = (self.train_x, self.train_y, self.test_x, self.test_y)
        train_x, train_y, test_x, test_y = (tensor.to(device) for tensor in tensors)
        return Split(train_x, train_y, test_x, test_y, self.classes)

    def checksum(self) -> str:
        """SHA-256 over the four tensors' bytes, in order: what a run's manifest records."""
        digest = hashlib.sha256()
        for tensor in (self.train_x, self.train_y, self.test_x, self.test_y):
            digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


@runtime_checkable
class Loadable(Protocol):
    """What a data set of your own has to have; it must be a frozen dataclass, too."""

    def load(self) -> Split:
        """Return the data, the same at every call."""


def check_train_points(value: int, largest: int, name: str) -> None:
    """Refuse a number of training points outside 1 to ``largest``."""
    if not 1 <= value <= largest:
        raise InputError(
            f"train_points is {value}, but {name} needs an integer from 1 to {largest}."
        )
