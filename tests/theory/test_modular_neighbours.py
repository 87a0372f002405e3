"""Which test pairs of modulo addition a training neighbour could reach."""

import pytest
import torch

from grokbook._support.errors import InputError
from grokbook.theory.modular_neighbours import reachable_test_pairs, training_mask


def random_mask(p: int, train_pairs: int, seed: int) -> torch.Tensor:
    order = torch.randperm(p * p, generator=torch.Generator().manual_seed(seed))
    mask = torch.zeros(p * p, dtype=torch.bool)
    mask[order[:train_pairs]] = True
    return mask.reshape(p, p)


def by_hand(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The argument of the module, neighbour by neighbour."""
    p = len(mask)
    any_label, same_label = torch.zeros_like(mask), torch.zeros_like(mask)
    for a in range(p):
        for b in range(p):
            if mask[a, b]:
                continue
            for other_a, other_b in mask.nonzero().tolist():
                if a != other_a and bool((mask[a] & mask[other_a]).any()):
                    continue
                if b != other_b and bool((mask[:, b] & mask[:, other_b]).any()):
                    continue
                any_label[a, b] = True
                if (a + b - other_a - other_b) % p == 0:
                    same_label[a, b] = True
    return any_label, same_label


@pytest.mark.parametrize("p", [2, 5, 7])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 0.9])
def test_agrees_with_going_through_all_neighbours(p: int, share: float) -> None:
    for seed in range(3):
        mask = random_mask(p, int(share * p * p), seed)
        reachable = reachable_test_pairs(mask)
        any_label, same_label = by_hand(mask)
        assert torch.equal(reachable.any_label, any_label)
        assert torch.equal(reachable.same_label, same_label)
        assert reachable.excluded + reachable.undecided == int((~mask).sum())


def test_no_neighbour_helps_at_the_paper_s_size() -> None:
    """Ten random 30 % splits: at most a handful undecided, none through a same-label neighbour."""
    counts = []
    for seed in range(10):
        reachable = reachable_test_pairs(random_mask(113, 3830, seed))
        assert reachable.test_pairs == 8939
        assert reachable.largest_same_label_share == 0
        counts.append(reachable.undecided)
    assert counts == [55, 44, 0, 50, 59, 0, 0, 0, 0, 0]


def test_pairs_that_share_one_token_differ_in_label() -> None:
    """The fact behind it, for p = 7: (a, c) and (a', c) never have the same sum."""
    tokens = torch.arange(7)
    labels = (tokens[:, None] + tokens) % 7
    assert all(len(set(row)) == 7 for row in labels.tolist() + labels.T.tolist())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(2, 3, dtype=torch.bool), r"shape \(2, 3\)"),
        (torch.zeros(2, 2), "dtype torch.float32"),
        (torch.ones(2, 2, dtype=torch.bool), "marks 4 of 4 pairs"),
    ],
)
def test_bad_masks_are_refused(mask, message) -> None:
    with pytest.raises(ValueError, match=message):
        reachable_test_pairs(mask)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64])
def test_a_training_mask_marks_the_pairs_whatever_their_integer_type(dtype: torch.dtype) -> None:
    pairs = torch.tensor([[0, 1], [1, 1], [2, 0]])
    expected = torch.zeros(3, 3, dtype=torch.bool)
    expected[pairs[:, 0], pairs[:, 1]] = True
    assert torch.equal(training_mask(pairs.to(dtype), 3), expected)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (torch.tensor([[0, 3]]), "tokens from 0 to 3, but they must be at least 0 and less than 3"),
        (torch.tensor([[-1, 0]]), "tokens from -1 to 0"),
        (torch.zeros(1, 2), "tokens must be integers"),
        (torch.zeros(2, 2, dtype=torch.bool), "tokens must be integers"),
        (torch.zeros(2, 3).long(), r"shape \(2, 3\)"),
    ],
)
def test_bad_training_pairs_are_refused(pairs, message) -> None:
    with pytest.raises(InputError, match=message):
        training_mask(pairs, 3)
