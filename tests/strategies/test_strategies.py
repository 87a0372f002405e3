"""One battery for every strategy, and what each promises of its own."""

import dataclasses

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
from grokbook.strategies.losses import cross_entropy
from grokbook.tasks.base import Split
from grokbook.tasks.modular import ModularAddition
from grokbook.training.trainer import Trainer

STRATEGIES = {
    "standard": Standard(),
    "perturbed": Perturbed(0.5, 0.4),
    "abelian": AbelianRegularized(100.0),
    "mirrored": MirrorAugmented(),
}
ZERO = {
    "standard": Standard(),
    "perturbed": Perturbed(0.0, 0.0),
    "abelian": AbelianRegularized(0.0),
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


@pytest.mark.parametrize("name", [*EXPERIMENTS, *CONTROLS])
@pytest.mark.parametrize("count", [1, 2])
def test_between_log_points_nothing_is_read_back(
    name: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_hot(y: Tensor, classes: int) -> Tensor:  # torch's looks at the labels, on a CPU only
        return (y[:, None] == torch.arange(classes)).long()

    monkeypatch.setattr(torch.nn.functional, "one_hot", one_hot)
    recipes = [experiment(name, "smoke", seed) for seed in range(count)]
    trainer = Trainer(recipes, compiled=False)
    with NothingReadBack():
        for step in range(12):  # over a refresh of σ and the end of an epoch
            trainer.optimizer.step(trainer.losses().sum(), step)
            for seed in trainer.seeds:
                seed.state.step += 1
        with pytest.raises(AssertionError, match="a tensor was read"):
            trainer.losses().sum().item()


@pytest.mark.parametrize("name", ["perturbed", "abelian", "mirrored"])
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
