"""Sharpness against dense Hessians; what exact sharpness refuses; Hutchinson's error."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from grokbook._support.errors import InputError
from grokbook.metrics import hutchinson_sharpness, mlp_sharpness
from grokbook.models.mlp import MLP
from grokbook.models.transformer import Transformer
from grokbook.strategies.losses import cross_entropy


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def theory_loss(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).square().sum() / (2 * len(y))


def dense_blocks(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor
) -> dict[str, float]:
    """Trace of the full Hessian's block for every parameter, by torch's own second derivatives."""
    names, values = zip(*model.named_parameters(), strict=True)

    def of(*parameters: Tensor) -> Tensor:
        return loss(functional_call(model, dict(zip(names, parameters, strict=True)), (x,)), y)

    blocks = torch.autograd.functional.hessian(of, tuple(v.detach() for v in values))
    return {
        name: float(blocks[i][i].reshape(v.numel(), v.numel()).trace())
        for i, (name, v) in enumerate(zip(names, values, strict=True))
    }


class Residual(nn.Module):
    """Skip connection, frozen parameters, no bias in one layer, functional activations."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4, bias=False)
        self.outer = nn.Linear(4, 2)
        self.inner.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(x + 0.5 * nn.functional.leaky_relu(self.inner(x.flatten(1)), 0.2))


def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "paper": MLP((4, 5, 3, 2), generator=seeded(), dtype=torch.float64),
        "one layer": nn.Linear(4, 3).double(),
        "sequential": nn.Sequential(
            nn.Flatten(),
            nn.Linear(4, 3),
            nn.LeakyReLU(0.1),
            nn.Linear(3, 3, bias=False),
            nn.Hardtanh(),
            nn.Dropout(0.5),
            nn.Linear(3, 2),
        )
        .double()
        .eval(),
        "residual": Residual().double(),
    }


@pytest.mark.parametrize("name", networks())
def test_exact_sharpness_is_the_trace_of_the_dense_hessian(name: str) -> None:
    """Far from interpolation, block by block."""
    model = networks()[name]
    x = torch.randn(9, 4, generator=seeded(1), dtype=torch.float64)
    with torch.no_grad():
        y = torch.randn(model(x).shape, generator=seeded(2), dtype=torch.float64)
    dense = dense_blocks(model, theory_loss, x, y)
    found = mlp_sharpness(model, x)
    assert found.total == pytest.approx(sum(dense.values()), rel=1e-12)
    prefix = {layer: f"{layer}." if layer else "" for layer in found.weights}
    blocks = {f"{prefix[layer]}weight": v for layer, v in found.weights.items()}
    blocks |= {f"{prefix[layer]}bias": v for layer, v in found.biases.items()}
    assert blocks == pytest.approx(dense, rel=1e-12)
    first = next(iter(found.weights))
    assert found.first_weight == found.weights[first]
    assert found.first_bias == found.biases.get(first, 0.0)


def test_sharpness_under_torchs_mse_is_two_over_k_times_it() -> None:
    model = networks()["paper"]
    x = torch.randn(9, 4, generator=seeded(1), dtype=torch.float64)
    y = torch.zeros(9, 2, dtype=torch.float64)
    dense = dense_blocks(model, nn.functional.mse_loss, x, y)
    assert sum(dense.values()) == pytest.approx(2 / 2 * mlp_sharpness(model, x).total, rel=1e-12)
    wide = MLP((4, 5, 6), generator=seeded(), dtype=torch.float64)
    dense = dense_blocks(wide, nn.functional.mse_loss, x, torch.zeros(9, 6, dtype=torch.float64))
    assert sum(dense.values()) == pytest.approx(2 / 6 * mlp_sharpness(wide, x).total, rel=1e-12)


def test_sharpness_leaves_the_model_as_it_was() -> None:
    model = networks()["residual"]
    before = {name: p.clone() for name, p in model.named_parameters()}
    mlp_sharpness(model, torch.ones(2, 4, dtype=torch.float64))
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name])
        assert p.grad is None
    assert [p.requires_grad for p in model.parameters()] == [False, True, True]
    assert not any(layer._forward_hooks for layer in model.modules())


