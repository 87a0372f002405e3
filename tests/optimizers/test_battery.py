"""One battery for every optimiser, filter and constraint, and each one's step by its formula."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from grokbook import Experiment, InputError, experiment, train
from grokbook._support.errors import CheckpointError
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.optimizers.adam import Adam
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.grokfast import GrokfastEMA, GrokfastMA
from grokbook.optimizers.members import MEMBERS
from grokbook.optimizers.muon import Muon
from grokbook.optimizers.norm_clamp import NormClamp
from grokbook.optimizers.optimizer import Optimizer
from grokbook.optimizers.orthogonal_gradient import OrthogonalGradient
from grokbook.optimizers.sgd import SGD
from grokbook.training.checkpoints import read_checkpoint, write_checkpoint
from grokbook.training.loop import train_together


@dataclass(frozen=True)
class Averaged:
    """An optimiser of a researcher's own, of which nothing is known."""

    lr: float = 1e-3

    def build(self, parameters):  # type: ignore[no-untyped-def]
        return torch.optim.Adafactor(parameters.values(), lr=self.lr)


CHAINS = {
    "adamw": AdamW(warmup_steps=4),
    "adamw and l1": AdamW(weight_decay=0.0, l1_decay=0.5),
    "adam": Adam(weight_decay=0.01, eps=1e-25),
    "sgd": SGD(weight_decay=1e-3, warmup_steps=2),
    "muon": Muon(),
    "own": Averaged(),
    "grokfast ema": Chain((GrokfastEMA(),), AdamW()),
    "grokfast ma": Chain((GrokfastMA(window=5),), SGD()),
    "orthogonal": Chain((OrthogonalGradient(),), Adam()),
    "clamp to the initial norm": Chain(constraint=NormClamp()),
    "clamp to a radius": Chain((), Adam(), NormClamp(9.0)),
    "all": Chain((GrokfastEMA(), OrthogonalGradient(), GrokfastMA(3)), Muon(), NormClamp()),
}


def recipe(settings: object, seed: int = 0, **changes: object) -> Experiment:
    base = experiment("modadd-standard", "smoke", seed)
    small = replace(
        base, steps=12, log=LogSchedule("linear", 4), measurements=Measurements(),
        optimizer=settings,
    )  # fmt: skip
    return replace(small, **changes)


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_battery_has_every_member() -> None:
    chains = [link for link in CHAINS.values() if isinstance(link, Chain)]
    seen = {type(each) for each in CHAINS.values()}
    seen |= {type(each) for chain in chains for each in (chain.optimizer, *chain.filters)}
    assert seen | {type(chain.constraint) for chain in chains} >= set(MEMBERS)


@pytest.mark.parametrize("name", CHAINS)
def test_the_experiment_survives_json_and_has_an_id_of_its_own(name: str) -> None:
    original = recipe(CHAINS[name])
    fields = json.loads(json.dumps(original.to_dict()))
    if name != "own":
        assert Experiment.from_dict(fields) == original
        assert Experiment.from_dict(fields).id == original.id
    assert len({recipe(each).id for each in CHAINS.values()}) == len(CHAINS)


@pytest.mark.parametrize("name", CHAINS)
def test_resumed_bit_for_bit_and_the_same_at_every_call(name: str, tmp_path: Path) -> None:
    made, path = recipe(CHAINS[name]), tmp_path / "checkpoint"
    whole = train(made, device="cpu")
    train(made, device="cpu", until=7, checkpoint=path, checkpoint_seconds=0.0)
    assert read_checkpoint(path)["step"] == 7
    resumed = train(made, device="cpu", checkpoint=path)
    pd.testing.assert_frame_equal(whole.log, resumed.log, check_exact=True)
    assert whole.weights is not None and resumed.weights is not None
    assert same(whole.weights, resumed.weights)
    assert whole.log["train_loss"].iloc[-1] != whole.log["train_loss"][0]


@pytest.mark.parametrize("name", CHAINS)
def test_seeds_together_are_each_as_alone(name: str, tmp_path: Path) -> None:
    """Also cut off together and gone on with alone. Muon rounds to bfloat16 on the way."""
    tolerance = 0.05 if name in ("muon", "all") else 1e-9
    recipes = [recipe(CHAINS[name], seed, dtype="float64") for seed in (0, 1)]
    paths = [tmp_path / "0", tmp_path / "1"]
    together = train_together(recipes, device="cpu")
    train_together(recipes, device="cpu", until=7, checkpoints=paths, checkpoint_seconds=0.0)
    second = train(recipes[1], device="cpu", checkpoint=paths[1])
    for made, run in zip(recipes, together, strict=True):
        np.testing.assert_allclose(run.log, train(made, device="cpu").log, rtol=tolerance)
    np.testing.assert_allclose(second.log, together[1].log, rtol=tolerance)


