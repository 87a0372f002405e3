"""One battery for every strategy, and what each promises of its own."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from grokbook import (
    CONTROLS,
    EXPERIMENTS,
    AbelianRegularized,
    InputError,
    MirrorAugmented,
    Perturbed,
    Standard,
    experiment,
    train,
)
from grokbook._support.seeding import generator
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.models.transformer import Transformer
from grokbook.strategies.base import TrainingState
from grokbook.strategies.jacobian import JacobianRegularized
from grokbook.strategies.losses import cross_entropy
from grokbook.strategies.members import MEMBERS
from grokbook.tasks.base import Split
from grokbook.tasks.modular import ModularAddition
from grokbook.training.loop import train_together
from grokbook.training.trainer import Trainer

STRATEGIES = {
    "standard": Standard(),
    "perturbed": Perturbed(0.5, 0.4),
    "abelian": AbelianRegularized(100.0),
    "mirrored": MirrorAugmented(),
    "constant noise": Perturbed(0.0, 0.4),
    "operands alone": Perturbed(0.5, 0.4, noise_on_equals=False),
    # λ₂ is low, so that σ follows the accuracy.
    "noisy accuracy": Perturbed(0.5, 0.01, refresh=3, noisy_accuracy=True),
    "training mirrors": AbelianRegularized(100.0, test_mirrors=False),
    "jacobian": JacobianRegularized(0.1, projections=2),
}
_FIELDS = ("noisy accuracy", "training mirrors")
ZERO = {
    "standard": Standard(),
    "perturbed": Perturbed(0.0, 0.0),
    "abelian": AbelianRegularized(0.0),
    "jacobian": JacobianRegularized(0.0),
}


def small(strategy, seed: int = 0, **changes):  # type: ignore[no-untyped-def]
    base = experiment("modadd-standard", "smoke", seed)
    return dataclasses.replace(
        base,
        strategy=strategy,
        steps=30,
        log=LogSchedule("linear", 6),
        measurements=Measurements(("accuracy", "norms", "commutativity")),
        **changes,
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_experiment_gives_the_same_run(name: str) -> None:
    a, b = (train(small(STRATEGIES[name])).log for _ in range(2))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


def test_the_battery_has_every_member() -> None:
    assert {type(strategy) for strategy in STRATEGIES.values()} == set(MEMBERS)


@pytest.mark.parametrize("name", STRATEGIES)
def test_resumed_bit_for_bit(name: str, tmp_path: Path) -> None:
    recipe, path = small(STRATEGIES[name]), tmp_path / "checkpoint"
    whole = train(recipe).log
    train(recipe, until=13, checkpoint=path, checkpoint_seconds=0.0)
    pd.testing.assert_frame_equal(train(recipe, checkpoint=path).log, whole, check_exact=True)


@pytest.mark.parametrize("name", STRATEGIES)
def test_seeds_together_are_each_as_alone(name: str) -> None:
    recipes = [
        dataclasses.replace(small(STRATEGIES[name], seed, dtype="float64"), steps=12)
        for seed in (0, 1)
    ]
    for recipe, run in zip(recipes, train_together(recipes, device="cpu"), strict=True):
        pd.testing.assert_frame_equal(run.log, train(recipe).log, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", STRATEGIES)
def test_higher_precision_is_the_same_run(name: str) -> None:
    """Initial weights, batches and noise are the same numbers; only rounding differs."""
    runs = [
        train(dataclasses.replace(small(STRATEGIES[name], dtype=dtype), steps=3), device="cpu").log
        for dtype in ("float32", "float64")
    ]
    columns = ["train_loss", "test_loss", "weight_norm"]
    np.testing.assert_allclose(runs[0][columns], runs[1][columns], rtol=1e-4)


@pytest.mark.parametrize("name", STRATEGIES)
def test_another_seed_gives_another_run(name: str) -> None:
    a, b = (train(small(STRATEGIES[name], seed)).log for seed in (0, 1))
    assert (a["train_loss"] != b["train_loss"]).all()


@pytest.mark.parametrize("name", ZERO)
def test_zero_strength_is_standard_to_the_last_bit(name: str) -> None:
    zero, standard = train(small(ZERO[name])).log, train(small(Standard())).log
    pd.testing.assert_frame_equal(zero, standard, check_exact=True)


class NothingReadBack(TorchDispatchMode):
    """Refuses what makes the host wait for a GPU: reading a number out of a tensor."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        assert func is not torch.ops.aten._local_scalar_dense.default, "a tensor was read"
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("name", [*EXPERIMENTS, *CONTROLS, "jacobian", "operands alone", *_FIELDS])
@pytest.mark.parametrize("count", [1, 2])
def test_between_log_points_nothing_is_read_back(
    name: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_hot(y: Tensor, classes: int) -> Tensor:  # torch's looks at the labels, on a CPU only
        return (y[:, None] == torch.arange(classes)).long()

    monkeypatch.setattr(torch.nn.functional, "one_hot", one_hot)
    recipes = [
        small(STRATEGIES[name], seed) if name in STRATEGIES else experiment(name, "smoke", seed)
        for seed in range(count)
    ]
    trainer = Trainer(recipes, compiled=False)
    with NothingReadBack():
        for step in range(12):  # over a refresh of σ and the end of an epoch
            trainer.optimizer.step(trainer.losses().sum(), step)
            for seed in trainer.seeds:
                seed.state.step += 1
        with pytest.raises(AssertionError, match="a tensor was read"):
            trainer.losses().sum().item()


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "standard"])
def test_full_strength_is_not_standard(name: str) -> None:
    log, standard = train(small(STRATEGIES[name])).log, train(small(Standard())).log
    assert (log["train_loss"] != standard["train_loss"]).iloc[1:].all()


