"""Spectra and their entropies against 40-digit arithmetic, dense matrices and closed forms."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_instances import Instance, instances, layer_pairs
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics import (
    count_zero_features,
    entropy_of_spectrum,
    feature_spectrum,
    gram_eigenvalues,
    hadamard_spectrum,
    unit_features,
)
from grokbook.metrics.spectra import (
    khatri_rao_gram,
    unit_hadamard_purity,
    unit_hadamard_spectrum,
    unit_purity,
)

ORDERS = [0.3, 0.5, 0.95, 1 - 1e-9, 1.0, 1 + 1e-7, 1.05, 2.0, 3.0, 40.0]


def exact_eigenvalues(Z: Tensor) -> list[mpmath.mpf]:
    """Eigenvalues of G/n in 40 digits; nothing below 1e-35 is kept."""
    with mpmath.workdps(40):
        rows = [[mpmath.mpf(v) for v in row] for row in Z.tolist()]
        rows = [[v / mpmath.norm(row) for v in row] for row in rows]
        U = mpmath.matrix(rows)
        values = mpmath.eigsy(U * U.T / len(rows), eigvals_only=True)
        return [v for v in values if v > mpmath.mpf(10) ** -35]


def exact_entropy(eigenvalues: list[mpmath.mpf], alpha: float) -> float:
    with mpmath.workdps(40):
        if alpha == 1:
            return float(-mpmath.fsum(v * mpmath.log(v) for v in eigenvalues))
        total = mpmath.fsum(v ** mpmath.mpf(alpha) for v in eigenvalues)
        return float(mpmath.log(total) / (1 - mpmath.mpf(alpha)))


@settings(max_examples=60, deadline=None)
@given(instances())
def test_entropies_from_features_agree_with_forty_digits(case: Instance) -> None:
    exact = exact_eigenvalues(case.features)
    fast = entropy_of_spectrum(feature_spectrum(case.features), ORDERS)
    for alpha, value in zip(ORDERS, fast.tolist(), strict=True):
        assert value == pytest.approx(exact_entropy(exact, alpha), abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(instances())
def test_spectrum_is_that_of_the_gram_matrix(case: Instance) -> None:
    fast = feature_spectrum(case.features)
    dense = torch.linalg.eigvalsh(case.gram / case.n).flip(0)
    padded = torch.zeros(case.n, dtype=torch.float64)
    padded[: len(fast)] = fast
    assert len(fast) <= min(case.n, case.d)
    assert torch.allclose(padded, dense, rtol=0, atol=1e-14)
    assert float(fast.sum()) == pytest.approx(1, abs=1e-13)


@settings(max_examples=200, deadline=None)
@given(layer_pairs())
def test_hadamard_spectrum_is_that_of_the_product(case: tuple[Instance, Instance]) -> None:
    first, second = case
    fast = hadamard_spectrum(first.features, second.features)
    dense = torch.linalg.eigvalsh(first.gram * second.gram / first.n).flip(0)
    padded = torch.zeros(first.n, dtype=torch.float64)
    padded[: len(fast)] = fast
    assert torch.allclose(padded, dense, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("d1", "d2"), [(4, 3), (3, 5), (1, 6)])
def test_both_sides_of_the_hadamard_product_agree_on_rank_deficient_features(
    d1: int, d2: int
) -> None:
    generator = torch.Generator().manual_seed(d1)
    # Rank 2 in more columns than that, so that factors really are replaced by narrower ones.
    thin = torch.randn(50, 2, generator=generator, dtype=torch.float64)
    Z1 = thin @ torch.randn(2, d1, generator=generator, dtype=torch.float64)
    Z2 = torch.randn(50, d2, generator=generator, dtype=torch.float64)
    U1, U2 = unit_features(Z1), unit_features(Z2)
    narrow = hadamard_spectrum(Z1, Z2)
    wide = unit_hadamard_spectrum(U1, U2, 50, 50)  # declared full rank: n x n
    assert len(narrow) == min(d1, 2) * d2 == len(wide)
    assert torch.allclose(narrow, wide, rtol=0, atol=1e-14)


@settings(max_examples=100, deadline=None)
@given(layer_pairs(), st.integers(1, 5))
def test_purities_need_no_eigenvalues(case: tuple[Instance, Instance], block: int) -> None:
    U1, U2 = case[0].unit, case[1].unit
    assert float(unit_purity(U1)) == pytest.approx(float(feature_spectrum(U1).square().sum()))
    dense = (case[0].gram * case[1].gram / len(U1)).square().sum()
    assert float(unit_hadamard_purity(U1, U2, block)) == pytest.approx(float(dense), rel=1e-12)


@pytest.mark.parametrize("angle", [1e-3, 1e-7, 1e-12])
def test_eigenvalues_far_below_rounding_of_the_gram_matrix_are_right(angle: float) -> None:
    """Two unit vectors at a small angle: (1 +- cos)/2, whose smaller one no dense G can hold."""
    Z = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    small = math.sin(angle / 2) ** 2
    assert feature_spectrum(Z).tolist() == pytest.approx([1 - small, small], rel=1e-3)
    exact = math.log((1 - small) ** 0.25 + small**0.25) / 0.75
    assert float(entropy_of_spectrum(feature_spectrum(Z), 0.25)) == pytest.approx(exact, rel=1e-3)


def test_khatri_rao_gram_matrix_is_that_of_the_columns_product() -> None:
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    B = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    K = (B[:, :, None] * A[:, None, :]).reshape(20, 12)
    assert torch.allclose(khatri_rao_gram(A, B), K.T @ K, atol=1e-13)
    assert torch.equal(khatri_rao_gram(B, A), khatri_rao_gram(A, B))


def test_rounding_is_not_mistaken_for_rank() -> None:
    Z = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    G = unit_features(Z) @ unit_features(Z).T
    assert len(gram_eigenvalues(G)) == 5
    dense = entropy_of_spectrum(gram_eigenvalues(G), [0.5, 1.0])
    assert torch.allclose(dense, entropy_of_spectrum(feature_spectrum(Z), [0.5, 1.0]), atol=1e-10)


@settings(deadline=None)
@given(
    st.lists(st.floats(1e-300, 1e3), min_size=1, max_size=12),
    st.sampled_from([0.01, 0.5, 0.9, 1.0, 1.1, 2.0, 50.0, 1e4]),
)
def test_entropy_of_spectrum_is_scale_free_and_bounded(values: list[float], alpha: float) -> None:
    eigenvalues = torch.tensor(values, dtype=torch.float64)
    H = float(entropy_of_spectrum(eigenvalues, alpha))
    assert -1e-12 <= H <= math.log(len(values)) + 1e-12
    assert float(entropy_of_spectrum(7.5 * eigenvalues, alpha)) == pytest.approx(H, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.floats(1e-9, 1), min_size=2, max_size=12), st.floats(-7, -3))
def test_order_one_is_reached_smoothly_from_both_sides(
    values: list[float], exponent: float
) -> None:
    weights = np.array(values) / np.sum(values)
    H1 = -np.sum(weights * np.log(weights))
    variance = np.sum(weights * (np.log(weights) + H1) ** 2)
    step = 10**exponent
    orders = [1 - step, 1.0, 1 + step]
    below, at, above = entropy_of_spectrum(torch.tensor(weights), orders).tolist()
    assert at == pytest.approx(H1, abs=1e-13)
    # H_alpha = H_1 - (alpha - 1) Var(log lambda) / 2 + O((alpha - 1)^2), third cumulant <= 25^3
    remainder = 25**3 * step**2 + 1e-12
    assert below - at == pytest.approx(step * variance / 2, abs=remainder)
    assert above - at == pytest.approx(-step * variance / 2, abs=remainder)


def test_routes_of_the_order_meet() -> None:
    weights = torch.tensor([0.6, 0.3, 0.1, 1e-12], dtype=torch.float64)
    for seam in (0.9, 1.1):
        H = entropy_of_spectrum(weights, [seam - 1e-12, seam + 1e-12])
        assert float(H[0]) == pytest.approx(float(H[1]), abs=1e-10)


def test_zero_features_are_replaced_and_counted() -> None:
    Z = torch.tensor([[0.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    assert count_zero_features(Z) == 2
    assert unit_features(Z).tolist() == [[1, 0], [0, 1], [1, 0]]
    assert feature_spectrum(Z).tolist() == pytest.approx([2 / 3, 1 / 3])
    assert feature_spectrum(torch.zeros(4, 3)).tolist() == pytest.approx([1])


def test_extreme_lengths_do_not_over_or_underflow() -> None:
    Z = torch.tensor([[3e200, 4e200], [3e-200, 4e-200], [5e-324, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[0.6, 0.8], [0.6, 0.8], [1.0, 0.0]], dtype=torch.float64)
    assert count_zero_features(Z) == 0
    assert torch.allclose(unit_features(Z), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test_spectra_are_float64_whatever_comes_in(dtype: torch.dtype) -> None:
    Z = torch.randint(-5, 6, (30, 4), generator=torch.Generator().manual_seed(0)).to(dtype)
    assert feature_spectrum(Z).dtype == torch.float64
    assert torch.equal(feature_spectrum(Z), feature_spectrum(Z.to(torch.float64)))


G = torch.eye(3, dtype=torch.float64)


@pytest.mark.parametrize(
    ("R", "message"),
    [
        (torch.ones(2, 3), r"shape \(2, 3\), but must be square"),
        (torch.ones(3), r"shape \(3,\), but must be two-dimensional"),
        (torch.zeros(0, 0), "must be two-dimensional and not empty"),
        (2 * G, "diagonal that is off by 1, but it must be all ones"),
        (G + torch.tensor([[0, 0.5, 0], [0, 0, 0], [0, 0, 0]]), "must be symmetric"),
        (2 * torch.ones(2, 2) - torch.eye(2), "eigenvalue -1, but must be positive semi-definite"),
        (G * float("nan"), "9 entries that are NaN or infinite"),
        (G + 0j, "complex"),
    ],
)
def test_what_is_no_gram_matrix_is_refused(R: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gram_eigenvalues(R)


def test_a_float32_gram_matrix_is_accepted_within_its_rounding() -> None:
    Z = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    Z = Z / Z.norm(dim=1, keepdim=True)
    spectrum = gram_eigenvalues(Z @ Z.T)
    assert torch.allclose(spectrum[:5], feature_spectrum(Z), atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf"), [1.0, -2.0], []])
def test_orders_must_be_positive(alpha: float | list[float]) -> None:
    with pytest.raises(InputError, match=r"^alpha .*but must be"):
        entropy_of_spectrum(torch.ones(2), alpha)


@pytest.mark.parametrize(
    "alpha",
    [None, "1", ["1"], 1j, [1j], torch.tensor([1 + 1j]), np.array([1 + 1j]), [1.0, [2.0]], {1.0}],
    ids=repr,
)
@pytest.mark.filterwarnings("error")
def test_orders_must_be_real_numbers(alpha: object) -> None:
    with pytest.raises(InputError) as caught:
        entropy_of_spectrum(torch.ones(2), alpha)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("alpha is ") and "\n" not in message
    assert message.endswith(", but must be a real number or a list of them.")


@pytest.mark.parametrize(
    "orders", [np.array([0.5, 2.0]), torch.tensor([0.5, 2.0]), (0.5, 2), [np.float64(0.5), 2]]
)
def test_orders_may_be_arrays(orders: object) -> None:
    found = entropy_of_spectrum(torch.ones(3), orders)  # type: ignore[arg-type]
    assert torch.equal(found, entropy_of_spectrum(torch.ones(3), [0.5, 2.0]))


def test_a_float32_spectrum_may_be_negative_within_its_rounding() -> None:
    Z = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    G = torch.nn.functional.normalize(Z, dim=1)
    eigenvalues = torch.linalg.eigvalsh(G @ G.T)
    assert float(eigenvalues.min()) < -1e-8 * float(eigenvalues.max())
    expected = entropy_of_spectrum(feature_spectrum(Z), [1.0, 2.0])
    assert torch.allclose(entropy_of_spectrum(eigenvalues, [1.0, 2.0]), expected, atol=1e-4)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-8)):
        entropy_of_spectrum(torch.tensor([0.5, 0.5, -0.4 * tolerance], dtype=dtype))
        with pytest.raises(InputError, match=r"^eigenvalues range from -.* must be non-negative"):
            entropy_of_spectrum(torch.tensor([0.5, 0.5, -0.6 * tolerance], dtype=dtype))


@pytest.mark.parametrize("values", [[1.0, -0.1], [0.0, 0.0], [], [1.0, float("nan")], [[1.0]]])
def test_what_is_no_spectrum_is_refused(values: list[float]) -> None:
    with pytest.raises(InputError, match=r"^eigenvalues .*but must be"):
        entropy_of_spectrum(torch.tensor(values, dtype=torch.float64))


def test_features_must_be_a_matrix_and_fit_together() -> None:
    with pytest.raises(InputError, match=r"Z has shape \(3,\)"):
        feature_spectrum(torch.ones(3))
    with pytest.raises(InputError, match="Z holds 1 entries that are NaN"):
        feature_spectrum(torch.tensor([[1.0, float("nan")]]))
    with pytest.raises(InputError, match="Z1 has 3 rows and Z2 has 2"):
        hadamard_spectrum(torch.ones(3, 2), torch.ones(2, 2))
