"""What every metric checks about its input before computing anything."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import Module, MultiheadAttention, RNNBase, RReLU
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm

from grokbook._support.errors import InputError
from grokbook._support.validation import real, shown, whole

Network = Callable[[Tensor], Tensor]
"""Any map from a batch of inputs (n, ...) to a batch of outputs: a module or a method of one."""

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


def require_tensor(values: object, name: str) -> None:
    """Refuse lists, NumPy's arrays and whatever else is no tensor."""
    if not isinstance(values, Tensor):
        raise InputError(f"{name} is of the type {type(values).__name__}, but must be a tensor.")


def require_finite(values: Tensor, name: str) -> None:
    """Refuse what is no tensor, complex numbers, NaN and infinity."""
    require_tensor(values, name)
    if values.is_complex():  # in float64 the imaginary part would be lost
        raise InputError(f"{name} is complex ({values.dtype}), but must be real.")
    if not torch.isfinite(values).all():
        bad = int((~torch.isfinite(values)).sum())
        raise InputError(
            f"{name} holds {bad} entries that are NaN or infinite, but must be finite."
        )


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
        raise InputError(f"y has shape {tuple(y.shape)}, but must be ({n},), one label a sample.")
    if n and (y.min() < 0 or (classes is not None and y.max() >= classes)):
        top = "" if classes is None else f" and less than {classes}"
        raise InputError(
            f"y has labels from {int(y.min())} to {int(y.max())}, but they must be at least 0{top}."
        )


def require_pairs(pairs: Tensor, p: int) -> Tensor:
    """Return the rows (a, b) as int64, refused unless an integer (m, 2) in [0, p)."""
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


def require_perturbation(x: Tensor, sigma: float, draws: int, generator: torch.Generator) -> None:
    """Refuse a sigma that is no finite number of at least 0, no draws, or unfit x or generator."""
    require_tensor(x, "x")
    require_generator(generator)
    if not 0 <= real("sigma", sigma) < float("inf"):
        raise InputError(f"sigma is {sigma}, but must be zero or positive, and finite.")
    whole("draws", draws, least=1)
    if not x.is_floating_point():
        raise InputError(
            f"x has dtype {x.dtype}, but must be floating-point, so that noise can be added."
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


def require_evaluation_mode(f: object) -> None:
    """Refuse a module, or a method of one, with a layer that is random or learns when called.

    Only modules that have such a layer need be in evaluation mode. A module inside a plain function
    is not seen.
    """
    model = getattr(f, "__self__", f)
    if not isinstance(model, Module):
        return
    for name, layer in model.named_modules():
        if layer.training and (effect := _effect_of_training(layer)):
            raise InputError(
                f"the {type(layer).__name__} {name!r} of the model is in training mode, in which "
                f"it {effect}; call model.eval() first."
            )


def _effect_of_training(layer: Module) -> str | None:
    """Return what a layer does in training mode that a metric must not see, if anything."""
    if isinstance(layer, _BatchNorm):
        return "mixes the samples of a batch and changes its running statistics"
    if isinstance(layer, _InstanceNorm):
        return "changes its running statistics" if layer.track_running_stats else None
    share = {_DropoutNd: "p", MultiheadAttention: "dropout", RNNBase: "dropout"}
    random = any(isinstance(layer, k) and getattr(layer, at) > 0 for k, at in share.items())
    return "is random" if random or isinstance(layer, RReLU) else None


def outputs(f: Network, x: Tensor) -> Tensor:
    """Return f(x), refused unless a finite (n, K) matrix of real numbers."""
    require_evaluation_mode(f)
    values = f(x)
    if not isinstance(values, Tensor):
        raise InputError(f"f returned a {type(values).__name__}, but must return a tensor.")
    if values.ndim != 2 or values.shape[0] != x.shape[0]:
        raise InputError(
            f"f returned shape {tuple(values.shape)} for {x.shape[0]} inputs, but must return "
            f"({x.shape[0]}, K), one row an input."
        )
    require_matrix(values, "the output of f")
    return values
