"""Lemma 5.7 and its best constant."""

import pytest
import torch
from hypothesis import given, settings
from random_instances import Instance, instances

from grokbook.theory import lemma_5_7


@settings(deadline=None)
@given(example=instances())
def test_both_constants_hold(example: Instance) -> None:
    z, moved = example.unit, example.unit_perturbed
    for i in range(1, example.n):
        sides = lemma_5_7.both_sides(z[0], z[i], moved[0], moved[i])
        assert sides.left == pytest.approx(abs(float(z[0] @ z[i] - moved[0] @ moved[i])), abs=1e-14)
        assert sides.left <= sides.repaired * (1 + 1e-9) + 1e-12
        assert sides.repaired <= sides.printed


def test_the_constant_one_is_met() -> None:
    e = torch.tensor([1.0, 0.0])
    assert lemma_5_7.both_sides(e, e, e, -e) == lemma_5_7.Lemma57(2.0, 8.0, 2.0)


def test_refusals() -> None:
    e = torch.tensor([1.0, 0.0])
    with pytest.raises(ValueError, match=r"length 2\.0"):
        lemma_5_7.both_sides(e, e, e, 2 * e)
    with pytest.raises(ValueError, match=r"shape \(1,\)"):
        lemma_5_7.both_sides(e, e, e, e[:1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_unit_vectors_of_any_type_count_as_unit_vectors(dtype: torch.dtype) -> None:
    vectors = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    a, b, c, d = (vectors / vectors.norm(dim=1, keepdim=True)).to(dtype)
    assert lemma_5_7.both_sides(a, b, c, d).left <= lemma_5_7.both_sides(a, b, c, d).repaired
