"""Accuracy of logits (n, K) against integer labels (n,)."""

import torch
from torch import Tensor

from grokbook.metrics._checks import require_labels, require_matrix


def accuracy(logits: Tensor, y: Tensor) -> float:
    """Return the share of samples whose largest logit is that of their label.

    If several logits are largest, the first class counts.

    Parameters
    ----------
    logits
        Shape (n, K), finite.
    y
        Shape (n,), integers in [0, K).

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    InputError
        If the logits are not a finite matrix or the labels do not fit them.

    Examples
    --------
    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]), torch.tensor([0, 1, 1]))
    0.6666666666666666
    """
    require_matrix(logits, "logits")
    require_labels(y, *logits.shape)
    return int((logits.to(torch.float64).argmax(dim=1) == y).sum()) / len(y)