@pytest.mark.parametrize("name", STRATEGIES)
def test_test_labels_are_never_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every test label replaced, the trained weights are the same bits."""
    honest = train(small(STRATEGIES[name])).log
    load = ModularAddition.load

    def shuffled(self: ModularAddition) -> Split:
        split = load(self)
        return dataclasses.replace(split, test_y=(split.test_y + 1) % split.classes)

    monkeypatch.setattr(ModularAddition, "load", shuffled)
    changed = train(small(STRATEGIES[name])).log
    assert (changed["test_loss"] != honest["test_loss"]).all()
    for column in ("train_loss", "train_accuracy", "weight_norm", "logit_scale"):
        assert (changed[column] == honest[column]).all()


def state(accuracy: float, step: int = 0) -> TrainingState:
    return TrainingState(step, generator(0, "noise"), lambda: torch.tensor(accuracy).double())


@pytest.mark.parametrize(("accuracy", "sigma"), [(0.0, 0.5), (0.1, 0.45), (0.3, 0.4), (1.0, 0.4)])
def test_sigma_follows_the_training_accuracy(accuracy: float, sigma: float) -> None:
    """σ = max(λ₁ (1 − train accuracy), λ₂), section 3.2."""
    noise = Perturbed(0.5, 0.4).noise(state(accuracy), (200, 500), torch.empty(0))
    assert noise is not None
    assert float(noise.std()) == pytest.approx(sigma, rel=0.02)
    assert abs(float(noise.mean())) < 0.01


def test_sigma_is_refreshed_every_tenth_step_and_noise_is_fresh_each_step() -> None:
    now = state(0.0)
    asked = []
    now.train_accuracy = lambda: asked.append(now.step) or torch.zeros(())  # type: ignore[func-returns-value]
    drawn = []
    for now.step in range(25):
        drawn.append(Perturbed(1.0, 0.0).noise(now, (4,), torch.empty(0)))
    assert asked == [0, 10, 20]
    assert len({tuple(noise.tolist()) for noise in drawn}) == 25  # type: ignore[union-attr]


def test_sigma_follows_the_accuracy_under_noise_where_that_is_asked() -> None:
    now = state(0.3)
    shown = []

    def noisy(noise: Tensor) -> Tensor:
        shown.append(float(noise.std()))
        assert noise.shape == (300, 400)
        return torch.tensor(0.8).double()

    now.noisy_accuracy, now.training_shape = noisy, (300, 400)
    sigmas = []
    for now.step in range(0, 30, 10):
        noise = Perturbed(1.0, 0.0, noisy_accuracy=True).noise(now, (200, 500), torch.empty(0))
        assert noise is not None
        sigmas.append(float(noise.std()))
    # The first follows the clean accuracy, and each later one what was answered under the one
    # before.
    assert sigmas == pytest.approx([0.7, 0.2, 0.2], rel=0.02)
    assert shown == pytest.approx([0.7, 0.2], rel=0.02)


def test_the_abelian_term_is_the_mean_over_pairs_and_classes() -> None:
    model = Transformer(7, d=8, mlp=16, generator=generator(0, "init"), dtype=torch.float64)
    x = torch.tensor([[0, 1], [2, 2], [6, 3]])
    y = x.sum(1) % 7
    expected = cross_entropy(model(x), y)
    distances = [
        (model(x[i : i + 1]) - model(x[i : i + 1].flip(1))).square().sum() for i in range(3)
    ]
    expected = expected + 100 * sum(distances) / (3 * 7)
    ours = AbelianRegularized(100).loss(model, x, y, None, cross_entropy)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_law_is_asked_of_pairs_alone_whose_mirror_image_is_a_training_pair() -> None:
    model = Transformer(7, d=8, mlp=16, generator=generator(0, "init"), dtype=torch.float64)
    x = torch.tensor([[0, 1], [2, 2], [6, 3], [1, 0], [5, 4]])
    y = x.sum(1) % 7
    apart = (model(x[:1]) - model(x[3:4])).square().sum()
    expected = cross_entropy(model(x), y) + 100 * (2 * apart) / (3 * 7)  # (2, 2) is its own mirror
    strategy = AbelianRegularized(100, test_mirrors=False)
    ours = strategy.loss(model, x, y, None, cross_entropy)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-12)
    alone = x[2:3]
    none = strategy.loss(model, alone, y[2:3], None, cross_entropy)
    assert none.item() == cross_entropy(model(alone), y[2:3]).item()
    with pytest.raises(InputError, match=r"test_mirrors is False, .* batch_size is 9"):
        small(strategy, batch_size=9)


def test_no_input_of_a_test_pair_reaches_that_loss() -> None:
    """A pair whose mirror image is a test pair: its embedded mirror image gets no gradient."""
    model = Transformer(7, d=8, mlp=16, generator=generator(0, "init"), dtype=torch.float64)
    x = torch.tensor([[0, 1], [1, 0], [6, 3]])
    seen = []

    class Watched:
        def __call__(self, pairs: Tensor, noise: Tensor | None = None) -> Tensor:
            inputs = model.inputs(pairs).detach().requires_grad_()
            seen.append(inputs)
            return model.logits(inputs)

    for all_mirrors in (True, False):
        strategy = AbelianRegularized(100, test_mirrors=all_mirrors)
        none = lambda logits, y: logits.new_zeros(())  # noqa: E731
        strategy.loss(Watched(), x, x[:, 0], None, none).backward()  # type: ignore[arg-type]
        gradient = seen[-1].grad.abs().sum(dim=(1, 2))
        assert bool(gradient[5] > 0) == all_mirrors and (gradient[3:5] > 0).all()


def test_mirror_augmentation_is_the_mean_over_both_orders_of_every_pair() -> None:
    model = Transformer(7, d=8, mlp=16, generator=generator(0, "init"), dtype=torch.float64)
    x = torch.tensor([[0, 1], [2, 2], [6, 3]])
    y = x.sum(1) % 7
    losses = [
        cross_entropy(model(torch.tensor([pair])), torch.tensor([sum(pair) % 7]))
        for a, b in x.tolist()
        for pair in ([a, b], [b, a])
    ]
    ours = MirrorAugmented().loss(model, x, y, None, cross_entropy)
    assert ours.item() == pytest.approx(float(sum(losses).detach()) / 6, rel=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Perturbed(-0.1, 0.4),
        lambda: Perturbed(0.1, float("inf")),
        lambda: Perturbed(0.1, float("nan")),
        lambda: Perturbed(0.1, 0.4, refresh=0),
        lambda: Perturbed("0.1", 0.4),
        lambda: Perturbed(0.1, 0.4, refresh=2.5),
        lambda: AbelianRegularized(-1.0),
        lambda: AbelianRegularized(float("nan")),
        lambda: AbelianRegularized(None),
    ],
)
def test_strengths_outside_the_allowed_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        make()


def test_the_token_equals_is_left_alone_where_that_is_asked() -> None:
    noise = Perturbed(0.5, 0.4, noise_on_equals=False).noise(state(0.0), (5, 3, 4), torch.empty(0))
    both = Perturbed(0.5, 0.4).noise(state(0.0), (5, 3, 4), torch.empty(0))
    assert noise is not None and both is not None
    assert torch.equal(noise[:, :2], both[:, :2])
    assert not noise[:, 2].any() and both[:, 2].all()
    with pytest.raises(InputError, match="noise_on_equals is False, but MLPConfig reads no"):
        dataclasses.replace(
            experiment("mnist-perturbed", "smoke"), strategy=Perturbed(0.1, 0.1, 10, False)
        )


def test_noise_of_constant_size() -> None:
    noise = Perturbed(0.0, 0.4).noise(state(0.2), (200, 500), torch.empty(0))
    assert noise is not None and float(noise.std()) == pytest.approx(0.4, rel=0.02)


def test_the_jacobian_term_is_the_authors_estimate_of_its_norm() -> None:
    model = Transformer(5, d=8, mlp=16, generator=generator(0, "init"), dtype=torch.float64)
    x = torch.tensor([[0, 1], [2, 2], [4, 3]])
    y = x.sum(1) % 5
    strategy = JacobianRegularized(0.3, projections=2)
    now = TrainingState(0, generator(0, "noise"), lambda: torch.zeros(()), outputs=5)
    directions = strategy.noise(now, model.noise_shape(x), model.embedding)
    assert directions is not None and directions.shape == (3, 2, 5)
    assert torch.allclose(directions.norm(dim=2), torch.ones(3, 2).double(), atol=1e-12)
    norms = []
    for pair, vs in zip(x, directions, strict=True):
        inputs = model.inputs(pair[None]).detach()
        jacobian = torch.autograd.functional.jacobian(model.logits, inputs).reshape(5, -1)
        norms.append(math.sqrt(5 / 2 * sum(float((v @ jacobian).square().sum()) for v in vs)))
    ours = strategy.loss(model, x, y, directions, cross_entropy)
    wanted = cross_entropy(model(x), y) + 0.3 * sum(norms) / 3
    assert float(ours.detach()) == pytest.approx(float(wanted.detach()), rel=1e-10)


def test_over_many_directions_the_estimate_is_the_frobenius_norm() -> None:
    model = Transformer(5, d=8, mlp=16, generator=generator(0, "init"), dtype=torch.float64)
    x, y = torch.tensor([[4, 3]]), torch.tensor([2])
    strategy = JacobianRegularized(1.0, projections=600)
    now = TrainingState(0, generator(0, "noise"), lambda: torch.zeros(()), outputs=5)
    directions = strategy.noise(now, model.noise_shape(x), model.embedding)
    inputs = model.inputs(x).detach()
    jacobian = torch.autograd.functional.jacobian(model.logits, inputs).reshape(5, -1)
    none = lambda logits, y: logits.new_zeros(())  # noqa: E731
    estimate = float(strategy.loss(model, x, y, directions, none).detach())
    assert estimate == pytest.approx(float(jacobian.norm()), rel=0.06)


def test_what_takes_derivatives_of_its_own_is_not_compiled_unasked() -> None:
    long = dataclasses.replace(small(STRATEGIES["jacobian"]), steps=10_000)
    assert not Trainer(long, device="cpu").objective.is_compiled
