"""Checks of single tensors, for metrics and theory."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from grokbook._support.errors import InputError


def require_tensor(values: object, name: str) -> None:
    """Refuse anything but a dense tensor that holds numbers, such as lists and NumPy arrays."""
    if not isinstance(values, Tensor):
        raise InputError(f"{name} is of the type {type(values).__name__}, but must be a tensor.")
    if is_lazy(values):
        raise InputError(f"{name} has no shape yet, but must have one; call the model once.")
    if values.is_meta:
        raise InputError(f"{name} is on the meta device, but must hold numbers.")
    if values.layout != torch.strided or values.is_quantized or values.is_nested:
        kind = "nested" if values.is_nested else "quantized" if values.is_quantized else "sparse"
        raise InputError(
            f"{name} is {kind} ({values.dtype}, {values.layout}), but must be a dense tensor."
        )


def require_pairs(pairs: Tensor, p: int) -> Tensor:
    """Return the rows (a, b) as int64; refuse anything but integers (m, 2) in [0, p)."""
    require_tensor(pairs, "pairs")
    if pairs.is_floating_point() or pairs.is_complex() or pairs.dtype == torch.bool:
        raise InputError(f"pairs has dtype {pairs.dtype}, but tokens must be integers.")
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise InputError(f"pairs has shape {tuple(pairs.shape)}, but must be (m, 2).")
    pairs = pairs.long()  # as an index, torch reads uint8 as a mask and refuses int8 and int16
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= p):
        raise InputError(
            f"pairs has tokens from {int(pairs.min())} to {int(pairs.max())}, but they must be "
            f"at least 0 and less than {p}."
        )
    return pairs
