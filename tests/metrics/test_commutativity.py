"""Commutativity against loops over pairs, and on tables whose answer is known."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics import (
    abelian_accuracy,
    abelian_logit_distance,
    abelian_logit_mse,
    accuracy_by_mirror,
    commutes,
    mirror_share,
    mirror_split,
)


def random_table(p: int, k: int, seed: int) -> Tensor:
    return torch.randn(p, p, k, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_pair_by_pair(p: int, k: int, seed: int) -> None:
    table = random_table(p, k, seed)
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randint(p, (9, 2), generator=generator)
    gaps, agree = [], 0
    for a, b in pairs.tolist():
        forward, mirrored = table[a, b].tolist(), table[b, a].tolist()
        gaps.append([s - t for s, t in zip(forward, mirrored, strict=True)])
        agree += forward.index(max(forward)) == mirrored.index(max(mirrored))
    assert abelian_accuracy(table, pairs) == agree / 9
    distance = sum(math.hypot(*gap) for gap in gaps) / 9
    assert abelian_logit_distance(table, pairs) == pytest.approx(distance, abs=1e-12)
    mse = sum(g * g for gap in gaps for g in gap) / (9 * k)
    assert abelian_logit_mse(table, pairs) == pytest.approx(mse, abs=1e-12)


def test_a_mask_a_list_and_all_pairs_mean_the_same() -> None:
    table = random_table(5, 4, 0)
    everything = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    mask = torch.ones(5, 5, dtype=torch.bool)
    for metric in (abelian_accuracy, abelian_logit_distance, abelian_logit_mse):
        assert metric(table) == metric(table, mask) == metric(table, everything)
    mask[2] = False
    kept = everything[everything[:, 0] != 2]
    assert abelian_logit_mse(table, mask) == abelian_logit_mse(table, kept)


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int8, torch.int16, torch.uint16], ids=lambda dtype: str(dtype)
)
def test_tokens_of_any_integer_type_mean_the_same(dtype: torch.dtype) -> None:
    """As an index, torch reads uint8 as a mask and refuses int8 and int16."""
    table, pairs = random_table(5, 4, 0), torch.tensor([[0, 1], [1, 1], [4, 2]])
    for metric in (abelian_accuracy, abelian_logit_distance, abelian_logit_mse):
        assert metric(table, pairs.to(dtype)) == metric(table, pairs)
    assert mirror_share(pairs.to(dtype), 5) == mirror_share(pairs, 5)
    for found, expected in zip(
        mirror_split(pairs.to(dtype), 5), mirror_split(pairs, 5), strict=True
    ):
        assert torch.equal(found, expected)


def test_a_commutative_table_passes_and_an_anticommutative_one_fails_off_the_diagonal() -> None:
    table = random_table(7, 7, 0)
    symmetric = table + table.transpose(0, 1)
    assert abelian_accuracy(symmetric) == 1
    assert abelian_logit_distance(symmetric) == abelian_logit_mse(symmetric) == 0
    # Answer a - b mod 7: equal to b - a only where a = b, since 7 is odd.
    difference = (torch.arange(7)[:, None] - torch.arange(7)) % 7
    assert abelian_accuracy(torch.nn.functional.one_hot(difference).float()) == 1 / 7


@settings(deadline=None)
@given(st.integers(1, 8), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_mirror_split_pair_by_pair(p: int, share: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    train = (torch.rand(p, p, generator=generator) < share).nonzero()
    known = {tuple(pair) for pair in train.tolist()}
    test = [(a, b) for a in range(p) for b in range(p) if (a, b) not in known]
    seen, unseen = mirror_split(train, p)
    assert [tuple(pair) for pair in seen.tolist()] == [(a, b) for a, b in test if (b, a) in known]
    assert [tuple(pair) for pair in unseen.tolist()] == [
        (a, b) for a, b in test if (b, a) not in known
    ]
    if test:
        assert mirror_share(train, p) == len(seen) / len(test)


def test_a_diagonal_test_pair_is_not_answered_by_commutativity() -> None:
    seen, unseen = mirror_split(torch.tensor([[0, 1], [1, 1]]), 2)
    assert seen.tolist() == [[1, 0]]
    assert unseen.tolist() == [[0, 0]]


def test_share_in_the_papers_split_is_what_chance_gives() -> None:
    """An off-diagonal test pair has its mirror in training with chance 3830 / (113^2 - 1)."""
    p, m = 113, 3830
    order = torch.randperm(p * p, generator=torch.Generator().manual_seed(0))[:m]
    train = torch.stack([order // p, order % p], dim=1)
    off_diagonal = (p * p - p) / (p * p)
    assert mirror_share(train, p) == pytest.approx(off_diagonal * m / (p * p - 1), abs=0.01)


def labels_of(name: str, p: int = 7) -> Tensor:
    """Answers of an operation on 0 ... p-1; a division by zero is no question."""
    a, b = torch.arange(p)[:, None], torch.arange(p)
    if name == "divide":
        labels = torch.full((p, p), -1)
        labels[a * b % p, b.expand(p, p)] = a.expand(p, p).clone()
        labels[:, 0] = -1
        return labels
    return {"add": a + b, "multiply": a * b, "subtract": a - b}[name] % p


@pytest.mark.parametrize(
    ("name", "law"), [("add", True), ("multiply", True), ("subtract", False), ("divide", False)]
)
def test_a_perfect_network_is_right_by_its_own_labels(name: str, law: bool) -> None:
    """Against a + b mod p, subtraction would be given a mirrored accuracy of about 1/p."""
    p, labels = 7, labels_of(name)
    assert commutes(labels) is law
    table = torch.nn.functional.one_hot(labels.clamp(min=0), p).float()
    order = torch.randperm(p * p, generator=torch.Generator().manual_seed(0))[:20]
    train = torch.stack([order // p, order % p], dim=1)
    assert accuracy_by_mirror(table, labels, train) == (1, 1)
    if name != "divide":  # it does not answer all pairs
        assert (abelian_accuracy(table) == 1) is law


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_accuracy_by_mirror_pair_by_pair(p: int, k: int, share: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    table = random_table(p, k, seed)
    labels = torch.randint(-1, k, (p, p), generator=generator)
    train = (torch.rand(p, p, generator=generator) < share).nonzero()
    known = {tuple(pair) for pair in train.tolist()}
    halves: dict[bool, list[bool]] = {True: [], False: []}
    for a in range(p):
        for b in range(p):
            if (a, b) not in known and labels[a, b] >= 0:
                right = int(table[a, b].argmax()) == int(labels[a, b])
                halves[(b, a) in known].append(right)
    found = accuracy_by_mirror(table, labels, train)
    for value, half in ((found.mirrored, halves[True]), (found.unmirrored, halves[False])):
        assert value == sum(half) / len(half) if half else math.isnan(value)


def test_composition_of_permutations_does_not_commute() -> None:
    elements = list(itertools.permutations(range(3)))
    labels = torch.tensor(
        [[elements.index(tuple(f[g[i]] for i in range(3))) for g in elements] for f in elements]
    )
    assert not commutes(labels)
    assert commutes(labels[:1, :1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(2, 2), "labels has dtype torch.float32, but labels must be integers"),
        (torch.zeros(3, 3).long(), r"labels has shape \(3, 3\), but must be \(2, 2\) as the table"),
        (torch.zeros(4).long(), r"labels has shape \(4,\), but must be \(2, 2\)"),
        (torch.tensor(0), r"labels has shape \(\), but must be"),
        (torch.full((2, 2), 3), "labels reach 3, but must be less than the 3 classes"),
        ([[0, 1], [1, 0]], "labels is of the type list, but must be a tensor"),
    ],
)
def test_bad_labels_are_refused(labels: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        accuracy_by_mirror(TABLE, labels, torch.tensor([[0, 1]]))


TABLE = torch.zeros(2, 2, 3)


@pytest.mark.parametrize(
    ("table", "pairs", "message"),
    [
        (torch.zeros(2, 3, 3), None, r"table has shape \(2, 3, 3\), but must be \(p, p, K\)"),
        (torch.zeros(4, 3), None, "table has shape"),
        (TABLE / 0, None, "table holds 12 entries that are NaN"),
        (TABLE, torch.zeros(0, 2).long(), "pairs holds 0 pairs"),
        (TABLE, torch.zeros(2, 2, dtype=torch.bool), "pairs holds 0 pairs"),
        (TABLE, torch.ones(3, 3, dtype=torch.bool), r"mask has shape \(3, 3\)"),
        (TABLE, torch.zeros(2, 3).long(), r"pairs has shape \(2, 3\), but must be \(m, 2\)"),
        (TABLE, torch.zeros(1, 2), "tokens must be integers"),
        (TABLE, torch.tensor([[0, 2]]), "tokens from 0 to 2, but they must be .* less than 2"),
    ],
)
def test_bad_tables_and_pairs_are_refused(
    table: Tensor, pairs: Tensor | None, message: str
) -> None:
    for metric in (abelian_accuracy, abelian_logit_distance, abelian_logit_mse):
        with pytest.raises(InputError, match=message):
            metric(table, pairs)


def test_bad_splits_are_refused() -> None:
    with pytest.raises(InputError, match="p is 0, but must be at least 1"):
        mirror_split(torch.zeros(0, 2).long(), 0)
    with pytest.raises(InputError, match=r"p is 2.0, but must be an integer"):
        mirror_split(torch.zeros(0, 2).long(), 2.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"dtype torch.bool, but tokens must be integers"):
        mirror_split(torch.zeros(2, 2, dtype=torch.bool), 2)
    with pytest.raises(InputError, match="tokens from -1 to 0"):
        mirror_split(torch.tensor([[0, -1]]), 2)
    with pytest.raises(InputError, match="holds all 1 pairs, but must leave some for testing"):
        mirror_share(torch.tensor([[0, 0]]), 1)
