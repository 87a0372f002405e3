"""Training losses. The paper's two (section 2.1) are in float64, whatever the network's type.

In float32 the log-softmax of a memorised training set rounds to exact zeros, and the run shows
slingshots that the paper's curves do not have.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from grokbook._support.errors import InputError
from grokbook.strategies.base import Criterion


def mse(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over samples and outputs of (logits − onehot(y))², as ``nn.MSELoss``; float64 scalar.

    Parameters
    ----------
    logits : Tensor
        ``(n, K)``.
    y : Tensor
        Labels, int64 ``(n,)``.

    Examples
    --------
    >>> import torch
    >>> float(mse(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])))
    0.25
    """
    target = functional.one_hot(y, logits.shape[1]).double()
    return (logits.double() - target).square().mean()


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over samples of −log softmax(logits)_y; float64 scalar.

    Parameters
    ----------
    logits : Tensor
        ``(n, K)``.
    y : Tensor
        Labels, int64 ``(n,)``.

    Examples
    --------
    >>> import torch
    >>> round(float(cross_entropy(torch.zeros(1, 2), torch.tensor([0]))), 6)
    0.693147
    """
    return functional.cross_entropy(logits.double(), y)


def cross_entropy_float32(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over samples of −log softmax(logits)_y in float32, whatever the network's type.

    Most code on grokking uses this loss. Once the correct logit leads by about 17, the loss of a
    sample and its gradient round to 0: softmax collapse [Prieto et al. 2025, arXiv:2501.04697].

    Parameters
    ----------
    logits : Tensor
        ``(n, K)``.
    y : Tensor
        Labels, int64 ``(n,)``.

    Examples
    --------
    >>> import torch
    >>> leading = torch.tensor([[20.0, 0.0]])
    >>> float(cross_entropy_float32(leading, torch.tensor([0])))
    0.0
    """
    return functional.cross_entropy(logits.float(), y)


def stablemax(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over samples of −log(s(z_y) / Σ_k s(z_k)), a softmax without exponentials.

    s(z) = z + 1 for z ≥ 0 and 1 / (1 − z) below. StableMax [Prieto et al. 2025, "Grokking at the
    edge of numerical stability", arXiv:2501.04697]; a float64 scalar, as in the authors' code.

    Parameters
    ----------
    logits : Tensor
        ``(n, K)``.
    y : Tensor
        Labels, int64 ``(n,)``.

    Examples
    --------
    >>> import torch
    >>> import math
    >>> loss = stablemax(torch.tensor([[3.0, -1.0]]), torch.tensor([0]))
    >>> math.isclose(float(loss), -math.log(4 / 4.5))
    True
    """
    z = logits.double()
    # The other branch has a pole at 1, which would make the gradient there NaN.
    scores = torch.where(z < 0, 1 / (1 - z.clamp(max=0)), z + 1)
    return (scores.sum(dim=1).log() - scores.gather(1, y[:, None]).squeeze(1).log()).mean()


LOSSES: dict[str, Criterion] = {
    "mse": mse,
    "cross_entropy": cross_entropy,
    "cross_entropy_float32": cross_entropy_float32,
    "stablemax": stablemax,
}
LossName = Literal["mse", "cross_entropy", "cross_entropy_float32", "stablemax"]


@runtime_checkable
class Loss(Protocol):
    """Interface of a loss of your own: a callable frozen dataclass."""

    def __call__(self, logits: Tensor, y: Tensor) -> Tensor:
        """Logits ``(n, K)`` and labels ``(n,)`` -> scalar, in the type of the computation."""


def criterion(loss: str | Loss) -> Criterion:
    """Return the function of a loss given by name, or the loss itself.

    Raises
    ------
    InputError
        On a name that is not in ``LOSSES``.
    """
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise InputError(f"There is no loss {loss!r}; known are {', '.join(LOSSES)}.")
    return LOSSES[loss]
