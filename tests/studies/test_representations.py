"""The study of representations: its networks are those of the study of the mechanism."""

from dataclasses import replace

import pytest
import torch

from grokbook import metrics
from grokbook.models.transformer import TransformerConfig
from grokbook.studies import mechanism, representations
from grokbook.studies.results import strength
from grokbook.studies.tables import load_study
from grokbook.tasks.modular import ModularAddition
from grokbook.training.loop import train


def test_the_trainings_are_those_of_the_study_of_the_mechanism() -> None:
    base = representations.recipe("compared", 103)
    noise = strength(load_study("mechanism"))
    assert base == mechanism.recipe("add-free", 103, 0.0)
    assert representations.perturbed(base) == mechanism.recipe("add-free-noise", 103, noise)


def test_a_row_compares_three_networks() -> None:
    recipe = replace(
        representations.recipe("compared", 100),
        dataset=ModularAddition(7, 0.6, 100), model=TransformerConfig(d=16, mlp=32), steps=40,
    )  # fmt: skip
    row = representations.run_one(recipe, "test_accuracy", 2.0, 40, 0)
    assert (row["status"], row["grokked"], row["steps"]) == ("censored", 0, 40)
    own = train(recipe, compiled=False).network
    noisy = train(representations.perturbed(recipe), compiled=False).network
    later = replace(recipe, seed=101, dataset=ModularAddition(7, 0.6, 101))
    other = train(later, compiled=False).network
    for name, network in (("trainings", noisy), ("seeds", other)):
        for reading, value in representations.alike(own, network).items():
            assert row[f"{reading}_{name}"] == value and 0 <= value <= 1
    assert representations.alike(own, own) == pytest.approx({"cka": 1.0, "frequencies": 1.0})
    pairs = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    with torch.no_grad():
        X, Y = (each.first_layer(each.inputs(pairs)) for each in (own, other))
    assert row["cka_seeds"] == metrics.linear_cka(X, Y)
