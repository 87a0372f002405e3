"""What the statements ask of their arguments, in one place and one sentence each."""

import math

import torch
from torch import Tensor


def require_positive(name: str, value: float) -> None:
    """Raise a ValueError unless `value` is a finite number above zero."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}, but must be a finite number above 0.")


def require_non_negative(name: str, value: float) -> None:
    """Raise a ValueError unless `value` is a finite number of at least zero."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}, but must be a finite number of at least 0.")


def require_count(name: str, value: int) -> None:
    """Raise a ValueError unless `value` is a whole number of at least one."""
    if value != int(value) or value < 1:
        raise ValueError(f"{name} is {value}, but must be a whole number of at least 1.")


def representation_pair(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both tensors in float64, after checking that they are (n, d) of equal shape and finite."""
    if first.ndim != 2 or first.shape != second.shape or first.numel() == 0:
        raise ValueError(
            f"The representations have shapes {tuple(first.shape)} and {tuple(second.shape)}, "
            "but must be two non-empty (n, d) matrices of the same shape."
        )
    first, second = first.to(torch.float64), second.to(torch.float64)
    if not (bool(first.isfinite().all()) and bool(second.isfinite().all())):
        raise ValueError("The representations hold NaN or infinity, but must be finite.")
    return first, second
