"""CKA against its dense definition by Gram matrices, and its invariances."""

import numpy as np
import pytest
import torch

from grokbook._support.errors import InputError
from grokbook.metrics import linear_cka, spectral_overlap


def features(seed: int, n: int = 30, d: int = 5) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(X: torch.Tensor, Y: torch.Tensor) -> float:
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with centred Gram matrices."""
    n = len(X)
    centre = np.eye(n) - 1 / n
    K, L = (centre @ (Z @ Z.T).numpy() @ centre for Z in (X, Y))
    return float((K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum()))


@pytest.mark.parametrize("d", [1, 3, 40])
def test_it_is_the_ratio_of_gram_matrices(d: int) -> None:
    X, Y = features(0), features(1, d=d)
    assert linear_cka(X, Y) == pytest.approx(dense(X, Y), rel=1e-10)
    assert linear_cka(X, Y) == pytest.approx(linear_cka(Y, X), rel=1e-12)


def test_rotation_shift_and_scale_change_nothing() -> None:
    X, Y = features(0), features(1)
    turned = X @ torch.linalg.qr(features(2, 5, 5))[0]
    assert linear_cka(X, turned) == pytest.approx(1.0, abs=1e-12)
    for scale in (1e-160, 1e160):
        assert linear_cka(scale * X, Y + 7) == pytest.approx(linear_cka(X, Y), rel=1e-9)
    assert linear_cka(X, X @ torch.diag(torch.tensor([1.0, 9, 1, 1, 1]).double())) < 0.9


def test_unrelated_directions_give_nothing() -> None:
    X = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    Y = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    assert linear_cka(X, Y) == 0.0


@pytest.mark.parametrize(
    ("X", "Y", "words"),
    [
        (torch.ones(3, 2), features(0, 3), "X has the same row for every input"),
        (features(0, 3), torch.zeros(3, 2), "Y has the same row for every input"),
        (features(0, 3), features(0, 4), "X has 3 rows and Y 4"),
        (features(0)[0], features(0), "X has shape"),
        (torch.full((3, 2), float("nan")), features(0, 3), "NaN"),
    ],
)
def test_bad_input_is_one_sentence(X: torch.Tensor, Y: torch.Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        linear_cka(X, Y)


def test_overlap_counts_what_lies_on_the_same_frequencies() -> None:
    q, r = torch.tensor([0.2, 0.8, 0.0]), torch.tensor([0.5, 0.5, 0.0])
    assert spectral_overlap(q, r) == pytest.approx(0.7) == spectral_overlap(r, 3 * q)
    assert spectral_overlap(q, q) == pytest.approx(1.0)
    for bad, words in ((torch.zeros(3), "one above"), (torch.tensor([-1.0, 1, 1]), "at least 0")):
        with pytest.raises(InputError, match=words):
            spectral_overlap(q, bad)
    with pytest.raises(InputError, match="3 frequencies and second 2"):
        spectral_overlap(q, r[:2])
