"""How far outputs move with the inputs: the perturbation error and exact input Jacobians."""

from typing import NamedTuple

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import whole
from grokbook.metrics._checks import (
    perturbed,
    require_finite,
    require_perturbation,
    require_samples,
)
from grokbook.metrics._networks import (
    Network,
    gradients,
    outputs,
    require_function,
    require_own_weights,
    require_samples_apart,
)
from grokbook.metrics._numbers import require_representable, vector_norm

_JACOBIAN = "the Jacobian of f"  # may be infinite where f is finite, as the slope of a root


@torch.no_grad()
def perturbation_error(
    f: Network, x: Tensor, sigma: float, *, generator: torch.Generator, draws: int = 1
) -> float:
    r"""Return the mean squared change of the outputs under Gaussian noise on the inputs.

    .. math:: \frac1n \sum_i \|f(x_i + \Delta_i) - f(x_i)\|^2, \qquad \Delta_i \sim N(0, \sigma^2 I)

    The paper (section 3.1, Figure 2, sigma = 0.04) prints the sum over i; this is the mean, which
    does not grow with the number of samples.

    Parameters
    ----------
    f
        Maps (n, ...) to (n, K).
    x
        Continuous inputs (n, ...).
    sigma
        Standard deviation of the noise, in units of x.
    generator
        Draws the noise.
    draws
        How many draws of all Delta_i to average over.

    Raises
    ------
    InputError
        If sigma is negative or so small relative to x that rounding swallows the noise, draws not
        an integer of at least 1, generator not a torch.Generator, x not finite and floating-point,
        f(x) not a finite (n, K), f random, or the error beyond float64.

    Examples
    --------
    >>> identity = torch.nn.Identity()
    >>> noise = torch.Generator().manual_seed(0)
    >>> perturbation_error(identity, torch.zeros(2, 3), 0.0, generator=noise)
    0.0
    """
    require_perturbation(x, sigma, draws, generator)
    require_function(f, x)
    clean = outputs(f, x).to(torch.float64)
    total = 0.0
    for _ in range(draws):
        moved = outputs(f, perturbed(x, sigma, generator)).to(torch.float64)
        total += float((moved - clean).square().sum())
    return require_representable(total / (draws * len(x)), "the perturbation error")


def input_jacobian(f: Network, x: Tensor, *, chunk_size: int = 256) -> Tensor:
    """Return the exact Jacobian of the outputs with respect to the inputs for each sample.

    One backward pass for each output and chunk of samples. f must treat samples one by one, which
    is tested on some of them; batch normalisation in training mode does not and is refused.

    Parameters
    ----------
    f
        Maps (n, ...) to (n, K), differentiably.
    x
        Continuous inputs (n, ...), flattened to d entries a sample.
    chunk_size
        How many samples to pass through f at once.

    Returns
    -------
    Tensor
        Shape (n, K, d), in the precision of x.

    Raises
    ------
    InputError
        If x is not finite and floating-point, chunk_size not an integer of at least 1, the output
        not a finite (n, K) or not a function of x, samples depend on each other, the weights were
        made in inference mode, or a derivative is not finite.

    Examples
    --------
    >>> f = lambda x: torch.stack([x[:, 0] * x[:, 1], x[:, 1]], dim=1)
    >>> input_jacobian(f, torch.tensor([[2.0, 3.0]])).tolist()
    [[[3.0, 2.0], [0.0, 1.0]]]
    """
    J = torch.cat([_chunk_jacobian(f, part) for part in _chunks(f, x, chunk_size)])
    require_finite(J, _JACOBIAN)
    return J


class JacobianNorms(NamedTuple):
    """Per-sample norms of input Jacobians, each float64 of shape (n,)."""

    frobenius: Tensor
    spectral: Tensor


def input_jacobian_norms(f: Network, x: Tensor, *, chunk_size: int = 256) -> JacobianNorms:
    r"""Return per-sample norms :math:`\|\nabla_x f(x_i)\|_F` and :math:`\|\nabla_x f(x_i)\|_2`.

    Never more than `chunk_size` Jacobians are held at once. Lemma 3.1 bounds the mean square of
    the first; the certified radius behind the repaired Theorem 3.2 uses the second.
    The arguments and errors are those of `input_jacobian`; also refused where no singular
    values are found or a norm is beyond float64.

    Examples
    --------
    >>> norms = input_jacobian_norms(torch.nn.Identity(), torch.zeros(1, 4))
    >>> norms.frobenius.tolist(), norms.spectral.tolist()
    ([2.0], [1.0])
    """
    parts = _chunks(f, x, chunk_size)
    norms = [_norms(_chunk_jacobian(f, part).to(torch.float64)) for part in parts]
    frobenius, spectral = map(torch.cat, zip(*norms, strict=True))
    return JacobianNorms(frobenius, spectral)


def _chunks(f: Network, x: Tensor, chunk_size: int) -> tuple[Tensor, ...]:
    """Return x in chunks, after all checks of x and f except those of one chunk's outputs."""
    require_samples(x)
    chunks = x.detach().split(whole("chunk_size", chunk_size, least=1))
    require_own_weights(f)
    require_function(f, chunks[0])
    with torch.no_grad():
        require_samples_apart(f, chunks[0], outputs(f, chunks[0]))
    return chunks


def _chunk_jacobian(f: Network, x: Tensor) -> Tensor:
    with gradients():
        x = x.clone().requires_grad_()
        values = outputs(f, x)  # (n, K)
        if not values.requires_grad:
            raise InputError("f returned an output without a gradient, but must depend on x.")
        columns = values.sum(dim=0)  # samples do not interact, so this keeps their rows apart
        rows = [
            torch.autograd.grad(column, x, retain_graph=True, materialize_grads=True)[0]
            for column in columns
        ]
    return torch.stack([row.flatten(1) for row in rows], dim=1)


def _norms(J: Tensor) -> tuple[Tensor, Tensor]:
    """Return Frobenius and spectral norms (n,) of float64 Jacobians (n, K, d)."""
    frobenius = vector_norm(J, dim=(1, 2))
    # Beyond these sizes squares overflow, or underflow enough to matter.
    extreme = ((frobenius < 1e-100) | (frobenius > 1e100)) & (frobenius > 0)
    if extreme.any():
        scale = torch.where(extreme, J.abs().amax(dim=(1, 2)), 1.0)
        spectral = scale * _spectral(J / scale[:, None, None])
    else:
        spectral = _spectral(J)
    if not (frobenius + spectral).isfinite().all():  # checking J each time would cost more
        require_finite(J, _JACOBIAN)
        raise InputError(
            f"{_JACOBIAN} has entries up to {float(J.abs().max()):.3g}, but must have singular "
            "values that can be computed."
        )
    return frobenius, spectral


def _spectral(J: Tensor) -> Tensor:
    """Return spectral norms (n,), NaN where none are found."""
    gram = J @ J.mT if J.shape[1] <= J.shape[2] else J.mT @ J
    try:
        return torch.linalg.eigvalsh(gram)[:, -1].clamp(min=0).sqrt()
    except torch.linalg.LinAlgError:
        return J.new_full((len(J),), torch.nan)
