"""A task: a split of data, and what the rest of the package needs to know about it."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics.commutativity import commutes

Axis = Literal["linear", "log"]
Inputs = Literal["pairs", "vectors"]
Kind = TypeVar("Kind")


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test tensors of one task.

    Attributes
    ----------
    train_x, test_x : Tensor
        Vectors such as images, float32 ``(n, d)``; or pairs ``(a, b)``, int64 ``(n, 2)``.
    train_y, test_y : Tensor
        Labels, int64 ``(n,)``, from 0 to K - 1.
    classes : int
        Number of labels K.

    Raises
    ------
    InputError
        If a tensor has another shape or type, a label is outside its range, an input is not finite,
        or the training set is empty.
    """

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: int

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            x, y = getattr(self, f"{part}_x"), getattr(self, f"{part}_y")
            if y.dtype != torch.int64 or y.shape != x.shape[:1]:
                raise InputError(
                    f"{part}_y is {y.dtype} of shape {tuple(y.shape)}, but must be one int64 label"
                    f" for each of the {len(x)} rows of {part}_x."
                )
            if len(y) and not 0 <= int(y.min()) <= int(y.max()) < self.classes:
                raise InputError(
                    f"{part}_y has labels from {int(y.min())} to {int(y.max())}, but must have"
                    f" those of {self.classes} classes, 0 to {self.classes - 1}."
                )
            if x.is_floating_point() and not bool(x.isfinite().all()):
                raise InputError(f"{part}_x has a value that is not finite.")
        if not len(self.train_x):
            raise InputError("train_x is empty, but there must be something to train on.")
        if self.train_x.shape[1:] != self.test_x.shape[1:]:
            raise InputError(
                f"a row of test_x has shape {tuple(self.test_x.shape[1:])}, but must have that of"
                f" train_x, {tuple(self.train_x.shape[1:])}."
            )

    def to(self, device: torch.device | str) -> Split:
        """Return the same split on another device."""
        tensors = (self.train_x, self.train_y, self.test_x, self.test_y)
        train_x, train_y, test_x, test_y = (tensor.to(device) for tensor in tensors)
        return Split(train_x, train_y, test_x, test_y, self.classes)

    def checksum(self) -> str:
        """SHA-256 over the four tensors' bytes, in order; a run's manifest records it."""
        digest = hashlib.sha256()
        for tensor in (self.train_x, self.train_y, self.test_x, self.test_y):
            digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


@runtime_checkable
class Loadable(Protocol):
    """The least that a task of your own needs; it must also be a frozen dataclass."""

    def load(self) -> Split:
        """Return the data, the same at every call."""


