"""Lemma 5.8: every form on random instances, and the slip in the printed proof."""

from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from random_instances import Instance, instances

from grokbook import metrics
from grokbook.theory import lemma_5_8


@settings(deadline=None)
@given(example=instances())
def test_every_bound_holds(example: Instance) -> None:
    z, moved = example.unit, example.unit_perturbed
    sides = asdict(lemma_5_8.both_sides(z, moved))
    left = sides.pop("left")
    dense = metrics.matrix_entropy(z @ z.T, 2.0) - metrics.matrix_entropy(moved @ moved.T, 2.0)
    assert left == pytest.approx(abs(float(dense)), abs=1e-9)
    for form, bound in sides.items():
        assert left <= bound * (1 + 1e-9) + 1e-12, form
    assert sides["sine"] <= sides["sine_simple"] * (1 + 1e-9)
    assert sides["repaired"] <= sides["printed"]


@settings(deadline=None)
@given(example=instances())
def test_signs_do_not_matter_to_sine_and_geodesic(example: Instance) -> None:
    """G does not change when a row changes sign, and neither do the two sharp bounds."""
    z, moved = example.unit, example.unit_perturbed
    signs = torch.ones(len(z), 1).double()
    signs[0] = -1
    before, after = lemma_5_8.both_sides(z, moved), lemma_5_8.both_sides(z, signs * moved)
    for form in ("sine", "geodesic"):
        assert getattr(before, form) == pytest.approx(getattr(after, form), rel=1e-9, abs=1e-12)


def test_geodesic_bound_is_nearly_met() -> None:
    """Many equal rows and one at 45 degrees to them, which turns a little (r = 2)."""
    n, turn = 400, 1e-3
    angles = torch.zeros(n, dtype=torch.float64)

    def rows(last: float) -> torch.Tensor:
        angles[-1] = last
        return torch.stack((angles.cos(), angles.sin()), dim=1)

    sides = lemma_5_8.both_sides(rows(torch.pi / 4), rows(torch.pi / 4 + turn))
    assert sides.geodesic == pytest.approx(2 / n * turn, rel=1e-6)
    assert 0.98 < sides.left / sides.geodesic <= 1


@pytest.mark.parametrize("n", [2, 5, 9])
def test_the_slip_of_the_printed_proof(n: int) -> None:
    """It takes sum_{i != j} (d_i + d_j) for n sum_i d_i; it is 2 (n - 1) sum_i d_i."""
    d = torch.arange(1.0, n + 1)
    pairs = sum(float(d[i] + d[j]) for i in range(n) for j in range(n) if i != j)
    assert pairs == 2 * (n - 1) * float(d.sum())
    assert pairs > n * float(d.sum()) or n == 2


def test_rows_must_have_length_one() -> None:
    with pytest.raises(ValueError, match=r"A row has length 2\.0"):
        lemma_5_8.both_sides(torch.eye(2), 2 * torch.eye(2))
    with pytest.raises(ValueError, match="shapes"):
        lemma_5_8.both_sides(torch.eye(2), torch.eye(3))
    with pytest.raises(ValueError, match="NaN"):
        lemma_5_8.both_sides(torch.eye(2), torch.full((2, 2), torch.nan))
