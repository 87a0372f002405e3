"""Matrix entropy and mutual information against dense oracles, identities and counterexamples."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_instances import Instance, instances, layer_pairs
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics import (
    matrix_entropy,
    matrix_mutual_information,
    representation_entropy,
    representation_information,
    representation_label_mutual_information,
    representation_mutual_information,
)

# Half of the orders sit below one, where small eigenvalues weigh most.
ORDERS = [0.5, 0.9, 1.0, 1.0000001, 1.5, 2.0, 3.0]


def dense_entropy(R: Tensor, alpha: float) -> float:
    """Definition 2.1 by numpy's eigenvalues, with 0 log 0 = 0."""
    values = torch.linalg.eigvalsh(R / len(R)).clamp(min=0).numpy()
    values = values[values > len(R) * 2.3e-16 * values.max()]
    if alpha == 1:
        return float(-(values * torch.tensor(values).log().numpy()).sum())
    return math.log(float((values**alpha).sum())) / (1 - alpha)


def tolerance(alpha: float) -> float:
    """Eigenvalues below 1e-15 are unknown to a dense matrix; twelve of them weigh 12 (1e-15)^alpha.

    Close to order one the oracle, not the metric, divides a rounding error by 1 - alpha.
    """
    return 1e-10 + 12 * 1e-15 ** min(alpha, 1) + (1e-14 / abs(1 - alpha) if alpha != 1 else 0)


@settings(max_examples=200, deadline=None)
@given(instances(), st.sampled_from(ORDERS))
def test_entropy_is_definition_2_1(case: Instance, alpha: float) -> None:
    H = dense_entropy(case.gram, alpha)
    assert float(matrix_entropy(case.gram, alpha)) == pytest.approx(H, abs=tolerance(alpha))
    fast = float(representation_entropy(case.features, alpha))
    assert fast == pytest.approx(H, abs=tolerance(alpha))


@settings(max_examples=200, deadline=None)
@given(layer_pairs(), st.sampled_from(ORDERS))
def test_mutual_information_is_definition_2_2(
    case: tuple[Instance, Instance], alpha: float
) -> None:
    first, second = case
    dense = (
        dense_entropy(first.gram, alpha)
        + dense_entropy(second.gram, alpha)
        - dense_entropy(first.gram * second.gram, alpha)
    )
    near = pytest.approx(dense, abs=3 * tolerance(alpha))
    assert float(matrix_mutual_information(first.gram, second.gram, alpha)) == near
    assert float(representation_mutual_information(first.features, second.features, alpha)) == near


@settings(max_examples=100, deadline=None)
@given(layer_pairs())
def test_frobenius_norms_serve_for_order_two(case: tuple[Instance, Instance]) -> None:
    Z1, Z2 = case[0].features, case[1].features
    by_spectra = representation_information(Z1, Z2, [2.0, 1.0])
    by_norms = representation_information(Z1, Z2, 2.0)
    for name in ("entropy_1", "entropy_2", "joint_entropy", "mutual_information"):
        spectral = float(getattr(by_spectra, name)[0])
        assert float(getattr(by_norms, name)) == pytest.approx(spectral, abs=1e-12)
    assert float(representation_entropy(Z1, 2.0)) == pytest.approx(
        float(by_spectra.entropy_1[0]), abs=1e-12
    )


@settings(max_examples=100, deadline=None)
@given(layer_pairs(), st.integers(0, 2**32 - 1))
def test_sample_order_and_rotations_do_not_matter(
    case: tuple[Instance, Instance], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    Z1, Z2 = case[0].features, case[1].features
    order = torch.randperm(len(Z1), generator=generator)
    d = Z1.shape[1]
    rotation = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64)).Q
    orders = [1.0, 2.0, 3.0]
    before = representation_information(Z1, Z2, orders)
    after = representation_information((Z1 @ rotation)[order], Z2[order], orders)
    for name in ("entropy_1", "entropy_2", "joint_entropy"):
        assert torch.allclose(getattr(before, name), getattr(after, name), atol=1e-10)


@settings(max_examples=200, deadline=None)
@given(layer_pairs())
def test_bounds_that_hold_for_every_order(case: tuple[Instance, Instance]) -> None:
    first, second = case
    orders = [0.5, 1.0, 2.0, 5.0]
    found = representation_information(first.features, second.features, orders)
    slack = 1e-6  # at order 0.5 the joint spectrum may lose what is below rounding
    for H, one in ((found.entropy_1, first), (found.entropy_2, second)):
        assert (H >= -1e-12).all()
        assert (math.log(min(one.n, one.d)) + 1e-12 >= H).all()
        assert (H[:-1] >= H[1:] - 1e-12).all()  # entropy does not grow with the order
    assert (found.joint_entropy >= torch.maximum(found.entropy_1, found.entropy_2) - slack).all()
    least = torch.minimum(found.entropy_1, found.entropy_2)
    assert (found.mutual_information <= least + slack).all()
    assert found.mutual_information[1] >= -1e-10  # subadditivity, of order one alone


@settings(max_examples=100, deadline=None)
@given(instances())
def test_information_with_the_identity_is_the_entropy(case: Instance) -> None:
    identity = torch.eye(case.n, dtype=torch.float64)
    orders = [1.0, 2.0, 3.0]
    H = matrix_entropy(case.gram, orders)
    assert torch.allclose(matrix_mutual_information(identity, case.gram, orders), H, atol=1e-10)
    fast = representation_mutual_information(identity, case.features, orders)
    assert torch.allclose(fast, H, atol=1e-10)


