"""Checks of a user's own class that takes the place of one of ours."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from grokbook._support.errors import InputError


def require_settings(name: str, value: Any) -> None:
    """Refuse a value that is not a frozen dataclass instance, or has a field that no method reads.

    A class derived from one of ours inherits methods that ignore a new field: the field would
    change the experiment's id and nothing else. So the class that adds a field, or one derived from
    it, has to override a method.

    Raises
    ------
    InputError
        With ``name``, the class and what is missing.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from grokbook.optimizers.adamw import AdamW
    >>> require_settings("optimizer", AdamW())
    >>> @dataclass(frozen=True)
    ... class Faster(AdamW):
    ...     speed: float = 2.0
    >>> require_settings("optimizer", Faster())
    Traceback (most recent call last):
        ...
    grokbook._support.errors.InputError: optimizer is a Faster, whose field 'speed' nobody reads: \
it overrides no method of AdamW.
    """
    if isinstance(value, type):
        raise InputError(f"{name} is the class {value.__name__}, but must be an instance of one.")
    kind = type(value)
    frozen = getattr(kind, "__dataclass_params__", None)
    if frozen is None or not frozen.frozen:
        raise InputError(f"{name} is of the type {kind.__name__}, which is no frozen dataclass.")
    for place, owner in enumerate(kind.__mro__):
        bases = [base for base in owner.__mro__[1:] if dataclasses.is_dataclass(base)]
        known = {field.name for base in bases for field in dataclasses.fields(base)}
        added = [key for key in inspect.get_annotations(owner) if key not in known]
        fields = {field.name for field in dataclasses.fields(kind)}
        unread = [key for key in added if key in fields]
        if bases and unread and not any(map(_overrides, kind.__mro__[: place + 1])):
            raise InputError(
                f"{name} is a {kind.__name__}, whose field {unread[0]!r} nobody reads: it overrides"
                f" no method of {bases[0].__name__}."
            )


def _overrides(kind: type) -> bool:
    """Whether a class overrides a method of one that it is derived from."""
    own = {
        key
        for key, value in vars(kind).items()
        if (callable(value) or isinstance(value, property))
        and (not key.startswith("__") or key == "__call__")
    }
    return any(key in vars(base) for base in kind.__mro__[1:] for key in own)
