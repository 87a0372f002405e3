"""Theorem 3.2 (A.1): test points near a training point get its class.

Printed: if W* interpolates and grad_x f is L-Lipschitz, and at least a fraction delta of the test
points has *some* training neighbour within
epsilon(W*) = min{1, 1 / (2 (sqrt(n ||W*||^2 S(W*) / min ||x_i||^2) + L))},
then the test accuracy is at least delta. False: the neighbour must carry the test point's label.

With a neighbour of the same label the proof holds and gives more. Along the segment from x_i,
||f(x') - f(x_i)|| <= g_i r + L r^2 / 2 with g_i = ||grad_x f(x_i)||_2 and r = ||x' - x_i||; and an
output within 1/sqrt(2) of onehot(y) has its largest entry at y. Solving for r,
r_i = sqrt(2) / (g_i + sqrt(g_i^2 + sqrt(2) L)):
every point closer than r_i to x_i gets x_i's label, without min{1, .} and without sqrt(n). A ReLU
network has no finite L, but is Lipschitz itself with constant prod_l ||W_l||_2, hence
r = 1 / (sqrt(2) prod_l ||W_l||_2).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import non_negative, positive, whole


def epsilon(
    weight_norm: float,
    sharpness: float,
    n: int,
    min_input_norm: float = 1.0,
    lipschitz: float = 0.0,
) -> float:
    """Return the radius epsilon(W*) of Theorem 3.2 as printed.

    Parameters
    ----------
    weight_norm, sharpness
        ||W*||_F and S(W*), as in `lemma_3_1.both_sides`.
    n
        Number of training points.
    min_input_norm
        min_i ||x_i||, above 0.
    lipschitz
        L, a Lipschitz constant of grad_x f. The default 0 gives an upper bound on the radius for
        networks whose L is unknown or, as for ReLU, does not exist.

    Returns
    -------
    A length in the units of the inputs, at most 1.

    Examples
    --------
    >>> round(epsilon(weight_norm=1.0, sharpness=4.0, n=2), 4)
    0.1768
    """
    non_negative("weight_norm", weight_norm)
    non_negative("sharpness", sharpness)
    whole("n", n, least=1)
    positive("min_input_norm", min_input_norm)
    non_negative("lipschitz", lipschitz)
    slope = math.sqrt(n * sharpness) * weight_norm / min_input_norm + lipschitz
    return 1.0 if slope <= 0.5 else 1 / (2 * slope)


def certified_radius(jacobian_norms: Tensor | float, lipschitz: float = 0.0) -> Tensor:
    """Return the radius r_i around each training point inside which its label is certain.

    Parameters
    ----------
    jacobian_norms
        Spectral norms ||grad_x f(x_i)||_2, any shape. A Frobenius norm gives a smaller radius
        that is still right.
    lipschitz
        L, a Lipschitz constant of grad_x f in the spectral norm.

    Returns
    -------
    r_i = sqrt(2) / (g_i + sqrt(g_i^2 + sqrt(2) L)), float64, infinite where g_i = L = 0. The
    certificate is strict: it holds for distances below r_i, not at r_i.

    Examples
    --------
    A linear map f(x) = ((1 + x)/2, (1 - x)/2) has g = 1/sqrt(2) and decides between +1 and -1 at
    distance 1 from either:

    >>> round(float(certified_radius(0.5**0.5)), 12)
    1.0
    """
    norms = torch.as_tensor(jacobian_norms, dtype=torch.float64)
    if not bool((norms >= 0).all()):
        raise InputError(
            f"The smallest Jacobian norm is {float(norms.min())}, but norms must be at least 0."
        )
    non_negative("lipschitz", lipschitz)
    return math.sqrt(2) / (norms + torch.sqrt(norms**2 + math.sqrt(2) * lipschitz))


def relu_radius(spectral_norms: Sequence[float] | Tensor) -> float:
    """Return the certified radius of a ReLU network, 1 / (sqrt(2) prod_l ||W_l||_2).

    Parameters
    ----------
    spectral_norms
        ||W_l||_2 of every layer; biases do not matter.

    Returns
    -------
    One radius for all training points, infinite if a layer is zero.
    """
    product = math.prod(float(norm) for norm in spectral_norms)
    non_negative("The product of the spectral norms", product)
    return math.inf if product == 0 else 1 / (math.sqrt(2) * product)


def certified_fraction(
    test_points: Tensor,
    test_labels: Tensor,
    train_points: Tensor,
    train_labels: Tensor,
    radii: Tensor | float,
) -> float:
    """Share of the test points that the repaired theorem certifies as classified correctly.

    A test point counts if a training point of the same label lies closer than that training
    point's radius.

    Parameters
    ----------
    test_points, train_points
        (m, d) and (n, d) inputs.
    test_labels, train_labels
        (m,) and (n,) integers.
    radii
        One radius, or (n,) radii, one per training point.

    Returns
    -------
    A share in [0, 1], a lower bound on the test accuracy if the radii are certified.
    """
    distances = torch.cdist(test_points.to(torch.float64), train_points.to(torch.float64))  # (m, n)
    radii = torch.as_tensor(radii, dtype=torch.float64)
    near = (distances < radii) & (test_labels[:, None] == train_labels[None, :])
    return float(near.any(dim=1).to(torch.float64).mean())