@pytest.mark.parametrize(("n", "value"), [(12, -0.0206), (64, -1.448)])
def test_information_of_order_two_can_be_negative(n: int, value: float) -> None:
    """Half of the points in one block and the rest apart, against the complement."""
    half = torch.zeros(n, n, dtype=torch.float64)
    half[: n // 2, : n // 2] = 1
    X = torch.maximum(half, torch.eye(n, dtype=torch.float64))
    Y = X.flip(0, 1)
    I1, I2 = matrix_mutual_information(X, Y, [1.0, 2.0]).tolist()
    assert pytest.approx(value, abs=5e-4) == I2
    assert pytest.approx(math.log(2), abs=1e-12) == I1


def test_several_orders_are_each_as_if_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    Z1, Z2 = torch.randn(40, 6, generator=generator), torch.randn(40, 3, generator=generator)
    y = torch.randint(3, (40,), generator=generator)
    for function, arguments in (
        (representation_entropy, (Z1,)),
        (representation_mutual_information, (Z1, Z2)),
        (representation_label_mutual_information, (Z1, y)),
    ):
        together = function(*arguments, [0.5, 1.0, 2.0])
        assert together.shape == (3,)
        alone = [float(function(*arguments, alpha)) for alpha in (0.5, 1.0, 2.0)]
        assert together.tolist() == pytest.approx(alone, abs=1e-12)


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_batches_are_averaged_by_their_sizes(alpha: float) -> None:
    generator = torch.Generator().manual_seed(0)
    Z1, Z2 = torch.randn(50, 6, generator=generator), torch.randn(50, 3, generator=generator)
    y = torch.randint(3, (50,), generator=generator)
    parts = [(slice(0, 20), 0.4), (slice(20, 40), 0.4), (slice(40, 50), 0.2)]
    for function, arguments in (
        (representation_entropy, (Z1,)),
        (representation_mutual_information, (Z1, Z2)),
        (representation_label_mutual_information, (Z1, y)),
    ):
        expected = sum(w * float(function(*(a[s] for a in arguments), alpha)) for s, w in parts)
        assert float(function(*arguments, alpha, batch_size=20)) == pytest.approx(expected)
        whole = float(function(*arguments, alpha))
        assert float(function(*arguments, alpha, batch_size=99)) == pytest.approx(whole)


def test_the_batch_mean_is_another_quantity_within_log_of_the_batches() -> None:
    Z = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    whole, batched = representation_entropy(Z), representation_entropy(Z, batch_size=12)
    assert 0 < float(whole - batched) < math.log(5)


@settings(max_examples=100, deadline=None)
@given(instances(), st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1.5, 2.0]))
def test_label_information_is_that_of_the_one_hot_gram_matrix(
    case: Instance, classes: int, seed: int, alpha: float
) -> None:
    y = torch.randint(classes, (case.n,), generator=torch.Generator().manual_seed(seed))
    labels = (y[:, None] == y[None, :]).double()
    dense = matrix_mutual_information(case.gram, labels, alpha)
    fast = representation_label_mutual_information(case.features, y, alpha)
    assert float(fast) == pytest.approx(float(dense), abs=1e-10)


def test_label_information_of_order_one_is_holevos() -> None:
    generator = torch.Generator().manual_seed(0)
    Z = torch.randn(60, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (60,), generator=generator)
    within = sum(
        float((y == k).double().mean()) * float(representation_entropy(Z[y == k])) for k in range(3)
    )
    holevo = float(representation_entropy(Z)) - within
    assert float(representation_label_mutual_information(Z, y)) == pytest.approx(holevo, abs=1e-12)


def test_zero_features_are_counted_and_give_finite_values() -> None:
    Z1, Z2 = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.ones(6, 2)
    Z1[2], Z2[:4] = 0, 0
    orders = [0.5, 1.0, 2.0]
    found = representation_information(Z1, Z2, orders, batch_size=4)
    assert found.zero_features == (1, 4)
    assert found.mutual_information.isfinite().all()
    assert representation_entropy(torch.zeros(3, 2), orders).tolist() == pytest.approx([0, 0, 0])


def test_float32_features_go_through_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    Z1, Z2 = torch.randn(50, 6, generator=generator), torch.randn(50, 3, generator=generator)
    single = representation_mutual_information(Z1, Z2, [0.5, 1.0])
    double = representation_mutual_information(Z1.double(), Z2.double(), [0.5, 1.0])
    assert single.dtype == torch.float64
    assert torch.equal(single, double)


def test_bad_input_is_refused_in_a_sentence() -> None:
    Z, R = torch.ones(3, 2), torch.eye(3)
    with pytest.raises(InputError, match=r"alpha is 0.0, but must be positive and finite"):
        representation_entropy(Z, 0.0)
    with pytest.raises(InputError, match=r"alpha is -1.0"):
        matrix_entropy(R, -1)
    with pytest.raises(InputError, match="batch_size is 0, but must be at least 1"):
        representation_entropy(Z, batch_size=0)
    with pytest.raises(InputError, match=r"batch_size is 1.5, but must be an integer"):
        representation_mutual_information(Z, Z, batch_size=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"R1 has shape \(3, 3\) and R2 \(2, 2\)"):
        matrix_mutual_information(R, torch.eye(2))
    with pytest.raises(InputError, match="R2 has a diagonal that is off by 1"):
        matrix_mutual_information(R, 2 * R)
    with pytest.raises(InputError, match="Z1 has 3 rows and Z2 has 4"):
        representation_mutual_information(Z, torch.ones(4, 2))
    with pytest.raises(InputError, match=r"y has shape \(2,\), but must be \(3,\)"):
        representation_label_mutual_information(Z, torch.tensor([0, 1]))
    with pytest.raises(InputError, match="labels must be integers"):
        representation_label_mutual_information(Z, torch.ones(3))
    with pytest.raises(InputError, match="labels from -1 to 1, but they must be at least 0"):
        representation_label_mutual_information(Z, torch.tensor([0, 1, -1]))
