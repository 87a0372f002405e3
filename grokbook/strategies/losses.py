"""The two training losses (section 2.1), evaluated in float64 whatever the network's type.

In float32 the log-softmax of a memorised training set rounds to exact zeros and the run shows
slingshots that the paper's curves do not have.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional


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


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": mse, "cross_entropy": cross_entropy}
