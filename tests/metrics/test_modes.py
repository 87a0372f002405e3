"""Layers that are random, or learn, in training mode: refused there, and only there."""

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
)
from grokbook.strategies.losses import cross_entropy


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


X, Y = torch.randn(6, 4, generator=seeded()), torch.arange(6) % 3

METRICS: dict[str, Callable[[nn.Module], object]] = {
    "perturbation_error": lambda f: perturbation_error(f, X, 0.0, generator=seeded()),
    "input_jacobian": lambda f: input_jacobian(f, X),
    "input_jacobian_norms": lambda f: input_jacobian_norms(f, X),
    "perturbed_entropy": lambda f: perturbed_entropy(f, X, 0.1, generator=seeded()),
    "entropy_difference": lambda f: entropy_difference(f, X, 0.1, generator=seeded()),
    "label_mutual_information": lambda f: label_mutual_information(
        f, X, Y, 0.1, generator=seeded()
    ),
    "perturbed_information": lambda f: perturbed_information(
        nn.Flatten(), f, X, 0.1, generator=seeded()
    ),
    "mutual_information_difference": lambda f: mutual_information_difference(
        f, nn.Flatten(), X, 0.1, generator=seeded()
    ),
    "mlp_sharpness": lambda f: mlp_sharpness(f, X),
    "hutchinson_sharpness": lambda f: hutchinson_sharpness(
        f, cross_entropy, X, Y, 2, generator=seeded()
    ),
}

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: nn.Dropout(0.5),
    "alpha dropout": lambda: nn.AlphaDropout(0.5),
    "batch norm": lambda: nn.BatchNorm1d(5),
}


def network(layer: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Sequential(layer), nn.Linear(5, 3))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("layer", LAYERS)
def test_training_mode_is_refused_and_changes_nothing(layer: str, metric: str) -> None:
    model = network(LAYERS[layer]())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError) as caught:
        METRICS[metric](model)
    assert str(caught.value).startswith(f"the {type(model[1][0]).__name__} '1.0' of the model is")
    assert str(caught.value).endswith("; call model.eval() first.")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("make", [nn.ReLU, lambda: nn.Dropout(0.0)])
def test_other_layers_may_be_in_either_mode(make: Callable[[], nn.Module], metric: str) -> None:
    model = network(make())
    assert model.training
    found = METRICS[metric](model)
    assert str(found) == str(METRICS[metric](model.eval()))


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "mlp_sharpness"])
@pytest.mark.parametrize("layer", LAYERS)
def test_evaluation_mode_is_what_is_asked_for(layer: str, metric: str) -> None:
    model = network(LAYERS[layer]()).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert str(METRICS[metric](model)) == str(METRICS[metric](model))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class WithMethod(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def logits(self, x: Tensor) -> Tensor:
        return self.layer(x)


def test_a_method_of_a_module_is_looked_into() -> None:
    model = WithMethod(nn.Dropout(0.5))
    with pytest.raises(InputError, match=r"the Dropout 'layer' of the model is in training mode"):
        perturbation_error(model.logits, X, 0.1, generator=seeded())
    model.eval()
    assert perturbation_error(model.logits, X, 0.0, generator=seeded()) == 0


@pytest.mark.parametrize(
    ("layer", "refused"),
    [
        (nn.RReLU(), True),
        (nn.InstanceNorm1d(4), False),
        (nn.InstanceNorm1d(4, track_running_stats=True), True),
        (nn.MultiheadAttention(4, 2), False),
        (nn.MultiheadAttention(4, 2, dropout=0.1), True),
        (nn.GRU(4, 4, 2), False),
        (nn.GRU(4, 4, 2, dropout=0.1), True),
    ],
)
def test_layers_that_depend_on_the_mode_by_their_settings(layer: nn.Module, refused: bool) -> None:
    model = WithMethod(nn.Identity())
    model.other = layer
    if not refused:
        assert perturbation_error(model.logits, X, 0.0, generator=seeded()) == 0
        return
    with pytest.raises(InputError, match=f"the {type(layer).__name__} 'other'"):
        perturbation_error(model.logits, X, 0.0, generator=seeded())
