r"""Sharpness, the trace of the Hessian of the training loss.

Exact for ReLU networks of linear layers under the theory's loss
:math:`L = \frac{1}{2n} \sum_i \|f(x_i) - y_i\|^2`, by one backward pass per class; for everything
else Hutchinson's estimate with its standard error.
"""

import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import torch
from curvlinops import HessianLinearOperator
from torch import Tensor
from torch.autograd.graph import GradientEdge
from torch.func import functional_call
from torch.nn import Linear, Module, Parameter

from grokbook._support.errors import InputError, first_line
from grokbook._support.tensors import require_tensor
from grokbook._support.validation import whole
from grokbook.metrics._checks import require_finite, require_generator
from grokbook.metrics._graph import layer_of, products_of
from grokbook.metrics._networks import (
    ROWS,
    eager,
    gradients,
    outputs,
    require_evaluation_mode,
    require_function,
    require_own_weights,
    require_same_outputs,
    require_samples_apart,
    twice_differentiable,
)
from grokbook.metrics._numbers import require_representable

SMALLEST_SQUARE = 1e-280  # below it, squares lose digits in float64
PROBES_AT_ONCE = 4  # one at a time was slower, eight no faster and held twice the activations


@dataclass(frozen=True)
class MLPSharpness:
    """Traces of the Hessian's diagonal blocks, and their sum.

    Attributes
    ----------
    weights, biases
        Trace of each layer's weight and bias block, by the layer's name, first layer first.
    """

    weights: dict[str, float]
    biases: dict[str, float]

    @property
    def total(self) -> float:
        """The trace over all parameters."""
        return sum(self.weights.values()) + sum(self.biases.values())

    @property
    def first_weight(self) -> float:
        """S_{W1}, the block of the first layer's weight, of the sharper Lemma 3.1."""
        return next(iter(self.weights.values()))

    @property
    def first_bias(self) -> float:
        """S_{b1}, the block of the first layer's bias (zero without one)."""
        return self.biases.get(next(iter(self.weights)), 0.0)


def mlp_sharpness(model: Module, x: Tensor) -> MLPSharpness:
    r"""Return the exact trace of the Hessian of L for a ReLU network of linear layers.

    .. math:: \operatorname{Tr} \nabla^2 L = \frac1n \sum_i \sum_k \|\nabla_W f_k(x_i)\|^2,
              \qquad L = \frac{1}{2n} \sum_i \|f(x_i) - y_i\|^2

    Such a network is affine in each single weight at almost every W, so the residual term of the
    Hessian has a zero diagonal, the labels drop out, and no interpolation is needed (the S(W*) of
    Lemma 3.1 in arXiv:2311.06597). A layer z = V h + b with delta = df_k/dz contributes
    ||delta||^2 ||h||^2 for V and ||delta||^2 for b: gradients of single samples are never formed.
    Under `torch.nn.MSELoss`, which averages over the K outputs, the trace is 2/K times this.

    Parameters
    ----------
    model
        Every parameter belongs to a `torch.nn.Linear`, each applied once, to a matrix (n, d), and
        all else is piecewise linear (ReLU, reshaping, sums, skip connections). Layers are read from
        the autograd graph, so operations in place, in hooks or around the product in a subclass are
        seen.
    x
        Inputs (n, ...), floating-point.

    Raises
    ------
    InputError
        If the model is not of this kind, random, or in training mode with dropout, samples depend
        on each other, its output is not a finite (n, K), or squares are beyond float64.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 3)
    >>> mlp_sharpness(layer, torch.tensor([[3.0, 4.0]])).total
    78.0
    """
    require_tensor(x, "x")
    if not x.is_floating_point():
        raise InputError(f"x has dtype {x.dtype}, but must be floating-point.")
    if x.ndim == 0:
        raise InputError("x has shape (), but must be (n, ...).")
    require_finite(x, "x")
    require_evaluation_mode(model)
    _require_linear_layers(model)
    with eager():
        require_function(model, x)
        with gradients():
            # Fresh leaves: frozen parameters appear in the graph, and the model's own stay
            # untouched.
            leaves = {n: p.detach().clone().requires_grad_() for n, p in model.named_parameters()}
            values = outputs(lambda inputs: functional_call(model, leaves, (inputs,)), x.detach())
            products = products_of(values, leaves, len(x))
            squared = _squared_gradients(values, [product.edge for product in products])
        with torch.no_grad():
            _require_own_forward(model, leaves, x.detach(), values)
    weights, biases = {}, {}
    for product, delta in zip(products, squared, strict=True):
        h = _squared_lengths(product.inputs(), f"inputs of layer {product.layer!r}")
        weights[product.layer] = float(delta @ h) / len(x)
        if product.bias is not None:
            biases[layer_of(product.bias)] = float(delta.sum()) / len(x)
    found = MLPSharpness(weights, biases)
    require_representable(found.total, "the sharpness")
    return found


