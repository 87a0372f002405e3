"""The gradient's norm against the closed form of least squares and finite differences."""

import pytest
import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.metrics import gradient_norm
from grokbook.strategies.losses import cross_entropy

SOURCE = torch.Generator().manual_seed(0)
X, Y = (torch.randn(20, k, generator=SOURCE, dtype=torch.float64) for k in (4, 3))


def test_least_squares_have_a_closed_form() -> None:
    """∇ of mean ‖Wx + b − y‖² is 2/n Σ (Wx + b − y) (x, 1)ᵀ."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 3).double()
    found = gradient_norm(layer, lambda p, y: (p - y).square().sum(dim=1).mean(), X, Y)
    with torch.no_grad():
        ones = torch.cat((X, torch.ones(20, 1, dtype=X.dtype)), dim=1)
        gradient = 2 / 20 * (layer(X) - Y).T @ ones
    assert found == pytest.approx(float(gradient.norm()), rel=1e-12)


def test_it_is_the_steepest_slope() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    y = Y.argmax(dim=1)
    vector = nn.utils.parameters_to_vector(model.parameters()).detach()

    def loss_at(moved: Tensor) -> float:
        nn.utils.vector_to_parameters(moved, model.parameters())
        with torch.no_grad():
            return float(cross_entropy(model(X), y))

    steps = 1e-5 * torch.eye(len(vector), dtype=torch.float64)
    slopes = [(loss_at(vector + s) - loss_at(vector - s)) / 2e-5 for s in steps]
    loss_at(vector)
    with torch.no_grad():
        found = gradient_norm(model, cross_entropy, X, y)
    assert found == pytest.approx(float(torch.tensor(slopes).norm()), rel=1e-6)
    assert all(weight.grad is None for weight in model.parameters())


def test_frozen_weights_do_not_count() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 3).double()
    layer.bias.requires_grad_(False)
    found = gradient_norm(layer, lambda p, y: (p - y).square().mean(), X, Y)
    with torch.no_grad():
        gradient = 2 / 60 * (layer(X) - Y).T @ X
    assert found == pytest.approx(float(gradient.norm()), rel=1e-12)


@pytest.mark.parametrize(
    ("model", "loss", "words"),
    [
        (nn.Tanh(), lambda p, y: p.mean(), "0 trainable parameters"),
        (nn.Linear(4, 3).double(), lambda p, y: p, "must be a scalar"),
        (nn.Linear(4, 3).double(), lambda p, y: y.mean(), "depends on the parameters"),
        (nn.Linear(4, 3).double(), lambda p, y: (p / 0).sum(), "NaN or infinite"),
        (nn.Sequential(nn.Linear(4, 3).double(), nn.Dropout()), lambda p, y: p.mean(), "eval"),
    ],
)
def test_bad_input_is_one_sentence(model: nn.Module, loss, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        gradient_norm(model, loss, X, Y)