class With(nn.Module):
    """Two layers and any way to combine them."""

    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.combine = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.combine(self, x)


def tied() -> nn.Module:
    model = With(lambda m, x: m.b(torch.relu(m.a(x))))
    model.b.weight = model.a.weight
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)), "model computes Tanh"),
        (With(lambda m, x: m.b(nn.functional.gelu(m.a(x)))), "model computes Gelu"),
        (With(lambda m, x: m.a(x) * m.b(x)), "model computes Mul of what depends"),
        (With(lambda m, x: m.a(x) / m.b(x)), "model computes Div of what depends"),
        (With(lambda m, x: m.a(x) @ m.b(x).T), "model computes Mm of what depends"),
        (
            With(lambda m, x: m.b(m.a(m.a(x)))),
            "parameter a.weight is used 2 times, but must be",
        ),
        (With(lambda m, x: m.a(x)), "parameter b.weight is used 0 times, but must be once"),
        (With(lambda m, x: m.b(m.a(x)) @ m.a.weight.t()), "parameter a.weight is used 2 times"),
        (tied(), "parameter a.weight is used 2 times, but must be once"),
        (With(lambda m, x: m.b(m.a(x) - m.a(x).mean(0))), "model computes Mean"),
        (With(lambda m, x: (lambda h: m.b(h - h.mean(0)))(m.a(x))), "model computes Mean"),
        (
            With(lambda m, x: m.b(m.a(x.view(3, 2, 2).repeat(1, 1, 2))).view(3, 8)),
            r"layer 'a' was applied to shape \(6, 4\), but must be to \(3, d\), one row per sample",
        ),
        (
            With(lambda m, x: m.b(m.a(x[:2]))[[0, 1, 1]]),
            "model computes Index",
        ),
        (nn.Sequential(nn.Linear(4, 4), nn.PReLU()), "parameter 1.weight outside a torch.nn.Linea"),
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False).eval()), "NativeBatchNorm"),
        (nn.ReLU(), "model has 0 torch.nn.Linear layers"),
        (With(lambda m, x: m.b(m.a(x)).sum(dim=1)), r"f returned shape \(3,\) for 3 inputs"),
    ],
)
def test_exact_sharpness_refuses_what_it_does_not_cover(model: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        mlp_sharpness(model, torch.randn(3, 4, generator=seeded()))


class Doubled(nn.Linear):
    """Scales its output."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class FedDoubled(nn.Linear):
    """Scales its input."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x)


class Alone(nn.Linear):
    """Adds its bias by itself."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.t() + self.bias


class Weighted(nn.Linear):
    """Scales its weight."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, 2 * self.weight, self.bias)


class WeightedAlone(nn.Linear):
    """Scales its weight, and does not transpose it."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ (2 * self.weight)


class Fused(nn.Linear):
    """Scales within the fused product."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight.t(), alpha=2)


def with_hook(*, before: bool) -> nn.Module:
    model = With(lambda m, x: m.b(torch.relu(m.a(x))))
    if before:
        model.a.register_forward_pre_hook(lambda _, args: (3 * args[0],))
    else:
        model.a.register_forward_hook(lambda _, args, output: 3 * output)
    return model


def overwritten(m: nn.Module, x: Tensor) -> Tensor:
    h = torch.relu(m.a(x))
    out = m.b(h)
    h.zero_()
    return out


def by_hand(m: nn.Module, x: Tensor) -> Tensor:
    z = m.a(x)
    z *= 2
    z.clamp_(min=0)
    z += x
    return m.b(z).sub_(1).neg_()


class BroadcastBias(nn.Linear):
    """One bias for all outputs."""

    def __init__(self) -> None:
        super().__init__(4, 2)
        self.bias = nn.Parameter(torch.ones(1))


SURPRISING: dict[str, Callable[[], nn.Module]] = {
    "in-place ReLU": lambda: nn.Sequential(
        nn.Linear(4, 5),
        nn.ReLU(inplace=True),
        nn.Linear(5, 4),
        nn.ReLU(inplace=True),
        nn.Linear(4, 2),
    ),
    "in-place leaky ReLU": lambda: nn.Sequential(
        nn.Linear(4, 5), nn.LeakyReLU(0.3, inplace=True), nn.Linear(5, 2)
    ),
    "in-place hardtanh": lambda: nn.Sequential(
        nn.Linear(4, 5), nn.Hardtanh(inplace=True), nn.Linear(5, 2)
    ),
    "in place by hand": lambda: With(by_hand),
    "input in place": lambda: With(lambda m, x: m.b(m.a(x.mul_(2)).relu_())),
    "used input in place": lambda: With(overwritten),
    "hook": lambda: with_hook(before=False),
    "pre-hook": lambda: with_hook(before=True),
    "scaled output": lambda: nn.Sequential(Doubled(4, 3), nn.ReLU(), Doubled(3, 2)),
    "scaled input": lambda: nn.Sequential(FedDoubled(4, 3), nn.ReLU(), FedDoubled(3, 2)),
    "bias alone": lambda: nn.Sequential(Alone(4, 3), nn.ReLU(), Alone(3, 2)),
    "scaled weight": lambda: nn.Sequential(Weighted(4, 3), nn.ReLU(), nn.Linear(3, 2)),
    "scaled square weight": lambda: nn.Sequential(WeightedAlone(4, 4, bias=False)),
    "fused": lambda: nn.Sequential(Fused(4, 3), nn.ReLU(), nn.Linear(3, 2)),
    "one bias": BroadcastBias,
    "one row each": lambda: With(lambda m, x: m.b(torch.relu(m.a(x[:, None]))).squeeze(1)),
    "transposed samples": lambda: With(lambda m, x: m.b(torch.relu(m.a(x)[:4].t()))),
    "compiled": lambda: torch.compile(
        nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), backend="eager"
    ),
}


