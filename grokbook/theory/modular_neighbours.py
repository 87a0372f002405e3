"""The test pairs of modulo addition that Theorem 3.2 can reach: almost always none.

An input is the pair of embedded tokens, so with D(a, a') = ||E_a - E_a'||,
||x(a,b) - x(a',b')||^2 = D(a, a')^2 + D(b, b')^2. Say a training pair (a', b') lies within
epsilon(W*) of a test pair (a, b). If a != a', then D(a, a') <= epsilon; take any c such that both
(a, c) and (a', c) are training pairs. They are within epsilon of each other too, so by the
theorem's own proof their outputs differ by at most 1/2; but their labels differ, and interpolation
puts their outputs at distance sqrt(2). So such a c excludes the neighbour, and the same holds for
b != b'. It remains to check which tokens share no c in the training set. The argument uses no
embedding, weight or radius.

Two pairs that share one token never have the same label, so a *same-label* neighbour must differ
in both tokens and needs both exceptions at once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.tensors import require_pairs


@dataclass(frozen=True)
class Reachable:
    """Test pairs that some training pair could be within epsilon of.

    Attributes
    ----------
    any_label
        (p, p) bool: test pairs (a, b) with a training neighbour that the argument leaves open.
    same_label
        (p, p) bool: those where such a neighbour also has the label of (a, b).
    test_pairs
        Number of test pairs.
    """

    any_label: Tensor
    same_label: Tensor
    test_pairs: int

    @property
    def excluded(self) -> int:
        """How many test pairs have no training neighbour within epsilon, whatever the network."""
        return self.test_pairs - int(self.any_label.sum())

    @property
    def undecided(self) -> int:
        """How many test pairs the argument leaves open."""
        return int(self.any_label.sum())

    @property
    def largest_same_label_share(self) -> float:
        """An upper bound on P(epsilon) counting only neighbours of the same label."""
        return int(self.same_label.sum()) / self.test_pairs


def training_mask(pairs: Tensor, p: int) -> Tensor:
    """Return the (p, p) bool matrix that is True at [a, b] for each of the (n, 2) ``pairs``.

    Raises
    ------
    InputError
        If the pairs are not integers (n, 2) in [0, p).

    Examples
    --------
    >>> training_mask(torch.tensor([[0, 1], [1, 1]]), 2).tolist()
    [[False, True], [False, True]]
    """
    mask = torch.zeros(p, p, dtype=torch.bool)
    a, b = require_pairs(pairs, p).unbind(dim=1)
    mask[a, b] = True
    return mask


def reachable_test_pairs(train_mask: Tensor) -> Reachable:
    """Apply the argument above to one training set.

    Parameters
    ----------
    train_mask
        (p, p) bool, True at [a, b] where the pair (a, b) is in the training set; the rest are the
        test pairs, at least one.

    Raises
    ------
    InputError
        If the mask is not a square bool matrix or leaves no test pair.

    Examples
    --------
    With three of the four pairs for training, 0 and 1 share a partner on both sides, so no training
    pair is near the remaining pair.

    >>> reachable_test_pairs(torch.tensor([[True, True], [True, False]])).undecided
    0
    """
    if train_mask.ndim != 2 or train_mask.shape[0] != train_mask.shape[1]:
        raise InputError(
            f"train_mask has shape {tuple(train_mask.shape)}, but must be a square (p, p) matrix."
        )
    if train_mask.dtype != torch.bool or bool(train_mask.all()):
        raise InputError(
            f"train_mask has dtype {train_mask.dtype} and marks {int(train_mask.sum())} of "
            f"{train_mask.numel()} pairs, but must be bool and leave at least one test pair."
        )
    p = train_mask.shape[0]
    train = train_mask.to(torch.float64)
    different = ~torch.eye(p, dtype=torch.bool)
    # Distinct first (second) tokens without a common partner in the training set.
    first_open = ((train @ train.T) == 0) & different
    second_open = ((train.T @ train) == 0) & different
    neighbours = (first_open | ~different).double() @ train @ (second_open | ~different).double()
    any_label = (neighbours > 0) & ~train_mask

    same_label = torch.zeros_like(train_mask)
    tokens = torch.arange(p)
    for a, other in first_open.nonzero().tolist():
        partner = (a + tokens - other) % p  # a + b = other + partner (mod p), for every b
        open_pair = second_open[tokens, partner] & train_mask[other, partner]
        same_label[a] |= open_pair & ~train_mask[a]
    return Reachable(any_label, same_label, int((~train_mask).sum()))