def _require_linear_layers(model: Module) -> None:
    layers = [layer for layer in model.modules() if isinstance(layer, Linear)]
    inside = {id(p) for layer in layers for p in (layer.weight, layer.bias)}
    for name, parameter in model.named_parameters():
        require_tensor(parameter, name)
        if id(parameter) not in inside:
            raise InputError(
                f"model has the parameter {name} outside a torch.nn.Linear, but exact sharpness "
                "needs all parameters inside; use hutchinson_sharpness."
            )
    if not layers:
        raise InputError("model has 0 torch.nn.Linear layers, but must have at least one.")


def _squared_gradients(values: Tensor, edges: list[GradientEdge]) -> Tensor:
    """Return sum_k ||df_k(x_i)/dz||^2 for the output z of every layer, shape (layers, n)."""
    squared = torch.zeros(len(edges), len(values), dtype=torch.float64, device=values.device)
    columns = values.sum(dim=0)  # samples do not interact, so rows of the gradient stay apart

    def gradients_of(column: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(column, edges, retain_graph=True, materialize_grads=True)

    for column in columns:
        deltas = gradients_of(column)
        squared += torch.stack([delta.to(torch.float64).square().sum(dim=1) for delta in deltas])
    faint = squared.amax(dim=1) < SMALLEST_SQUARE  # dead layers, or squares that underflow
    if faint.any():
        for column in columns:
            for delta, small in zip(gradients_of(column), faint, strict=True):
                if small and delta.any():
                    raise InputError(
                        f"a gradient of the outputs is {float(delta.abs().max()):.3g}, but must be "
                        "0 or large enough for float64 to hold its square."
                    )
    return squared


def _squared_lengths(h: Tensor, name: str) -> Tensor:
    """Return squared lengths of rows; refuse rows whose squares underflow float64."""
    squares = h.to(torch.float64).square().sum(dim=1)
    if squares.max() < SMALLEST_SQUARE and h.any():
        raise InputError(
            f"{name} are at most {float(h.abs().max()):.3g}, but must be 0 or large enough for "
            "float64 to hold their squares."
        )
    return squares


def _require_own_forward(
    model: Module, leaves: dict[str, Tensor], x: Tensor, values: Tensor
) -> None:
    """Compare with what the network itself computes, on the first samples only."""
    rows = x[:ROWS]
    own = model(rows.clone())
    require_same_outputs(own, functional_call(model, leaves, (rows.clone(),)))
    require_samples_apart(model, x, values)


class SharpnessEstimate(NamedTuple):
    """An estimated Hessian trace and its standard error, in the units of the loss."""

    estimate: float
    standard_error: float


class _EveryParameter(Module):
    """A model whose outputs depend on all parameters, through a term of value zero if need be.

    Without it, curvlinops fails on parameters that the loss does not depend on.
    """

    def __init__(self, model: Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        prediction = self.model(x.clone())  # the model may write into it
        require_tensor(prediction, "the output of model")
        for parameter in self.model.parameters():
            prediction = prediction + (0 * parameter * parameter).sum()
        return prediction


class _Loss(Module):
    """A loss in the form that curvlinops needs: a module that names its reduction."""

    reduction = "mean"

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, prediction: Tensor, y: Tensor) -> Tensor:
        value = self.loss(prediction, y)
        require_tensor(value, "the output of loss")
        if value.ndim or not value.is_floating_point():
            raise InputError(
                f"the output of loss has shape {tuple(value.shape)} and dtype {value.dtype}, but "
                "must be a floating-point scalar."
            )
        return value


def hutchinson_sharpness(
    model: Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    probes: int,
    *,
    generator: torch.Generator,
) -> SharpnessEstimate:
    r"""Estimate the trace of the Hessian of a loss over a model's parameters by random probes.

    .. math:: \operatorname{Tr} H \approx \frac1m \sum_{j=1}^m v_j^\top H v_j

    with independent random signs as entries of v_j (Hutchinson 1990), and the standard error
    of that mean. Curvlinops computes the products with the Hessian (`HessianLinearOperator`), so
    everything in the model must be differentiable twice. Fused attention and recurrent layers are
    replaced by code that is, compiled models run in eager mode, and weight normalisation is
    refused. Parameters that the loss does not depend on contribute nothing.

    Parameters
    ----------
    model
        Maps x to predictions; the trace is over its parameters that require gradients.
    loss
        Maps (model(x), y) to the scalar whose Hessian is meant, such as `cross_entropy`.
    x, y
        Inputs and targets, as model and loss take them.
    probes
        Number of vectors v_j, at least 2.
    generator
        Draws the probes.

    Raises
    ------
    InputError
        If probes is not an integer of at least 2, generator not a torch.Generator, x empty, a
        tensor sparse or without numbers, the model has no trainable parameters, or of several
        types, is random, in training mode with dropout or batch normalisation, or not twice
        differentiable, its output is no tensor, the loss no scalar, or a result not finite.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> mean = lambda prediction, y: 0.5 * (prediction - y).square().mean()
    >>> x, y = torch.eye(2), torch.zeros(2, 1)
    >>> hutchinson_sharpness(layer, mean, x, y, 2, generator=torch.Generator().manual_seed(0))
    SharpnessEstimate(estimate=1.0, standard_error=0.0)
    """
    if whole("probes", probes) < 2:
        raise InputError(f"probes is {probes}, but must be at least 2 for a standard error.")
    require_generator(generator)
    require_tensor(x, "x")
    require_tensor(y, "y")
    if x.ndim == 0 or len(x) == 0:
        raise InputError(f"x has shape {tuple(x.shape)}, but must hold at least one sample.")
    parameters = _trainable(model)
    require_own_weights(model)
    values = []
    _load_forward_derivatives()
    with gradients(), twice_differentiable(model):
        require_function(model, x)
        data = [(x.detach().clone(), y.detach().clone())]
        hessian = HessianLinearOperator(
            _EveryParameter(model), _Loss(loss), parameters, data,
            check_deterministic=False, num_data=len(x),
        )  # fmt: skip
        for start in range(0, probes, PROBES_AT_ONCE):
            shape = (hessian.shape[1], min(PROBES_AT_ONCE, probes - start))
            signs = torch.randint(2, shape, generator=generator, device=generator.device)
            V = (2 * signs - 1).to(hessian.device, hessian.dtype)
            try:
                with _FORWARD_MODE:
                    HV = hessian @ V
            except RuntimeError as error:
                raise InputError(
                    f"model or loss cannot be differentiated twice here ({first_line(error)}), "
                    "but must be."
                ) from error
            values.append((V.to(torch.float64) * HV.to(torch.float64)).sum(dim=0))
    products = torch.cat(values)
    require_finite(products, "v^T H v")
    return SharpnessEstimate(float(products.mean()), float(products.std()) / probes**0.5)


_FORWARD_MODE = Lock()
"""Torch counts levels of forward differentiation for the whole process, not for each thread."""


def _load_forward_derivatives() -> None:
    """Load PyTorch's forward-mode rules for losses, which `python -O` does not load by itself.

    Older versions of PyTorch cannot load them there and report it when needed.
    """
    if not __debug__:
        with suppress(RuntimeError):
            importlib.import_module("torch._decomp.decompositions_for_jvp")


def _trainable(model: Module) -> list[Parameter]:
    """Return the parameters that require gradients; refuse several types or devices."""
    for name, parameter in model.named_parameters():
        require_tensor(parameter, name)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise InputError("model has 0 trainable parameters, but must have at least one.")
    for kinds, name in (
        ({str(p.dtype) for p in parameters}, "types"),
        ({str(p.device) for p in parameters}, "devices"),
    ):
        if len(kinds) > 1:
            raise InputError(
                f"model has trainable parameters of the {name} {' and '.join(sorted(kinds))}, but "
                "must have all of one."
            )
    return parameters
