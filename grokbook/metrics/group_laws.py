"""Metrics of whether a network trained on a group has learned its laws, one by one.

Everything is computed from one table of logits (p, p, K) whose entry [a, b] answers "a ∘ b =", and
from the task's own labels (p, p). The laws are those of a group: a neutral element e, an inverse of
each element, associativity. The commutative law is in :mod:`grokbook.metrics.commutativity`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics._numbers import require_memory
from grokbook.metrics.commutativity import require_labels, require_table


class GroupLaws(NamedTuple):
    """Shares of the questions on which a network obeys a law, from 0 to 1."""

    identity: float
    inverse: float
    associativity: float


class Group(NamedTuple):
    """The neutral element of a group and the inverse of each of its elements."""

    identity: int
    inverses: Tensor


def group_of(labels: Tensor) -> Group | None:
    """Return the group whose table the labels are; None if they are not the table of a group.

    Parameters
    ----------
    labels
        Integers (p, p), the true answer of "a ∘ b =" at [a, b], negative where it is no question.

    Raises
    ------
    InputError
        If labels is not an integer (p, p).

    Examples
    --------
    >>> token = torch.arange(3)
    >>> group_of((token[:, None] + token) % 3)
    Group(identity=0, inverses=tensor([0, 2, 1]))
    >>> group_of((token[:, None] - token) % 3) is None
    True
    """
    require_labels(labels)
    p = len(labels)
    labels = labels.cpu()
    if not bool(((labels >= 0) & (labels < p)).all()):
        return None
    token = torch.arange(p)
    neutral = (labels == token).all(dim=1) & (labels == token[:, None]).all(dim=0)
    if not bool(neutral.any()) or _associativity(labels) < 1:
        return None
    identity = int(neutral.nonzero()[0])
    inverse = labels == identity
    if not bool((inverse.any(dim=1) & inverse.any(dim=0)).all()):
        return None
    return Group(identity, inverse.int().argmax(dim=1))


def group_laws(table: Tensor, labels: Tensor) -> GroupLaws:
    """Return how often a network's answers obey the laws of the group that it was taught.

    The abstract of arXiv:2311.06597 says that standard training hardly learns basic group
    operations before it groks, and tests the commutative law. We test the others on the network's
    own answers f(a, b), the classes of its largest logits:

    - identity: f(a, e) = a and f(e, a) = a, over the 2 p - 1 questions that hold e;
    - inverse: f(a, a⁻¹) = e, over the p elements a;
    - associativity: f(f(a, b), c) = f(a, f(b, c)), over the p³ triples, whether right or wrong. An
      answer that is not an element cannot be composed further and counts as a failure.

    Identity and inverse need right answers, some of them to training pairs. Associativity needs
    only answers that agree: a network that gives one answer to everything obeys it.

    Parameters
    ----------
    table
        Logits (p, p, K).
    labels
        Integers (p, p), the task's own answers.

    Raises
    ------
    InputError
        If the table is not a finite, real (p, p, K), or the labels do not fit it or are not those
        of a group.

    Examples
    --------
    >>> token = torch.arange(5)
    >>> labels = (token[:, None] + token) % 5
    >>> group_laws(torch.nn.functional.one_hot(labels).float(), labels)
    GroupLaws(identity=1.0, inverse=1.0, associativity=1.0)
    """
    p, classes = require_table(table)
    require_labels(labels, p, classes)
    group = group_of(labels)
    if group is None:
        raise InputError("labels are not the table of a group, but must be.")
    answers = table.detach().argmax(dim=2).cpu()
    token, e = torch.arange(p), group.identity
    right = answers == token[:, None]  # f(a, e) in column e
    left = answers == token  # f(e, a) in row e
    identity = int(right[:, e].sum()) + int(left[e].sum()) - int(right[e, e])
    inverse = int((answers[token, group.inverses] == e).sum())
    return GroupLaws(identity / (2 * p - 1), inverse / p, _associativity(answers))


def _associativity(answers: Tensor) -> float:
    """Return the share of triples whose two compositions are given the same answer."""
    p = len(answers)
    require_memory(17 * p**3, f"a table of the {p}³ triples")
    known = answers < p
    asked = answers.clamp(max=p - 1)
    left, right = answers[asked], answers[:, asked]  # f(f(a, b), c) and f(a, f(b, c))
    agree = (left == right) & known[:, :, None] & known[None]
    return int(agree.sum()) / p**3
