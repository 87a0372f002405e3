"""The products of matrices in a network of linear layers, read off its autograd graph.

Hooks see a layer's input and output, but other code may change or rescale these on the way. The
graph holds the factors that were really multiplied and the place where the product's gradient
arrives.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from grokbook._support.errors import InputError

# Autograd nodes that keep the output affine in each single weight, so that its second derivatives
# vanish at almost every point, and that do not mix samples.
_PIECEWISE_LINEAR = {
    *("Addmm", "Mm", "T", "AccumulateGrad", "Add", "Sub", "Neg", "Mul", "Div"),
    *("Relu", "LeakyRelu", "Hardtanh", "Threshold", "Clamp", "ClampMin", "ClampMax", "Abs"),
    *("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Alias", "Clone", "ToCopy"),
}


@dataclass
class Product:
    """One layer's product, z = V h + b; `weight` and `bias` are names of parameters."""

    node: Node
    weight: str
    bias: str | None

    @property
    def layer(self) -> str:
        """The layer's name in the model."""
        return layer_of(self.weight)

    @property
    def edge(self) -> GradientEdge:
        """The graph edge at which the gradient with respect to the product arrives."""
        return GradientEdge(self.node, 0)

    def inputs(self) -> Tensor:
        """Return h, as it was multiplied by the weight."""
        saved = "_saved_mat1" if _kind(self.node) == "Addmm" else "_saved_self"
        try:
            return getattr(self.node, saved).detach()
        except RuntimeError:
            raise InputError(
                f"model overwrites the inputs of layer {self.layer!r} in place after they were "
                "used, but must keep them."
            ) from None


def products_of(values: Tensor, leaves: dict[str, Tensor], n: int) -> list[Product]:
    """Return all layers in the order of their calls; refuse models not affine in each weight."""
    names = {id(leaf): name for name, leaf in leaves.items()}
    uses: Counter[str] = Counter()
    products: list[Product] = []
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
        if kind in ("Addmm", "Mm"):
            product = _product(node, inputs, names)
            if product is not None:
                products.append(product)
            nonlinear = product is None
        else:
            nonlinear = (kind == "Mul" and len(varying) > 1) or (
                kind == "Div" and inputs[-1] is not None and len(inputs) > 1
            )
        if nonlinear or kind not in _PIECEWISE_LINEAR:
            raise InputError(
                f"model computes {kind} of what depends on its weights, but exact sharpness allows "
                "linear layers and piecewise linear operations; use hutchinson_sharpness."
            )
        for source in varying:
            if isinstance(leaf := getattr(source, "variable", None), Tensor):
                if id(leaf) not in names:
                    raise InputError(
                        f"model uses a tensor of shape {tuple(leaf.shape)} that requires a "
                        "gradient, but is not among its parameters."
                    )
                uses[names[id(leaf)]] += 1
        stack.extend(varying)
    for name in leaves:
        if uses[name] != 1:
            raise InputError(f"parameter {name} is used {uses[name]} times, but must be once.")
    placed = {p.weight for p in products} | {p.bias for p in products}
    for name in leaves:
        if name not in placed:
            raise InputError(
                f"parameter {name} is used in another way than as the weight or bias of its "
                "torch.nn.Linear; use hutchinson_sharpness."
            )
    products.sort(key=lambda product: product.node._sequence_nr())
    for product in products:
        if (shape := product.inputs().shape)[0] != n:
            raise InputError(
                f"layer {product.layer!r} was applied to shape {tuple(shape)}, but must be to "
                f"({n}, d), one row per sample."
            )
    return products


def _product(node: Any, inputs: Sequence[Any], names: dict[int, str]) -> Product | None:
    """Read h V^T + b off a node; None if its right factor is not the transpose of a parameter."""
    right = inputs[-1]
    if right is None or _kind(right) != "T" or _sources(right) != ["AccumulateGrad"]:
        return None
    weight = right.next_functions[0][0].variable
    bias = None
    if _kind(node) == "Addmm":
        if not node._saved_alpha == node._saved_beta == 1:
            return None
        if inputs[0] is not None and _kind(inputs[0]) == "AccumulateGrad":
            if inputs[0].variable.shape != weight.shape[:1]:  # it would be spread over outputs
                return None
            bias = names.get(id(inputs[0].variable))
    return Product(node, names.get(id(weight), ""), bias)


def _sources(node: Node) -> list[str]:
    return [_kind(source) for source, _ in node.next_functions if source is not None]


def _kind(node: Node) -> str:
    """Return the name of an autograd node without namespace, "Backward" and version."""
    return re.sub(r"(Backward)?\d*$", "", node.name().rpartition("::")[2])


def layer_of(parameter: str) -> str:
    """Return the name of the layer that a parameter's name begins with, as "a" of "a.weight"."""
    return parameter.rpartition(".")[0]
