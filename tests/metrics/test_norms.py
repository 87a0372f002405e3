"""Norms against flattened parameters and singular values."""

import pytest
import torch
from torch import nn

from grokbook._support.errors import InputError
from grokbook.metrics import layer_norms, logit_scale, spectral_norm, weight_norm
from grokbook.models.mlp import MLP


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, float("inf")])
def test_weight_norm_is_that_of_all_parameters_in_one_vector(p: float) -> None:
    model = MLP((7, 5, 3), generator=torch.Generator().manual_seed(0))
    flat = torch.cat([q.detach().double().flatten() for q in model.parameters()])
    assert weight_norm(model, p) == pytest.approx(float(torch.linalg.vector_norm(flat, p)))
    each = {
        name: float(torch.linalg.vector_norm(q.detach().double(), p))
        for name, q in model.named_parameters()
    }
    assert layer_norms(model, p) == pytest.approx(each)


def test_tied_parameters_count_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    assert weight_norm(model) == pytest.approx(float(model[0].weight.detach().norm()))


def test_norms_are_summed_in_float64() -> None:
    layer = nn.Linear(100_000, 1, bias=False)
    layer.weight.data.fill_(0.1)
    exact = 100_000 * float(torch.tensor(0.1))
    assert weight_norm(layer, p=1) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (200, 784)])
def test_spectral_norm_is_the_largest_singular_value(shape: tuple[int, int]) -> None:
    W = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    largest = float(torch.linalg.svdvals(W)[0])
    assert spectral_norm(W) == pytest.approx(largest, rel=1e-13)
    assert spectral_norm(1e-200 * W) == pytest.approx(1e-200 * largest, rel=1e-13)
    assert spectral_norm(1e200 * W) == pytest.approx(1e200 * largest, rel=1e-13)


def test_of_zero_the_spectral_norm_is_zero() -> None:
    assert spectral_norm(torch.zeros(3, 2)) == 0


def test_logit_scale_is_the_mean_length() -> None:
    logits = torch.tensor([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]])
    assert logit_scale(logits) == pytest.approx(7 / 3)
    assert logit_scale(-5 * logits) == pytest.approx(35 / 3)


def test_bad_input_is_refused_in_a_sentence() -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"p is 0.5, but must be at least 1 for a norm"):
        weight_norm(layer, 0.5)
    with pytest.raises(InputError, match=r"p is '2', but must be a real number"):
        weight_norm(layer, "2")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="model has 0 parameters"):
        layer_norms(nn.ReLU())
    with pytest.raises(InputError, match=r"W has shape \(3,\), but must be two-dimensional"):
        spectral_norm(torch.ones(3))
    layer.weight.data[0, 0] = float("nan")
    with pytest.raises(InputError, match="weight holds 1 entries that are NaN"):
        weight_norm(layer)
    with pytest.raises(InputError, match="logits holds 1 entries that are NaN"):
        logit_scale(layer.weight)
