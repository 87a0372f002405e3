"""Readable names of runs with overridden fields: ``modadd-standard+p=61``.

A name begins with the experiment, has ``@`` and the preset if that is not ``paper``, and lists each
overridden field. It can be read back as options of the command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from grokbook._support.dotted import dotted
from grokbook.experiments.named import experiment
from grokbook.experiments.names import ALL_NAMES, PRESETS
from grokbook.experiments.schema import Experiment

LONGEST = 100
"""Some file systems do not allow a longer name."""


def readable_name(name: str, preset: str, recipe: Experiment) -> str | None:
    """Return the name of a recipe made from a named experiment by overriding fields.

    None if such options cannot express it: a field of another class, a value that cannot be part of
    a folder name, or too many overrides for one name.

    Examples
    --------
    >>> from dataclasses import replace
    >>> recipe = experiment("modadd-standard")
    >>> other = replace(recipe, dataset=replace(recipe.dataset, p=61), steps=900)
    >>> readable_name("modadd-standard", "paper", other)
    'modadd-standard+p=61+steps=900'
    """
    base = dotted(experiment(name, preset, recipe.seed).to_dict())
    now = dotted(recipe.to_dict())
    if set(base) != set(now):
        return None
    short = _short(base)
    parts = [name if preset == PRESETS[0] else f"{name}@{preset}"]
    for path, value in now.items():
        if value == base[path] and type(value) is type(base[path]):
            continue
        if path.split(".")[-1] == "type":
            return None
        parts.append(f"{short[path]}={_text(value)}")
    found = "+".join(parts)
    return found if len(found) <= LONGEST and re.fullmatch(r"[\w.,+=@-]+", found) else None


def options(found: str) -> tuple[str, str, list[str]] | None:
    """Return the experiment, preset and options that a name encodes; None if it encodes none.

    Examples
    --------
    >>> options("modadd-standard@quick+p=61+weight_decay=0.5")
    ('modadd-standard', 'quick', ['--dataset.p', '61', '--optimizer.weight-decay', '0.5'])
    """
    start, *parts = re.split(r"\+(?=[A-Za-z_][\w.]*=)", found)
    name, _, preset = start.partition("@")
    preset = preset or PRESETS[0]
    if not parts or name not in ALL_NAMES or preset not in PRESETS:
        return None
    paths = {
        short: path for path, short in _short(dotted(experiment(name, preset).to_dict())).items()
    }
    arguments = []
    for part in parts:
        short, _, text = part.partition("=")
        if short not in paths:
            return None
        arguments += ["--" + paths[short].replace("_", "-"), *text.split(",")]
    return name, preset, arguments


def _short(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the last part of each dotted name, or all of it if another ends the same way."""
    ends = [path.split(".")[-1] for path in fields]
    return {
        path: end if ends.count(end) == 1 else path for path, end in zip(fields, ends, strict=True)
    }


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return f"{value!r}" if isinstance(value, float) else str(value)
