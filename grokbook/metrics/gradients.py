"""The steepness of the loss in the weights."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import Module

from grokbook._support.errors import InputError
from grokbook._support.tensors import require_tensor
from grokbook.metrics._checks import require_finite
from grokbook.metrics._networks import gradients, require_function, require_own_weights
from grokbook.metrics._numbers import require_representable, vector_norm


def gradient_norm(
    model: Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor
) -> float:
    r"""Return :math:`\|\nabla_W L\|_2`, over all trainable parameters together.

    Parameters
    ----------
    model
        Maps x to predictions.
    loss
        Maps (model(x), y) to a scalar, such as `cross_entropy`.
    x, y
        Inputs and targets, as model and loss take them.

    Raises
    ------
    InputError
        If the model is random or in training mode with dropout or batch normalisation, has no
        trainable parameters, the loss does not depend on any, or the gradient is not finite.

    Examples
    --------
    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> _ = layer.weight.data.fill_(3.0)
    >>> half_square = lambda prediction, y: 0.5 * (prediction - y).square().sum()
    >>> gradient_norm(layer, half_square, torch.ones(1, 1), torch.ones(1, 1))
    2.0
    """
    require_tensor(x, "x")
    require_tensor(y, "y")
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise InputError("model has 0 trainable parameters, but must have at least one.")
    require_own_weights(model)
    require_function(model, x)
    with gradients():
        value = loss(model(x.detach().clone()), y)
        require_tensor(value, "the output of loss")
        if value.ndim or not value.requires_grad:
            raise InputError(
                f"the output of loss has shape {tuple(value.shape)}, but must be a scalar that"
                " depends on the parameters of model."
            )
        found = torch.autograd.grad(value, list(parameters.values()), materialize_grads=True)
    norms = []
    for name, gradient in zip(parameters, found, strict=True):
        require_finite(gradient, f"the gradient of {name}")
        norms.append(vector_norm(gradient.to(torch.float64)).cpu())
    return require_representable(float(vector_norm(torch.stack(norms))), "the gradient's norm")
