"""Theorem 5.9: false as printed, true with relative changes."""

import math

import pytest
import torch
from hypothesis import given, settings
from random_instances import Instance, instances

from grokbook.theory import theorem_5_9


@settings(deadline=None)
@given(example=instances())
def test_repaired_bound_holds(example: Instance) -> None:
    sides = theorem_5_9.both_sides(example.features, example.perturbed)
    assert sides.left <= sides.repaired * (1 + 1e-9) + 1e-12
    draws = torch.stack((example.perturbed, example.features))
    averaged = theorem_5_9.both_sides(example.features, draws)
    assert averaged.left == pytest.approx(sides.left / 2, abs=1e-12)
    assert averaged.repaired == pytest.approx(sides.repaired / 2)


@settings(deadline=None)
@given(example=instances())
def test_printed_bound_holds_where_no_output_is_shorter_than_one(example: Instance) -> None:
    longer = 1 / float(example.features.norm(dim=1).min())
    sides = theorem_5_9.both_sides(longer * example.features, longer * example.perturbed)
    assert sides.left <= sides.printed * (1 + 1e-9) + 1e-12


@settings(deadline=None)
@given(example=instances())
def test_scaling_the_outputs_moves_only_the_printed_side(example: Instance) -> None:
    small = 2.0**-40
    before = theorem_5_9.both_sides(example.features, example.perturbed)
    after = theorem_5_9.both_sides(small * example.features, small * example.perturbed)
    assert after.left == pytest.approx(before.left, abs=1e-12)
    assert after.repaired == pytest.approx(before.repaired)
    assert after.printed == pytest.approx(small * before.printed)
    assert after.left > after.printed or before.left < 1e-9


def test_outputs_of_zero_count_as_a_fixed_direction() -> None:
    outputs = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    perturbed = torch.tensor([[0.0, 3.0], [0.0, 0.0]])
    sides = theorem_5_9.both_sides(outputs, perturbed)
    # (e1, e1) becomes (e2, e1): H_2 from 0 to log 2; both terms count as 1.
    assert sides.left == pytest.approx(math.log(2))
    assert sides.repaired == pytest.approx(2 * 2)
    assert theorem_5_9.both_sides(outputs, outputs) == theorem_5_9.Theorem59(0.0, 0.0, 0.0)


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(3, 2\)"):
        theorem_5_9.both_sides(torch.eye(2), torch.ones(3, 2))
