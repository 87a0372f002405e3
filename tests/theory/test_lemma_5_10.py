"""Lemma 5.10 and its best constant."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokbook.theory import lemma_5_10

number = st.floats(-1, 1)


@settings(deadline=None)
@given(a=number, b=number, a_prime=number, b_prime=number)
def test_it_holds(a, b, a_prime, b_prime) -> None:
    sides = lemma_5_10.both_sides(a, b, a_prime, b_prime)
    assert sides.left == pytest.approx(abs(a * b - a_prime * b_prime), abs=1e-15)
    assert sides.left <= sides.printed * (1 + 1e-9) + 1e-12


def test_the_constant_one_is_met_and_the_interval_needed() -> None:
    assert lemma_5_10.both_sides(1, 1, -1, 1) == lemma_5_10.Lemma510(2, 2)
    with pytest.raises(ValueError, match="One of the numbers is 2"):
        lemma_5_10.both_sides(2, 1, 1, 1)
