"""Rounding by type, and values that are very large, very small or far from the origin."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.metrics import (
    abelian_accuracy,
    abelian_logit_distance,
    abelian_logit_mse,
    accuracy,
    commutes,
    entropy_of_spectrum,
    hadamard_spectrum,
    input_jacobian,
    layer_norms,
    logit_scale,
    matrix_entropy,
    matrix_mutual_information,
    mirror_split,
    mlp_sharpness,
    perturbation_error,
    perturbed_entropy,
    representation_entropy,
    spectral_norm,
    unit_features,
    weight_norm,
)

TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gram(n: int, rank: int, seed: int, offset: float = 0.0) -> Tensor:
    """Gram matrix of unit rows, float64, of the given rank or one more with an offset."""
    Z = torch.randn(n, rank, generator=seeded(seed), dtype=torch.float64) + offset
    Z = Z / Z.norm(dim=1, keepdim=True)
    return Z @ Z.T


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@settings(deadline=None, max_examples=25)
@given(
    st.integers(2, 60), st.integers(1, 8), st.sampled_from([0.0, 3.0, 100.0]), st.integers(0, 99)
)
def test_entropy_is_at_most_the_logarithm_of_the_rank(
    dtype: torch.dtype, n: int, rank: int, offset: float, seed: int
) -> None:
    """For small orders too, where eigenvalues that are rounding would count as rank."""
    orders = [0.05, 0.5, 1.0, 2.0]
    R = gram(n, rank, seed, offset).to(dtype)
    bound = math.log(min(n, rank))
    assert (matrix_entropy(R, orders) <= bound + 1e-9).all()
    other = gram(n, rank, seed + 1).to(dtype)
    information = matrix_mutual_information(R, other, orders)
    joint = matrix_entropy(R, orders) + matrix_entropy(other, orders) - information
    assert (joint <= math.log(min(n, rank**2)) + 1e-9).all()


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_mutual_information_takes_what_entropy_takes(dtype: torch.dtype) -> None:
    """At the edge of the tolerance too: what both are off by adds up in their product."""
    for seed in range(20):
        R = gram(30, 4, seed)
        noise = torch.rand(R.shape, generator=seeded(seed), dtype=torch.float64) - 0.5
        edge = {torch.float64: 1e-8, torch.float32: 1e-5, torch.float16: 3e-3}.get(dtype, 2e-2)
        moved = (R + 0.99 * edge * (noise + noise.T)).to(dtype)
        matrix_entropy(moved)
        assert math.isfinite(matrix_mutual_information(moved, moved))
        assert math.isfinite(matrix_mutual_information(moved, R))


def test_a_gram_matrix_in_float32_has_the_entropy_of_its_features() -> None:
    Z = torch.randn(200, 10, generator=seeded()) + 5
    U = Z / Z.norm(dim=1, keepdim=True)
    for alpha in (0.1, 0.5, 1.0, 2.0):
        expected = float(representation_entropy(Z, alpha))
        assert float(matrix_entropy(U @ U.T, alpha)) == pytest.approx(expected, rel=2e-3)


def test_integers_are_exact() -> None:
    assert float(matrix_entropy(torch.eye(4, dtype=torch.int64))) == pytest.approx(math.log(4))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_spectrum_with_rounding_has_no_more_rank_for_it(dtype: torch.dtype) -> None:
    """As `torch.linalg.eigvalsh` returns it, with zeros of either sign."""
    spectrum = torch.linalg.eigvalsh(gram(100, 5, 0).to(dtype))
    assert (spectrum < 0).any()
    assert (entropy_of_spectrum(spectrum, [0.05, 0.5]) <= math.log(5) + 1e-6).all()


def test_spectra_of_any_size_and_orders_of_any_size() -> None:
    weights = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    expected = entropy_of_spectrum(weights, [0.5, 1.0, 2.0])
    for size in (1e-300, 1e-30, 1e30, 3e307):
        assert torch.allclose(entropy_of_spectrum(size * weights, [0.5, 1.0, 2.0]), expected)
    largest = torch.full((3,), 1.7e308, dtype=torch.float64)
    assert float(entropy_of_spectrum(largest)) == pytest.approx(math.log(3))
    for order in (1e50, 1e199, 1e250, 1.7e308):
        assert float(entropy_of_spectrum(weights, order)) == pytest.approx(math.log(2))
    assert float(entropy_of_spectrum(weights, 1e-300)) == pytest.approx(math.log(3))


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e-170, 1.0, 1e170, 1e200, 1e300])
def test_norms_and_scales_of_any_size(size: float) -> None:
    model = nn.Linear(3, 2).double()
    with torch.no_grad():
        model.weight.fill_(1.0 * size)
        model.bias.fill_(0.0)
    logits = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64) * size
    close = lambda value: pytest.approx(value, rel=1e-3 if size < 1e-300 else 1e-12)  # noqa: E731
    assert weight_norm(model) == close(6**0.5 * size)
    assert weight_norm(model, 1) == close(6 * size)
    assert weight_norm(model, 50) == close(6**0.02 * size)
    assert weight_norm(model, math.inf) == close(size)
    assert layer_norms(model)["bias"] == 0
    assert spectral_norm(model.weight) == close(6**0.5 * size)
    assert logit_scale(logits) == close(2.5 * size)
    table = torch.zeros(2, 2, 2, dtype=torch.float64)
    table[0, 1] = logits[0]
    assert abelian_logit_distance(table) == close(2.5 * size)
    assert abelian_accuracy(table) == 0.5
    assert float(representation_entropy(logits)) == pytest.approx(
        float(representation_entropy(logits / size)), abs=1e-3 if size < 1e-300 else 1e-12
    )


BIG = torch.full((2, 2), 1.7e308, dtype=torch.float64)
BIG_TABLE = torch.stack([torch.stack([BIG[0], -BIG[0]]), torch.stack([BIG[0], BIG[0]])])
BIG_LAYER = nn.Linear(2, 2, bias=False).double()
with torch.no_grad():
    BIG_LAYER.weight.copy_(BIG)


@pytest.mark.parametrize(
    "metric",
    [
        lambda: weight_norm(BIG_LAYER),
        lambda: layer_norms(BIG_LAYER, 1),
        lambda: spectral_norm(BIG),
        lambda: logit_scale(BIG),
        lambda: abelian_logit_distance(BIG_TABLE),
        lambda: abelian_logit_mse(BIG_TABLE * 1e-100),
        lambda: perturbation_error(lambda x: 1e200 * x, BIG * 0, 1.0, generator=seeded()),
    ],
)
def test_results_beyond_float64_are_refused(metric: Callable[[], float]) -> None:
    with pytest.raises(InputError, match=r"is beyond 1.8e308|1 entries that are NaN or infinite"):
        metric()


@pytest.mark.parametrize(
    ("x", "sigma", "message"),
    [
        (
            torch.full((2, 3), 1e8),
            0.04,
            "sigma is 0.04, but must be larger, since x has entries up",
        ),
        (torch.full((2, 3), 1e17).double(), 0.04, "sigma is 0.04, but must be larger"),
        (torch.ones(2, 3), 1e-9, "sigma is 1e-09, but must be larger"),
        (torch.ones(2, 3, dtype=torch.bfloat16), 0.01, "sigma is 0.01, but must be larger"),
        (torch.zeros(2, 3), 1e-40, "sigma is 1e-40, but must be larger"),
        (torch.zeros(2, 3), 1e38, "sigma is 1e+38 and x has entries up to 0, but x and its noise"),
        (torch.full((2, 3), math.nan), 0.1, "x holds 6 entries that are NaN or infinite"),
        (torch.full((2, 3), math.inf), 0.0, "x holds 6 entries that are NaN or infinite"),
    ],
)
def test_noise_that_rounding_swallows_is_refused(x: Tensor, sigma: float, message: str) -> None:
    """A network that saturates would hide it, and the error would be 0."""
    for metric in (perturbation_error, perturbed_entropy):
        with pytest.raises(InputError) as caught:
            metric(lambda x: torch.tanh(x.nan_to_num()) + 1, x, sigma, generator=seeded())
        assert str(caught.value).startswith(message) and str(caught.value).endswith(".")


def test_far_from_the_origin_float64_is_right() -> None:
    x = torch.full((4000, 3), 1e8, dtype=torch.float64)
    error = perturbation_error(nn.Identity(), x, 0.04, generator=seeded())
    assert error == pytest.approx(3 * 0.04**2, rel=0.05)


def test_what_has_no_finite_input_has_no_derivative() -> None:
    x = torch.tensor([[math.inf, 1.0]])
    for metric in (input_jacobian, lambda f, x: mlp_sharpness(nn.Linear(2, 1), x)):
        with pytest.raises(InputError, match="x holds 1 entries that are NaN or infinite"):
            metric(torch.tanh, x)


def test_what_needs_more_memory_than_there_is_is_refused_before() -> None:
    pairs = torch.tensor([[0, 1]])
    with pytest.raises(InputError, match=r"a table of the 10000000 x 10000000 pairs needs .* GiB"):
        mirror_split(pairs, 10_000_000)


def test_a_hadamard_product_beyond_memory_is_refused_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.sysconf", lambda _: 100)  # 100 pages of 100 bytes
    Z = torch.randn(60, 9, generator=seeded())
    with pytest.raises(InputError, match=r"a \(60, 60\) Hadamard product needs .* of this machine"):
        hadamard_spectrum(Z, Z)


TENSORS: dict[str, tuple[str, Tensor, Callable[[Tensor], object]]] = {
    "accuracy": ("logits", torch.eye(2), lambda v: accuracy(v, torch.arange(2))),
    "labels": ("y", torch.arange(2), lambda v: accuracy(torch.eye(2), v)),
    "features": ("Z", torch.eye(2), unit_features),
    "gram": ("R", torch.eye(2), matrix_entropy),
    "gram 2": ("R2", torch.eye(2), lambda v: matrix_mutual_information(torch.eye(2), v)),
    "spectrum": ("eigenvalues", torch.ones(2), entropy_of_spectrum),
    "table": ("table", torch.zeros(2, 2, 2), abelian_accuracy),
    "pairs": ("pairs", torch.tensor([[0, 1]]), lambda v: mirror_split(v, 2)),
    "answers": ("labels", torch.eye(2).long(), commutes),
    "matrix": ("W", torch.eye(2), spectral_norm),
    "logits": ("logits", torch.eye(2), logit_scale),
    "error": (
        "x", torch.eye(2), lambda v: perturbation_error(torch.tanh, v, 0.1, generator=seeded())
    ),
    "jacobian": ("x", torch.eye(2), lambda v: input_jacobian(torch.tanh, v)),
    "sharpness": ("x", torch.eye(2), lambda v: mlp_sharpness(nn.Linear(2, 2), v)),
}  # fmt: skip


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_without_their_numbers_are_refused(case: str) -> None:
    name, value, metric = TENSORS[case]
    metric(value)
    with pytest.raises(
        InputError, match=rf"^{name} is on the meta device, but must hold numbers\.$"
    ):
        metric(value.to("meta"))
    with pytest.raises(
        InputError, match=rf"^{name} is sparse \(.*\), but must be a dense tensor\.$"
    ):
        metric(value.to_sparse())


@pytest.mark.parametrize("case", TENSORS)
@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.bool, torch.int16, torch.uint8, torch.float8_e4m3fn],
    ids=str,
)
def test_every_type_is_right_or_refused(case: str, dtype: torch.dtype) -> None:
    _, value, metric = TENSORS[case]
    try:
        found = metric(value.to(dtype))
    except InputError as error:
        assert str(error).endswith(".")
    else:
        expected = metric(value)
        if isinstance(expected, float):
            assert found == pytest.approx(expected, rel=0.5)


def test_weights_without_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="weight is on the meta device"):
        weight_norm(nn.Linear(2, 2, device="meta"))
    with pytest.raises(InputError, match="weight has no shape yet, but must have one"):
        weight_norm(nn.LazyLinear(2))
    model = nn.Module()
    model.weight = nn.Parameter(torch.eye(2).to_sparse())
    with pytest.raises(InputError, match="weight is sparse"):
        layer_norms(model)
