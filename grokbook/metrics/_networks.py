"""Running a network for a metric: on copies, in evaluation mode, and only if it is a function."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor
from torch.nn import Module, MultiheadAttention, RNNBase, RReLU
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm

from grokbook._support.errors import InputError, first_line
from grokbook._support.tensors import require_tensor
from grokbook.metrics._checks import require_matrix
from grokbook.metrics._numbers import spacing

Network = Callable[[Tensor], Tensor]
"""Any map from a batch of inputs (n, ...) to a batch of outputs: a module or a method of one."""

ROWS = 32  # samples for the trial run: enough to show dropout, too few to cost time


@contextmanager
def gradients() -> Iterator[None]:
    """Record gradients, even where the caller has switched them off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def eager() -> Iterator[None]:
    """Run compiled modules and functions in eager mode, so that their graphs can be read."""
    if "torch._dynamo" not in sys.modules:  # nothing is compiled, and importing it takes seconds
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def twice_differentiable(model: Module) -> Iterator[None]:
    """Replace fused attention, LSTMs and compiled modules by code with second derivatives."""
    recurrent = any(isinstance(layer, RNNBase) for layer in model.modules())
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            eager(),
            sdpa_kernel(SDPBackend.MATH),
            torch.backends.mkldnn.flags(enabled=False) if recurrent else nullcontext(),
            torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext(),
        ):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def require_evaluation_mode(f: object) -> None:
    """Refuse a module, or a method of one, with a layer that is random or learns when called.

    Only modules with such a layer need to be in evaluation mode. This check does not see a module
    inside a plain function.
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
    """Return the effect of training mode on a layer that a metric must avoid, if any."""
    if isinstance(layer, _BatchNorm):
        return "mixes the samples of a batch and changes its running statistics"
    if isinstance(layer, _InstanceNorm):
        return "changes its running statistics" if layer.track_running_stats else None
    share = {_DropoutNd: "p", MultiheadAttention: "dropout", RNNBase: "dropout"}
    random = any(isinstance(layer, k) and getattr(layer, at) > 0 for k, at in share.items())
    return "is random" if random or isinstance(layer, RReLU) else None


def require_own_weights(f: object) -> None:
    """Refuse weights made in inference mode, which no gradient can pass."""
    model = getattr(f, "__self__", f)
    if not isinstance(model, Module):
        return
    for name, weight in (*model.named_parameters(), *model.named_buffers()):
        if weight.is_inference():
            raise InputError(
                f"{name} of the model was made in torch.inference_mode, so gradients cannot pass "
                "it; make or load the model outside that mode."
            )


def require_function(f: Network, x: Tensor) -> None:
    """Refuse a network that answers the same inputs twice differently, or changes its buffers.

    This finds randomness and learning that no layer type shows, such as functional dropout. The
    network runs twice on the first samples, or on all if it accepts no fewer; buffers are restored.
    """
    require_evaluation_mode(f)
    model = getattr(f, "__self__", f)
    buffers = _buffers(model) if isinstance(model, Module) else []
    kept = [buffer.clone() for _, _, buffer in buffers]
    rows = x.detach()[:ROWS]
    try:
        first = _run(f, rows)
    except Exception:  # any error: the network may accept exactly these n samples only
        if len(rows) == len(x):
            raise
        rows = x.detach()
        first = _run(f, rows)
    first = first.detach().clone() if isinstance(first, Tensor) else first
    second = _run(f, rows)
    for (owner, name, buffer), before in zip(buffers, kept, strict=True):
        now = owner._buffers[name]
        if now is not buffer or not _identical(now, before):
            with torch.no_grad():
                owner._buffers[name] = buffer.copy_(before)
            raise InputError(
                f"the buffer {name} of the model changes when it is called, but a metric must only "
                "read the model; call model.eval() first."
            )
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        gap = _gap(first, second, 100 * spacing(first.dtype))
        if gap:
            raise InputError(
                f"f answers the same inputs twice with outputs that differ by {gap:.3g}, but must "
                "be a function of its input; switch off its randomness."
            )


def _run(f: Network, x: Tensor) -> Tensor:
    """Return f of a copy of x, since f may write into it; report errors of torch as InputError."""
    try:
        return f(x.clone())
    except RuntimeError as error:
        raise InputError(
            f"f fails on inputs of shape {tuple(x.shape)} and {x.dtype} "
            f"({first_line(error).rstrip('.')}), but must accept them."
        ) from error


def _buffers(model: Module) -> list[tuple[Module, str, Tensor]]:
    return [
        (owner, name, buffer)
        for owner in model.modules()
        for name, buffer in owner._buffers.items()
        if buffer is not None
    ]


def _identical(one: Tensor | None, other: Tensor) -> bool:
    if one is None or one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())


def _gap(one: Tensor, other: Tensor, tolerance: float) -> float:
    """Return the largest difference, or 0 if it is within tolerance times the largest entry.

    Also 0 if there is nothing to compare: `outputs` reports what is wrong with such outputs.
    """
    if one.shape != other.shape:
        return float("inf")
    if one.is_complex() or one.numel() == 0:
        return 0.0
    one, other = one.detach().to(torch.float64), other.detach().to(torch.float64)
    size, gap = float(one.abs().max()), float((one - other).abs().max())
    return gap if gap > tolerance * size else 0.0  # not for NaN


def require_samples_apart(f: Network, x: Tensor, values: Tensor) -> None:
    """Refuse a network whose outputs for some samples depend on the rest of the batch.

    `values` is f(x). The tolerance allows for matrix products whose rounding depends on the batch
    size.
    """
    rows = min(ROWS, (len(x) + 1) // 2)
    if rows == len(x):
        return
    try:
        alone = _run(f, x.detach()[:rows])
    except Exception as error:  # whatever it is
        raise InputError(
            f"f fails on {rows} of the {len(x)} samples alone, but must treat samples one by one."
        ) from error
    if gap := _gap(values[:rows], alone, spacing(values.dtype) ** 0.5):
        raise InputError(
            f"f gives {rows} of the {len(x)} samples outputs that differ by {gap:.3g} when they "
            "are run alone, but must treat samples one by one."
        )


def require_same_outputs(values: Tensor, own: Tensor) -> None:
    """Refuse a model that computes with other tensors than its parameters."""
    if gap := _gap(values, own, 100 * spacing(values.dtype)):
        raise InputError(
            f"model computes with copies of its weights: the same numbers, passed as parameters, "
            f"change its output by {gap:.3g}, but must not."
        )


def outputs(f: Network, x: Tensor) -> Tensor:
    """Return f(x); refuse anything but a finite (n, K) matrix of real numbers.

    The output is copied, since a network may write into it at its next call.
    """
    require_evaluation_mode(f)
    values = _run(f, x)
    if not isinstance(values, Tensor):
        raise InputError(f"f returned a {type(values).__name__}, but must return a tensor.")
    if values.ndim != 2 or values.shape[0] != x.shape[0]:
        raise InputError(
            f"f returned shape {tuple(values.shape)} for {x.shape[0]} inputs, but must return "
            f"({x.shape[0]}, K), one row per input."
        )
    require_tensor(values, "the output of f")
    require_matrix(values, "the output of f")
    return values.clone()
