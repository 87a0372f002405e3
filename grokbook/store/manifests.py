"""Checks of a run's manifest and log when they are read."""

from __future__ import annotations

from typing import Any

import pandas as pd

from grokbook._support.validation import shown
from grokbook.store.records import OWN_SUM

_MANIFEST: dict[str, tuple[type, ...]] = {
    "experiment": (dict,),
    "id": (str,),
    "status": (str,),
    "steps": (int,),
    "seconds": (int, float),
    "data_sha256": (str,),
    "compiled": (bool,),
    "recorded": (str,),
    "grokbook": (str,),
    "git_commit": (str, type(None)),
    "git_dirty": (bool, type(None)),
    "torch": (str,),
    "python": (str,),
    "device": (str,),
    "cpu": (str,),
    "threads": (int,),
    "log_sha256": (str,),
}
_LATER_IN_MANIFESTS: dict[str, tuple[type, ...]] = {
    "stretches": (list,),
    "weights_sha256": (str,),
    "weights_at": (list,),
    "preset": (str,),
    "name": (str,),
    OWN_SUM: (str,),
}


def require_fields(manifest: dict[str, Any]) -> None:
    """Raise a ValueError for a missing or unknown field, or one of the wrong type."""
    for name in manifest:
        if name not in _MANIFEST and name not in _LATER_IN_MANIFESTS:
            raise ValueError(f"it has a field {shown(name)}")
    for name, kinds in (_MANIFEST | _LATER_IN_MANIFESTS).items():
        if name not in manifest and name in _LATER_IN_MANIFESTS:
            continue
        if name not in manifest:
            raise ValueError(f"{name} is missing")
        if type(manifest[name]) not in kinds:
            raise ValueError(f"{name} is {shown(manifest[name])}")
    if manifest["status"] not in ("finished", "diverged", "interrupted"):
        raise ValueError(f"status is {shown(manifest['status'])}")


def require_rows(log: pd.DataFrame, manifest: dict[str, Any]) -> None:
    """Raise a ValueError for a log that lacks its steps or the last one."""
    steps = log["step"].tolist()
    if steps != sorted(set(steps)) or any(step != int(step) or step < 0 for step in steps):
        raise ValueError("its steps do not increase")
    if manifest["status"] == "finished" and steps[-1:] != [manifest["steps"]]:
        raise ValueError(f"it does not end at step {manifest['steps']}")
    for column in ("train_accuracy", "test_accuracy", "train_loss", "test_loss"):
        if column not in log:
            raise ValueError(f"it has no {column}")
