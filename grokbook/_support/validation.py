"""Checks of the fields of a recipe against their annotations, and of single numbers.

An experiment's id is a hash of its fields as JSON. JSON distinguishes values that Python calls
equal, 1 and 1.0 or 0.0 and -0.0, and cannot hold NumPy's numbers. So each field gets one exact
type.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import operator
from collections.abc import Iterable
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from grokbook._support.errors import InputError


def conform(recipe: Any, **also: type) -> None:
    """Give every field of a frozen dataclass exactly the type that its annotation names.

    Integers and real numbers of any kind, NumPy's too, become int and float, lists become tuples.
    Call it first in ``__post_init__``, before the other checks of a value.

    Parameters
    ----------
    recipe : dataclass instance
        Its fields are annotated with int, float, a ``Literal`` of texts, a tuple, a class, a union
        of classes, or one of these or None.
    also : type
        A further class that a field may hold, by the field's name: a protocol that a user's own
        class follows without being derived from ours.

    Raises
    ------
    InputError
        If a field holds something else: a non-integer for an int, text for a float, a value that a
        ``Literal`` does not list.

    Examples
    --------
    >>> from grokbook.optimizers.adamw import AdamW
    >>> AdamW(lr=1).lr, AdamW(betas=[0, 0.5]).betas
    (1.0, (0.0, 0.5))
    """
    for name, hint in _hints(recipe.__class__).items():
        value = getattr(recipe, name)
        if get_origin(hint) is ClassVar:
            continue
        if name in also and isinstance(value, also[name]) and not isinstance(value, type):
            continue
        listed = get_origin(hint) is Literal or NoneType in get_args(hint)
        allowed = hint | also[name] if name in also and not listed else hint
        object.__setattr__(recipe, name, _conformed(name, value, allowed))


def later(default: Any) -> Any:
    """Declare a field that a recipe did not have when runs of it were first recorded.

    At its default it is left out of an experiment's id, so those runs keep their ids.
    """
    return dataclasses.field(default=default, metadata={"later": True})


def renamed(default: Any, first: str) -> Any:
    """Declare a field that was called ``first`` when runs of it were first recorded.

    The id uses the first name, and a manifest may hold either name.
    """
    return dataclasses.field(default=default, metadata={"first_name": first})


def whole(name: str, value: Any, least: int | None = None) -> int:
    """Return an integer of any kind as an int; refuse other values and those below ``least``.

    True and False are refused too, and so is 3.0.

    Raises
    ------
    InputError
        With ``name`` and the value.

    Examples
    --------
    >>> whole("draws", 3, least=1)
    3
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{name} is {shown(value)}, but must be an integer.") from None
    if least is not None and number < least:
        raise InputError(f"{name} is {number}, but must be at least {least}.")
    return number


def real(name: str, value: Any) -> float:
    """Return a real number of any kind as a float; refuse other values.

    NaN and infinity pass. Arrays and tensors without dimensions count as numbers, True and False do
    not.

    Raises
    ------
    InputError
        With ``name`` and the value.

    Examples
    --------
    >>> real("sigma", 1)
    1.0
    """
    number = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(number, bool) or not isinstance(number, numbers.Real):
        raise InputError(f"{name} is {shown(value)}, but must be a real number.")
    try:
        return float(number) + 0.0  # -0.0 becomes 0.0
    except OverflowError:  # an integer beyond the largest float
        return math.inf if value > 0 else -math.inf


def non_negative(name: str, value: Any) -> float:
    """Return a finite real number of at least 0 as a float; refuse other values.

    Raises
    ------
    InputError
        With ``name`` and the value.

    Examples
    --------
    >>> non_negative("sigma", 0)
    0.0
    """
    number = real(name, value)
    if not 0 <= number < math.inf:
        raise InputError(f"{name} is {number}, but must be finite and at least 0.")
    return number


def positive(name: str, value: Any) -> float:
    """Return a finite real number above 0 as a float; refuse other values.

    Raises
    ------
    InputError
        With ``name`` and the value.

    Examples
    --------
    >>> positive("b", 500)
    500.0
    """
    number = real(name, value)
    if not 0 < number < math.inf:
        raise InputError(f"{name} is {number}, but must be finite and above 0.")
    return number


def shown(value: Any) -> str:
    """Return a value's repr on one line, cut after 40 characters.

    Examples
    --------
    >>> shown("0.1"), shown(list(range(100)))
    ("'0.1'", '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1...')
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:40]}..."


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)  # the slowest step here


def _conformed(name: str, value: Any, hint: Any) -> Any:
    if hint is int:
        return whole(name, value)
    if hint is float:
        return real(name, value)
    inner = get_args(hint)
    if get_origin(hint) is Literal:
        if not isinstance(value, str) or value not in inner:
            raise InputError(f"{name} is {shown(value)}, but must be {_or(map(repr, inner))}.")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, (tuple, list)):
            raise InputError(f"{name} is {shown(value)}, but must be a tuple.")
        hints = (inner[0],) * len(value) if inner[-1] is ... else inner
        if len(value) != len(hints):
            raise InputError(f"{name} is {shown(value)}, but must have {len(hints)} entries.")
        return tuple(
            _conformed(f"an entry of {name}", *entry) for entry in zip(value, hints, strict=True)
        )
    if NoneType in inner:
        return None if value is None else _conformed(name, value, inner[0])
    classes = inner if isinstance(hint, UnionType) else (hint,)
    if not isinstance(value, classes):
        allowed = _or(kind.__name__ for kind in classes)
        raise InputError(f"{name} is {shown(value)}, but must be of the type {allowed}.")
    return value


def _or(choices: Iterable[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
