"""How alike two networks' representations are, whatever their bases."""

from __future__ import annotations

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics._checks import require_matrix
from grokbook.metrics._numbers import vector_norm


def linear_cka(X: Tensor, Y: Tensor) -> float:
    r"""Return the linear centred kernel alignment of two representations of the same inputs.

    .. math:: \frac{\|Y_c^{\mathsf T} X_c\|_F^2}
              {\|X_c^{\mathsf T} X_c\|_F\,\|Y_c^{\mathsf T} Y_c\|_F}

    (Kornblith et al. 2019, arXiv:1905.00414), which is CKA with linear kernels,
    with the column means taken off. It is 1 for representations that agree up to a rotation, a
    shift and a scale, and 0 if no direction of one goes with a direction of the other.

    Parameters
    ----------
    X, Y
        Shapes (n, d) and (n, e), n at least 2; row i of both belongs to the same input.

    Returns
    -------
    float
        In [0, 1], computed in float64.

    Raises
    ------
    InputError
        If one is not a real, finite matrix, the rows do not pair, or all rows of one are the same.

    Examples
    --------
    >>> X = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]])
    >>> linear_cka(X, 3 * X.flip(1) + 1), linear_cka(X[:, :1], X[:, 1:]) < 0.2
    (1.0, True)
    """
    centred = []
    for name, each in (("X", X), ("Y", Y)):
        require_matrix(each, name)
        rows = each.detach().to(torch.float64)
        largest = rows.abs().max()
        rows = rows / largest if largest > 0 else rows  # squares neither over- nor underflow
        rows = rows - rows.mean(dim=0)
        if len(rows) < 2 or not bool(rows.abs().max() > 1e-14):
            raise InputError(f"{name} has the same row for every input, but its rows must differ.")
        centred.append(rows / vector_norm(rows))
    first, second = centred
    if len(first) != len(second):
        raise InputError(
            f"X has {len(first)} rows and Y {len(second)}, but both must have one row per input."
        )
    across = vector_norm(second.T @ first) ** 2
    within = vector_norm(first.T @ first) * vector_norm(second.T @ second)
    return min(round(float(across / within), 15), 1.0)
