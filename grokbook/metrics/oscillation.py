"""Hjorth's parameters of an oscillating curve, which are said to predict grokking.

Notsawo et al. 2023 (arXiv:2306.13253, "Predicting grokking long before it happens") read them off
the first steps of the training loss; they are Hjorth's (1970, Electroencephalography and Clinical
Neurophysiology 29, 306-310).
"""

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.tensors import require_tensor
from grokbook.metrics._checks import require_finite
from grokbook.metrics._numbers import require_representable


def hjorth_activity(values: Tensor) -> float:
    r"""Return the variance of a curve, :math:`\frac1n \sum_t (y_t - \bar y)^2`.

    Parameters
    ----------
    values
        Shape (n,), the curve at equal distances, at least 2 of them.

    Raises
    ------
    InputError
        If the values are not a real, finite vector of at least 2 entries, or the variance is beyond
        float64.

    Examples
    --------
    >>> hjorth_activity(torch.tensor([1.0, -1.0, 1.0, -1.0]))
    1.0
    """
    return require_representable(_variance(_curve(values, least=2)), "the activity")


def hjorth_mobility(values: Tensor) -> float:
    r"""Return the root of the variance of a curve's differences over its own.

    .. math:: \sqrt{\operatorname{var}(y_{t+1} - y_t) / \operatorname{var}(y_t)}

    In radians per step. It is the root mean square frequency of the curve; for a sine of frequency
    ω it is 2 sin(ω/2).

    Parameters
    ----------
    values
        Shape (n,), the curve at equal distances, at least 3 of them.

    Raises
    ------
    InputError
        If the values are not a real, finite vector of at least 3 entries, or are all the same.

    Examples
    --------
    >>> line = torch.tensor([0.0, 1.0, 2.0, 3.0])  # does not oscillate
    >>> round(hjorth_mobility(line), 6)
    0.0
    """
    curve = _curve(values, least=3)
    if bool((curve == curve[0]).all()):
        raise InputError(
            f"values are all {float(values[0]):.3g}, but must vary: a constant has no mobility."
        )
    # One scale for both keeps the squares from over- and underflowing.
    curve = curve - curve.mean()
    curve = curve / curve.abs().max()
    return (_variance(curve.diff()) / _variance(curve)) ** 0.5


def _curve(values: Tensor, least: int) -> Tensor:
    require_tensor(values, "values")
    if values.ndim != 1 or len(values) < least:
        raise InputError(
            f"values has shape {tuple(values.shape)}, but must be a vector of at least {least}."
        )
    require_finite(values, "values")
    return values.detach().to(torch.float64)


def _variance(curve: Tensor) -> float:
    return float(curve.var(correction=0))
