"""Corollary 3.4: the l1 radius."""

import pytest

from grokbook.theory import corollary_3_4, theorem_3_2


def test_equal_for_a_single_weight_and_smaller_for_two() -> None:
    assert corollary_3_4.epsilon(3.0, 2.0, n=5) == theorem_3_2.epsilon(3.0, 2.0, n=5)
    two_ones_l1, two_ones_l2 = 2.0, 2.0**0.5
    ratio = theorem_3_2.epsilon(two_ones_l2, 2.0, n=5) / corollary_3_4.epsilon(
        two_ones_l1, 2.0, n=5
    )
    assert ratio == pytest.approx(2**0.5)
