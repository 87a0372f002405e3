"""Nested fields by their dotted names, such as ``optimizer.lr``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dotted(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested fields by their dotted names.

    Examples
    --------
    >>> dotted({"steps": 9, "optimizer": {"lr": 0.1}})
    {'steps': 9, 'optimizer.lr': 0.1}
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            found |= dotted(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
