"""Local complexity against vertices one by one, and hyperplanes at known distances."""

import pytest
import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.metrics import local_complexity


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


X = torch.randn(7, 2, 3, generator=seeded(), dtype=torch.float64)


def layer(units: int = 40) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, units)).double()


def frame(directions: int) -> Tensor:
    drawn = torch.randn(6, directions, generator=seeded(3), dtype=torch.float64)
    return torch.linalg.qr(drawn).Q.T


@pytest.mark.parametrize("directions", [1, 4, 6])
@pytest.mark.parametrize("curved", [False, True])
def test_it_counts_sign_changes_over_the_vertices(directions: int, curved: bool) -> None:
    model = nn.Sequential(layer(), nn.Tanh(), nn.Linear(40, 9).double()) if curved else layer()
    found = local_complexity(model, X, 0.7, directions, generator=seeded(3))
    counts = []
    for sample in X:
        signs = []
        for v in frame(directions):
            for end in (1, -1):
                with torch.no_grad():
                    signs.append(model((sample + end * 0.7 * v.reshape(2, 3))[None])[0] > 0)
        table = torch.stack(signs)
        counts.append(int((table.any(dim=0) & ~table.all(dim=0)).sum()))
    assert 0 < found == pytest.approx(sum(counts) / len(counts), abs=1e-12)


def test_a_hyperplane_counts_exactly_if_it_cuts_the_polytope() -> None:
    """wᵀx + b = 0 meets the polytope of ± r v_p iff |wᵀx + b| < r max |wᵀv_p|."""
    model = layer(200)
    linear = model[1]
    assert isinstance(linear, nn.Linear)
    with torch.no_grad():
        distance = model(X).abs()
        reach = 0.3 * (frame(5) @ linear.weight.T).abs().amax(dim=0)
    expected = float((distance < reach).sum(dim=1).double().mean())
    assert local_complexity(model, X, 0.3, 5, generator=seeded(3)) == pytest.approx(expected)


def test_it_grows_with_the_radius_from_nothing_to_all() -> None:
    counts = [local_complexity(layer(), X, r, 6, generator=seeded(3)) for r in (1e-9, 0.1, 1, 1e9)]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == 40


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"radius": 0.0}, "radius is 0"),
        ({"directions": 7}, "directions is 7, but must be at most 6"),
        ({"directions": 0}, "directions is 0"),
        ({"x": torch.ones(3, 6, dtype=torch.int64)}, "floating-point"),
        ({"generator": 3}, "torch.Generator"),
    ],
)
def test_bad_input_is_one_sentence(change: dict, words: str) -> None:
    good = {"x": X, "radius": 0.1, "directions": 2, "generator": seeded()}
    with pytest.raises(InputError, match=words):
        local_complexity(layer(), **(good | change))
