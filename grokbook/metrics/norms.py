"""Norms of weights and of outputs."""

import torch
from torch import Tensor
from torch.nn import Module

from grokbook._support.errors import InputError
from grokbook._support.validation import real
from grokbook.metrics._checks import require_finite, require_matrix
from grokbook.metrics._numbers import require_representable, vector_norm


def weight_norm(model: Module, p: float = 2) -> float:
    r"""Return the entrywise norm :math:`\|W\|_p` of all parameters of a model, biases too.

    p = 2 is the paper's weight norm (Figure 1) and the :math:`\|W\|_F` of Lemma 3.1, p = 1 that of
    Corollary 3.4. Accumulated in float64.

    Raises
    ------
    InputError
        If p is below 1, a parameter is complex, sparse, not finite or without numbers, there are
        no parameters, or the norm is beyond float64.

    Examples
    --------
    >>> layer = torch.nn.Linear(3, 1)
    >>> _ = layer.weight.data.fill_(2.0), layer.bias.data.fill_(2.0)
    >>> round(weight_norm(layer), 6), weight_norm(layer, p=1)
    (4.0, 8.0)
    """
    norms = list(layer_norms(model, p).values())
    norm = float(vector_norm(torch.tensor(norms, dtype=torch.float64), p))
    return require_representable(norm, "the norm of all parameters")


def layer_norms(model: Module, p: float = 2) -> dict[str, float]:
    """Return the entrywise p-norm of each parameter, by its name in the model.

    Raises
    ------
    InputError
        If p is below 1, a parameter is complex, sparse, not finite or without numbers, there are
        no parameters, or the norm is beyond float64.

    Examples
    --------
    >>> layer = torch.nn.Linear(4, 1, bias=False)
    >>> _ = layer.weight.data.fill_(1.0)
    >>> layer_norms(layer)
    {'weight': 2.0}
    """
    if not real("p", p) >= 1:
        raise InputError(f"p is {p}, but must be at least 1 for a norm.")
    norms = {}
    for name, parameter in model.named_parameters():
        require_finite(parameter, name)
        norm = float(vector_norm(parameter.detach().to(torch.float64), p))
        norms[name] = require_representable(norm, f"the norm of {name}")
    if not norms:
        raise InputError("model has 0 parameters, but must have at least one.")
    return norms


def spectral_norm(W: Tensor) -> float:
    r"""Return the largest singular value :math:`\|W\|_2` of a matrix, as in the sharper Lemma 3.1.

    Raises
    ------
    InputError
        If W is not a finite, real, non-empty matrix, or the result is beyond float64.

    Examples
    --------
    >>> spectral_norm(torch.diag(torch.tensor([3.0, -4.0])))
    4.0
    """
    require_matrix(W, "W")
    W = W.detach().to(torch.float64)
    # Scaled, the largest eigenvalue of the smaller Gram matrix is as exact as a singular value.
    scale = float(W.abs().max())
    if scale == 0:
        return 0.0
    W = W / scale
    gram = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    norm = scale * float(torch.linalg.eigvalsh(gram)[-1].sqrt())
    return require_representable(norm, "the spectral norm of W")


def logit_scale(logits: Tensor) -> float:
    """Return the mean Euclidean length of the logit vectors (n, K) over the samples.

    It separates a change of the function from a mere rescaling: perturbation errors and logit
    distances grow with it, normalised features do not.

    Raises
    ------
    InputError
        If the logits are not a finite, real, non-empty matrix, or the result is beyond float64.

    Examples
    --------
    >>> logit_scale(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    3.0
    """
    require_matrix(logits, "logits")
    scale = float(vector_norm(logits.detach().to(torch.float64), dim=1).mean())
    return require_representable(scale, "the mean length of the logits")
