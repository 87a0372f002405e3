"""Theorem 5.12: false as printed even at interpolation, true with relative changes."""

import pytest
import torch
from hypothesis import given, settings
from random_instances import Instance, layer_pairs

from grokbook.theory import theorem_5_12


@settings(deadline=None)
@given(pair=layer_pairs())
def test_repaired_bound_holds(pair: tuple[Instance, Instance]) -> None:
    first, second = pair
    s = theorem_5_12.both_sides(first.features, second.features, first.perturbed, second.perturbed)
    assert s.left <= s.repaired * (1 + 1e-9) + 1e-12


def test_shapes_must_fit() -> None:
    eye = torch.eye(2)
    with pytest.raises(ValueError, match="must have as many"):
        theorem_5_12.both_sides(eye, eye, torch.stack((eye, eye)), eye)
