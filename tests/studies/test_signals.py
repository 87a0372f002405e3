"""Signals of one look against their definitions, and of curves against small curves by hand."""

import math

import numpy as np
import pytest
import torch

from grokbook import metrics
from grokbook.strategies.losses import cross_entropy
from grokbook.studies import prediction
from grokbook.studies.signals import DEAR, derived, measure, small_or_falling
from grokbook.studies.workhorse import workhorse

SETTINGS = prediction.STUDY.rules["measurement"] | {
    "samples": 6, "information_batch": 10, "directions": 3, "frequencies": 2, "radius": 0.1,
}  # fmt: skip
SIZES = {"p": 7, "d": 8, "mlp": 16, "lr": 1e-3, "log_every": 50}
RECIPE = workhorse(SIZES, 0, limit=50, train_fraction=0.5)


def test_one_look_is_every_measured_signal_of_the_rules_and_repeats_to_the_bit() -> None:
    split = RECIPE.load()
    model = RECIPE.network(split)
    found = measure(RECIPE, model, split, SETTINGS, 3)
    told = set(derived(3, [0, 3], {"mid": [1, 1], "ed": [1, 1]}, [1, 2, 3, 4], [1] * 4))
    assert {*found, *told} == set(prediction.STUDY.rules["signals"])
    assert all(math.isfinite(value) for value in found.values())
    assert found == measure(RECIPE, model, split, SETTINGS, 3)
    cheap = measure(RECIPE, model, split, SETTINGS, 3, dear=False)
    assert [name for name in cheap if math.isnan(cheap[name])] == [*DEAR]
    assert {name: found[name] for name in cheap if name not in DEAR}.items() <= cheap.items()


def test_a_look_agrees_with_the_plain_routes() -> None:
    split = RECIPE.load()
    model = RECIPE.network(split)
    found = measure(RECIPE, model, split, SETTINGS, 0)
    with torch.no_grad():
        for part in ("train", "test"):
            x, y = getattr(split, f"{part}_x"), getattr(split, f"{part}_y")
            assert found[f"{part}_loss"] == pytest.approx(float(cross_entropy(model(x), y)))
        a = torch.arange(7)
        table = torch.stack([model(torch.stack((a[i].expand(7), a), dim=1)) for i in range(7)])
    keys = metrics.key_frequencies(table, 2)
    x, y = split.train_x, split.train_y
    kept = metrics.restricted_logits(table, keys)[x[:, 0], x[:, 1]]
    left = metrics.excluded_logits(table, keys)[x[:, 0], x[:, 1]]
    assert found["restricted_loss"] == pytest.approx(float(cross_entropy(kept, y)), rel=1e-5)
    assert found["excluded_loss"] == pytest.approx(float(cross_entropy(left, y)), rel=1e-5)
    norms = metrics.input_jacobian_norms(model.logits, model.inputs(x).detach()).frobenius.square()
    assert norms.min() <= found["input_jacobian"] <= norms.max()


def test_small_or_falling_is_the_smaller_of_both() -> None:
    source = np.random.default_rng(0)
    for _ in range(20):
        values = source.uniform(0, 3, 8).tolist()
        falls = [values[i] - values[i + 1] for i in range(7)]
        expected = min(values[-1] / max(values), 1 - max(0, *falls) / max(values))
        assert small_or_falling(values) == pytest.approx(expected)
    assert small_or_falling([2.0]) == 1.0 and small_or_falling([0.0, 0.0]) == 0.0
    assert small_or_falling([1.0, 2.0, 3.0]) == 1.0


def test_what_curves_tell_does_not_see_beyond_the_moment() -> None:
    steps = [0, 10, 20, 30]
    curves = {"mid": [4.0, 4.0, 4.0, 0.0], "ed": [1.0, 2.0, 1.0, 0.0]}
    losses, norms = np.cos(np.arange(31.0)).tolist(), (1 + np.arange(31.0)).tolist()
    found = derived(20, steps, curves, losses, norms)
    assert found["mid_or_ed"] == 0.5
    assert found["weight_norm_rate"] == 20.0
    curve = torch.tensor(losses[:21], dtype=torch.float64)
    assert found["hjorth_mobility"] == metrics.hjorth_mobility(curve)
    assert found["hjorth_activity"] == metrics.hjorth_activity(curve)
    assert found == derived(
        20, steps[:3], {k: v[:3] for k, v in curves.items()}, losses[:21], norms
    )
    assert math.isnan(derived(10, steps, curves, losses, norms)["weight_norm_rate"])
