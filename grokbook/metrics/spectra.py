"""Spectra of Gram matrices, from the features if that is cheaper than the n x n matrix.

With unit rows z_i the Gram matrix G = Z Z^T (n, n) and Z^T Z (d, d) have the same non-zero
eigenvalues, so entropies of G need a factor of size min(n, d) only. The Hadamard product of two
Gram matrices is the Gram matrix of the row-wise Kronecker (Khatri-Rao) product of the features,
which has r1 r2 columns once each Z_j is replaced by a factor with rank(Z_j) columns; its spectrum
comes from the smaller of n and r1 r2. All in float64.
"""

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.tensors import require_tensor
from grokbook.metrics._checks import Order, as_orders, require_finite, require_matrix
from grokbook.metrics._numbers import EPS, require_memory, rounding, spacing

HOST_SIDE = 256
"""Up to this size one matrix is decomposed on the host: a GPU is no faster (decision 0005)."""


def count_zero_features(Z: Tensor) -> int:
    """Count the rows of Z (n, d) that are exactly zero and so have no direction.

    A ReLU layer gives such rows with positive probability. `unit_features` replaces them.

    Raises
    ------
    InputError
        If Z is not a finite, real, non-empty matrix.

    Examples
    --------
    >>> count_zero_features(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    1
    """
    require_matrix(Z, "Z")
    return int((Z == 0).all(dim=1).sum())


def unit_features(Z: Tensor) -> Tensor:
    """Scale the rows of Z (n, d) to length one, in float64.

    Zero rows become the first unit vector: a fixed choice, so that every bound on entropies of
    perturbed features still holds (the paper's z_i = f(x_i)/||f(x_i)|| is undefined there).

    Raises
    ------
    InputError
        If Z is not a finite, real, non-empty matrix.

    Examples
    --------
    >>> unit_features(torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[1.0, 0.0], [0.6, 0.8]]
    """
    require_matrix(Z, "Z")
    Z = Z.detach().to(torch.float64)
    largest = Z.abs().amax(dim=1, keepdim=True)
    zero = largest == 0
    # Dividing by the largest entry first keeps the squares from over- or underflowing.
    Z = torch.where(zero, torch.eye(1, Z.shape[1], dtype=Z.dtype, device=Z.device), Z)
    Z = Z / torch.where(zero, 1.0, largest)
    return Z / torch.linalg.vector_norm(Z, dim=1, keepdim=True)


def entropy_of_spectrum(eigenvalues: Tensor, alpha: Order = 1.0) -> Tensor:
    r"""Return matrix entropies of every order from one spectrum.

    .. math:: H_\alpha = \frac{1}{1-\alpha} \log \sum_i \lambda_i^\alpha, \qquad
              H_1 = -\sum_i \lambda_i \log \lambda_i, \qquad \sum_i \lambda_i = 1

    (Definition 2.1 of arXiv:2311.06597), with 0 log 0 = 0. Near alpha = 1 the sum is written as
    1 + sum_i lambda_i (exp((alpha-1) log lambda_i) - 1): the 1 is then known exactly and nothing
    cancels.

    Parameters
    ----------
    eigenvalues
        Shape (r,), the eigenvalues of R or of any positive multiple of it, since they are scaled
        to sum one here; non-negative up to rounding: 1e-8 of the largest for float64, 1e-5 for
        float32, more for shorter types. Zeros may be left out. Values no larger in size than the
        most negative one count as zero. So do float32 values below r eps times the largest: at
        small alpha such noise would count as rank.
    alpha
        One order or several, positive.

    Returns
    -------
    Tensor
        float64, in nats, of the shape of alpha.

    Raises
    ------
    InputError
        If an order is not positive, or the eigenvalues are not a finite, real vector that is
        non-negative up to rounding with a positive sum.

    Examples
    --------
    >>> entropy_of_spectrum(torch.tensor([0.5, 0.5]), [0.5, 1.0]).exp().round(decimals=6).tolist()
    [2.0, 2.0]
    """
    orders = as_orders(alpha)
    require_tensor(eigenvalues, "eigenvalues")
    if eigenvalues.ndim != 1 or eigenvalues.numel() == 0:
        raise InputError(
            f"eigenvalues has shape {tuple(eigenvalues.shape)}, but must be a non-empty vector."
        )
    require_finite(eigenvalues, "eigenvalues")
    weights = eigenvalues.to("cpu", torch.float64)
    largest, smallest = float(weights.max()), float(weights.min())
    if largest <= 0 or smallest < -rounding(eigenvalues.dtype) * largest:
        raise InputError(
            f"eigenvalues range from {smallest:.3g} to {largest:.3g}, but must be non-negative "
            "with a positive sum."
        )
    noise = max(0.0, -smallest)
    if eigenvalues.dtype == torch.float32:  # the shortest type for eigenvalues
        noise = max(noise, min(0.5, len(weights) * spacing(torch.float32)) * largest)
    weights = weights[weights > noise]
    if not weights.sum().isfinite():
        weights = weights / largest
    weights = weights / weights.sum()
    logs = weights.log()
    return torch.stack([_renyi(weights, logs, a) for a in orders.flatten().tolist()]).reshape(
        orders.shape
    )


