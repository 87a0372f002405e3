"""Proposition 5.6, true for symmetric matrices only."""

import math

import pytest
import torch
from hypothesis import given, settings
from random_instances import Instance, instances

from grokbook import metrics
from grokbook.theory import proposition_5_6


@settings(deadline=None)
@given(example=instances())
def test_both_sides_are_equal_for_gram_matrices(example: Instance) -> None:
    sides = proposition_5_6.both_sides(example.gram)
    assert sides.left == pytest.approx(sides.right, abs=1e-12)
    assert sides.left == pytest.approx(float(metrics.matrix_entropy(example.gram, 2.0)), abs=1e-10)


def test_a_matrix_that_is_not_symmetric_refutes_it() -> None:
    """K = [[1, 1], [0, 1]]: tr K^2 = 2 but ||K||_F^2 = 3."""
    sides = proposition_5_6.both_sides(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    assert sides.left == pytest.approx(math.log(4 / 2))
    assert sides.right == pytest.approx(math.log(4 / 3))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="square"):
        proposition_5_6.both_sides(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"tr\(K\^2\) is -2"):
        proposition_5_6.both_sides(torch.tensor([[0.0, 1.0], [-1.0, 0.0]]))
