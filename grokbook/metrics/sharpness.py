r"""Sharpness, the trace of the Hessian of the training loss.

Exact for ReLU networks of linear layers under the theory's loss
:math:`L = \frac{1}{2n} \sum_i \|f(x_i) - y_i\|^2`, by one backward pass a class; for everything
else Hutchinson's estimate with its standard error.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from curvlinops import HessianLinearOperator
from torch import Tensor
from torch.autograd.graph import Node
from torch.func import functional_call
from torch.nn import Linear, Module

from grokbook._support.errors import InputError
from grokbook._support.validation import whole
from grokbook.metrics._checks import (
    outputs,
    require_evaluation_mode,
    require_finite,
    require_generator,
    require_tensor,
)

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


# Autograd nodes through which the output stays affine in each single weight, so that second
# derivatives vanish at almost every point, and which keep samples apart.
_PIECEWISE_LINEAR = {
    *("Addmm", "Mm", "T", "AccumulateGrad", "Add", "Sub", "Neg", "Mul", "Div"),
    *("Relu", "LeakyRelu", "Hardtanh", "Threshold", "Clamp", "ClampMin", "ClampMax", "Abs"),
    *("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Alias", "Clone", "ToCopy"),
}


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
        all else is piecewise linear (ReLU, reshaping, sums, skip connections).
    x
        Inputs (n, ...), floating-point.

    Raises
    ------
    InputError
        If the model is not of this kind, or in training mode with dropout, or its output not a
        finite (n, K).

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 3)
    >>> mlp_sharpness(layer, torch.tensor([[3.0, 4.0]])).total
    78.0
    """
    require_tensor(x, "x")
    if not x.is_floating_point():
        raise InputError(f"x has dtype {x.dtype}, but must be floating-point.")
    require_evaluation_mode(model)  # `outputs` is given a function, and cannot see it
    layers = _linear_layers(model)
    calls: list[tuple[str, Tensor, Tensor]] = []

    def recorder(name: str) -> Callable[[Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _, inputs, output: calls.append((name, inputs[0], output))

    handles = [layer.register_forward_hook(recorder(name)) for name, layer in layers.items()]
    # Fresh leaves, so that frozen parameters appear in the graph and the model's are not touched.
    leaves = {n: p.detach().clone().requires_grad_() for n, p in model.named_parameters()}
    try:
        with torch.enable_grad():
            values = outputs(lambda inputs: functional_call(model, leaves, (inputs,)), x.detach())
    finally:
        for handle in handles:
            handle.remove()
    _check_calls(calls, layers, len(x))
    _check_graph(values, leaves)

    squared = torch.zeros(len(calls), len(x), dtype=torch.float64, device=x.device)
    columns = values.sum(dim=0)  # samples do not interact, so rows of the gradient stay apart
    for column in columns:
        deltas = torch.autograd.grad(
            column, [z for _, _, z in calls], retain_graph=True, materialize_grads=True
        )
        squared += torch.stack([delta.to(torch.float64).square().sum(dim=1) for delta in deltas])
    weights, biases = {}, {}
    for (name, h, _), delta in zip(calls, squared, strict=True):
        weights[name] = float(delta @ h.detach().to(torch.float64).square().sum(dim=1)) / len(x)
        if layers[name].bias is not None:
            biases[name] = float(delta.sum()) / len(x)
    return MLPSharpness(weights, biases)


def _linear_layers(model: Module) -> dict[str, Linear]:
    layers = {name: m for name, m in model.named_modules() if isinstance(m, Linear)}
    inside = {id(p) for layer in layers.values() for p in (layer.weight, layer.bias)}
    for name, parameter in model.named_parameters():
        if id(parameter) not in inside:
            raise InputError(
                f"model has the parameter {name} outside a torch.nn.Linear, but exact sharpness "
                "needs all parameters inside; use hutchinson_sharpness."
            )
    if not layers:
        raise InputError("model has 0 torch.nn.Linear layers, but must have at least one.")
    return layers


def _check_calls(
    calls: list[tuple[str, Tensor, Tensor]], layers: dict[str, Linear], n: int
) -> None:
    counts = Counter(name for name, _, _ in calls)
    for name in layers:
        if counts[name] != 1:
            raise InputError(f"layer {name!r} was applied {counts[name]} times, but must be once.")
    for name, h, _ in calls:
        if h.ndim != 2 or len(h) != n:
            raise InputError(
                f"layer {name!r} was applied to shape {tuple(h.shape)}, but must be to ({n}, d), "
                "one row a sample."
            )


def _check_graph(values: Tensor, leaves: dict[str, Tensor]) -> None:
    """Refuse graphs in which the output may not be affine in each single weight."""
    names = {id(leaf): name for name, leaf in leaves.items()}
    uses: Counter[str] = Counter()
    seen: set[Node] = set()
    stack = [values.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        kind = _kind(node)
        inputs = [source for source, _ in node.next_functions]
        varying = [source for source in inputs if source is not None]
        # A product of matrices is a layer's if its right factor is a transposed parameter.
        right = inputs[-1] if kind in ("Addmm", "Mm", "Div") and len(inputs) > 1 else None
        of_parameter = right is None or _sources(right) == ["AccumulateGrad"]
        nonlinear = not of_parameter or (kind == "Mul" and len(varying) > 1)
        if nonlinear or kind not in _PIECEWISE_LINEAR:
            raise InputError(
                f"model computes {kind} of what depends on its weights, but exact sharpness allows "
                "linear layers and piecewise linear operations; use hutchinson_sharpness."
            )
        for source in varying:
            if isinstance(leaf := getattr(source, "variable", None), Tensor):
                uses[names[id(leaf)]] += 1
        stack.extend(varying)
    for name, count in uses.items():
        if count != 1:
            raise InputError(f"parameter {name} is used {count} times, but must be once.")


def _sources(node: Node) -> list[str]:
    return [_kind(source) for source, _ in node.next_functions if source is not None]


def _kind(node: Node) -> str:
    """Return the name of an autograd node without namespace, "Backward" and version."""
    return re.sub(r"(Backward)?\d*$", "", node.name().rpartition("::")[2])


class SharpnessEstimate(NamedTuple):
    """An estimated Hessian trace and its standard error, in the units of the loss."""

    estimate: float
    standard_error: float


class _Loss(Module):
    """A loss as curvlinops wants it: a module that says how it reduces."""

    reduction = "mean"

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, prediction: Tensor, y: Tensor) -> Tensor:
        require_tensor(prediction, "the output of model")
        value = self.loss(prediction, y)
        require_tensor(value, "the output of loss")
        if value.ndim or not value.is_floating_point():
            raise InputError(
                f"the output of loss has shape {tuple(value.shape)} and dtype {value.dtype}, but "
                "must be a floating-point scalar."
            )
        return value


@torch.enable_grad()
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
    of that mean. Products with the Hessian are curvlinops' (`HessianLinearOperator`), so the
    model must be twice differentiable: attention has to be written out, not fused.

    Parameters
    ----------
    model
        Maps x to predictions; the trace is over its parameters that require gradients.
    loss
        Maps (model(x), y) to the scalar whose Hessian is meant, such as `cross_entropy`.
    x, y
        Inputs and targets, as model and loss take them.
    probes
        How many vectors v_j, at least 2.
    generator
        Draws the probes.

    Raises
    ------
    InputError
        If probes is no integer of at least 2, generator no torch.Generator, x empty, the model has
        no trainable parameters or is in training mode with dropout or batch normalisation, its
        output is no tensor, the loss no scalar, or a result not finite.

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
    require_evaluation_mode(model)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise InputError("model has 0 trainable parameters, but must have at least one.")
    hessian = HessianLinearOperator(
        model, _Loss(loss), parameters, [(x, y)], check_deterministic=False, num_data=len(x)
    )
    values = []
    for start in range(0, probes, PROBES_AT_ONCE):
        shape = (hessian.shape[1], min(PROBES_AT_ONCE, probes - start))
        signs = torch.randint(2, shape, generator=generator, device=generator.device)
        V = (2 * signs - 1).to(hessian.device, hessian.dtype)
        values.append((V.to(torch.float64) * (hessian @ V).to(torch.float64)).sum(dim=0))
    products = torch.cat(values)
    require_finite(products, "v^T H v")
    return SharpnessEstimate(float(products.mean()), float(products.std()) / probes**0.5)
