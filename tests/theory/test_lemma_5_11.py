"""Lemma 5.11: every form on random instances."""

from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from random_instances import Instance, layer_pairs

from grokbook import metrics
from grokbook.theory import lemma_5_11


@settings(deadline=None)
@given(pair=layer_pairs())
def test_every_bound_holds(pair: tuple[Instance, Instance]) -> None:
    first, second = pair
    sides = asdict(
        lemma_5_11.both_sides(first.unit, second.unit, first.unit_perturbed, second.unit_perturbed)
    )
    left = sides.pop("left")
    before = metrics.matrix_mutual_information(first.gram, second.gram, 2.0)
    after = metrics.matrix_mutual_information(first.gram_perturbed, second.gram_perturbed, 2.0)
    assert left == pytest.approx(abs(float(before - after)), abs=1e-9)
    for form, bound in sides.items():
        assert left <= bound * (1 + 1e-9) + 1e-12, form
    assert sides["sine"] <= sides["sine_simple"] * (1 + 1e-9)


@settings(deadline=None)
@given(pair=layer_pairs())
def test_angles_of_the_product_are_those_of_the_khatri_rao_rows(pair) -> None:
    first, second = pair

    def products(z1: torch.Tensor, z2: torch.Tensor) -> torch.Tensor:
        return (z1[:, :, None] * z2[:, None, :]).flatten(1)

    before = products(first.unit, second.unit)
    after = products(first.unit_perturbed, second.unit_perturbed)
    cosines = (before * after).sum(dim=1).abs().clamp(max=1.0)
    angle_1, angle_2 = (
        torch.acos((z.unit * z.unit_perturbed).sum(dim=1).abs().clamp(max=1.0)) for z in pair
    )
    torch.testing.assert_close(
        lemma_5_11.product_angles(angle_1, angle_2).cos(), cosines, rtol=0, atol=1e-12
    )


def test_both_layers_need_as_many_samples() -> None:
    with pytest.raises(ValueError, match="2 and 3 samples"):
        lemma_5_11.both_sides(torch.eye(2), torch.eye(3), torch.eye(2), torch.eye(3))
