"""The two bounds at alpha = 1."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_instances import Instance, instances, layer_pairs

from grokbook import metrics
from grokbook.theory import von_neumann


@settings(deadline=None)
@given(example=instances())
def test_entropy_bounds_hold(example: Instance) -> None:
    sides = von_neumann.entropy_bounds(example.unit, example.unit_perturbed)
    before, after = (metrics.matrix_entropy(G, 1.0) for G in (example.gram, example.gram_perturbed))
    assert sides.left == pytest.approx(abs(float(before - after)), abs=1e-8)
    assert sides.left <= sides.audenaert * (1 + 1e-9) + 1e-12
    assert sides.left <= sides.varentropy * (1 + 1e-9) + 1e-12


@settings(deadline=None)
@given(pair=layer_pairs())
def test_mutual_information_bounds_hold(pair: tuple[Instance, Instance]) -> None:
    first, second = pair
    sides = von_neumann.mutual_information_bounds(
        first.unit, second.unit, first.unit_perturbed, second.unit_perturbed
    )
    assert sides.left <= sides.audenaert * (1 + 1e-9) + 1e-12
    assert sides.left <= sides.varentropy * (1 + 1e-9) + 1e-12


def test_trace_distance_is_at_most_the_mean_sine() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        z = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
        z = z / z.norm(dim=2, keepdim=True)
        rho = z.mT @ z / 6
        distance = float(torch.linalg.eigvalsh(rho[0] - rho[1]).abs().sum() / 2)
        cosines = (z[0] * z[1]).sum(dim=1)
        assert distance <= float((1 - cosines.square()).sqrt().mean()) + 1e-12


@settings(deadline=None)
@given(rank=st.integers(1, 50), lower=st.floats(0, 2), higher=st.floats(0, 2))
def test_audenaert_rises_up_to_the_logarithm_of_the_rank(rank, lower, higher) -> None:
    lower, higher = sorted((lower, higher))
    assert von_neumann.audenaert(lower, rank) <= von_neumann.audenaert(higher, rank) + 1e-12
    assert 0 <= von_neumann.audenaert(higher, rank) <= math.log(rank) + 1e-12


def test_audenaert_is_met_by_a_pure_and_a_mixed_spectrum() -> None:
    """Spectra (1, 0, 0) and (1 - T, T/2, T/2), the case of equality."""
    T = 0.4
    mixed = torch.tensor([1 - T, T / 2, T / 2]).double()
    entropy = -float((mixed * mixed.log()).sum())
    assert von_neumann.audenaert(T, 3) == pytest.approx(entropy)


@pytest.mark.parametrize("rank", [2, 3, 10, 100])
def test_varentropy_stays_below_its_bound(rank: int) -> None:
    """The largest variance of log lambda over spectra (1 - T, T/(r-1), ...), the extreme shape."""
    T = torch.linspace(1e-6, 1 - 1e-6, 100_000, dtype=torch.float64)
    gap = torch.log((1 - T) * (rank - 1) / T)
    largest = float((T * (1 - T) * gap.square()).max())
    assert largest <= math.log(rank - 1) ** 2 / 4 + 1
    assert float(von_neumann.varentropy(torch.ones(1), rank)) >= 2 * math.sqrt(largest)


def test_one_dimension_leaves_no_room() -> None:
    ones = torch.ones(3, 1).double()
    assert von_neumann.entropy_bounds(ones, -ones) == von_neumann.VonNeumann(0.0, 0.0, 0.0)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="trace distance and rank"):
        von_neumann.audenaert(-0.1, 3)
