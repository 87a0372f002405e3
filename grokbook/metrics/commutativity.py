"""Metrics of whether a network trained on a table of pairs has learned that a + b = b + a.

Everything is computed from one table of logits (p, p, K) whose entry [a, b] answers "a + b =",
where + is the operation that was taught. Its true answers are a table of labels (p, p), negative
where a pair is not a question (such as division by zero); `commutes` says whether they obey the law
at all. If they do not, a perfect network disagrees with its mirror image, and abelian accuracies
and distances say nothing about what was learned. Pairs are given as rows (a, b) of an integer
tensor (m, 2), or as a boolean mask (p, p), or not at all for all p^2 pairs. A diagonal pair (a, a)
is its own mirror image, so every network agrees on it: over all pairs the abelian accuracy is at
least 1/p.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.tensors import require_pairs, require_tensor
from grokbook._support.validation import whole
from grokbook.metrics._checks import require_finite
from grokbook.metrics._numbers import require_memory, require_representable, vector_norm


def abelian_accuracy(table: Tensor, pairs: Tensor | None = None) -> float:
    """Return the share of pairs (a, b) for which "a + b =" and "b + a =" are given the same class.

    Section 4 of arXiv:2311.06597, Figure 5 (there on the training pairs). The class need not be the
    right one.

    Parameters
    ----------
    table
        Logits (p, p, K).
    pairs
        Rows (a, b) of shape (m, 2), or a mask (p, p), or None for all pairs.

    Raises
    ------
    InputError
        If the table is not a finite, real (p, p, K), the pairs do not fit it, or a result is beyond
        float64.

    Examples
    --------
    >>> table = torch.zeros(2, 2, 2)
    >>> table[0, 1, 1] = 1.0
    >>> abelian_accuracy(table)
    0.5
    """
    forward, mirrored = _both(table, pairs)
    return int((forward.argmax(dim=1) == mirrored.argmax(dim=1)).sum()) / len(forward)


def abelian_logit_distance(table: Tensor, pairs: Tensor | None = None) -> float:
    """Return the mean Euclidean distance of the logits of "a + b =" and "b + a =" over the pairs.

    Section 4 of arXiv:2311.06597, Figure 7. The paper does not say which distance; see also
    `abelian_logit_mse`. Arguments and errors are those of `abelian_accuracy`.

    Examples
    --------
    >>> table = torch.zeros(2, 2, 2)
    >>> table[0, 1] = torch.tensor([3.0, 4.0])
    >>> abelian_logit_distance(table, torch.tensor([[0, 1]]))
    5.0
    """
    forward, mirrored = _both(table, pairs)
    distance = float(vector_norm(forward - mirrored, dim=1).mean())
    return require_representable(distance, "the mean distance of the logits")


def abelian_logit_mse(table: Tensor, pairs: Tensor | None = None) -> float:
    """Return the mean square of the differences of the logits of "a + b =" and "b + a =".

    The mean is over pairs and classes.

    The abelian objective of Figure 6 adds this term, times 100, to the loss.
    Arguments and errors are those of `abelian_accuracy`.

    Examples
    --------
    >>> table = torch.zeros(2, 2, 2)
    >>> table[0, 1] = torch.tensor([3.0, 4.0])
    >>> abelian_logit_mse(table, torch.tensor([[0, 1]]))
    12.5
    """
    forward, mirrored = _both(table, pairs)
    error = float((forward - mirrored).square().mean())
    return require_representable(error, "the mean square of the differences")


class MirrorAccuracy(NamedTuple):
    """Accuracies on the two parts of a test set, NaN for a part without pairs."""

    mirrored: float
    unmirrored: float


def commutes(labels: Tensor) -> bool:
    """Return whether labels (p, p) obey a + b = b + a wherever both are questions.

    Parameters
    ----------
    labels
        Integers (p, p), the true answer of "a + b =" at [a, b], negative where it is no question.

    Raises
    ------
    InputError
        If labels is not an integer (p, p).

    Examples
    --------
    >>> token = torch.arange(3)
    >>> commutes((token[:, None] + token) % 3), commutes((token[:, None] - token) % 3)
    (True, False)
    """
    require_labels(labels)
    both = (labels >= 0) & (labels.T >= 0)
    return bool((labels == labels.T)[both].all())


def accuracy_by_mirror(table: Tensor, labels: Tensor, train_pairs: Tensor) -> MirrorAccuracy:
    """Return the test accuracy where the mirror image (b, a) was trained on, and where it was not.

    The test pairs are the questions that are not in `train_pairs`, split as `mirror_split` does.
    A network that knows only the training set and the commutative law answers the first part alone,
    if the operation `commutes`.

    Parameters
    ----------
    table
        Logits (p, p, K).
    labels
        Integers (p, p) below K, the task's own answers, negative where a pair is no question.
    train_pairs
        Rows (a, b), shape (m, 2).

    Raises
    ------
    InputError
        If the table is not a finite, real (p, p, K), the labels do not fit it, or the pairs are not
        integers (m, 2) in [0, p).

    Examples
    --------
    >>> labels = torch.tensor([[0, 1], [1, 0]])
    >>> table = torch.nn.functional.one_hot(torch.tensor([[0, 1], [1, 1]])).float()
    >>> accuracy_by_mirror(table, labels, torch.tensor([[0, 1]]))
    MirrorAccuracy(mirrored=1.0, unmirrored=0.5)
    """
    p, classes = require_table(table)
    require_labels(labels, p, classes)
    labels = labels.to(table.device)
    correct = table.detach().to(torch.float64).argmax(dim=2) == labels
    shares = []
    for half in mirror_split(train_pairs, p):
        a, b = half.to(table.device).unbind(dim=1)
        asked = correct[a, b][labels[a, b] >= 0]
        shares.append(float(asked.double().mean()))  # NaN if there are none
    return MirrorAccuracy(*shares)


def mirror_split(train_pairs: Tensor, p: int) -> tuple[Tensor, Tensor]:
    """Split the test pairs by whether their mirror image (b, a) is a training pair.

    The test pairs are all p^2 pairs that are not in `train_pairs`. If the commutative law holds
    (`commutes`), knowing it and the training set answers exactly the first group. A diagonal test
    pair (a, a) belongs to the second: its mirror image is itself, which is not a training pair, and
    commutativity says nothing about it.

    Parameters
    ----------
    train_pairs
        Rows (a, b), shape (m, 2).
    p
        The modulus; tokens are 0 ... p-1.

    Returns
    -------
    tuple of Tensor
        Pairs whose mirror is in the training set (m1, 2), and the others (m2, 2), both in
        lexicographic order.

    Raises
    ------
    InputError
        If p is no integer of at least 1 or the pairs are not integers (m, 2) in [0, p).

    Examples
    --------
    >>> seen, unseen = mirror_split(torch.tensor([[0, 1]]), 2)
    >>> seen.tolist(), unseen.tolist()
    ([[1, 0]], [[0, 0], [1, 1]])
    """
    p = whole("p", p, least=1)
    require_memory(4 * p * p, f"a table of the {p} x {p} pairs")
    a, b = require_pairs(train_pairs, p).unbind(dim=1)
    train = torch.zeros(p, p, dtype=torch.bool, device=a.device)
    train[a, b] = True
    return (~train & train.T).nonzero(), (~train & ~train.T).nonzero()


def mirror_share(train_pairs: Tensor, p: int) -> float:
    """Return the share of the test pairs that the commutative law and the training set answer.

    Test accuracy pauses at this height once the network has learned only commutativity.
    Arguments and errors are those of `mirror_split`; a training set of all pairs is refused too.

    Examples
    --------
    >>> round(mirror_share(torch.tensor([[0, 1]]), 2), 4)
    0.3333
    """
    seen, unseen = mirror_split(train_pairs, p)
    if len(seen) + len(unseen) == 0:
        raise InputError(f"train_pairs holds all {p * p} pairs, but must leave some for testing.")
    return len(seen) / (len(seen) + len(unseen))


def require_table(table: Tensor) -> tuple[int, int]:
    """Return p and K of logits (p, p, K); refuse a table that is not finite and real."""
    require_tensor(table, "table")
    if table.ndim != 3 or table.shape[0] != table.shape[1] or table.numel() == 0:
        raise InputError(f"table has shape {tuple(table.shape)}, but must be (p, p, K).")
    require_finite(table, "table")
    return table.shape[0], table.shape[2]


def require_labels(labels: Tensor, p: int | None = None, classes: int | None = None) -> None:
    """Refuse labels that are not an integer (p, p), or not below the number of classes."""
    require_tensor(labels, "labels")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise InputError(f"labels has dtype {labels.dtype}, but labels must be integers.")
    side = labels.shape[0] if p is None and labels.ndim else p
    if labels.shape != (side, side) or labels.numel() == 0:
        must = "(p, p)" if p is None else f"({p}, {p}) as the table"
        raise InputError(f"labels has shape {tuple(labels.shape)}, but must be {must}.")
    if classes is not None and labels.max() >= classes:
        raise InputError(
            f"labels reach {int(labels.max())}, but must be less than the {classes} classes of the "
            "table."
        )


def _both(table: Tensor, pairs: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return float64 logits (m, K) of the pairs and of their mirror images."""
    p, _ = require_table(table)
    if pairs is None:
        pairs = torch.ones(p, p, dtype=torch.bool, device=table.device)
    require_tensor(pairs, "pairs")
    if pairs.dtype == torch.bool:
        if pairs.shape != (p, p):
            raise InputError(f"the mask has shape {tuple(pairs.shape)}, but must be ({p}, {p}).")
        pairs = pairs.nonzero()
    pairs = require_pairs(pairs, p)
    if len(pairs) == 0:
        raise InputError("pairs holds 0 pairs, but must hold at least one.")
    a, b = pairs.to(table.device).unbind(dim=1)
    table = table.detach()
    return table[a, b].to(torch.float64), table[b, a].to(torch.float64)