class Task(Loadable, Protocol):
    """What is learned: the data, their names, and the test accuracy that counts as learned.

    Everything but :meth:`load` has a default. A frozen dataclass derived from this class overrides
    a default by a plain class attribute (``grokked = 0.8``) or a property. Do not annotate the
    attribute: an annotation makes it a field, and a field changes an experiment's id.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class BitwiseAnd(Task):
    ...     inputs_kind = "pairs"
    ...     name = "bitwise and"
    ...     def load(self):
    ...         a, b = torch.arange(16) // 4, torch.arange(16) % 4
    ...         x, y = torch.stack((a, b), dim=1), a & b
    ...         return Split(x[::2], y[::2], x[1::2], y[1::2], classes=4)
    >>> task = BitwiseAnd()
    >>> task.title, task.grokked, task.commutes, int(task.label_table()[3, 2])
    ('Bitwise and', 0.99, True, 2)
    """

    @property
    def key(self) -> str:
        """First part of the names of its experiments, such as "modadd"."""
        return type(self).__name__.lower()

    @property
    def name(self) -> str:
        """Its name within a sentence, such as "modulo addition"."""
        return _in_words(type(self))

    @property
    def title(self) -> str:
        """Its name over a panel, such as "Modulo addition"."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def axis(self) -> Axis:
        """How figures draw training steps."""
        return "linear"

    @property
    def grokked(self) -> float:
        """The test accuracy from which a network counts as having grokked, if it stays there."""
        return 0.99 if self.inputs_kind == "pairs" else 0.9

    @property
    def inputs_kind(self) -> Inputs:
        """Kind of inputs: pairs of tokens, which have a law and mirror images, or vectors."""
        return "vectors"

    @property
    def loss(self) -> Literal["mse", "cross_entropy"]:
        """The usual training loss."""
        return "cross_entropy"

    def label_table(self) -> Tensor | None:
        """Return the true answers ``(p, p)``, "a ∘ b =" at [a, b]; None if inputs are not pairs.

        Int64, and -1 where a pair is not a question, as in division by zero. The default reads it
        from the data.
        """
        if self.inputs_kind != "pairs":
            return None
        split = self.load()
        require_pairs(split, self.name)
        pairs = torch.cat((split.train_x, split.test_x))
        tokens = int(pairs.max()) + 1
        table = torch.full((tokens, tokens), -1)
        table[pairs[:, 0], pairs[:, 1]] = torch.cat((split.train_y, split.test_y))
        return table

    @property
    def commutes(self) -> bool | None:
        """Whether a ∘ b = b ∘ a wherever both are questions; None if inputs are not pairs."""
        table = self.label_table()
        return None if table is None else commutes(table)


class _Described(Task):
    """A data set that has :meth:`load` and perhaps other parts of a :class:`Task`."""

    def __init__(self, own: Loadable) -> None:
        self._own = own

    def load(self) -> Split:
        return self._own.load()

    @property
    def key(self) -> str:
        return type(self._own).__name__.lower()

    @property
    def name(self) -> str:
        return _in_words(type(self._own))

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "_own")
        told = not name.startswith("_") and hasattr(own, name)
        return getattr(own, name) if told else object.__getattribute__(self, name)


def described(dataset: Loadable) -> Task:
    """Return a data set as a :class:`Task`, with defaults for what it does not define.

    Examples
    --------
    >>> from grokbook.tasks.images import Digits
    >>> @dataclass(frozen=True)
    ... class UpsideDown:
    ...     grokked = 0.7
    ...     def load(self):
    ...         return Digits().load()
    >>> task = described(UpsideDown())
    >>> task.title, task.grokked, task.inputs_kind, task.label_table()
    ('Upside down', 0.7, 'vectors', None)
    """
    # Test the class, not the attributes: a look-alike may lack what a later version adds.
    return dataset if Task in type(dataset).__mro__ else _Described(dataset)  # type: ignore[return-value]


def reseeded(dataset: Kind, seed: int) -> Kind:
    """Return a data set with another seed, also in the task it wraps; unchanged without a seed.

    Examples
    --------
    >>> from grokbook.tasks.modular import ModularAddition
    >>> reseeded(ModularAddition(5, 0.5, seed=3), 1)
    ModularAddition(p=5, train_fraction=0.5, seed=1)
    """
    if not dataclasses.is_dataclass(dataset) or isinstance(dataset, type):
        return dataset
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(dataset):
        value = getattr(dataset, field.name)
        if field.name == "seed":
            changes["seed"] = seed
        elif (other := reseeded(value, seed)) is not value:
            changes[field.name] = other
    return dataclasses.replace(dataset, **changes) if changes else dataset


def require_pairs(split: Split, name: str, tokens: int | None = None) -> None:
    """Refuse a split whose inputs are not pairs of tokens from 0, or below ``tokens`` if given."""
    for part in (split.train_x, split.test_x):
        if part.dtype != torch.int64 or part.shape[1:] != (2,):
            raise InputError(
                f"The inputs of {name} are {part.dtype} of shape {tuple(part.shape)}, but must be"
                " pairs, int64 (n, 2)."
            )
        if len(part) and int(part.min()) < 0:
            raise InputError(f"{name} has token {int(part.min())}, but tokens begin at 0.")
        if tokens is not None and len(part) and int(part.max()) >= tokens:
            raise InputError(
                f"{name} has token {int(part.max())}, but a network for {tokens} classes reads the"
                f" tokens 0 to {tokens - 1}."
            )


def check_train_points(value: int, largest: int, name: str) -> None:
    """Refuse a number of training points outside 1 to ``largest``."""
    if not 1 <= value <= largest:
        raise InputError(
            f"train_points is {value}, but {name} needs an integer from 1 to {largest}."
        )


def _in_words(kind: type) -> str:
    """Write a class's name as words: "UpsideDown" as "upside down", "MNIST" as it stands."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind.__name__)
    return words if words.isupper() else words.lower()
