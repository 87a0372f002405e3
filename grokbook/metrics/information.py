"""Matrix entropy and matrix mutual information (section 2.2 of arXiv:2311.06597).

From Gram matrices: `matrix_entropy`, `matrix_mutual_information`. From features, mostly without
forming their Gram matrices: `representation_entropy`, `representation_mutual_information`,
`representation_label_mutual_information`. Orders may be given as a list: the spectra are then
computed once for all of them, and results have the shape of `alpha`. The paper's own metrics, these
quantities at noisy inputs, are in `perturbed_information`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.validation import whole
from grokbook.metrics._checks import Order, as_orders, require_labels
from grokbook.metrics.spectra import (
    count_zero_features,
    entropy_of_spectrum,
    gram_eigenvalues,
    gram_pair_eigenvalues,
    unit_features,
    unit_hadamard_purity,
    unit_hadamard_spectrum,
    unit_pair,
    unit_purity,
    unit_spectrum,
)


def matrix_entropy(R: Tensor, alpha: Order = 1.0) -> Tensor:
    r"""Return the matrix entropy of order alpha of a Gram matrix, in nats.

    .. math:: H_\alpha(R) = \frac{1}{1-\alpha} \log \operatorname{tr} (R/n)^\alpha, \qquad
              H_1(R) = -\operatorname{tr} (R/n) \log (R/n)

    Definition 2.1 of arXiv:2311.06597; 0 <= H_alpha <= log rank R.

    Parameters
    ----------
    R
        Shape (n, n), positive semi-definite with unit diagonal.
    alpha
        One order or several, positive.

    Returns
    -------
    Tensor
        float64, of the shape of alpha.

    Raises
    ------
    InputError
        If an order is not positive, or R is not finite, square, symmetric, of unit diagonal and
        positive semi-definite (tolerances: `gram_eigenvalues`).

    Examples
    --------
    >>> matrix_entropy(torch.eye(4), alpha=[0.5, 1.0, 2.0]).exp().round(decimals=6).tolist()
    [4.0, 4.0, 4.0]
    """
    return entropy_of_spectrum(gram_eigenvalues(R), as_orders(alpha))


def matrix_mutual_information(R1: Tensor, R2: Tensor, alpha: Order = 1.0) -> Tensor:
    r"""Return the matrix mutual information of order alpha of two Gram matrices, in nats.

    .. math:: I_\alpha(R_1; R_2) = H_\alpha(R_1) + H_\alpha(R_2) - H_\alpha(R_1 \odot R_2)

    Definition 2.2 of arXiv:2311.06597, with the Hadamard product. At most
    min(H_alpha(R1), H_alpha(R2)); non-negative for alpha = 1 but not for every alpha.

    Parameters
    ----------
    R1, R2
        Shape (n, n), positive semi-definite with unit diagonal.
    alpha
        One order or several, positive.

    Returns
    -------
    Tensor
        float64, of the shape of alpha.

    Raises
    ------
    InputError
        As `matrix_entropy`, and if the shapes differ.

    Examples
    --------
    >>> G = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    >>> bool(torch.isclose(matrix_mutual_information(torch.eye(2), G), matrix_entropy(G)))
    True
    """
    orders = as_orders(alpha)
    H1, H2, joint = (entropy_of_spectrum(s, orders) for s in gram_pair_eigenvalues(R1, R2))
    return H1 + H2 - joint


@dataclass(frozen=True)
class Information:
    """Entropies of two representations of the same samples, each of the shape of alpha, in nats.

    Attributes
    ----------
    entropy_1, entropy_2
        H_alpha of the two Gram matrices.
    joint_entropy
        H_alpha of their Hadamard product.
    zero_features
        How many zero rows each representation had (over all noise draws); they were replaced by
        a fixed unit vector.
    """

    entropy_1: Tensor
    entropy_2: Tensor
    joint_entropy: Tensor
    zero_features: tuple[int, int]

    @property
    def mutual_information(self) -> Tensor:
        """I_alpha = entropy_1 + entropy_2 - joint_entropy."""
        return self.entropy_1 + self.entropy_2 - self.joint_entropy


@torch.no_grad()
def representation_entropy(Z: Tensor, alpha: Order = 1.0, batch_size: int | None = None) -> Tensor:
    """Return the matrix entropy of the Gram matrix of the normalised rows of Z.

    Equal to `matrix_entropy` of that matrix, from a min(n, d)-sized factor; for alpha = 2 alone
    from a Frobenius norm, without eigenvalues.

    Parameters
    ----------
    Z
        Features (n, d), one sample per row. Zero rows count as the first unit vector
        (`count_zero_features` counts them).
    alpha
        One order or several, positive.
    batch_size
        If given, return the mean of the entropies of consecutive batches of this size, weighted by
        their sizes (the last may be smaller). This is a different quantity, at most
        log(batch_size).

    Returns
    -------
    Tensor
        float64, of the shape of alpha.

    Raises
    ------
    InputError
        If an order is not positive, Z not a finite, real, non-empty matrix, or batch_size not an
        integer of at least 1.

    Examples
    --------
    >>> Z = torch.tensor([[1.0, 0.0], [0.0, 7.0]])
    >>> round(float(representation_entropy(Z).exp()), 6)
    2.0
    """
    orders = as_orders(alpha)
    U = unit_features(Z)
    total = torch.zeros_like(orders)
    for batch in _batches(len(U), batch_size):
        total += len(U[batch]) / len(U) * _entropy(U[batch], orders)
    return total


def representation_mutual_information(
    Z1: Tensor, Z2: Tensor, alpha: Order = 1.0, batch_size: int | None = None
) -> Tensor:
    """Return the matrix mutual information of two sets of normalised features.

    Equal to `matrix_mutual_information` of their Gram matrices. The spectrum of the Hadamard
    product is found on the smaller side, min(n, rank Z1 * rank Z2); for alpha = 2 alone there are
    only Frobenius norms.

    Parameters
    ----------
    Z1, Z2
        Features (n, d1) and (n, d2) of the same samples.
    alpha, batch_size
        As in `representation_entropy`.

    Returns
    -------
    Tensor
        float64, of the shape of alpha.

    Raises
    ------
    InputError
        As `representation_entropy`, and if Z1 and Z2 have different numbers of rows.

    Examples
    --------
    >>> Z = torch.eye(3)
    >>> round(float(representation_mutual_information(Z, Z, alpha=2.0).exp()), 6)
    3.0
    """
    return representation_information(Z1, Z2, alpha, batch_size).mutual_information


@torch.no_grad()
def representation_information(
    Z1: Tensor, Z2: Tensor, alpha: Order = 1.0, batch_size: int | None = None
) -> Information:
    """Return the entropies of two sets of features and their joint entropy, from three spectra.

    The arguments and errors are those of `representation_mutual_information`.
    """
    orders = as_orders(alpha)
    U1, U2 = unit_pair(Z1, Z2)
    sums = torch.zeros(3, *orders.shape, dtype=torch.float64)
    for batch in _batches(len(U1), batch_size):
        sums += len(U1[batch]) / len(U1) * _joint(U1[batch], U2[batch], orders)
    return Information(
        sums[0], sums[1], sums[2], (count_zero_features(Z1), count_zero_features(Z2))
    )


@torch.no_grad()
def representation_label_mutual_information(
    Z: Tensor, y: Tensor, alpha: Order = 1.0, batch_size: int | None = None
) -> Tensor:
    r"""Return the matrix mutual information of features (n, d) and of one-hot labels.

    The Hadamard product with the labels' Gram matrix is block diagonal, one block per class, so its
    spectrum is the union of those of the classes: with shares p_k and rho_k = Z_k^T Z_k / n_k,
    spectra of size d suffice for every order. For alpha = 1 this is Holevo's quantity H(rho) -
    sum_k p_k H(rho_k).

    Parameters
    ----------
    Z
        Features (n, d), one sample a row.
    y
        Labels (n,), non-negative integers.
    alpha, batch_size
        As in `representation_entropy`.

    Returns
    -------
    Tensor
        float64, of the shape of alpha.

    Raises
    ------
    InputError
        As `representation_entropy`, and if y is not n non-negative integers.

    Examples
    --------
    >>> Z, y = torch.eye(4), torch.tensor([0, 0, 1, 1])
    >>> round(float(representation_label_mutual_information(Z, y).exp()), 6)
    2.0
    """
    orders = as_orders(alpha)
    U = unit_features(Z)
    n = len(U)
    require_labels(y, n)
    y = y.to(U.device)
    total = torch.zeros_like(orders)
    for batch in _batches(n, batch_size):
        total += len(U[batch]) / n * _label_information(U[batch], y[batch], orders)
    return total


def _batches(n: int, batch_size: int | None) -> Iterator[slice]:
    size = n if batch_size is None else whole("batch_size", batch_size, least=1)
    return (slice(start, start + size) for start in range(0, n, size))


def _entropy(U: Tensor, orders: Tensor) -> Tensor:
    """Return entropies of unit rows U, of the shape of orders."""
    if (orders == 2).all():
        return -unit_purity(U).log().cpu().expand(orders.shape)
    return entropy_of_spectrum(unit_spectrum(U), orders)


def _joint(U1: Tensor, U2: Tensor, orders: Tensor) -> Tensor:
    """Return entropies of G1, of G2 and of their Hadamard product, stacked."""
    if (orders == 2).all():
        purities = torch.stack([unit_purity(U1), unit_purity(U2), unit_hadamard_purity(U1, U2)])
        return -purities.log().cpu().reshape(3, *[1] * orders.ndim).expand(3, *orders.shape)
    first, second = unit_spectrum(U1), unit_spectrum(U2)
    product = unit_hadamard_spectrum(U1, U2, len(first), len(second))
    return torch.stack([entropy_of_spectrum(s, orders) for s in (first, second, product)])


def _label_information(U: Tensor, y: Tensor, orders: Tensor) -> Tensor:
    """Return the mutual information of unit rows U with labels y, of the shape of orders."""
    n = len(U)
    classes = [U[y == label] for label in y.unique()]
    shares = torch.tensor([len(members) / n for members in classes], dtype=torch.float64)
    label_entropy = entropy_of_spectrum(shares, orders)
    if (orders == 2).all():
        purities = torch.stack([unit_purity(members) for members in classes])
        joint = -(purities.cpu() * shares**2).sum().log().expand(orders.shape)
    else:
        spectra = [p * unit_spectrum(members) for p, members in zip(shares, classes, strict=True)]
        joint = entropy_of_spectrum(torch.cat(spectra), orders)
    return _entropy(U, orders) + label_entropy - joint
