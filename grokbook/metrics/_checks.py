"""Checks of input that every metric makes before computing anything."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.tensors import require_tensor
from grokbook._support.validation import real, shown, whole

Order = float | Sequence[float] | Tensor
"""One order alpha of an entropy, or several."""


def as_orders(alpha: Order) -> Tensor:
    """Return the orders as a float64 tensor of at most one dimension, all positive and finite."""
    try:
        if hasattr(alpha, "dtype") and torch.as_tensor(alpha).is_complex():
            raise TypeError  # torch would drop the imaginary part
        orders = torch.as_tensor(alpha, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(
            f"alpha is {shown(alpha)}, but must be a real number or a list of them."
        ) from None
    if orders.ndim > 1 or orders.numel() == 0:
        raise InputError(
            f"alpha has shape {tuple(orders.shape)}, but must be one number or a non-empty list."
        )
    for order in orders.flatten().tolist():
        if not 0 < order < float("inf"):
            raise InputError(f"alpha is {order}, but must be positive and finite.")
    return orders


def require_finite(values: Tensor, name: str) -> None:
    """Refuse non-tensors, complex numbers, types below 16 bits, NaN and infinity."""
    require_tensor(values, name)
    if values.is_complex():  # in float64 the imaginary part would be lost
        raise InputError(f"{name} is complex ({values.dtype}), but must be real.")
    if values.is_floating_point() and torch.finfo(values.dtype).bits < 16:
        raise InputError(f"{name} has dtype {values.dtype}, but must be of at least 16 bits.")
    if not values.is_floating_point() or values.numel() == 0:
        return
    least, largest = torch.aminmax(values.detach())  # NaN if any entry is NaN; faster than isfinite
    if not (math.isfinite(least) and math.isfinite(largest)):
        bad = int((~torch.isfinite(values)).sum())
        raise InputError(
            f"{name} holds {bad} entries that are NaN or infinite, but must be finite."
        )


def require_samples(x: Tensor) -> None:
    """Refuse anything but finite floating-point samples (n, ...)."""
    require_tensor(x, "x")
    if not x.is_floating_point() or x.ndim < 2 or x.numel() == 0:
        raise InputError(
            f"x has dtype {x.dtype} and shape {tuple(x.shape)}, but must be a floating-point"
            " (n, ...)."
        )
    require_finite(x, "x")


def require_matrix(values: Tensor, name: str) -> None:
    """Refuse anything but a real, finite, non-empty matrix."""
    require_tensor(values, name)
    if values.ndim != 2 or values.numel() == 0:
        raise InputError(
            f"{name} has shape {tuple(values.shape)}, but must be two-dimensional and not empty."
        )
    require_finite(values, name)


def require_labels(y: Tensor, n: int, classes: int | None = None) -> None:
    """Refuse labels that are not n integers, or not in [0, classes)."""
    require_tensor(y, "y")
    if y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise InputError(f"y has dtype {y.dtype}, but labels must be integers.")
    if y.shape != (n,):
        raise InputError(f"y has shape {tuple(y.shape)}, but must be ({n},), one label per sample.")
    if n and (y.min() < 0 or (classes is not None and y.max() >= classes)):
        top = "" if classes is None else f" and less than {classes}"
        raise InputError(
            f"y has labels from {int(y.min())} to {int(y.max())}, but they must be at least 0{top}."
        )


def require_perturbation(x: Tensor, sigma: float, draws: int, generator: torch.Generator) -> None:
    """Refuse a negative or infinite sigma, zero draws, and an unfit x or generator."""
    require_tensor(x, "x")
    require_generator(generator)
    if not 0 <= real("sigma", sigma) < float("inf"):
        raise InputError(f"sigma is {sigma}, but must be zero or positive, and finite.")
    whole("draws", draws, least=1)
    if not x.is_floating_point():
        raise InputError(
            f"x has dtype {x.dtype}, but must be floating-point, so that noise can be added."
        )
    require_finite(x, "x")
    if sigma == 0 or x.numel() == 0:
        return
    least, largest = torch.aminmax(x.detach())
    size, kind = max(abs(float(least)), abs(float(largest))), torch.finfo(x.dtype)
    if sigma < 4 * max(kind.eps * size, kind.tiny / kind.eps):
        raise InputError(
            f"sigma is {float(sigma):.3g}, but must be larger, since x has entries up to "
            f"{size:.3g}, where noise is lost in the rounding of {x.dtype}."
        )
    if size + 10 * sigma > kind.max:
        raise InputError(
            f"sigma is {float(sigma):.3g} and x has entries up to {size:.3g}, but x and its noise "
            f"must stay below {kind.max:.3g}, the largest of {x.dtype}."
        )


def require_generator(generator: object) -> None:
    """Refuse seeds, None and NumPy's generators."""
    if not isinstance(generator, torch.Generator):
        raise InputError(
            f"generator is {shown(generator)}, but must be a torch.Generator, such as "
            "torch.Generator().manual_seed(0)."
        )


def perturbed(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Return x + Delta with Delta ~ N(0, sigma^2 I), x itself for sigma = 0."""
    if sigma == 0:
        return x
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device)
    return x + sigma * noise.to(x.device)
