"""Keys of runs, and the experiments that they stand for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokbook._support.errors import GrokbookError, InputError, RunError
from grokbook._support.validation import shown, whole
from grokbook.experiments.named import NAMED, experiment
from grokbook.experiments.schema import Experiment
from grokbook.store.readable_names import options, readable_name
from grokbook.tasks.base import reseeded
from grokbook.training.run import Run

_LONGEST = 200  # bytes; file systems take 255, endings and temporary names included


@dataclass(frozen=True)
class RunKey:
    """The place of a run: preset, experiment (with a suffix if fields were overridden), seed.

    Raises
    ------
    InputError
        If preset or name is not the name of one folder, or seed not an integer of at least 0.
    """

    preset: str
    name: str
    seed: int

    def __post_init__(self) -> None:
        for field in ("preset", "name"):
            value = getattr(self, field)
            if not isinstance(value, str) or value in ("", "..") or Path(value).name != value:
                raise InputError(f"{field} is {shown(value)}, but must be the name of one folder.")
            if len(value.encode()) > _LONGEST or not value.isprintable():
                raise InputError(
                    f"{field} is {shown(value)}, but must be printable and at most {_LONGEST} bytes"
                    " long, as the name of a folder."
                )
        object.__setattr__(self, "seed", whole("seed", self.seed, least=0))

    def __str__(self) -> str:
        return f"{self.name} ({self.preset}), seed {self.seed}"


def distinct_seeds(seeds: Iterable[int]) -> list[int]:
    """Return seeds as a list of int.

    Raises
    ------
    InputError
        If they are a text or not a sequence, empty, not integers of at least 0, or not distinct.

    Examples
    --------
    >>> distinct_seeds(range(3))
    [0, 1, 2]
    """
    if isinstance(seeds, str | bytes) or not isinstance(seeds, Iterable):
        raise InputError(f"seeds is {seeds!r}, but must be a list of integers, as in [0, 1].")
    numbers = [whole("seed", seed, least=0) for seed in seeds]
    if not numbers:
        raise InputError("seeds is empty; name at least one.")
    for number in numbers:
        if numbers.count(number) > 1:
            raise InputError(f"seeds has {number} more than once; name each once.")
    return numbers


def require_place(key: RunKey, manifest: dict[str, Any]) -> None:
    """Raise a ValueError for the record of another run, put here by hand."""
    own = RunKey(
        manifest.get("preset", key.preset),
        manifest.get("name", key.name),
        manifest["experiment"].get("seed", key.seed),
    )
    if own != key:
        raise ValueError(f"it is the record of {own}")


def require_own_name(key: RunKey, run: Run) -> None:
    """Refuse an overridden run under the name of other overrides; older manifests hold no name."""
    base = _overridden(key)
    if base is None or "name" in run.manifest:
        return
    try:
        own = custom_key(base, "paper", Experiment.from_dict(run.manifest["experiment"]))
    except (KeyError, TypeError, GrokbookError):  # of another version: its name cannot be derived
        return
    if own != key:
        raise RunError(
            f"The record of {key} is damaged (it is the record of {own}); record it again with"
            f" {command_for(key, again=True)}."
        )


def custom_key(name: str, preset: str, recipe: Experiment) -> RunKey:
    """Key of a recipe: the named one, or ``custom/<name>-<id>`` if fields were overridden.

    The id leaves out the seeds, so recipes that differ only in seeds share a name. The seed of the
    split is left out if it equals the run's; if it was set separately, as for one split in several
    trainings, the name shows it.
    """
    if recipe == experiment(name, preset, recipe.seed):
        return RunKey(preset, name, recipe.seed)
    if reseeded(recipe.dataset, recipe.seed) == recipe.dataset:
        seedless = dataclasses.replace(recipe, seed=0, dataset=reseeded(recipe.dataset, 0))
    else:  # told by a seed other than 0: one split, of seed 0, is not a split of each
        seedless = dataclasses.replace(recipe, seed=1)
    return RunKey("custom", f"{name}-{seedless.id[:8]}", recipe.seed)


def readable_key(name: str, preset: str, recipe: Experiment) -> RunKey:
    """Key of a recipe as :func:`custom_key`, with a name that lists the overrides if possible."""
    key = custom_key(name, preset, recipe)
    if key.preset == "custom" and (readable := readable_name(name, preset, recipe)):
        return RunKey("custom", readable, recipe.seed)
    return key


def recipe_of(key: RunKey) -> Experiment:
    """Return the named experiment that a key stands for."""
    return experiment(key.name, key.preset, key.seed)


def require_own_settings(key: RunKey, recipe: Experiment) -> None:
    """Refuse a recipe with another seed or other settings than those of the key."""
    if recipe.seed != key.seed:
        raise InputError(
            f"The recipe for {key} has seed {recipe.seed}, but the two must be the same."
        )
    if key.preset != "custom" and recipe.id != (own := recipe_of(key).id):
        raise InputError(
            f"{key} stands for experiment {own}, but the recipe is {recipe.id}; keep it under the"
            " preset custom."
        )


def expected_id(key: RunKey) -> str:
    """Id of a current record; any id for a custom run, whose fields are its own."""
    if key.preset == "custom":
        return ""
    try:
        return recipe_of(key).id
    except InputError:  # a name or preset of another version
        return "none"


def command_for(key: RunKey, again: bool = False) -> str:
    """Return the code that records a run: a command, or a call for a user's own name."""
    option = " --again" * again
    if key.preset == "custom" and (told := options(key.name)):
        name, preset, overrides = told
        chosen = f" --preset {preset}" * (preset != "paper")
        return f"`grokbook train {name}{chosen} --seeds {key.seed} {' '.join(overrides)}{option}`"
    if key.preset != "custom":
        return f"`grokbook train {key.name} --preset {key.preset} --seeds {key.seed}{option}`"
    if base := _overridden(key):
        return f"`grokbook train {base} --seeds {key.seed}{option}` and its overrides"
    return f"`RunStore().record({key!r}, recipe{', again=True' * again})`"


def _overridden(key: RunKey) -> str | None:
    """Return the experiment that a name of :func:`custom_key` begins with, None for another."""
    base, _, code = key.name.rpartition("-")
    known = base in NAMED and re.fullmatch("[0-9a-f]{8}", code)
    return base if key.preset == "custom" and known else None
