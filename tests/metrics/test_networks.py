"""Networks that are no plain functions of their input, in every metric that runs one."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.metrics import (
    entropy_difference,
    hutchinson_sharpness,
    input_jacobian,
    input_jacobian_norms,
    label_mutual_information,
    mlp_sharpness,
    mutual_information_difference,
    perturbation_error,
    perturbed_entropy,
    perturbed_information,
    perturbed_mutual_information,
)
from grokbook.strategies.losses import cross_entropy


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


X, Y = torch.randn(6, 4, generator=seeded()), torch.arange(6) % 3

METRICS: dict[str, Callable[[nn.Module, Tensor], object]] = {
    "perturbation_error": lambda f, x: perturbation_error(f, x, 0.1, generator=seeded()),
    "perturbation_error at 0": lambda f, x: perturbation_error(f, x, 0.0, generator=seeded()),
    "input_jacobian": lambda f, x: input_jacobian(f, x).sum(),
    "input_jacobian_norms": lambda f, x: input_jacobian_norms(f, x),
    "perturbed_entropy": lambda f, x: perturbed_entropy(f, x, 0.1, generator=seeded()),
    "entropy_difference": lambda f, x: entropy_difference(f, x, 0.1, generator=seeded()),
    "label_mutual_information": lambda f, x: label_mutual_information(
        f, x, Y, 0.1, generator=seeded()
    ),
    "perturbed_information, first": lambda f, x: perturbed_information(
        f, nn.Flatten(), x, 0.1, generator=seeded()
    ),
    "perturbed_information": lambda f, x: perturbed_information(
        nn.Flatten(), f, x, 0.0, generator=seeded()
    ),
    "perturbed_mutual_information": lambda f, x: perturbed_mutual_information(
        f, f, x, 0.1, generator=seeded()
    ),
    "mutual_information_difference": lambda f, x: mutual_information_difference(
        f, nn.Flatten(), x, 0.1, generator=seeded()
    ),
    "mlp_sharpness": lambda f, x: mlp_sharpness(f, x),
    "hutchinson_sharpness": lambda f, x: hutchinson_sharpness(
        f, cross_entropy, x, Y, 2, generator=seeded()
    ),
}
every_metric = pytest.mark.parametrize("metric", METRICS)


class With(nn.Module):
    """One layer, and anything done before and after it."""

    def __init__(
        self,
        before: Callable[[Tensor], Tensor] = lambda x: x,
        after: Callable[[Tensor], Tensor] = lambda x: x,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.before, self.after = nn.Linear(4, 3), before, after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.layer(self.before(x)))


@every_metric
@pytest.mark.parametrize(
    "random",
    [
        lambda h: nn.functional.dropout(h, 0.5),
        lambda h: h + 1e-3 * torch.randn_like(h),
        lambda h: h * torch.rand(()),
    ],
    ids=["dropout", "noise", "one factor"],
)
def test_randomness_that_no_layer_shows_is_refused(
    random: Callable[[Tensor], Tensor], metric: str
) -> None:
    with pytest.raises(InputError, match=r"^f answers the same inputs twice with .*\.$"):
        METRICS[metric](With(after=random).eval(), X)


def test_randomness_inside_a_plain_function_is_refused() -> None:
    with pytest.raises(InputError, match="same inputs twice"):
        perturbation_error(lambda x: nn.functional.dropout(x), X, 0.0, generator=seeded())


class Counting(nn.Module):
    """Keeps statistics in a buffer, whatever mode it is in."""

    def __init__(self, *, assign: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.assign = nn.Linear(4, 3), assign
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.assign:
            self.calls = self.calls + 1
        else:
            self.calls += 1
        return self.layer(x)


@every_metric
@pytest.mark.parametrize("assign", [False, True])
def test_a_network_that_changes_its_buffers_is_refused_and_put_back(
    assign: bool, metric: str
) -> None:
    model = Counting(assign=assign).eval()
    with pytest.raises(InputError, match="the buffer calls of the model changes when it is called"):
        METRICS[metric](model, X)
    assert float(model.calls) == 0


def test_functional_batch_norm_in_training_mode_is_refused() -> None:
    """Its outputs do agree from call to call: only the running statistics tell."""
    model = Counting(assign=False).eval()
    model.register_buffer("mean", torch.zeros(4))
    model.register_buffer("var", torch.ones(4))
    model.forward = lambda x: model.layer(  # type: ignore[method-assign]
        nn.functional.batch_norm(x, model.mean, model.var, training=True)
    )
    with pytest.raises(InputError, match="the buffer mean of the model changes"):
        perturbation_error(model, X, 0.1, generator=seeded())
    assert model.mean.tolist() == [0, 0, 0, 0]


@every_metric
@pytest.mark.parametrize(
    ("writing", "pure"),
    [
        (lambda x: x.mul_(2), lambda x: 2 * x),
        (lambda x: x.relu_(), torch.relu),
        (lambda x: x.clamp_(-1, 1), lambda x: x.clamp(-1, 1)),
    ],
    ids=["mul_", "relu_", "clamp_"],
)
def test_a_network_may_write_into_its_input(
    writing: Callable[[Tensor], Tensor], pure: Callable[[Tensor], Tensor], metric: str
) -> None:
    x = X.clone()
    found = METRICS[metric](With(before=writing), x)
    assert torch.equal(x, X)
    assert str(found) == str(METRICS[metric](With(before=pure), x))


class Reusing(nn.Module):
    """Returns the same tensor at every call."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = torch.randn(4, 3, dtype=torch.float64)
        self.out = torch.zeros(6, 3, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return torch.matmul(x, self.weight, out=self.out)


def test_a_network_may_return_one_buffer_again_and_again() -> None:
    x, reusing = X.double(), Reusing()
    plain = lambda x: x @ reusing.weight  # noqa: E731
    for sigma in (0.0, 0.1):
        one, other = (perturbation_error(f, x, sigma, generator=seeded()) for f in (reusing, plain))
        assert one == other
    one, other = (
        perturbed_information(f, f, x, 0.1, generator=seeded()).entropy_1 for f in (reusing, plain)
    )
    assert one == other


@every_metric
@pytest.mark.parametrize(
    "off", [torch.no_grad, torch.inference_mode, torch.enable_grad], ids=lambda m: m.__name__
)
def test_gradients_switched_off_around_a_call_change_nothing(off: type, metric: str) -> None:
    model = With()
    expected = METRICS[metric](model, X)
    with off():
        assert str(METRICS[metric](model, X)) == str(expected)
        assert str(METRICS[metric](model, X.clone())) == str(expected)  # an inference tensor
    assert all(p.grad is None for p in model.parameters())


@every_metric
def test_weights_made_in_inference_mode_are_right_or_refused(metric: str) -> None:
    expected = METRICS[metric](With(), X)
    with torch.inference_mode():
        model = With()
    try:
        found = METRICS[metric](model, X)
    except InputError as error:
        assert str(error).startswith("layer.weight of the model was made in torch.inference_mode")
    else:
        assert str(found) == str(expected)


@pytest.mark.parametrize("metric", ["input_jacobian", "input_jacobian_norms"])
@pytest.mark.parametrize(
    "mixing",
    [lambda h: h - h.mean(dim=0), lambda h: h.flip(0), lambda h: h[torch.arange(6) % 6]],
    ids=["mean", "order", "fixed number"],
)
def test_samples_that_depend_on_each_other_are_refused(
    mixing: Callable[[Tensor], Tensor], metric: str
) -> None:
    with pytest.raises(InputError, match="must treat samples one by one"):
        METRICS[metric](With(after=mixing), X)


@pytest.mark.parametrize(
    "metric", [name for name in METRICS if name not in ("mlp_sharpness", "hutchinson_sharpness")]
)
def test_what_torch_cannot_compute_is_one_sentence(metric: str) -> None:
    with pytest.raises(InputError, match=r"^f fails on inputs of shape \(6, 4\) and .*\.$"):
        METRICS[metric](With(), X.double())


def test_a_map_of_exactly_these_samples_may_be_measured() -> None:
    """More of them than a network is tried on."""
    x = torch.randn(100, 4, generator=seeded())
    shift = torch.randn(100, 4, generator=seeded(1))
    assert perturbation_error(lambda x: x + shift, x, 0.0, generator=seeded()) == 0
    with pytest.raises(InputError, match="same inputs twice"):
        perturbation_error(lambda x: x + shift + torch.rand(100, 4), x, 0.0, generator=seeded())
