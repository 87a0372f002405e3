"""Checkpoints: the state of one training in one file, checked in full before use.

The file is a line that names the format, a line with the SHA-256 of what follows, and the state as
``torch.save`` writes it. A damaged or edited file is refused as a whole.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grokbook._support.atomic_files import write_atomically
from grokbook._support.errors import CheckpointError, InputError, RunError, reason
from grokbook._support.validation import shown

_FORMAT = b"grokbook checkpoint 2\n"
_FIELDS: dict[str, type] = {
    "id": str,
    "model": dict,
    "optimizer": dict,
    "batches": tuple,
    "noise": Tensor,
    "memory": dict,
    "step": int,
    "diverged": bool,
    "log": list,
    "kept": dict,
    "seconds": float,
    "stretches": list,
}


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    Raises
    ------
    RunError
        If the file cannot be written; the previous one stays as it was.
    """
    buffer = BytesIO()  # torch.save into a file on a full disk raises no OSError
    torch.save(dict(content), buffer)
    payload = buffer.getvalue()
    checksum = hashlib.sha256(payload).hexdigest().encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(_FORMAT + checksum + b"\n" + payload))
    except OSError as error:
        raise RunError(
            f"The checkpoint {path} could not be written ({reason(error)}); the previous one,"
            " if any, is unchanged."
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, complete and of the right types, with tensors on the CPU.

    Raises
    ------
    CheckpointError
        If the file is not as it was written.
    RunError
        If this user may not read it.
    """
    try:
        content = path.read_bytes()
        head, checksum, payload = content.split(b"\n", 2)
        if head + b"\n" != _FORMAT or hashlib.sha256(payload).hexdigest().encode() != checksum:
            raise ValueError("not as it was written")
        found: dict[str, Any] = torch.load(BytesIO(payload), map_location="cpu", weights_only=True)
        found.setdefault("kept", {})  # from before weights could be kept
        for name, kind in _FIELDS.items():
            if type(found[name]) is not kind:
                raise ValueError(f"{name} is {shown(found[name])}")
        if not (found["step"] >= 0 and math.isfinite(found["seconds"])):
            raise ValueError(f"step {found['step']} after {found['seconds']} seconds")
        _require_log(found["log"], found["step"])
    except PermissionError as error:
        raise RunError(
            f"The checkpoint {path} cannot be read ({reason(error)}); change its permissions."
        ) from error
    except Exception as error:  # zip, pickle, tensor and OS errors share no base class
        raise unreadable(path) from error
    return found


def _require_log(log: Sequence[Any], reached: int) -> None:
    """Refuse rows that are not numbers by column, or whose steps do not increase up to here."""
    steps = [row["step"] for row in log]
    if not all(type(step) is int for step in steps):
        raise ValueError("a logged step is no integer")
    if steps != sorted(set(steps)) or any(not 0 <= step <= reached for step in steps):
        raise ValueError("the logged steps do not increase")
    for row in log:
        if not all(type(key) is str and type(value) in (int, float) for key, value in row.items()):
            raise ValueError("a logged value is no number")


def require_alike(found: Mapping[str, Any], wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors that differ from ``wanted`` in names, shapes or types, with a ValueError."""
    if set(found) != set(wanted):
        raise ValueError("other names")
    for name, tensor in wanted.items():
        other = found[name]
        if not isinstance(other, Tensor) or (other.shape, other.dtype) != (
            tensor.shape,
            tensor.dtype,
        ):
            raise ValueError(f"{name} has another shape or type")


def unreadable(path: Path) -> CheckpointError:
    """Return the error of a damaged checkpoint; torch's own says how to load it unsafely."""
    return CheckpointError(
        f"{path} is not a readable checkpoint; remove it, or train with `--again`, to start over."
    )


def require_restorable(memory: Mapping[str, Any], strategy: str) -> None:
    """Refuse strategy memory that a checkpoint cannot restore.

    Raises
    ------
    InputError
        With the entry's name and type.
    """
    for name, value in memory.items():
        buffer = BytesIO()
        try:
            torch.save({name: value}, buffer)
            torch.load(BytesIO(buffer.getvalue()), weights_only=True)
        except Exception:  # pickle's and torch's errors share no base class
            raise InputError(
                f"memory of {strategy} holds {shown(value)} of type {type(value).__name__} under"
                f" {name!r}, which a checkpoint cannot restore; tensors, numbers and text can be."
            ) from None


def step_reached(path: Path) -> int:
    """Return the step of a checkpoint, or 0 if none can be read."""
    try:
        return int(read_checkpoint(path)["step"])
    except RunError:
        return 0


CHECKPOINT_SECONDS = 20.0  # of work that a kill -9 can lose