@pytest.mark.parametrize("name", SURPRISING)
def test_exact_sharpness_is_right_or_refused(name: str) -> None:
    """What happens in place, in hooks or in a subclass: the dense Hessian's blocks, or refused."""
    torch.manual_seed(0)
    model = SURPRISING[name]().double()
    x = torch.randn(6, 4, generator=seeded(1), dtype=torch.float64)
    try:
        found = mlp_sharpness(model, x)
    except InputError as error:
        assert name in REFUSED and str(error).endswith(".")
        return
    assert name not in REFUSED
    y = torch.zeros(6, model(x.clone()).shape[1], dtype=torch.float64)
    model = getattr(model, "_orig_mod", model)
    inputs = x.repeat(1, 1)
    before = model.register_forward_pre_hook(lambda _, args: (args[0].clone(),))
    dense = dense_blocks(model, theory_loss, inputs, y)
    before.remove()
    assert found.total == pytest.approx(sum(dense.values()), rel=1e-12)
    assert list(found.weights.values()) == pytest.approx(
        [v for k, v in dense.items() if k.endswith("weight")], rel=1e-12
    )


REFUSED = {
    *("used input in place", "bias alone", "scaled weight", "scaled square weight", "fused"),
    *("one bias", "transposed samples"),
}


def test_the_issues_own_case_of_an_inplace_relu() -> None:
    """The hidden unit is dead, so nothing but the last bias is seen."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(inplace=True), nn.Linear(1, 1))
    with torch.no_grad():
        model[0].weight.fill_(-1)
        model[2].weight.fill_(1)
    found = mlp_sharpness(model, torch.ones(1, 1))
    assert found.weights == {"0": 0.0, "2": 0.0}
    assert found.biases == {"2": 1.0}


def test_samples_that_are_mixed_by_piecewise_linear_operations_are_refused() -> None:
    """Reshaping and broadcasting are in every graph; only the outputs tell what they did."""
    wide = With(lambda m, x: (lambda z: z + z.view(1, -1))(m.b(torch.relu(m.a(x)))))
    wide.b = nn.Linear(4, 1)
    turned = With(lambda m, x: m.b(torch.relu(m.a(x).t())))
    for model in (wide, turned):
        with pytest.raises(InputError, match="must treat samples one by one"):
            mlp_sharpness(model, torch.randn(4, 4, generator=seeded()))


def test_a_network_that_computes_otherwise_when_its_weights_are_put_in_is_refused() -> None:
    model = With(lambda m, x: m.b(m.a(x)) * (2 if isinstance(m.a.weight, nn.Parameter) else 1))
    with pytest.raises(InputError, match="model computes with copies of its weights"):
        mlp_sharpness(model, torch.ones(2, 4))


def test_weights_kept_outside_the_parameters_are_refused() -> None:
    """A copy made earlier is what the network computes with, not its parameters."""
    model = With(lambda m, x: m.b(m.a(x)) + (x @ m.kept.t()))
    model.kept = model.a.weight.detach()  # shares memory, but is no parameter
    mlp_sharpness(model, torch.ones(2, 4))  # a constant beside the layers is allowed
    other = nn.Parameter(torch.ones(4, 4))
    with pytest.raises(InputError, match=r"uses a tensor of shape \(4, 4\) that requires a gradie"):
        mlp_sharpness(With(lambda m, x: m.b(m.a(x)) + x @ other.t()), torch.ones(2, 4))


@pytest.mark.parametrize("size", [1e-200, 1e-130, 1e130, 1e200])
def test_squares_beyond_float64_are_right_or_refused(size: float) -> None:
    """W x = 1 in the first layer whatever the size of x, so the blocks are known."""
    layer = nn.Linear(1, 1, bias=False).double()
    x = torch.full((2, 1), size, dtype=torch.float64)
    if size in (1e-130, 1e130):
        assert mlp_sharpness(layer, x).total == pytest.approx(size**2, rel=1e-12)
        return
    with pytest.raises(
        InputError, match=r"sharpness is beyond 1.8e308|inputs of layer '' are at m"
    ):
        mlp_sharpness(layer, x)
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    with torch.no_grad():
        model[0].weight.fill_(1 / size)
        model[1].weight.fill_(size)
    with pytest.raises(InputError):
        mlp_sharpness(model, x)


def test_hutchinson_is_exact_for_a_diagonal_hessian() -> None:
    """Orthogonal inputs decouple the weights, and v^T H v is then the trace for all signs v."""
    layer = nn.Linear(4, 3, bias=False).double()
    x = torch.eye(4, dtype=torch.float64) * torch.tensor([1.0, 2.0, 3.0, 4.0]).double()
    found = hutchinson_sharpness(layer, theory_loss, x, torch.zeros(4, 3), 5, generator=seeded())
    assert found.estimate == pytest.approx(3 * (1 + 4 + 9 + 16) / 4, rel=1e-12)
    assert found.standard_error == pytest.approx(0, abs=1e-12)


def test_hutchinson_is_within_its_error_of_the_dense_trace_of_a_transformer() -> None:
    model = Transformer(p=5, d=4, heads=2, mlp=6, generator=seeded(), dtype=torch.float64)
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    y = pairs.sum(dim=1) % 5
    trace = sum(dense_blocks(model, cross_entropy, pairs, y).values())
    found = hutchinson_sharpness(model, cross_entropy, pairs, y, 400, generator=seeded())
    assert 0 < found.standard_error < 0.1 * trace
    assert abs(found.estimate - trace) < 4 * found.standard_error


def test_hutchinson_agrees_with_exact_sharpness() -> None:
    model = networks()["paper"]
    x = torch.randn(30, 4, generator=seeded(1), dtype=torch.float64)
    y = torch.zeros(30, 2, dtype=torch.float64)
    found = hutchinson_sharpness(model, theory_loss, x, y, 400, generator=seeded())
    assert abs(found.estimate - mlp_sharpness(model, x).total) < 4 * found.standard_error


def test_standard_error_is_that_of_the_probes_mean() -> None:
    """For H = (1 1; 1 1), v^T H v is 0 or 4 with equal chance: the count of either tells both."""
    layer = nn.Linear(2, 1, bias=False).double()
    x = torch.ones(1, 2, dtype=torch.float64)
    m = 10
    found = hutchinson_sharpness(layer, theory_loss, x, torch.zeros(1, 1), m, generator=seeded())
    share = found.estimate / 4
    assert share * m == pytest.approx(round(share * m))
    assert 0 < share < 1
    expected = 4 * (share * (1 - share) / (m - 1)) ** 0.5
    assert found.standard_error == pytest.approx(expected, rel=1e-12)


def test_hutchinson_draws_from_its_generator_alone_and_skips_frozen_parameters() -> None:
    model = networks()["paper"]
    x, y = torch.ones(3, 4, dtype=torch.float64), torch.zeros(3, 2, dtype=torch.float64)
    state = torch.random.get_rng_state()
    one, two = (
        hutchinson_sharpness(model, theory_loss, x, y, 6, generator=seeded(5)) for _ in range(2)
    )
    assert one == two
    assert torch.equal(torch.random.get_rng_state(), state)
    for layer in model.layers[:-1]:
        layer.requires_grad_(False)
    exact = mlp_sharpness(model, x)
    last = list(exact.weights)[-1]
    found = hutchinson_sharpness(model, theory_loss, x, y, 400, generator=seeded())
    trace = exact.weights[last] + exact.biases[last]
    assert abs(found.estimate - trace) < 4 * found.standard_error


class Pair(nn.Module):
    """A layer whose output comes with something else."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return self.layer(x), 0


