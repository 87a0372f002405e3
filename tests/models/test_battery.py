"""One battery for every model, and what each promises of its own."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from grokbook import Experiment, InputError, experiment, train
from grokbook._support.seeding import generator
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.models.base import DataShape, Network
from grokbook.models.members import MEMBERS
from grokbook.models.mlp import EmbeddedMLP, MLPConfig, OneHotMLP
from grokbook.models.modules import ModuleNetwork
from grokbook.models.transformer import Transformer, TransformerConfig
from grokbook.strategies.losses import cross_entropy
from grokbook.strategies.perturbation import Perturbed
from grokbook.training.loop import train_together


class Pairs(nn.Module):
    """A network of a researcher's own that embeds its tokens."""

    def __init__(self, tokens: int, classes: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, width)
        self.hidden = nn.Sequential(nn.Linear(2 * width, 16), nn.GELU())
        self.head = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.embed(x).flatten(1)))


@dataclass(frozen=True)
class Embedded:
    width: int = 6

    def build(self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype):  # type: ignore[no-untyped-def]
        assert data.tokens is not None
        module = Pairs(data.tokens, data.classes, self.width)
        return ModuleNetwork(module, embedding="embed", first_layer="hidden")


@dataclass(frozen=True)
class OneHot:
    def build(self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype):  # type: ignore[no-untyped-def]
        assert data.tokens is not None
        module = nn.Sequential(nn.Linear(2 * data.tokens, 16), nn.ReLU(), nn.Linear(16, 13))
        return ModuleNetwork(module, one_hot=data.tokens, first_layer="1")


@dataclass(frozen=True)
class Images:
    def build(self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype):  # type: ignore[no-untyped-def]
        return nn.Sequential(nn.Linear(data.inputs, 16), nn.Tanh(), nn.Linear(16, data.classes))


PAIRS: dict[str, object] = {
    "transformer": TransformerConfig(d=16, mlp=32),
    "two layers": TransformerConfig(d=16, mlp=32, layers=2),
    "three layers, shared": TransformerConfig(d=8, heads=2, mlp=8, layers=3, shared_positions=True),
    "shared positions": TransformerConfig(d=16, mlp=32, shared_positions=True),
    "p + 1 outputs": TransformerConfig(d=16, mlp=32, extra_outputs=1),
    "one-hot mlp": MLPConfig((16,), 1.0),
    "embedded mlp": MLPConfig((16, 16), 1.0, embedding=5, extra_outputs=1),
    "own, embedded": Embedded(),
    "own, one-hot": OneHot(),
}
IMAGES: dict[str, object] = {"mlp": MLPConfig((16, 16)), "own, images": Images()}
ALL = [*PAIRS, *IMAGES]


def recipe(name: str, seed: int = 0, **changes: object) -> Experiment:
    model = (PAIRS | IMAGES)[name]
    task = "modadd" if name in PAIRS else "mnist"
    return replace(
        experiment(f"{task}-standard", "smoke", seed), model=model, steps=12,
        log=LogSchedule("linear", 3), measurements=Measurements(), **changes,
    )  # fmt: skip


def built(name: str, seed: int = 0, dtype: str = "float64"):  # type: ignore[no-untyped-def]
    made = recipe(name, seed, dtype=dtype)
    split = made.dataset.load()
    return made.network(split), split


def test_the_battery_has_every_member() -> None:
    assert {type(each) for each in (PAIRS | IMAGES).values()} >= set(MEMBERS)
    assert len({recipe(name).id for name in ALL}) == len(ALL)


@pytest.mark.parametrize("name", ALL)
def test_weights_are_the_seed_s_and_the_global_generator_is_left_alone(name: str) -> None:
    before = torch.get_rng_state()
    one, other, third = built(name)[0], built(name)[0], built(name, seed=1)[0]
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), third.parameters()))  # noqa: B905
    single = built(name, dtype="float32")[0]
    for a, b in zip(one.parameters(), single.parameters(), strict=True):
        assert torch.equal(a, b.double()) and a.dtype == torch.float64