def _renyi(weights: Tensor, logs: Tensor, alpha: float) -> Tensor:
    if alpha == 1:
        return -(weights * logs).sum()
    if abs(alpha - 1) < 0.1:
        return torch.log1p((weights * torch.expm1((alpha - 1) * logs)).sum()) / (1 - alpha)
    if alpha > 1e200:  # alpha * logs may be beyond float64
        return -logs.max()
    return torch.logsumexp(alpha * logs, dim=0) / (1 - alpha)


def gram_eigenvalues(R: Tensor) -> Tensor:
    """Return the non-zero eigenvalues of R/n, largest first, for a Gram matrix R of unit vectors.

    Eigenvalues below n * eps * (the largest), eps that of float64, are rounding and count as zero.
    If R came in a shorter type, so do those below 4 sqrt(n) times the eps of that type, which is
    twice the norm of a matrix of such rounding errors.

    Raises
    ------
    InputError
        If R is not square, finite, real, symmetric, of unit diagonal and positive semi-definite.
        Entries may be off by 1e-8 in float64 (and as integers), 1e-5 in float32, 4e-3 in float16
        and 3e-2 in bfloat16, eigenvalues by n times as much.

    Examples
    --------
    >>> gram_eigenvalues(torch.ones(3, 3)).round(decimals=6).tolist()
    [1.0]
    """
    return _gram_eigenvalues(R, "R", *_accuracy(R, "R"))