@pytest.mark.parametrize("name", CHAINS)
def test_together_resumed_bit_for_bit(name: str, tmp_path: Path) -> None:
    recipes = [recipe(CHAINS[name], seed) for seed in (0, 1)]
    paths = [tmp_path / "0", tmp_path / "1"]
    whole = train_together(recipes, device="cpu")
    train_together(recipes, device="cpu", until=7, checkpoints=paths, checkpoint_seconds=0.0)
    for a, b in zip(whole, train_together(recipes, checkpoints=paths), strict=True):
        pd.testing.assert_frame_equal(a.log, b.log, check_exact=True)


class NothingReadBack(TorchDispatchMode):
    """Refuses what makes the host wait for a GPU: reading a number out of a tensor."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        assert func is not torch.ops.aten._local_scalar_dense.default, "a tensor was read"
        return func(*args, **kwargs or {})


def network(dtype: torch.dtype = torch.float64) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=generator)
    return model


def descend(settings: object, model: nn.Module, steps: int) -> list[list[Tensor]]:
    """Take steps on losses that change; return the gradients of each."""
    optimizer, seen = Optimizer(settings, [model]), []  # type: ignore[arg-type]
    for taken in range(steps):
        generator = torch.Generator().manual_seed(taken)
        x = torch.randn((5, 4), generator=generator, dtype=next(model.parameters()).dtype)
        loss = (model(x) - 1).square().mean()
        seen.append(list(torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)))
        optimizer.step(loss, taken)
    return seen


@pytest.mark.parametrize("name", [name for name in CHAINS if name != "own"])
def test_nothing_is_read_back(name: str) -> None:
    model = network(torch.float32)
    optimizer = Optimizer(CHAINS[name], [model])  # type: ignore[arg-type]
    with NothingReadBack():
        for taken in range(6):
            optimizer.step(model(torch.ones(2, 4)).square().mean(), taken)


# One step by the formula, from the gradients alone.

Rule = Callable[[list[Tensor], list[Tensor], int], list[Tensor]]


def adamw_rule() -> Rule:
    m: dict[int, Tensor] = {}
    v: dict[int, Tensor] = {}

    def rule(weights: list[Tensor], gradients: list[Tensor], t: int) -> list[Tensor]:
        new = []
        for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            m[i] = 0.9 * m.get(i, 0) + 0.1 * g
            v[i] = 0.98 * v.get(i, 0) + 0.02 * g**2
            w = w * (1 - 0.01 * 0.3)
            step = (m[i] / (1 - 0.9**t)) / ((v[i] / (1 - 0.98**t)).sqrt() + 1e-8)
            new.append(w - 0.01 * step)
        return new

    return rule


def adam_rule() -> Rule:
    m: dict[int, Tensor] = {}
    v: dict[int, Tensor] = {}

    def rule(weights: list[Tensor], gradients: list[Tensor], t: int) -> list[Tensor]:
        new = []
        for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            g = g + 0.3 * w
            m[i] = 0.9 * m.get(i, 0) + 0.1 * g
            v[i] = 0.98 * v.get(i, 0) + 0.02 * g**2
            step = (m[i] / (1 - 0.9**t)) / ((v[i] / (1 - 0.98**t)).sqrt() + 1e-25)
            new.append(w - 0.01 * step)
        return new

    return rule


def sgd_rule() -> Rule:
    b: dict[int, Tensor] = {}

    def rule(weights: list[Tensor], gradients: list[Tensor], t: int) -> list[Tensor]:
        new = []
        for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            g = g + 0.3 * w
            b[i] = g if t == 1 else 0.8 * b[i] + g
            new.append(w - 0.01 * b[i])
        return new

    return rule


def descent(weights: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    return [w - 0.01 * g for w, g in zip(weights, gradients, strict=True)]


def ema_rule() -> Rule:
    slow: list[Tensor] = []

    def rule(weights: list[Tensor], gradients: list[Tensor], t: int) -> list[Tensor]:
        if t == 1:
            slow.extend(gradients)
        for i, g in enumerate(gradients):
            slow[i] = slow[i] * 0.7 + g * (1 - 0.7)
        return descent(weights, [g + 3 * h for g, h in zip(gradients, slow, strict=True)])

    return rule


def ma_rule() -> Rule:
    last: list[list[Tensor]] = []

    def rule(weights: list[Tensor], gradients: list[Tensor], t: int) -> list[Tensor]:
        last.append(gradients)
        if t < 3:
            return descent(weights, gradients)
        means = [sum(column) / 3 for column in zip(*last[-3:], strict=True)]
        return descent(weights, [g + 4 * h for g, h in zip(gradients, means, strict=True)])

    return rule


def orthogonal_rule() -> Rule:
    def rule(weights: list[Tensor], gradients: list[Tensor], t: int) -> list[Tensor]:
        turned = []
        for w, g in zip(weights, gradients, strict=True):
            a, b = w.flatten(), g.flatten()
            across = b - torch.dot(a, b) / torch.dot(a, a) * a
            turned.append((across * b.norm() / across.norm()).view_as(g))
            assert abs(float((turned[-1] * w).sum())) < 1e-12
        return descent(weights, turned)

    return rule


def clamp_rule(radius: float | None) -> Rule:
    found: list[Tensor] = []

    def rule(weights: list[Tensor], gradients: list[Tensor], t: int) -> list[Tensor]:
        found.append(torch.cat([w.flatten() for w in weights]).norm())
        moved = descent(weights, gradients)
        norm = torch.cat([w.flatten() for w in moved]).norm()
        return [w * (found[0] if radius is None else radius) / norm for w in moved]

    return rule


PLAIN = SGD(lr=0.01, momentum=0.0)
FORMULAS: dict[str, tuple[object, Callable[[], Rule]]] = {
    "adamw": (AdamW(lr=0.01, weight_decay=0.3, betas=(0.9, 0.98)), adamw_rule),
    "adam": (Adam(lr=0.01, weight_decay=0.3, betas=(0.9, 0.98), eps=1e-25), adam_rule),
    "sgd": (SGD(lr=0.01, weight_decay=0.3, momentum=0.8), sgd_rule),
    "grokfast ema": (Chain((GrokfastEMA(0.7, 3.0),), PLAIN), ema_rule),
    "grokfast ma": (Chain((GrokfastMA(3, 4.0),), PLAIN), ma_rule),
    "orthogonal": (Chain((OrthogonalGradient(),), PLAIN), orthogonal_rule),
    "initial norm": (Chain((), PLAIN, NormClamp()), lambda: clamp_rule(None)),
    "radius": (Chain((), PLAIN, NormClamp(2.5)), lambda: clamp_rule(2.5)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_each_step_is_the_formula_s(name: str) -> None:
    settings, make = FORMULAS[name]
    model, rule = network(), make()
    weights = [w.detach().clone() for w in model.parameters()]
    for t, gradients in enumerate(descend(settings, model, 6), start=1):
        weights = rule(weights, gradients, t)
    for ours, wanted in zip(model.parameters(), weights, strict=True):
        torch.testing.assert_close(ours.detach(), wanted, rtol=1e-10, atol=1e-12)


def test_muon_turns_a_matrix_towards_the_closest_orthogonal_one_and_leaves_the_rest_to_adamw():
    model = network()
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    before = dict(zip(names, (w.detach().clone() for w in model.parameters()), strict=True))
    settings = Muon(lr=0.1, momentum=0.9, weight_decay=0.2, adamw_lr=0.01, by_adamw=("2.weight",))
    (gradients,) = descend(settings, model, 1)
    after = {name: w.detach() for name, w in model.named_parameters()}
    gradient = dict(zip(names, gradients, strict=True))
    moved = (before["0.weight"] * (1 - 0.1 * 0.2) - after["0.weight"]) / 0.1
    moved = moved / math.sqrt(6 / 4)  # 6 × 4, outputs × inputs
    u, _, vh = torch.linalg.svd(gradient["0.weight"], full_matrices=False)
    assert torch.linalg.svdvals(moved).max() < 1.3 and torch.linalg.svdvals(moved).min() > 0.5
    assert float((moved * (u @ vh)).sum() / (moved.norm() * (u @ vh).norm())) > 0.95
    for name in ("0.bias", "2.weight", "2.bias"):
        wanted = before[name] * (1 - 0.01 * 0.2) - 0.01 * gradient[name].sign()
        torch.testing.assert_close(after[name], wanted, rtol=0, atol=1e-6)


def test_warm_up_multiplies_every_learning_rate() -> None:
    for settings in (AdamW(warmup_steps=4), Adam(warmup_steps=4), SGD(warmup_steps=4)):
        assert [settings.factor(k) for k in (0, 1, 3, 4)] == [0.25, 0.5, 1.0, 1.0]
    model = network()
    optimizer = Optimizer(Muon(warmup_steps=4), [model])
    optimizer.step(model(torch.ones(1, 4).double()).square().mean(), 1)
    rates = [g["lr"] for part in optimizer._links[0].parts for g in part.param_groups]
    assert rates == [0.02 / 2, 3e-4 / 2]


def test_the_rate_goes_on_after_a_resume(tmp_path: Path) -> None:
    """Torch puts other groups in place when a state is loaded."""
    made = recipe(SGD(warmup_steps=10))
    path = tmp_path / "checkpoint"
    train(made, until=3, checkpoint=path, checkpoint_seconds=0.0)
    assert read_checkpoint(path)["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.03)
    train(made, until=8, checkpoint=path, checkpoint_seconds=0.0)
    assert read_checkpoint(path)["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.08)


def test_a_memory_of_another_shape_is_no_checkpoint(tmp_path: Path) -> None:
    made = recipe(Chain((GrokfastEMA(),)))
    path = tmp_path / "checkpoint"
    train(made, until=3, checkpoint=path, checkpoint_seconds=0.0)
    content = read_checkpoint(path)
    for memory in ([], [{}], [{"embedding": torch.zeros(2)}]):
        write_checkpoint(path, content | {"optimizer": content["optimizer"] | {"filters": memory}})
        with pytest.raises(CheckpointError, match="not a readable checkpoint"):
            train(made, checkpoint=path)


@dataclass(frozen=True)
class Unread(AdamW):
    speed: float = 2.0


@dataclass(frozen=True)
class Read(AdamW):
    speed: float = 2.0

    def build(self, parameters):  # type: ignore[no-untyped-def]
        return torch.optim.AdamW(parameters.values(), lr=self.lr * self.speed)


@dataclass(frozen=True)
class UnreadFilter(GrokfastEMA):
    delay: int = 3


@dataclass(frozen=True)
class Flat:
    def begin(self, weights):  # type: ignore[no-untyped-def]
        return {}

    def filtered(self, gradients, weights, memory, taken):  # type: ignore[no-untyped-def]
        return {name: gradient.flatten() for name, gradient in gradients.items()}


@dataclass(frozen=True)
class Silent(Flat):
    def filtered(self, gradients, weights, memory, taken):  # type: ignore[no-untyped-def]
        return {}


@dataclass(frozen=True)
class Nothing:
    def build(self, parameters):  # type: ignore[no-untyped-def]
        return None


@dataclass(frozen=True)
class OfTensors:
    scales: Tensor

    def build(self, parameters):  # type: ignore[no-untyped-def]
        return torch.optim.SGD(parameters.values(), lr=0.1)


def frozen_network() -> nn.Module:
    return nn.Linear(2, 2).requires_grad_(False)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: recipe(Unread()), "is a Unread, whose field 'speed' nobody reads"),
        (lambda: recipe(Chain((UnreadFilter(),))), "field 'delay' nobody reads"),
        (lambda: recipe(Chain((), Unread())), "field 'speed' nobody reads"),
        (lambda: recipe(AdamW), "optimizer is the class AdamW, but"),
        (lambda: recipe(None), "optimizer is None, but must be of the type AdamW"),
        (lambda: recipe(OrthogonalGradient()), "optimizer is OrthogonalGradient()"),
        (lambda: recipe(OfTensors(torch.ones(2))).id, "is tensor([1., 1.]), but must be a number"),
        (lambda: Chain((AdamW(),)), "filters has AdamW("),
        (lambda: Chain(GrokfastEMA()), "filters is GrokfastEMA("),
        (lambda: Chain((), Chain()), "optimizer is Chain("),
        (lambda: Chain(constraint=GrokfastEMA()), "constraint is GrokfastEMA("),
        (lambda: train(recipe(Chain((Flat(),))), until=1), "Flat returned shape (224,) as the"),
        (lambda: train(recipe(Chain((Silent(),))), until=1), "Silent returned nothing as the"),
        (lambda: train(recipe(Nothing()), until=1), "Nothing.build returned None"),
        (lambda: Optimizer(AdamW(), [frozen_network()]), "Linear has no weight to train, so AdamW"),
        (lambda: GrokfastEMA(1.0), "alpha is 1.0, but must lie in [0, 1)"),
        (lambda: GrokfastEMA(strength=-1), "strength is -1.0"),
        (lambda: GrokfastMA(0), "window is 0, but must be at least 1"),
        (lambda: NormClamp(0.0), "radius is 0.0"),
        (lambda: NormClamp("3"), "radius is '3'"),  # type: ignore[arg-type]
        (lambda: Adam(eps=0), "eps is 0"),
        (lambda: SGD(momentum=1), "momentum is 1.0"),
        (lambda: Muon(adamw_lr=-1), "adamw_lr is -1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")


def test_a_class_that_is_not_frozen_is_refused() -> None:
    @dataclass
    class Loose:
        lr: float = 0.1

        def build(self, parameters):  # type: ignore[no-untyped-def]
            return torch.optim.SGD(parameters.values(), lr=self.lr)

    with pytest.raises(InputError, match=r"Loose, which is no frozen dataclass\.$"):
        recipe(Loose())


def test_a_derived_class_that_reads_its_field_trains() -> None:
    faster, usual = train(recipe(Read()), until=2), train(recipe(AdamW()), until=2)
    assert faster.weights is not None and usual.weights is not None
    assert not torch.equal(faster.weights["query"], usual.weights["query"])