@pytest.mark.parametrize("name", ALL)
def test_the_routes_agree_and_noise_is_added_to_the_continuous_input(name: str) -> None:
    model, split = built(name)
    x = split.train_x[:9]
    inputs = model.inputs(x)
    assert inputs.shape == model.noise_shape(x) and inputs.dtype == torch.float64
    noise = torch.randn(inputs.shape, generator=generator(0, "noise"), dtype=torch.float64)
    close = {"rtol": 0, "atol": 1e-11}
    assert model(x).shape[0] == 9 and model(x).shape[1] >= split.classes
    assert torch.allclose(model(x), model.logits(inputs), **close)
    assert torch.allclose(model(x, 0 * noise), model(x), **close)
    assert torch.allclose(model(x, noise), model.logits(inputs + noise), **close)
    assert not torch.allclose(model(x, noise), model(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_every_weight_moves(name: str) -> None:
    model, split = built(name)
    loss = cross_entropy(model(split.train_x), split.train_y)
    for (key, _), gradient in zip(
        model.named_parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True
    ):
        assert gradient.any(), key


@pytest.mark.parametrize("name", ALL)
def test_trained_with_noise_resumed_and_together(name: str, tmp_path: Path) -> None:
    noisy = [recipe(name, seed, strategy=Perturbed(0.1, 0.05), dtype="float64") for seed in (0, 1)]
    path = tmp_path / "checkpoint"
    alone = [train(each, device="cpu", compiled=False).log for each in noisy]
    train(noisy[0], device="cpu", until=7, checkpoint=path, checkpoint_seconds=0.0)
    resumed = train(noisy[0], device="cpu", checkpoint=path).log
    pd.testing.assert_frame_equal(resumed, alone[0], check_exact=True)
    for log, run in zip(alone, train_together(noisy, device="cpu"), strict=True):
        np.testing.assert_allclose(run.log, log, rtol=1e-8)
    assert alone[0]["train_loss"].iloc[-1] < alone[0]["train_loss"][0]


@pytest.mark.parametrize("name", [name for name in ALL if name != "own, images"])
def test_every_metric_of_the_task_is_measured(name: str) -> None:
    task = "modadd" if name in PAIRS else "mnist"
    everything = experiment(f"{task}-standard", "smoke").measurements
    run = train(replace(recipe(name), measurements=everything, steps=1), device="cpu")
    assert {"sharpness", "perturbed_mutual_information", "theorem_5_9_left"} <= set(run.log)
    assert run.log[["sharpness", "perturbed_mutual_information"]].notna().all().all()
    assert ("epsilon" in run.log) == (name in ("mlp", "one-hot mlp"))


def test_without_a_first_layer_its_metrics_are_refused() -> None:
    asked = replace(recipe("own, images"), measurements=Measurements(("information",)))
    with pytest.raises(InputError, match=r"Sequential has no first layer, which this metric needs"):
        train(asked, device="cpu")


def plain(model: Transformer, x: Tensor, causal: bool = True) -> Tensor:
    """All layers at all positions, the textbook way, from the same parameters."""
    n, p, heads = len(x), model.p, model.heads
    stream = model.embedding[torch.cat((x, torch.full((n, 1), p)), dim=1)] + model._positions()
    d = stream.shape[2]
    for layer in (*model.earlier, model):

        def by_head(weight: Tensor, stream: Tensor = stream) -> Tensor:
            return (stream @ weight).view(n, 3, heads, d // heads).transpose(1, 2)

        scores = by_head(layer.query) @ by_head(layer.key).transpose(2, 3)
        mask = torch.ones(3, 3, dtype=torch.bool).triu(1)
        if not causal:
            mask[0, 1] = False
        weights = (scores / math.sqrt(d // heads)).masked_fill(mask, -math.inf).softmax(dim=-1)
        mixed = (weights @ by_head(layer.value)).transpose(1, 2).reshape(n, 3, d)
        stream = stream + mixed @ layer.output
        hidden = torch.relu(stream @ layer.mlp_in + layer.mlp_in_bias)
        stream = stream + hidden @ layer.mlp_out + layer.mlp_out_bias
    return (stream @ model.unembedding)[:, -1]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("shared", [False, True])
def test_a_transformer_of_several_layers_equals_the_plain_one(layers: int, shared: bool) -> None:
    model = Transformer(
        7, d=8, heads=2, mlp=12, layers=layers, shared_positions=shared,
        generator=generator(0, "init"), dtype=torch.float64,
    )  # fmt: skip
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.normal_(generator=generator(1, name))
    x = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    wanted = plain(model, x, causal=not shared)
    assert torch.allclose(model(x), wanted, rtol=0, atol=1e-12)
    for ours, theirs in zip(
        torch.autograd.grad(model(x).square().sum(), list(model.parameters())),
        torch.autograd.grad(plain(model, x, not shared).square().sum(), list(model.parameters())),
        strict=True,
    ):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-10)


def test_one_layer_is_the_last_of_several() -> None:
    """The seed's draws for one layer stay what they are when layers are added."""
    one, two = (
        Transformer(5, d=8, mlp=16, layers=layers, generator=generator(0, "init"))
        for layers in (1, 2)
    )
    for name, weight in one.named_parameters():
        assert torch.equal(weight, two.get_parameter(name)), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layers", [1, 2])
def test_shared_positions_are_the_commutative_law_to_the_last_bit(
    layers: int, dtype: torch.dtype
) -> None:
    model = Transformer(
        7, d=8, mlp=16, layers=layers, shared_positions=True, generator=generator(0, "init"),
        dtype=dtype,
    )  # fmt: skip
    x = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    assert torch.equal(model(x), model(x.flip(1)))
    assert torch.equal(model.logits(model.inputs(x)), model.logits(model.inputs(x.flip(1))))
    swapped = model.inputs(x)[:, [1, 0, 2]]  # the law holds of the inputs themselves, too
    assert torch.allclose(model.logits(swapped), model(x), rtol=0, atol=1e-5)
    usual = Transformer(7, d=8, mlp=16, generator=generator(0, "init"), dtype=dtype)
    assert not torch.allclose(usual(x), usual(x.flip(1)), atol=1e-2)


def test_second_derivatives_of_two_layers() -> None:
    model = Transformer(
        3, d=4, heads=2, mlp=4, layers=2, generator=generator(0, "init"), dtype=torch.float64
    )
    x = torch.tensor([[0, 1], [2, 2]])
    assert torch.autograd.gradgradcheck(
        lambda e: torch.func.functional_call(model, {"embedding": e}, (x,)).square().sum(),
        (model.embedding.detach().requires_grad_(),),
    )


def test_a_perceptron_reads_pairs_as_one_hot_vectors_or_embeddings() -> None:
    x = torch.tensor([[1, 0], [2, 2]])
    one_hot = OneHotMLP(3, 2, (4, 3), generator=generator(0, "init"))
    assert one_hot.inputs(x).tolist() == [[0, 1, 0, 1, 0, 0], [0, 0, 1, 0, 0, 1]]
    embedded = EmbeddedMLP(3, 2, 5, (4, 3), generator=generator(0, "init"))
    assert torch.equal(embedded.inputs(x)[0], embedded.embedding[[1, 0]].flatten())


@dataclass(frozen=True)
class Made:
    """Whatever is asked for, as a module."""

    kind: str

    def build(self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype):  # type: ignore[no-untyped-def]
        n, k = data.inputs, data.classes
        linear = nn.Linear(n, k)
        if self.kind == "narrow":
            return nn.Linear(n, k - 1)
        if self.kind == "infinite":
            nn.init.constant_(linear.weight, math.inf)
        if self.kind == "other width":
            return nn.Linear(n + 1, k)
        if self.kind == "image":
            return nn.Sequential(linear, nn.Unflatten(1, (k, 1)))
        if self.kind == "dropout":
            return nn.Sequential(linear, nn.Dropout(0.1))
        if self.kind == "norm":
            return nn.Sequential(linear, nn.BatchNorm1d(k))
        if self.kind == "random":
            return Shaken(n, k)
        if self.kind == "frozen":
            return linear.requires_grad_(False)
        return None if self.kind == "none" else linear


class Shaken(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand(())


class Peeking(Pairs):
    """Reads its tokens beside their embedding."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x[:, :1]


@dataclass(frozen=True)
class Peeked:
    def build(self, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype):  # type: ignore[no-untyped-def]
        return ModuleNetwork(Peeking(13, 13, 4), embedding="embed")


@dataclass(frozen=True)
class Wider(TransformerConfig):
    factor: int = 4


DIGITS = experiment("mnist-standard", "smoke")
MODADD = experiment("modadd-standard", "smoke")


def tried(base: Experiment, model: object) -> Callable[[], object]:
    return lambda: train(replace(base, model=model), device="cpu", until=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (tried(DIGITS, Made("narrow")), "Made returned 9 logits, but the task has 10 labels"),
        (tried(DIGITS, Made("infinite")), "Made returned no finite logit"),
        (tried(DIGITS, Made("other width")), "Made cannot read samples of shape (8, 64)"),
        (tried(DIGITS, Made("image")), "returned shape (8, 10, 1), but must return logits (8, K)"),
        (tried(DIGITS, Made("dropout")), "Made has Dropout (module.1)"),
        (tried(DIGITS, Made("norm")), "Made has BatchNorm1d (module.1)"),
        (tried(DIGITS, Made("random")), "other logits when it was called again"),
        (tried(DIGITS, Made("frozen")), "has no weight to train"),
        (tried(DIGITS, Made("none")), "Made.build returned None, but must return an nn.Module"),
        (tried(MODADD, Made("plain")), "returned a Linear, but the data are tokens"),
        (tried(MODADD, Peeked()), "other logits from the continuous input"),
        (tried(MODADD, Wider()), "is a Wider, whose field 'factor' nobody reads"),
        (tried(MODADD, nn.Linear(2, 2)), "model is Linear("),
        (tried(DIGITS, TransformerConfig()), "TransformerConfig cannot read Digits"),
        (tried(DIGITS, MLPConfig(embedding=3)), "embedding is 3, but the data are images"),
        (lambda: TransformerConfig(layers=0), "layers is 0"),
        (lambda: MLPConfig(extra_outputs=-1), "extra_outputs is -1"),
        (lambda: ModuleNetwork(nn.Linear(1, 1), first_layer="a"), "first_layer is 'a', but Linear"),
        (lambda: ModuleNetwork(nn.Linear(1, 1), embedding="a", one_hot=2), "are both given"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_sentence(
    make: Callable[[], object], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")


def test_sizes_may_be_asked_for_without_data() -> None:
    perceptron = DIGITS.build_model(inputs=64, classes=10)
    transformer = MODADD.build_model(inputs=0, classes=13)
    assert isinstance(perceptron, Network) and isinstance(transformer, Transformer)
    assert [*dataclasses.asdict(DataShape(2, 13, 13))] == ["inputs", "classes", "tokens"]
