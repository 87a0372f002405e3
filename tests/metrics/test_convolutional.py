"""The metrics on a network that is none of ours: a small convolutional one."""

import pytest
import torch
from torch import nn

from grokbook._support.errors import InputError
from grokbook.metrics import (
    hutchinson_sharpness,
    input_jacobian,
    input_jacobian_norms,
    matrix_entropy,
    matrix_mutual_information,
    mlp_sharpness,
    perturbation_error,
    perturbed_entropy,
    perturbed_mutual_information,
)
from grokbook.strategies.losses import cross_entropy


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten())
        self.last = nn.Linear(12, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


torch.manual_seed(0)
NETWORK = Convolutional().double()
X = torch.randn(10, 1, 6, 6, generator=seeded(), dtype=torch.float64)
NOISY = X + 0.2 * torch.randn(X.shape, generator=seeded(1), dtype=X.dtype)


def gram(Z: torch.Tensor) -> torch.Tensor:
    Z = nn.functional.normalize(Z.detach(), dim=1)
    return Z @ Z.T


def test_perturbed_entropy() -> None:
    found = perturbed_entropy(NETWORK, X, 0.2, [1.0, 2.0], generator=seeded(1))
    assert torch.allclose(found, matrix_entropy(gram(NETWORK(NOISY)), [1.0, 2.0]), atol=1e-12)


def test_perturbed_mutual_information() -> None:
    found = perturbed_mutual_information(NETWORK.first, NETWORK, X, 0.2, generator=seeded(1))
    dense = matrix_mutual_information(gram(NETWORK.first(NOISY)), gram(NETWORK(NOISY)))
    assert float(found) == pytest.approx(float(dense), abs=1e-12)


def test_perturbation_error() -> None:
    found = perturbation_error(NETWORK, X, 0.2, generator=seeded(1))
    moved = (NETWORK(NOISY) - NETWORK(X)).detach().square().sum(dim=1).mean()
    assert found == pytest.approx(float(moved), rel=1e-12)


def test_input_jacobian() -> None:
    dense = torch.stack(
        [torch.autograd.functional.jacobian(lambda s: NETWORK(s[None])[0], x).flatten(1) for x in X]
    )
    assert torch.allclose(input_jacobian(NETWORK, X, chunk_size=4), dense, atol=1e-14)
    spectral = torch.linalg.matrix_norm(dense, 2)
    assert torch.allclose(input_jacobian_norms(NETWORK, X).spectral, spectral, atol=1e-13)


def test_hutchinson_sharpness() -> None:
    y = torch.arange(10) % 4
    names, values = zip(*NETWORK.named_parameters(), strict=True)

    def loss(*parameters: torch.Tensor) -> torch.Tensor:
        named = dict(zip(names, parameters, strict=True))
        return cross_entropy(torch.func.functional_call(NETWORK, named, (X,)), y)

    blocks = torch.autograd.functional.hessian(loss, tuple(v.detach() for v in values))
    trace = sum(float(blocks[i][i].reshape(v.numel(), -1).trace()) for i, v in enumerate(values))
    found = hutchinson_sharpness(NETWORK, cross_entropy, X, y, 300, generator=seeded())
    assert 0 < found.standard_error < 0.2 * trace
    assert abs(found.estimate - trace) < 4 * found.standard_error


def test_exact_sharpness_points_to_the_estimate() -> None:
    with pytest.raises(InputError, match=r"first.0.weight outside .* use hutchinson_sharpness"):
        mlp_sharpness(NETWORK, X)
