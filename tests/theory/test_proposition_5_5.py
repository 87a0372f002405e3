"""Proposition 5.5, against the definition, and the sign of I_2."""

import pytest
import torch
from hypothesis import given, settings
from random_instances import Instance, layer_pairs

from grokbook import metrics
from grokbook.theory import proposition_5_5


@settings(deadline=None)
@given(pair=layer_pairs())
def test_both_sides_are_equal(pair: tuple[Instance, Instance]) -> None:
    first, second = (layer.gram for layer in pair)
    sides = proposition_5_5.both_sides(first, second)
    assert sides.left == pytest.approx(sides.right, abs=1e-12)
    assert sides.left == pytest.approx(
        float(metrics.matrix_mutual_information(first, second, 2.0)), abs=1e-10
    )


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes"):
        proposition_5_5.both_sides(torch.eye(2), torch.eye(3))
