"""What is timed against the package computes the same: losses and gradients in float64."""

import dataclasses

import pytest
import torch

from grokbook import EXPERIMENTS, experiment, train
from grokbook.benchmarks import ideas, scaling, training_steps
from grokbook.benchmarks.baselines import (
    EinsumTransformer,
    LensTransformer,
    PlainTransformer,
    mlp_loss,
    mlp_steps,
    same_mlp,
    same_network,
    transformer_loss,
    transformer_steps,
    with_equals,
)
from grokbook.benchmarks.package import gflop, training
from grokbook.experiments.schema import Measurements
from grokbook.models.transformer import Transformer
from grokbook.training.step import Objective

MODADD = [name for name in EXPERIMENTS if name.startswith("modadd")]
MNIST = [name for name in EXPERIMENTS if name.startswith("mnist")]
KINDS = [PlainTransformer, EinsumTransformer]
if training_steps.lens_version():
    KINDS.append(LensTransformer)
EXACT = {"rtol": 1e-9, "atol": 1e-12}


def small(name, **changes):
    return dataclasses.replace(experiment(name, "smoke"), dtype="float64", **changes)


def package_loss(recipe):
    """The package's network, the batch, the noise and the loss, gradients computed."""
    split = recipe.dataset.load()
    model = recipe.build_model(split.train_x.shape[1], split.classes)
    with torch.no_grad():  # biases start as 0, where a wrong one would not be seen
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x, y = split.train_x, split.train_y
    noise = None
    if "perturbed" in str(type(recipe.strategy)).lower():
        noise = torch.randn(model.noise_shape(x), dtype=torch.float64)
    (loss,) = Objective(recipe, [model], False)([(x, y)], [noise])
    loss.backward()
    return model, x, y, noise, loss


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODADD)
def test_a_usual_transformer_has_the_package_s_loss_and_gradients(name, kind):
    torch.manual_seed(0)
    recipe = small(name)
    model, x, y, noise, loss = package_loss(recipe)
    network = same_network(kind, model, torch.float64)
    other = transformer_loss(network, recipe.strategy, with_equals(x, model.p), y, noise)
    other.backward()
    torch.testing.assert_close(other, loss, **EXACT)
    wanted = kind.renamed({k: w.grad for k, w in model.named_parameters()}, model.heads)
    found = {k: w.grad for k, w in network.named_parameters() if w.requires_grad}
    assert wanted.keys() == found.keys()
    for key, gradient in wanted.items():
        torch.testing.assert_close(found[key], gradient, **EXACT)


@pytest.mark.parametrize("name", MNIST)
def test_the_usual_mlp_has_the_package_s_loss_and_gradients(name):
    torch.manual_seed(0)
    model, x, y, noise, loss = package_loss(small(name))
    network = same_mlp(model, torch.float64)
    other = mlp_loss(network, x.double(), y, noise)
    other.backward()
    torch.testing.assert_close(other, loss, **EXACT)
    for found, wanted in zip(network.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(found.grad, wanted.grad, **EXACT)


@pytest.mark.parametrize("idea", ideas.IDEAS, ids=lambda idea: idea.name)
def test_an_idea_has_the_package_s_losses_and_gradients(idea):
    recipe = small(idea.experiment)
    ours, theirs = training([recipe], compiled=False), idea.training(recipe, compiled=False)
    exact = {"rtol": 2e-2, "atol": 2e-2} if "bfloat16" in idea.name else EXACT
    losses, others = ours.losses(), theirs.losses()
    torch.testing.assert_close(others, losses, **exact)
    losses.sum().backward()
    others.sum().backward()
    for found, wanted in zip(theirs.network.parameters(), ours.network.parameters(), strict=True):
        torch.testing.assert_close(found.grad, wanted.grad, **exact)


def test_ideas_differ_from_the_package_where_they_say():
    for idea in ideas.IDEAS:
        (seed,) = idea.training(small(idea.experiment), compiled=False).seeds
        model, strategy = seed.model, seed.experiment.strategy
        usual = type(experiment(idea.experiment).strategy)
        assert (type(model) is not Transformer) + (type(strategy) is not usual) == 1


def test_distinct_pairs_are_fewer_and_none_is_missing():
    recipe = small("modadd-abelian")
    strategy = ideas.Idea("", recipe, strategy=ideas._distinct_pairs).strategy(recipe)
    x = recipe.dataset.load().train_x
    assert len(strategy.pairs) == len({tuple(pair) for pair in torch.cat((x, x.flip(1))).tolist()})
    assert len(strategy.pairs) < 2 * len(x)
    torch.testing.assert_close(strategy.pairs[strategy.place], torch.cat((x, x.flip(1))))


def test_noise_of_the_first_step_is_kept():
    (idea,) = (idea for idea in ideas.IDEAS if idea.name == "noise drawn once")
    (seed,) = idea.training(small(idea.experiment), compiled=False).seeds
    strategy, state = seed.experiment.strategy, seed.state
    like = torch.zeros(1)
    first = strategy.noise(state, (50,), like)
    assert first.std() > 0 and strategy.noise(state, (50,), like) is first


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_timed_step_is_the_one_that_train_takes(name):
    recipes = [
        dataclasses.replace(
            experiment(name, "smoke", seed), measurements=Measurements(("accuracy", "norms"))
        )
        for seed in (0, 1)
    ]
    steps_taken = max(step for step in recipes[0].log.steps(recipes[0].steps) if step <= 20)
    together = training(recipes)
    for _ in range(steps_taken):
        together.step()
    for recipe, model in zip(recipes, together.networks, strict=True):
        norm = torch.cat([w.detach().double().flatten() for w in model.parameters()]).norm()
        log = train(recipe, until=steps_taken, compiled=False).log
        assert log["step"].iloc[-1] == steps_taken
        assert float(norm) == pytest.approx(log["weight_norm"].iloc[-1], rel=1e-6)


@pytest.mark.parametrize(
    "step",
    [
        lambda: transformer_steps(small("modadd-perturbed"), EinsumTransformer, torch.float32),
        lambda: mlp_steps(small("mnist-perturbed"), torch.float64),
        lambda: training([small("modadd-abelian")]).step,
    ],
)
def test_a_step_can_be_taken_more_often_than_an_epoch_has_batches(step):
    step = step()
    for _ in range(60):
        step()


def test_products_counted_by_hand():
    """p = 113, n = 3830: output map, MLP and unembedding, three times two FLOP each."""
    maps = 128 * 128 + 128 * 512 + 512 * 128 + 128 * 113
    assert gflop(experiment("modadd-standard")) == pytest.approx(6 * 3830 * maps / 1e9)
    assert gflop(experiment("modadd-abelian")) == 2 * gflop(experiment("modadd-standard"))
    extra = 6 * 3830 * 3 * 128 * 128 / 1e9  # query, key, value
    assert gflop(experiment("modadd-perturbed")) - gflop(experiment("modadd-standard")) == (
        pytest.approx(extra)
    )


def test_what_is_scaled_starts_from_the_paper_s_settings():
    every = scaling.variants()
    paper = experiment("modadd-standard")
    for value, varied in ((113, "p"), (128, "d"), (3830, "n"), (1, "seeds")):
        assert every["modadd-standard", varied, value] == [paper]
    for (_, varied, value), recipes in every.items():
        dataset, model = recipes[0].dataset, recipes[0].model
        assert (
            value
            == {
                "p": getattr(dataset, "p", None),
                "d": getattr(model, "d", None),
                "n": dataset.train_points,
                "seeds": len(recipes),
            }[varied]
        )