ERRORS = nn.MSELoss(reduction="none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": Pair()}, "the output of model is of the type tuple, but must be a tensor."),
        (
            {"loss": lambda p, y: 1.0},
            "the output of loss is of the type float, but must be",
        ),
        ({"loss": ERRORS}, "the output of loss has shape (3, 1) and dtype torch.float32, but must"),
        (
            {"loss": lambda p, y: ERRORS(p, y).mean(0)},
            "the output of loss has shape (1,) and",
        ),
        (
            {"loss": lambda p, y: p.argmax()},
            "the output of loss has shape () and dtype torch.i",
        ),
        (
            {"loss": lambda p, y: p.mean() * 1j},
            "the output of loss has shape () and dtype torch",
        ),
        ({"x": torch.ones(0, 2)}, "x has shape (0, 2), but must hold at least one sample."),
        ({"x": torch.tensor(1.0)}, "x has shape (), but must hold at least one sample."),
        ({"x": [[1.0, 1.0]]}, "x is of the type list, but must be a tensor."),
        ({"y": [0.0]}, "y is of the type list, but must be a tensor."),
    ],
)
def test_hutchinson_refuses_in_a_sentence(change: dict, message: str) -> None:
    good = {"model": nn.Linear(2, 1), "loss": theory_loss, "x": torch.ones(3, 2)}
    good |= {"y": torch.zeros(3, 1), "probes": 2}
    assert hutchinson_sharpness(**good, generator=seeded()).standard_error >= 0
    with pytest.raises(InputError) as caught:
        hutchinson_sharpness(**(good | change), generator=seeded())
    assert str(caught.value).startswith(message) and str(caught.value).endswith(".")


def test_bad_input_is_refused_in_a_sentence() -> None:
    model, x, y = nn.Linear(2, 1), torch.ones(3, 2), torch.zeros(3, 1)
    with pytest.raises(InputError, match="probes is 1, but must be at least 2"):
        hutchinson_sharpness(model, theory_loss, x, y, 1, generator=seeded())
    with pytest.raises(InputError, match=r"probes is 2.5, but must be an integer"):
        hutchinson_sharpness(model, theory_loss, x, y, 2.5, generator=seeded())  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"generator is None, but must be a torch.Generator"):
        hutchinson_sharpness(model, theory_loss, x, y, 2, generator=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="model has 0 trainable parameters"):
        hutchinson_sharpness(nn.ReLU(), theory_loss, x, y, 2, generator=seeded())
    with pytest.raises(InputError, match="2 entries that are NaN or infinite"):
        hutchinson_sharpness(model, theory_loss, x * float("inf"), y, 2, generator=seeded())
    with pytest.raises(InputError, match=r"x has dtype torch.int64, but must be floating-point"):
        mlp_sharpness(model, x.long())
