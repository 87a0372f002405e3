"""The laws of a group against three loops over every element, on right and on wrong answers."""

import pytest
import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics.group_laws import GroupLaws, group_laws, group_of
from grokbook.tasks.modular import ModularAddition
from grokbook.tasks.random_labels import RandomLabels
from grokbook.tasks.symmetric_group import SymmetricGroup


def logits(answers: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(answers, classes).double()


def dense(answers: list[list[int]], labels: list[list[int]]) -> GroupLaws:
    """The definitions, one question at a time."""
    p = len(labels)
    neutral = [e for e in range(p) if all(labels[e][a] == labels[a][e] == a for a in range(p))]
    e = neutral[0]
    identity = [answers[a][e] == a for a in range(p)]
    identity += [answers[e][a] == a for a in range(p) if a != e]
    inverse = [answers[a][next(b for b in range(p) if labels[a][b] == e)] == e for a in range(p)]
    agree = 0
    for a in range(p):
        for b in range(p):
            for c in range(p):
                ab, bc = answers[a][b], answers[b][c]
                agree += ab < p and bc < p and answers[ab][c] == answers[a][bc]
    return GroupLaws(sum(identity) / len(identity), sum(inverse) / p, agree / p**3)


def symmetric_three() -> Tensor:
    """The table of S3, as permutations composed one by one."""
    from itertools import permutations

    elements = list(permutations(range(3)))
    place = {element: i for i, element in enumerate(elements)}
    composed = [[tuple(g[h[i]] for i in range(3)) for h in elements] for g in elements]
    return torch.tensor([[place[each] for each in row] for row in composed])


@pytest.mark.parametrize("classes", [6, 8])
@pytest.mark.parametrize("wrong", [0, 5, 20, 36])
def test_it_is_the_dense_definition(wrong: int, classes: int) -> None:
    source = torch.Generator().manual_seed(wrong)
    token = torch.arange(6)
    for labels in ((token[:, None] + token) % 6, symmetric_three()):
        answers = labels.clone()
        where = torch.randperm(36, generator=source)[:wrong]
        answers.view(-1)[where] = torch.randint(classes, (wrong,), generator=source)
        found = group_laws(logits(answers, classes), labels)
        assert found == pytest.approx(dense(answers.tolist(), labels.tolist()))


def test_a_group_that_does_not_commute_is_one() -> None:
    group = group_of(symmetric_three())
    assert group is not None and group.identity == 0
    table = SymmetricGroup(3, 0.5, 0).label_table()
    assert group_laws(logits(table, 6), table) == (1.0, 1.0, 1.0)


def test_what_is_no_group_has_no_laws() -> None:
    token = torch.arange(5)
    subtraction = (token[:, None] - token) % 5
    product = (token[:, None] * token) % 5  # 0 has no inverse
    hole = (token[:, None] + token) % 5
    hole[1, 2] = -1
    shuffled = RandomLabels(ModularAddition(5, 0.5, 0), 0).label_table()
    loop = (token[:, None] + token) % 5  # a Latin square with a neutral element, not associative
    loop[1:, 1:] = torch.tensor([[0, 3, 4, 2], [4, 0, 1, 3], [2, 4, 0, 1], [3, 1, 2, 0]])
    for labels in (subtraction, product, hole, shuffled, loop):
        assert group_of(labels) is None
        with pytest.raises(InputError, match="not the table of a group"):
            group_laws(torch.zeros(5, 5, 5), labels)


def test_one_answer_to_everything_is_associative_and_nothing_else() -> None:
    token = torch.arange(7)
    labels = (token[:, None] + token) % 7
    found = group_laws(logits(torch.full((7, 7), 3), 7), labels)
    assert found.associativity == 1 and found.identity == pytest.approx(2 / 13)
    assert found.inverse == 0


def test_answers_that_are_no_elements_cannot_be_asked_on() -> None:
    token = torch.arange(4)
    labels = (token[:, None] + token) % 4
    assert group_laws(logits(torch.full((4, 4), 4), 5), labels) == (0.0, 0.0, 0.0)


def test_tables_that_do_not_fit_are_refused() -> None:
    labels = torch.zeros(3, 3, dtype=torch.int64)
    with pytest.raises(InputError, match=r"must be \(p, p, K\)"):
        group_laws(torch.zeros(3, 2, 3), labels)
    with pytest.raises(InputError, match="labels"):
        group_laws(torch.zeros(3, 3, 3), labels.float())
