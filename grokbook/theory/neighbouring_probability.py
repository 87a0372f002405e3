"""The neighbouring probability P(r) = Pr(d(X, D_train) <= r) of section 3.1.

The paper assumes the half-normal form P(r) = Pr(-r <= Y <= r), Y ~ N(0, mu) with mu the variance.
That form has a positive density at r = 0. Test points with a bounded density in d >= 2 dimensions
cannot have it: a ball of radius r around each of n training points has probability of order n r^d.
"""

import math

import torch
from scipy import special
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import non_negative


def nearest_distances(
    test_points: Tensor,
    train_points: Tensor,
    *,
    test_labels: Tensor | None = None,
    train_labels: Tensor | None = None,
    chunk: int = 1000,
) -> Tensor:
    """Distance from each test point to its nearest training point, d(x, D_train).

    Parameters
    ----------
    test_points, train_points
        (m, d) and (n, d) inputs; distances are Euclidean, in float64.
    test_labels, train_labels
        If given (both), only training points with the test point's label count, as in the repaired
        Theorem 3.2; infinite where there is none.
    chunk
        Test points per block, which limits the memory to chunk x n distances.

    Returns
    -------
    (m,) float64 distances.
    """
    if test_points.ndim != 2 or train_points.ndim != 2 or len(train_points) == 0:
        raise InputError(
            f"The points have shapes {tuple(test_points.shape)} and {tuple(train_points.shape)}, "
            "but must be an (m, d) and a non-empty (n, d) matrix."
        )
    if (test_labels is None) != (train_labels is None):
        raise InputError("Only one of test_labels and train_labels is given, but both are needed.")
    train = train_points.to(torch.float64)
    nearest = []
    for start in range(0, len(test_points), chunk):
        points = test_points[start : start + chunk].to(torch.float64)
        distances = torch.cdist(points, train)
        if test_labels is not None and train_labels is not None:
            same = test_labels[start : start + chunk, None] == train_labels[None, :]
            distances = distances.masked_fill(~same, math.inf)
        smallest = distances.min(dim=1)
        # Fast distances use inner products and lose digits near zero, so recompute the smallest.
        exact = (points - train[smallest.indices]).norm(dim=1)
        nearest.append(torch.where(smallest.values.isinf(), smallest.values, exact))
    return torch.cat(nearest)


def empirical(r: Tensor | float, distances: Tensor) -> Tensor:
    """Return the share of the test points whose `distances` are at most r.

    Parameters
    ----------
    r
        Radii, any shape.
    distances
        (m,) distances, from `nearest_distances`.

    Examples
    --------
    >>> empirical(torch.tensor([0.5, 2.0]), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([0.0000, 0.5000], dtype=torch.float64)
    """
    radii = torch.as_tensor(r, dtype=torch.float64)
    ordered = distances.to(torch.float64).sort().values
    return torch.searchsorted(ordered, radii, right=True).to(torch.float64) / len(ordered)


def half_normal(r: Tensor | float, mu: float = 0.01) -> Tensor:
    """Return the paper's form of P(r): erf(r / sqrt(2 mu)), with mu the variance.

    At mu = 0 all mass is at distance 0, so P(r) = 1 for r > 0; P(0) is taken as 0, the limit of
    the values at mu > 0.

    Examples
    --------
    >>> round(float(half_normal(0.1)), 4)
    0.6827
    """
    non_negative("mu", mu)
    radii = torch.as_tensor(r, dtype=torch.float64)
    if bool((radii < 0).any()):
        raise InputError(f"The smallest r is {float(radii.min())}, but must be at least 0.")
    if mu == 0:
        return (radii > 0).to(torch.float64)
    return torch.special.erf(radii / math.sqrt(2 * mu))


def half_normal_radius(q: float, mu: float = 0.01) -> float:
    """Return the radius at which the half-normal form reaches probability q, 0 <= q <= 1.

    Examples
    --------
    >>> round(half_normal_radius(0.5), 6)
    0.067449
    """
    if not 0 <= q <= 1:
        raise InputError(f"q is {q}, but must lie between 0 and 1.")
    non_negative("mu", mu)
    return math.sqrt(2 * mu) * float(special.erfinv(q))


def label_consistent_radius(points: Tensor, labels: Tensor) -> float:
    """Half the closest distance between two training points of different labels.

    No larger radius, common to all training points, can be right for every point inside it,
    whatever the network: near the midpoint of that pair it would certify both labels.

    Parameters
    ----------
    points, labels
        (n, d) inputs and (n,) integers.

    Returns
    -------
    A length, infinite if all labels are equal.
    """
    inputs = points.to(torch.float64)
    same = labels[:, None] == labels[None, :]
    distances = torch.cdist(inputs, inputs).masked_fill(same, math.inf)
    nearest = distances.min(dim=1)
    exact = (inputs - inputs[nearest.indices]).norm(dim=1)
    return float(torch.where(nearest.values.isinf(), nearest.values, exact).min()) / 2