def gram_pair_eigenvalues(R1: Tensor, R2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return `gram_eigenvalues` of R1, of R2 and of their Hadamard product.

    The errors of R1 and R2, each within the tolerance of its type, add up in the product.

    Raises
    ------
    InputError
        As `gram_eigenvalues`, and if the shapes differ.
    """
    accuracies = [_accuracy(R1, "R1"), _accuracy(R2, "R2")]
    first = _gram_eigenvalues(R1, "R1", *accuracies[0])
    second = _gram_eigenvalues(R2, "R2", *accuracies[1])
    if R1.shape != R2.shape:
        raise InputError(
            f"R1 has shape {tuple(R1.shape)} and R2 {tuple(R2.shape)}, but they must be equal."
        )
    product = R1.to(torch.float64) * R2.to(torch.float64)
    tolerance, rounded = map(sum, zip(*accuracies, strict=True))
    return first, second, _gram_eigenvalues(product, "R1 * R2", tolerance, rounded)


def _accuracy(R: Tensor, name: str) -> tuple[float, float]:
    """Return the tolerance of entries, and how much they were rounded before this call."""
    require_matrix(R, name)
    return rounding(R.dtype), spacing(R.dtype) if spacing(R.dtype) > EPS else 0.0


def _gram_eigenvalues(R: Tensor, name: str, tolerance: float, rounded: float) -> Tensor:
    n = R.shape[0]
    if R.shape != (n, n):
        raise InputError(f"{name} has shape {tuple(R.shape)}, but must be square.")
    R = R.to(torch.float64)
    asymmetry = float((R - R.T).abs().max())
    if asymmetry > tolerance:
        raise InputError(
            f"{name} differs from its transpose by {asymmetry:.3g}, but must be symmetric."
        )
    off = float((R.diagonal() - 1).abs().max())
    if off > tolerance:
        raise InputError(
            f"{name} has a diagonal that is off by {off:.3g}, but it must be all ones."
        )
    eigenvalues = torch.linalg.eigvalsh(_host((R + R.T) / 2, n)).flip(0)
    if eigenvalues[-1] < -n * tolerance:
        raise InputError(
            f"{name} has the eigenvalue {float(eigenvalues[-1]):.3g}, but must be positive "
            "semi-definite."
        )
    noise = min(4 * n**0.5 * rounded, 0.5 * float(eigenvalues[0]))
    eigenvalues = _significant(eigenvalues, n)
    return eigenvalues[eigenvalues > noise] / n


def feature_spectrum(Z: Tensor) -> Tensor:
    """Return the non-zero eigenvalues of G/n, G the Gram matrix of the normalised rows of Z (n, d).

    From the singular values of a min(n, d)-sized triangular factor, so that eigenvalues are right
    down to eps^2 times the largest: O(n d min(n, d)) operations, G is never formed.

    Returns
    -------
    Tensor
        float64, shape (rank,), largest first, summing to one.

    Examples
    --------
    >>> feature_spectrum(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 5.0]]))
    tensor([0.6667, 0.3333], dtype=torch.float64)
    """
    return unit_spectrum(unit_features(Z))


def unit_spectrum(U: Tensor) -> Tensor:
    """Return `feature_spectrum` of rows that have length one already."""
    n, d = U.shape
    U = _host(U, min(n, d))
    tall = U if n >= d else U.T
    singular = torch.linalg.svdvals(torch.linalg.qr(tall, mode="r").R)
    return singular[singular > max(n, d) * EPS * singular[0]] ** 2 / n


def hadamard_spectrum(Z1: Tensor, Z2: Tensor) -> Tensor:
    """Return the non-zero eigenvalues of (G1 o G2)/n, G_j the Gram matrix of the rows of Z_j.

    Z1 is (n, d1), Z2 is (n, d2); rows are normalised first. The eigenvalue problem has the size
    min(n, rank Z1 * rank Z2).

    Returns
    -------
    Tensor
        float64, at most min(n, rank Z1 * rank Z2) values, largest first, summing to one.

    Raises
    ------
    InputError
        If Z1 or Z2 is not a finite, real, non-empty matrix, or they have different numbers of rows.
    """
    U1, U2 = unit_pair(Z1, Z2)
    return unit_hadamard_spectrum(U1, U2, len(unit_spectrum(U1)), len(unit_spectrum(U2)))


def unit_pair(Z1: Tensor, Z2: Tensor) -> tuple[Tensor, Tensor]:
    """Return both normalised by `unit_features`; refuse different numbers of rows."""
    U1, U2 = unit_features(Z1), unit_features(Z2)
    if len(U1) != len(U2):
        raise InputError(f"Z1 has {len(U1)} rows and Z2 has {len(U2)}, but both must have as many.")
    return U1, U2


def unit_hadamard_spectrum(U1: Tensor, U2: Tensor, rank1: int, rank2: int) -> Tensor:
    """Return `hadamard_spectrum` of unit rows whose ranks are known."""
    n = len(U1)
    side = min(n, rank1 * rank2)
    require_memory(3 * 8 * side**2, f"the spectrum of a ({side}, {side}) Hadamard product")
    U1, U2 = _host(U1, side), _host(U2, side)
    if n <= rank1 * rank2:
        product = (U1 @ U1.T).mul_(U2 @ U2.T)
    else:
        product = khatri_rao_gram(_range_factor(U1, rank1), _range_factor(U2, rank2))
    return _significant(torch.linalg.eigvalsh(product).flip(0), n) / n


def _host(matrix: Tensor, side: int) -> Tensor:
    """Return the matrix on the fastest device for its decomposition: the CPU if it is small."""
    return matrix.cpu() if matrix.is_cuda and side <= HOST_SIDE else matrix


def _range_factor(U: Tensor, rank: int) -> Tensor:
    """Return a factor (n, rank) with the Gram matrix of U (n, d), whose rank is given."""
    n, d = U.shape
    if rank == d:
        return U
    R = torch.linalg.qr(U, mode="r").R if n >= d else U
    return U @ torch.linalg.svd(R, full_matrices=False).Vh[:rank].T


def khatri_rao_gram(A: Tensor, B: Tensor) -> Tensor:
    """Return K^T K (ab, ab) for the row-wise Kronecker product K of A (n, a) and B (n, b).

    Its entry ((j, i), (l, k)) is sum_s A_si A_sk B_sj B_sl, symmetric in i, k and in j, l: products
    of unordered pairs of columns suffice, a quarter of the work, and K is never held.
    """
    if B.shape[1] > A.shape[1]:
        A, B = B, A
    a, b = A.shape[1], B.shape[1]
    j, l = torch.tril_indices(b, b)  # noqa: E741
    pairs_of_B = (B[:, j] * B[:, l]).T.contiguous().T  # (n, b(b+1)/2), each column contiguous
    A = A.T.contiguous()
    buffer = torch.empty_like(A)  # one for all rows: allocating it anew costs as much as using it
    rows = [torch.mul(A[i], A[: i + 1], out=buffer[: i + 1]) @ pairs_of_B for i in range(a)]
    entries = torch.cat(rows).T  # (b(b+1)/2, a(a+1)/2)
    i, k = torch.tril_indices(a, a)
    blocks = A.new_empty(len(j), a, a)
    blocks[:, i, k] = entries
    blocks[:, k, i] = entries
    gram = A.new_empty(b, a, b, a)
    gram[j, :, l] = blocks
    gram[l, :, j] = blocks
    return gram.reshape(a * b, a * b)


def _significant(eigenvalues: Tensor, n: int) -> Tensor:
    """Return the leading eigenvalues (given largest first) that are not rounding."""
    return eigenvalues[eigenvalues > n * EPS * eigenvalues[0]]


def unit_purity(U: Tensor) -> Tensor:
    """Return tr((G/n)^2) = ||G||_F^2 / n^2 for unit rows U (n, d): no eigenvalues needed."""
    n, d = U.shape
    return (U.T @ U if d <= n else U @ U.T).square().sum() / n**2


def unit_hadamard_purity(U1: Tensor, U2: Tensor, block: int = 1024) -> Tensor:
    """Return ||G1 o G2||_F^2 / n^2 by blocks of rows on and right of the diagonal."""
    n = len(U1)
    total = U1.new_zeros(())
    for start in range(0, n, block):
        stop = min(start + block, n)
        product = (U1[start:stop] @ U1[start:].T).mul_(U2[start:stop] @ U2[start:].T).square_()
        own = product[:, : stop - start].sum()
        total = total + 2 * product.sum() - own
    return total / n**2
