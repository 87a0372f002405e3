"""Fourier measures against dense projections on cosines and sines, at odd and even p."""

import math

import pytest
import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics import (
    embedding_entropy,
    excluded_logits,
    key_frequencies,
    restricted_logits,
)


def random_table(p: int, labels: int = 4) -> Tensor:
    source = torch.Generator().manual_seed(p)
    return torch.randn(p, p, labels, generator=source, dtype=torch.float64)


def waves(p: int, k: int) -> Tensor:
    """cos and sin of 2πk(a + b)/p over all pairs, (p², 1 or 2): those that are not zero."""
    a = torch.arange(p)
    angle = 2 * math.pi * k * (a[:, None] + a).double() / p
    both = [torch.cos(angle).flatten(), torch.sin(angle).flatten()]
    return torch.stack([wave for wave in both if wave.norm() > 1e-6], dim=1)


def projected(table: Tensor, frequencies: list[int]) -> Tensor:
    p = len(table)
    basis = torch.cat([waves(p, k) for k in frequencies], dim=1)
    flat = table.reshape(p * p, -1)
    return (basis @ torch.linalg.lstsq(basis, flat).solution).reshape(table.shape)


@pytest.mark.parametrize(
    ("p", "chosen"), [(7, [2]), (7, [1, 3]), (8, [4]), (8, [1, 4, 2]), (2, [1])]
)
def test_restricted_and_excluded_logits_are_orthogonal_projections(
    p: int, chosen: list[int]
) -> None:
    table = random_table(p)
    assert torch.allclose(restricted_logits(table, chosen), projected(table, [0, *chosen]))
    assert torch.allclose(excluded_logits(table, chosen), table - projected(table, chosen))


@pytest.mark.parametrize("p", [7, 8, 11])
def test_key_frequencies_hold_the_most(p: int) -> None:
    table = random_table(p)
    centred = table - table.mean(dim=2, keepdim=True)
    energy = {k: float(projected(centred, [k]).norm()) for k in range(1, p // 2 + 1)}
    ranked = sorted(energy, key=lambda k: -energy[k])
    assert key_frequencies(table, p // 2) == ranked
    assert key_frequencies(table, 2) == ranked[:2]


def test_a_network_that_adds_by_one_frequency_loses_all_without_it() -> None:
    p, a = 11, torch.arange(11)
    angle = 2 * math.pi * 3 * (a[:, None, None] + a[:, None] - a).double() / p
    table = 20 * torch.cos(angle)
    assert key_frequencies(table, 1) == [3]
    answers = (a[:, None] + a) % p
    assert bool((restricted_logits(table, [3]).argmax(dim=2) == answers).all())
    assert torch.allclose(excluded_logits(table, [3]), torch.zeros(p, p, p).double(), atol=1e-12)
    assert torch.allclose(excluded_logits(table, [4]), table)


def test_what_is_no_function_of_the_sum_is_neither_key_nor_restricted() -> None:
    a = torch.arange(9).double()
    difference = torch.cos(2 * math.pi * (a[:, None] - a) / 9)[..., None].expand(9, 9, 3)
    assert float(restricted_logits(difference, [1, 2, 3, 4]).abs().max()) < 1e-12


@pytest.mark.parametrize("p", [2, 7, 8])
def test_the_embedding_s_spectrum_is_a_dense_projection(p: int) -> None:
    W = torch.randn(p, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    a, energy = torch.arange(p).double(), []
    for k in range(1, p // 2 + 1):
        angle = 2 * math.pi * k * a / p
        unit = [w / w.norm() for w in (torch.cos(angle), torch.sin(angle)) if w.norm() > 1e-6]
        energy.append(sum(float((w @ W).square().sum()) for w in unit))
    shares = torch.tensor(energy, dtype=torch.float64) / sum(energy)
    assert embedding_entropy(W) == pytest.approx(float(-(shares * shares.log()).sum()), abs=1e-12)


def test_noise_is_spread_over_the_spectrum_and_two_waves_are_not() -> None:
    a = torch.arange(59).double()
    two = torch.stack([torch.cos(2 * math.pi * k * a / 59) for k in (3, 8)], dim=1)
    noise = torch.randn(59, 64, generator=torch.Generator().manual_seed(0))
    assert embedding_entropy(two) == pytest.approx(math.log(2), abs=1e-9)
    assert 0.95 * math.log(29) < embedding_entropy(noise) <= math.log(29)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: key_frequencies(torch.zeros(3, 4, 2)), r"must be \(p, p, K\)"),
        (lambda: key_frequencies(random_table(7), 4), "there are 3 frequencies"),
        (lambda: restricted_logits(random_table(7), [4]), "must be from 1 to 3"),
        (lambda: excluded_logits(random_table(7), [0]), "a frequency is 0"),
        (lambda: embedding_entropy(torch.full((5, 2), 0.1)), "same row"),
        (lambda: embedding_entropy(torch.zeros(1, 2)), "at least 2"),
    ],
)
def test_bad_input_is_one_sentence(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        call()
