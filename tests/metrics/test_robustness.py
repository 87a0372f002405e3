"""Perturbation error and input Jacobians against linear maps and torch's own Jacobians."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.metrics import input_jacobian, input_jacobian_norms, perturbation_error


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tanh_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def test_error_of_a_linear_map_is_its_norm_times_the_variance() -> None:
    """E ||W Delta||^2 = sigma^2 ||W||_F^2, with variance 2 sigma^4 ||W^T W||_F^2."""
    layer = nn.Linear(5, 3).double()
    W = layer.weight.detach()
    sigma, n, draws = 0.2, 500, 20
    x = torch.randn(n, 5, generator=seeded(), dtype=torch.float64)
    error = perturbation_error(layer, x, sigma, generator=seeded(1), draws=draws)
    mean = sigma**2 * float(W.square().sum())
    deviation = sigma**2 * float(2 * (W.T @ W).square().sum()) ** 0.5
    assert abs(error - mean) < 5 * deviation / (n * draws) ** 0.5


def test_error_is_the_mean_over_samples_and_draws() -> None:
    f = tanh_network()
    x = torch.randn(7, 2, 3, generator=seeded(), dtype=torch.float64)
    source = seeded(3)
    with torch.no_grad():
        each = [
            (f(x + 0.4 * torch.randn(x.shape, generator=source, dtype=x.dtype)) - f(x))
            .square()
            .sum(dim=1)
            for _ in range(4)
        ]
    expected = float(torch.stack(each).mean())
    assert perturbation_error(f, x, 0.4, generator=seeded(3), draws=4) == pytest.approx(expected)
    assert perturbation_error(f, x, 0.0, generator=seeded(3)) == 0


def test_small_noise_sees_the_jacobian() -> None:
    """To first order the error is sigma^2 times the mean squared Frobenius norm of the Jacobian."""
    f = tanh_network()
    x = torch.randn(50, 6, generator=seeded(), dtype=torch.float64)
    error = perturbation_error(f, x, 1e-4, generator=seeded(1), draws=200)
    expected = 1e-8 * float(input_jacobian_norms(f, x).frobenius.square().mean())
    assert error == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("chunk_size", [1, 4, 100])
def test_jacobian_is_that_of_every_sample_alone(chunk_size: int) -> None:
    f = tanh_network()
    x = torch.randn(9, 2, 3, generator=seeded(), dtype=torch.float64)
    alone = torch.stack(
        [
            torch.autograd.functional.jacobian(lambda s: f(s[None])[0], sample).flatten(1)
            for sample in x
        ]
    )
    found = input_jacobian(f, x, chunk_size=chunk_size)
    assert found.shape == (9, 3, 6)
    assert torch.allclose(found, alone, atol=1e-14)
    norms = input_jacobian_norms(f, x, chunk_size=chunk_size)
    assert torch.allclose(norms.frobenius, torch.linalg.matrix_norm(alone), atol=1e-13)
    assert torch.allclose(norms.spectral, torch.linalg.matrix_norm(alone, 2), atol=1e-13)


def test_norms_of_a_tall_jacobian_and_of_a_vanishing_one() -> None:
    layer = nn.Linear(2, 5, bias=False)
    norms = input_jacobian_norms(layer, torch.ones(3, 2))
    assert norms.spectral.dtype == torch.float64
    spectral = torch.linalg.matrix_norm(layer.weight.detach().double(), 2)
    assert torch.allclose(norms.spectral, spectral.expand(3), rtol=1e-6)
    dead = input_jacobian_norms(lambda x: torch.relu(-x), torch.ones(3, 2))
    assert dead.frobenius.tolist() == dead.spectral.tolist() == [0, 0, 0]


def test_outputs_that_ignore_the_input_in_part_have_zero_rows() -> None:
    weight = torch.ones(2, requires_grad=True)

    def f(x: Tensor) -> Tensor:
        return torch.stack([x.sum(dim=1), weight.sum().expand(len(x))], dim=1)

    assert input_jacobian(f, torch.ones(1, 3)).tolist() == [[[1, 1, 1], [0, 0, 0]]]


def test_neither_weights_nor_inputs_are_left_with_gradients() -> None:
    f = tanh_network()
    x = torch.ones(2, 6, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():  # gradients are switched on where they are needed
        found = input_jacobian(f, x)
    assert not found.requires_grad
    assert x.grad is None
    assert all(p.grad is None for p in f.parameters())


@pytest.mark.parametrize("metric", [input_jacobian, input_jacobian_norms])
@pytest.mark.parametrize("f", [torch.sqrt, lambda x: x[:, :1].sqrt()])
def test_a_slope_that_is_not_finite_is_refused(
    metric: Callable[[Callable[[Tensor], Tensor], Tensor], object], f: Callable[[Tensor], Tensor]
) -> None:
    """The square root is 0 at 0, and its slope infinite."""
    with pytest.raises(InputError) as caught:
        metric(f, torch.eye(2))
    assert str(caught.value).startswith("the Jacobian of f holds ")
    assert str(caught.value).endswith(" entries that are NaN or infinite, but must be finite.")


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-170, 1e170, 1e200, 1e300])
def test_slopes_whose_squares_are_beyond_float64_have_norms(size: float) -> None:
    """Beside a sample of ordinary size and a dead one, which keep their norms to the bit."""
    factors = torch.tensor([size, 1.0, 0.0], dtype=torch.float64)
    x = torch.tensor([[1.0, 0, 0], [2, 0, 0], [3, 0, 0]], dtype=torch.float64)
    norms = input_jacobian_norms(lambda x: factors[x[:, 0].detach().long() - 1, None] * x, x)
    expected = factors * 3**0.5
    assert norms.frobenius.tolist() == pytest.approx(expected.tolist(), rel=1e-14)
    assert norms.spectral.tolist() == pytest.approx(factors.tolist(), rel=1e-14)


def test_a_norm_beyond_float64_is_refused() -> None:
    x = torch.zeros(2, 3, dtype=torch.float64)
    with pytest.raises(InputError) as caught:
        input_jacobian_norms(lambda x: 1.7e308 * x, x)
    assert str(caught.value) == (
        "the Jacobian of f has entries up to 1.7e+308, but must have singular values that can be "
        "computed."
    )


def test_singular_values_that_are_not_found_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Tensor) -> Tensor:
        raise torch.linalg.LinAlgError("linalg.eigh: (Batch element 0): did not converge")

    monkeypatch.setattr(torch.linalg, "eigvalsh", fail)
    with pytest.raises(InputError, match=r"^the Jacobian of f has entries up to 1, but must have"):
        input_jacobian_norms(nn.Identity(), torch.zeros(2, 3))


def test_bad_input_is_refused_in_a_sentence() -> None:
    f, x = nn.Linear(2, 2), torch.ones(3, 2)
    with pytest.raises(InputError, match="sigma is -1, but must be zero or positive"):
        perturbation_error(f, x, -1, generator=seeded())
    with pytest.raises(InputError, match="draws is 0, but must be at least 1"):
        perturbation_error(f, x, 1.0, generator=seeded(), draws=0)
    with pytest.raises(InputError, match="sigma is '1', but must be a real number"):
        perturbation_error(f, x, "1", generator=seeded())  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"draws is 1.5, but must be an integer"):
        perturbation_error(f, x, 1.0, generator=seeded(), draws=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"generator is 0, but must be a torch.Generator, such as"):
        perturbation_error(f, x, 1.0, generator=0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"x has dtype torch.int64"):
        perturbation_error(f, x.long(), 1.0, generator=seeded())
    with pytest.raises(InputError, match=r"f returned shape \(3,\) for 3 inputs"):
        perturbation_error(lambda x: f(x)[:, 0], x, 1.0, generator=seeded())
    with pytest.raises(InputError, match=r"x has dtype torch.int64 and shape"):
        input_jacobian(f, x.long())
    with pytest.raises(InputError, match="chunk_size is 0"):
        input_jacobian(f, x, chunk_size=0)
    with pytest.raises(InputError, match=r"chunk_size is 1.5, but must be an integer"):
        input_jacobian_norms(f, x, chunk_size=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="output without a gradient, but must depend on x"):
        input_jacobian(lambda x: f(x).detach(), x)
