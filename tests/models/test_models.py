"""Both networks against plain implementations written in the usual way."""

import math

import pytest
import torch
from torch import Tensor, nn

from grokbook import MLP, InputError, ModularAddition, Transformer
from grokbook._support.seeding import generator
from grokbook.strategies.losses import cross_entropy, mse


def plain_transformer(model: Transformer, x: Tensor, noise: Tensor | None) -> Tensor:
    """All positions, all queries, causal mask: the textbook way, from the same parameters."""
    n, p = len(x), model.p
    tokens = torch.cat((x, torch.full((n, 1), p)), dim=1)
    stream = model.embedding[tokens] + model.position
    if noise is not None:
        stream = stream + noise
    d = stream.shape[2]

    def heads(weight: Tensor) -> Tensor:  # (n, heads, positions, d / heads)
        return (stream @ weight).view(n, 3, model.heads, d // model.heads).transpose(1, 2)

    scores = heads(model.query) @ heads(model.key).transpose(2, 3) / math.sqrt(d // model.heads)
    mask = torch.ones(3, 3, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(mask, -math.inf).softmax(dim=-1)
    attended = (weights @ heads(model.value)).transpose(1, 2).reshape(n, 3, d)
    stream = stream + attended @ model.output
    hidden = torch.relu(stream @ model.mlp_in + model.mlp_in_bias)
    stream = stream + hidden @ model.mlp_out + model.mlp_out_bias
    return (stream @ model.unembedding)[:, -1]


def gradients(model: nn.Module, logits: Tensor, y: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(cross_entropy(logits, y), list(model.parameters())))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("p", [2, 13, 113])
def test_transformer_equals_the_plain_one(
    p: int, noisy: bool, dtype: torch.dtype, tolerance: float
) -> None:
    model = Transformer(p, generator=generator(0, "init"), dtype=dtype)
    with torch.no_grad():  # biases start at 0, where a mistake in them would not show
        model.mlp_in_bias.normal_(generator=generator(1, "init"))
        model.mlp_out_bias.normal_(generator=generator(2, "init"))
    split = ModularAddition(p, 0.3).load()
    x, y = split.train_x, split.train_y
    noise = None
    if noisy:
        noise = 0.4 * torch.randn(model.noise_shape(x), generator=generator(0, "noise")).to(dtype)
    ours, plain = model(x, noise), plain_transformer(model, x, noise)
    assert float((ours - plain).norm() / plain.norm()) < tolerance
    for name, a, b in zip(
        dict(model.named_parameters()),
        gradients(model, ours, y),
        gradients(model, plain, y),
        strict=True,
    ):
        assert float((a - b).norm()) <= tolerance * float(b.norm()) + 1e-12, name


def test_the_two_routes_through_the_transformer_agree() -> None:
    model = Transformer(13, generator=generator(0, "init"), dtype=torch.float64)
    x = ModularAddition(13).load().train_x
    inputs = model.inputs(x)
    assert inputs.shape == model.noise_shape(x)
    assert torch.allclose(model(x), model.logits(inputs), rtol=0, atol=1e-12)
    first = model.first_layer(inputs)
    assert first.shape == (len(x), 128)
    assert torch.allclose(model._head(first), model.logits(inputs), rtol=0, atol=1e-14)


@pytest.mark.parametrize("noisy", [False, True])
def test_no_pairs_give_no_logits(noisy: bool) -> None:
    """The test set where all pairs are for training."""
    model = Transformer(5, d=8, mlp=16, generator=generator(0, "init"))
    x = ModularAddition(5, 1.0).load().test_x
    noise = torch.zeros(model.noise_shape(x)) if noisy else None
    assert model(x, noise).shape == (0, 5)
    assert model.first_layer(model.inputs(x)).shape == (0, 8)


def test_transformer_starts_as_the_paper_s() -> None:
    model = Transformer(generator=generator(0, "init"))
    assert sum(parameter.numel() for parameter in model.parameters()) == 226_688
    for name, parameter in model.named_parameters():
        if "bias" in name:
            assert not parameter.any()
            continue
        scale = math.sqrt(113 if name == "unembedding" else 128)
        spread = 3 / math.sqrt(2 * parameter.numel())  # three standard errors of a deviation
        assert float(parameter.double().std() * scale) == pytest.approx(1, abs=2 * spread), name


def test_transformer_has_second_derivatives() -> None:
    model = Transformer(5, d=8, mlp=16, generator=generator(0, "init"), dtype=torch.float64)
    x = ModularAddition(5, 1.0).load().train_x
    assert torch.autograd.gradgradcheck(
        lambda e: cross_entropy(
            torch.func.functional_call(model, {"embedding": e}, (x,)), x.sum(1) % 5
        ),
        (model.embedding.detach().requires_grad_(),),
    )


def test_mlp_equals_the_sequential_one() -> None:
    model = MLP((6, 5, 4, 3), generator=generator(0, "init"), dtype=torch.float64)
    first, second, third = model.layers
    plain = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
    x = torch.randn(7, 6, generator=generator(0, "noise"), dtype=torch.float64)
    noise = torch.randn(7, 6, generator=generator(1, "noise"), dtype=torch.float64)
    assert torch.equal(model(x), plain(x))
    assert torch.equal(model(x, noise), plain(x + noise))
    assert torch.equal(model.first_layer(model.inputs(x)), torch.relu(first(x)))


@pytest.mark.parametrize("scale", [1.0, 8.0])
def test_mlp_starts_as_omnigrok_s(scale: float) -> None:
    """PyTorch's default uniform bound 1/√fan_in, biases too, times α."""
    model = MLP(init_scale=scale, generator=generator(0, "init"))
    for layer, fan_in in zip(model.layers, (784, 200, 200), strict=True):
        bound = scale / math.sqrt(fan_in)
        for parameter in (layer.weight, layer.bias):
            assert float(parameter.abs().max()) <= bound
            assert float(parameter.abs().max()) > 0.6 * bound
            spread = 3 / math.sqrt(parameter.numel())
            assert float(parameter.std()) == pytest.approx(bound / math.sqrt(3), rel=2 * spread)


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    MLP(generator=generator(0, "init"))
    Transformer(13, generator=generator(0, "init"))
    ModularAddition(13).load()
    assert torch.equal(torch.rand(3), expected)


def test_losses_equal_torch_s_in_float64() -> None:
    logits = torch.randn(9, 4, generator=generator(0, "noise"))
    y = torch.arange(9) % 4
    target = nn.functional.one_hot(y, 4).double()
    assert mse(logits, y).dtype == cross_entropy(logits, y).dtype == torch.float64
    assert torch.equal(mse(logits, y), nn.MSELoss()(logits.double(), target))
    assert torch.equal(cross_entropy(logits, y), nn.CrossEntropyLoss()(logits.double(), y))


def test_cross_entropy_sees_what_float32_rounds_to_zero() -> None:
    logits = torch.tensor([[40.0, 0.0]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([0]))
    assert loss.item() == pytest.approx(math.exp(-40), rel=1e-4)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert float(gradient[0, 1]) == pytest.approx(math.exp(-40), rel=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MLP((784,), generator=generator(0, "init")),
        lambda: MLP((784, 0, 10), generator=generator(0, "init")),
        lambda: MLP(init_scale=float("nan"), generator=generator(0, "init")),
        lambda: MLP(init_scale=-1, generator=generator(0, "init")),
        lambda: Transformer(5, d=10, heads=4, generator=generator(0, "init")),
        lambda: Transformer(5, heads=0, generator=generator(0, "init")),
        lambda: Transformer(5, d=0, generator=generator(0, "init")),
        lambda: Transformer(5, mlp=-3, generator=generator(0, "init")),
        lambda: Transformer(5, mlp=2.5, generator=generator(0, "init")),
        lambda: Transformer(0, generator=generator(0, "init")),
    ],
)
def test_impossible_sizes_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        make()
