"""Proposition 5.5, against the definition, and the sign of I_2."""

import pytest
import torch
from hypothesis import given, settings
from strategies_instances import Instance, layer_pairs

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


@pytest.mark.parametrize(
    ("n", "second_order", "first_order"), [(12, -0.0206, None), (64, -1.448, 0.693)]
)
def test_second_order_information_can_be_negative(n, second_order, first_order) -> None:
    """X keeps half of the points in one block and the rest apart; Y is its complement."""
    half = n // 2
    X, Y = torch.eye(n).double(), torch.eye(n).double()
    X[:half, :half] = 1
    Y[half:, half:] = 1
    sides = proposition_5_5.both_sides(X, Y)
    assert sides.right == pytest.approx(second_order, abs=5e-4)
    assert sides.left == pytest.approx(sides.right)
    if first_order is not None:
        assert float(metrics.matrix_mutual_information(X, Y, 1.0)) == pytest.approx(
            first_order, abs=5e-4
        )


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes"):
        proposition_5_5.both_sides(torch.eye(2), torch.eye(3))
