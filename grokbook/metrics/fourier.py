"""Metrics in the Fourier basis of what a network on pairs knows of sums modulo p.

Nanda et al. 2023 (arXiv:2301.05217, "Progress measures for grokking via mechanistic
interpretability"): a network that has grokked adds by cos and sin of 2πk(a + b)/p for a few key
frequencies k. Their restricted loss is the loss of these waves alone, their excluded loss that of
the logits without them. Logits are a table, (a, b) by label, and the choice of frequencies uses no
labels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.tensors import require_tensor
from grokbook._support.validation import whole
from grokbook.metrics._checks import require_finite, require_matrix
from grokbook.metrics.spectra import entropy_of_spectrum


def key_frequencies(table: Tensor, count: int = 5) -> list[int]:
    r"""Return the frequencies whose waves in a + b hold most of the logits, largest first.

    .. math:: E_k = \sum_c \bigl|\sum_{a,b} (L_{abc} - \bar L_{ab}) e^{-2\pi i k(a+b)/p}\bigr|^2

    where the mean over the labels, which no softmax sees, is subtracted.

    Parameters
    ----------
    table
        Logits (p, p, K), those of the pair (a, b) at [a, b].
    count
        Number of frequencies, from 1 to ⌊p/2⌋; Nanda et al. find 5 at p = 113.

    Raises
    ------
    InputError
        If the table is not a finite, real (p, p, K), or there are fewer than ``count`` frequencies.

    Examples
    --------
    >>> a = torch.arange(7)
    >>> wave = torch.cos(2 * torch.pi * 3 * (a[:, None] + a) / 7)
    >>> key_frequencies(torch.stack((wave, -wave), dim=2), 1)
    [3]
    """
    p = _modulus(table)
    if whole("count", count, least=1) > p // 2:
        raise InputError(f"count is {count}, but there are {p // 2} frequencies at p = {p}.")
    logits = table.detach().to(torch.float64)
    waves = torch.fft.rfft(_by_sum(logits - logits.mean(dim=2, keepdim=True)), dim=0)
    energy = waves.abs().square().sum(dim=1)[1:]
    if p % 2 == 0:
        energy[-1] /= 2  # each other frequency stands for itself and its mirror image
    return (energy.argsort(descending=True, stable=True)[:count] + 1).tolist()


def restricted_logits(table: Tensor, frequencies: Sequence[int]) -> Tensor:
    """Return only the logits' constant and their waves in a + b of these frequencies.

    Parameters
    ----------
    table
        Logits (p, p, K).
    frequencies
        Each from 1 to ⌊p/2⌋.

    Returns
    -------
    Tensor
        float64, (p, p, K): the orthogonal projection on the span, label by label.

    Raises
    ------
    InputError
        If the table is not a finite, real (p, p, K), or a frequency is out of range.
    """
    return _waves(table, [0, *_checked(table, frequencies)])


def excluded_logits(table: Tensor, frequencies: Sequence[int]) -> Tensor:
    """Return the logits without their waves in a + b of these frequencies; the constant stays.

    The arguments, result and errors are those of `restricted_logits`.

    Examples
    --------
    >>> table = torch.arange(18.0).reshape(3, 3, 2).double()
    >>> both = restricted_logits(table, [1]) + excluded_logits(table, [1])
    >>> torch.allclose(both, table + table.mean(dim=(0, 1)))
    True
    """
    return table.detach().to(torch.float64) - _waves(table, _checked(table, frequencies))


def embedding_spectrum(embedding: Tensor) -> Tensor:
    r"""Return the shares of an embedding of 0 … p - 1 that lie on each frequency.

    .. math:: q_k \propto \Bigl\|\sum_a e^{-2\pi i k a/p} W_a\Bigr\|^2 \text{ (once for } \pm k),
              \quad k = 1, …, \lfloor p/2 \rfloor, \quad \sum_k q_k = 1

    Parameters
    ----------
    embedding
        Shape (p, d), p at least 2; row a belongs to the number a. Leave out tokens that are not
        numbers, such as "=".

    Returns
    -------
    Tensor
        float64, shape (⌊p/2⌋,).

    Raises
    ------
    InputError
        If the embedding is not a real, finite matrix of at least 2 rows, or all its rows are the
        same.

    Examples
    --------
    >>> a = torch.arange(7)
    >>> embedding_spectrum(torch.cos(2 * torch.pi * 2 * a / 7)[:, None]).round(decimals=6).tolist()
    [0.0, 1.0, 0.0]
    """
    require_matrix(embedding, "embedding")
    p = len(embedding)
    if p < 2:
        raise InputError(f"embedding has {p} row, but must have at least 2.")
    numbers = embedding.detach().to(torch.float64)
    if bool((numbers == numbers[0]).all()):
        raise InputError("embedding has the same row for every number, but must tell them apart.")
    energy = torch.fft.rfft(numbers, dim=0).abs().square().sum(dim=1)[1:]
    if p % 2 == 0:
        energy[-1] /= 2
    return energy / energy.sum()


def spectral_overlap(first: Tensor, second: Tensor) -> float:
    r"""Return the share of two spectra that lies on the same frequencies.

    .. math:: \sum_k \min(q_k, r_k)

    Parameters
    ----------
    first, second
        Spectra q and r, as :func:`embedding_spectrum` returns them, of the same shape.

    Returns
    -------
    float
        1 for equal spectra, 0 if no frequency is in both.

    Raises
    ------
    InputError
        If one is no vector of non-negative, finite numbers, their shapes differ, or one is all 0.

    Examples
    --------
    >>> spectral_overlap(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.75, 0.25]))
    0.5
    """
    shares = []
    for name, each in (("first", first), ("second", second)):
        require_tensor(each, name)
        require_finite(each, name)
        if each.ndim != 1 or bool((each < 0).any()) or not bool((each > 0).any()):
            raise InputError(
                f"{name} has shape {tuple(each.shape)}, but must be a vector of numbers at least 0"
                " with one above."
            )
        shares.append(each.detach().to(torch.float64) / each.detach().to(torch.float64).sum())
    if shares[0].shape != shares[1].shape:
        raise InputError(
            f"first has {len(first)} frequencies and second {len(second)}, but must have as many."
        )
    return float(torch.minimum(*shares).sum())


def embedding_entropy(embedding: Tensor) -> float:
    """Return the entropy of :func:`embedding_spectrum`, in nats; the arguments are the same.

    At most log ⌊p/2⌋. Nanda et al. show the same spectrum's Gini coefficient.

    Examples
    --------
    >>> a = torch.arange(7)
    >>> round(embedding_entropy(torch.cos(2 * torch.pi * 2 * a / 7)[:, None]), 6)
    0.0
    """
    return float(entropy_of_spectrum(embedding_spectrum(embedding)))


def _modulus(table: Tensor) -> int:
    require_tensor(table, "table")
    if table.ndim != 3 or table.shape[0] != table.shape[1] or 0 in table.shape:
        raise InputError(f"table has shape {tuple(table.shape)}, but must be (p, p, K), not empty.")
    require_finite(table, "table")
    return len(table)


def _checked(table: Tensor, frequencies: Sequence[int]) -> list[int]:
    p = _modulus(table)
    for k in frequencies:
        if not 1 <= whole("a frequency", k, least=1) <= p // 2:
            raise InputError(f"a frequency is {k}, but must be from 1 to {p // 2} at p = {p}.")
    return list(frequencies)


def _by_sum(table: Tensor) -> Tensor:
    """Return the mean over the pairs of each sum, (p, K): the part of the table set by a + b."""
    numbers = torch.arange(len(table), device=table.device)
    return table[numbers[:, None], (numbers - numbers[:, None]) % len(table)].mean(dim=0)


def _waves(table: Tensor, frequencies: Sequence[int]) -> Tensor:
    """Return the projection (p, p, K) of logits on waves in a + b; frequency 0 is the constant."""
    p = len(table)
    waves = torch.fft.rfft(_by_sum(table.detach().to(torch.float64)), dim=0)
    kept = torch.zeros_like(waves)
    kept[list(frequencies)] = waves[list(frequencies)]
    numbers = torch.arange(p, device=table.device)
    return torch.fft.irfft(kept, n=p, dim=0)[(numbers[:, None] + numbers) % p]
