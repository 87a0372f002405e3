"""The store of recorded runs: Parquet log, JSON manifest, loading, verification.

``runs/<preset>/<experiment>/seed-<k>.parquet`` holds the log, ``seed-<k>.safetensors`` the final
weights, ``seed-<k>.json`` the manifest with the SHA-256 of both. A run exists exactly when its
manifest does: recording writes the files beside their places, moves an old manifest away first and
the new one in last, so that nothing half-written is ever read and what cannot be written costs no
old run. The weights may be missing: they are large, and no table needs them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import safetensors.torch as safetensors
from filelock import FileLock, Timeout
from torch import Tensor

from grokbook.checkpoints import read_checkpoint, step_reached
from grokbook.datasets import ModularAddition
from grokbook.errors import (
    CheckpointError,
    GrokbookError,
    InputError,
    RunError,
    StaleRunError,
    first_line,
    reason,
)
from grokbook.experiments import (
    CONTROLS,
    EXPERIMENTS,
    PRESETS,
    Experiment,
    experiment,
    id_of_fields,
)
from grokbook.fields import shown, whole
from grokbook.files import write_together
from grokbook.training import CHECKPOINT_SECONDS, Run, train, train_together

# Tolerances of `verify`: relative, and absolute by how a column's name begins. They leave room for
# other machines, thread counts and compilers, which round differently.
RELATIVE_TOLERANCE = 1e-3
RELATIVE_TOLERANCES = {
    # A few ReLUs near 0 that switch: weights 3e-7 apart, compiled and not, gave 2.3e-3 at step 10.
    "sharpness": 5e-3,
    # The spread of four probes: what rounding does to each is small beside the probe, not beside
    # their differences.
    "sharpness_standard_error": 5e-2,
}
ABSOLUTE_TOLERANCES = {
    "train_accuracy": 5e-3,
    "test_accuracy": 5e-3,
    "abelian_accuracy": 5e-3,
    "mutual_information_difference": 1e-4,
    "entropy_difference": 1e-4,
}
ABSOLUTE_TOLERANCE = 1e-6
_CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class RunKey:
    """Where a run lies: preset, experiment (with a suffix if fields were overridden), seed.

    Raises
    ------
    InputError
        If preset or name is not the name of one folder, or seed no integer of at least 0.
    """

    preset: str
    name: str
    seed: int

    def __post_init__(self) -> None:
        for field in ("preset", "name"):
            value = getattr(self, field)
            if not isinstance(value, str) or value in ("", "..") or Path(value).name != value:
                raise InputError(f"{field} is {value!r}, but must be the name of one folder.")
        object.__setattr__(self, "seed", whole("seed", self.seed, least=0))

    def __str__(self) -> str:
        return f"{self.name} ({self.preset}), seed {self.seed}"


def distinct_seeds(seeds: Iterable[int]) -> list[int]:
    """Return seeds as a list of int.

    Raises
    ------
    InputError
        If they are a text or no sequence, empty, not integers of at least 0, or one is there
        twice.

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


def default_root() -> Path:
    """``GROKBOOK_RUNS`` if set and not empty, else ``runs/`` in the checkout or working folder."""
    if named := os.environ.get("GROKBOOK_RUNS"):
        return Path(named)
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / "runs"
    return Path.cwd() / "runs"


def roots(root: Path | None = None) -> list[Path]:
    """Return the folders where a table that comes with the book is looked for, in order.

    ``root`` alone if given; else :func:`default_root`, then the checkout's ``runs/``: another store
    of runs does not hide what the book brings along.
    """
    return [default_root(), _CHECKOUT / "runs"] if root is None else [root]


class RunStore:
    """Recorded runs under one folder.

    Parameters
    ----------
    root : Path, optional
        The folder; :func:`default_root` if not given.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()

    def recorded(self) -> list[RunKey]:
        """Every recorded run, sorted."""
        return self._keys("json")

    def interrupted(self) -> list[RunKey]:
        """Every run that was begun and not recorded: one that can be resumed, or is under way."""
        return [key for key in self._keys("checkpoint") if not self._path(key, ".json").exists()]

    def _keys(self, suffix: str) -> list[RunKey]:
        found = [
            RunKey(path.parent.parent.name, path.parent.name, int(number))
            for path in self.root.glob(f"*/*/seed-*.{suffix}")
            if (number := path.stem.removeprefix("seed-")).isdecimal()
        ]
        return sorted(found, key=lambda key: (key.preset, key.name, key.seed))

    def status(self, key: RunKey) -> str:
        """One of finished, diverged, interrupted (resumable), stale, damaged, missing."""
        if self._path(key, ".json").exists():
            try:
                run = self.load(key)
            except StaleRunError:
                return "stale"
            except RunError:
                return "damaged"
            return str(run.manifest["status"])
        return "interrupted" if self._path(key, ".checkpoint").exists() else "missing"

    def record(
        self,
        key: RunKey,
        recipe: Experiment | None = None,
        *,
        device: str = "auto",
        compiled: bool | Literal["auto"] = "auto",
        progress: bool = False,
        again: bool = False,
        wait: bool = False,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> Run:
        """Train and keep a run, resuming what was cut off; a run that is there already is returned.

        Parameters
        ----------
        key : RunKey
            Where to keep it.
        recipe : Experiment, optional
            What to train; the named experiment of ``key`` if not given. Under the preset
            ``custom`` any, under the others only that experiment.
        device, compiled, progress, checkpoint_seconds
            As in :func:`grokbook.training.train`.
        again : bool
            Record anew even if a current run is there, or under ``custom`` one of another
            experiment.
        wait : bool
            Where another process is recording this run, wait for it instead of refusing.

        Raises
        ------
        InputError
            If ``recipe`` has another seed than ``key``, or is not the experiment that it names.
        RunError
            If ``key`` holds a run of another experiment and ``again`` is off, another process is
            recording this run and ``wait`` is off, its checkpoint is damaged or of another
            experiment, or the store cannot be written. With ``again``, such a checkpoint is
            discarded.
        """
        recipe = recipe if recipe is not None else _recipe(key)
        _require_own(key, recipe)
        # Before the lock, as a store that can only be read has to be readable.
        if not again and (kept := self._current(key, recipe)) is not None:
            return kept
        with _only_one(self._path(key, ".lock"), key, wait):
            self._discard_left_over(key)
            if not again and (kept := self._current(key, recipe)) is not None:
                return kept
            (run,) = self._train(
                [(key, recipe)], again,
                device=device, compiled=compiled, progress=progress,
                checkpoint_seconds=checkpoint_seconds,
            )  # fmt: skip
        return run

    def record_together(
        self,
        wanted: Sequence[tuple[RunKey, Experiment]],
        *,
        device: str = "auto",
        compiled: bool | Literal["auto"] = "auto",
        progress: bool = False,
        again: bool = False,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> list[Run]:
        """Train several seeds of one experiment at once and keep each as a run of its own.

        Those recorded already are returned as they are. Seeds that were cut off at different steps
        are trained one after the other.

        Parameters
        ----------
        wanted : sequence of (RunKey, Experiment)
            Where each is kept and what it trains.
        device, compiled, progress, again, checkpoint_seconds
            As in :meth:`record`.

        Raises
        ------
        InputError, RunError
            As :meth:`record` and :func:`grokbook.training.train_together`.
        """
        how: dict[str, Any] = {
            "device": device,
            "compiled": compiled,
            "progress": progress,
            "checkpoint_seconds": checkpoint_seconds,
        }
        for key, recipe in wanted:
            _require_own(key, recipe)
        missing = [
            (key, recipe) for key, recipe in wanted if again or self._current(key, recipe) is None
        ]
        with ExitStack() as locks:
            for key, _ in missing:
                locks.enter_context(_only_one(self._path(key, ".lock"), key, wait=False))
                self._discard_left_over(key)
            # Looked up again: another process may have recorded some before the locks were ours.
            missing = [
                (key, recipe)
                for key, recipe in missing
                if again or self._current(key, recipe) is None
            ]
            steps = {self._step_reached(key) for key, _ in missing}
            if len(steps) == 1:
                self._train(missing, again, **how)
        again = again and len(steps) > 1
        return [self.record(key, recipe, again=again, **how) for key, recipe in wanted]

    def _current(self, key: RunKey, recipe: Experiment) -> Run | None:
        """Return the run of this recipe, None if it is missing or of an older version of it.

        Raises
        ------
        RunError
            If it is damaged, or a custom one of another experiment: nobody else has that.
        """
        if not self._path(key, ".json").exists():
            return None
        run = self._read(key)
        if run.manifest["id"] == recipe.id:
            return run
        if key.preset == "custom":
            raise RunError(
                f"{key} is a record of experiment {run.manifest['id']}, not of {recipe.id}; keep"
                " this one under another name, or replace that one with again=True."
            )
        return None

    def _discard_left_over(self, key: RunKey) -> None:
        """Remove the checkpoint of the training that is recorded, left by a kill in between.

        To go on from it would be to train no step and to keep the old log as a new one.
        """
        checkpoint = self._path(key, ".checkpoint")
        if not (checkpoint.exists() and self._path(key, ".json").exists()):
            return
        try:
            recorded, found = self._read(key).manifest, read_checkpoint(checkpoint)
        except RunError:  # damaged: told, or discarded, where it is used
            return
        begun = recorded.get("stretches", [recorded])[0]["recorded"]
        if (found["id"], found["stretches"][0]["recorded"]) == (recorded["id"], begun):
            checkpoint.unlink(missing_ok=True)

    def _step_reached(self, key: RunKey) -> int:
        return step_reached(self._path(key, ".checkpoint"))

    def _train(
        self, wanted: Sequence[tuple[RunKey, Experiment]], again: bool, **how: Any
    ) -> list[Run]:
        """Train and keep runs whose locks are held; ``again`` discards checkpoints of no use."""
        recipes = [recipe for _, recipe in wanted]
        checkpoints = [self._path(key, ".checkpoint") for key, _ in wanted]
        try:
            runs = train_together(recipes, checkpoints=checkpoints, **how)
        except CheckpointError:
            if not again:
                raise
            for checkpoint in checkpoints:
                checkpoint.unlink(missing_ok=True)
            runs = train_together(recipes, checkpoints=checkpoints, **how)
        for (key, _), run in zip(wanted, runs, strict=True):
            self._keep(key, run)
        return runs

    def _keep(self, key: RunKey, run: Run) -> None:
        """Write log, weights and manifest, all or none, and remove the checkpoint."""
        log_path, manifest_path = self._path(key, ".parquet"), self._path(key, ".json")
        buffer = BytesIO()
        run.log.to_parquet(buffer, index=False, compression="zstd")
        contents = {log_path: buffer.getvalue()}
        run.manifest["preset"], run.manifest["name"] = key.preset, key.name
        run.manifest["log_sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
        if run.weights is not None:
            weights = contents[self._path(key, ".safetensors")] = safetensors.save(run.weights)
            run.manifest["weights_sha256"] = hashlib.sha256(weights).hexdigest()
        contents[manifest_path] = (json.dumps(run.manifest, indent=1) + "\n").encode()
        try:
            write_together(contents)
        except OSError as error:
            raise RunError(
                f"{key} could not be kept in {log_path.parent} ({reason(error)}); what was recorded"
                " before is as it was, and the same command goes on from step"
                f" {self._step_reached(key)}."
            ) from error
        with suppress(OSError):  # the run is kept all the same
            self._path(key, ".checkpoint").unlink(missing_ok=True)

    def load(self, key: RunKey) -> Run:
        """Read a run.

        Raises
        ------
        RunError
            If it is missing, damaged, or stale: recorded from other settings than today's.
        """
        run = self._read(key)
        _require_own_name(key, run)
        wanted, found = _expected_id(key), run.manifest["id"]
        if not found.startswith(wanted):
            raise StaleRunError(
                f"The record of {key} is stale: it has experiment id {found}, today's is {wanted};"
                f" record it anew with {_command(key)}."
            )
        return run

    def weights(self, key: RunKey) -> dict[str, Tensor]:
        """Read the final weights of a run, by name.

        Raises
        ------
        RunError
            As :meth:`load`; also if the run's weights were not kept, or are damaged.
        """
        run, path = self.load(key), self._path(key, ".safetensors")
        if "weights_sha256" not in run.manifest or not path.exists():
            raise RunError(
                f"The weights of {key} are not here; record them with {_command(key, again=True)}."
            )
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != run.manifest["weights_sha256"]:
            raise RunError(
                f"The weights of {key} are damaged ({path.name}: SHA-256 is not the manifest's);"
                f" record them anew with {_command(key, again=True)}."
            )
        return safetensors.load(content)

    def _path(self, key: RunKey, suffix: str) -> Path:
        return self.root / key.preset / key.name / f"seed-{key.seed}{suffix}"

    def _read(self, key: RunKey) -> Run:
        log_path, manifest_path = self._path(key, ".parquet"), self._path(key, ".json")
        if not manifest_path.exists():
            raise RunError(f"There is no record of {key}; make it with {_command(key)}.")
        text = None
        try:
            text = manifest_path.read_bytes()
            manifest = checked_manifest(text)
            content = log_path.read_bytes()
            if hashlib.sha256(content).hexdigest() != manifest["log_sha256"]:
                raise ValueError("SHA-256 of the log is not the manifest's")
            # Not decoded here: a record of an older version is stale, not damaged.
            if id_of_fields(manifest["experiment"]) != manifest["id"]:
                raise ValueError("experiment id is not that of the fields")
            _require_place(key, manifest)
            log = pd.read_parquet(BytesIO(content))
            _require_rows(log, manifest)
            return Run(log, manifest)
        except Exception as error:  # json, pyarrow, OS and type errors: all mean "not as written"
            if _changed(manifest_path, text):  # recorded anew while it was read
                return self._read(key)
            raise RunError(
                f"The record of {key} is damaged ({log_path.name} or {manifest_path.name}:"
                f" {first_line(error)}); record it anew with {_command(key, again=True)}."
            ) from error


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
    "preset": (str,),
    "name": (str,),
}


def checked_manifest(text: bytes) -> dict[str, Any]:
    """Return a run's manifest, every field there and of its type, else a ValueError."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            raise ValueError("a field stands in it twice")
        return found

    manifest: dict[str, Any] = json.loads(text, object_pairs_hook=once)
    for name, kinds in (_MANIFEST | _LATER_IN_MANIFESTS).items():
        if name not in manifest and name in _LATER_IN_MANIFESTS:
            continue
        if name not in manifest:
            raise ValueError(f"{name} is missing")
        if type(manifest[name]) not in kinds:
            raise ValueError(f"{name} is {shown(manifest[name])}")
    if manifest["status"] not in ("finished", "diverged", "interrupted"):
        raise ValueError(f"status is {shown(manifest['status'])}")
    return manifest


def _require_place(key: RunKey, manifest: dict[str, Any]) -> None:
    """Refuse the record of another run, put here by hand, with a ValueError."""
    own = RunKey(
        manifest.get("preset", key.preset),
        manifest.get("name", key.name),
        manifest["experiment"].get("seed", key.seed),
    )
    if own != key:
        raise ValueError(f"it is the record of {own}")


def _require_own_name(key: RunKey, run: Run) -> None:
    """Refuse an overridden run under the name of other overrides: older manifests hold no name."""
    base = _overridden(key)
    if base is None or "name" in run.manifest:
        return
    try:
        own = custom_key(base, "paper", Experiment.from_dict(run.manifest["experiment"]))
    except (KeyError, TypeError, GrokbookError):  # of another version: its name cannot be told
        return
    if own != key:
        raise RunError(
            f"The record of {key} is damaged (it is the record of {own}); record it anew with"
            f" {_command(key, again=True)}."
        )


def _require_rows(log: pd.DataFrame, manifest: dict[str, Any]) -> None:
    """Refuse a log that lacks its steps, or the last of them, with a ValueError."""
    steps = log["step"].tolist()
    if steps != sorted(set(steps)) or any(step != int(step) or step < 0 for step in steps):
        raise ValueError("its steps do not increase")
    if manifest["status"] == "finished" and steps[-1:] != [manifest["steps"]]:
        raise ValueError(f"it does not end at step {manifest['steps']}")
    for column in ("train_accuracy", "test_accuracy", "train_loss", "test_loss"):
        if column not in log:
            raise ValueError(f"it has no {column}")


def _changed(path: Path, content: bytes | None) -> bool:
    """Whether a file is gone or other than it was; not if it cannot be read, as before."""
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return True
    except OSError:
        return False


def load_runs(
    name: str,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    root: Path | None = None,
) -> pd.DataFrame:
    """Return the logs of one experiment, all seeds in one table.

    Parameters
    ----------
    name : str
        Experiment, as in :func:`grokbook.experiments.experiment`.
    preset : {"paper", "quick", "smoke"}
        Runs of the presets ``quick`` and ``smoke`` are recorded on the spot where they are missing.
    seeds : sequence of int, optional
        Which; all recorded ones if not given (seed 0 where none is and it can be recorded).
    root : Path, optional
        The store's folder.

    Returns
    -------
    DataFrame
        Columns ``experiment``, ``seed``, ``step`` and one a metric.

    Raises
    ------
    InputError
        On an unknown experiment or preset, or seeds that are not distinct integers.
    RunError
        If a ``paper`` run is missing, or any is damaged or stale; the message holds the command
        that records it.
    """
    logs = []
    for key, run in _load(name, preset, seeds, root):
        log = run.log.copy()
        log.insert(0, "experiment", key.name)
        log.insert(1, "seed", key.seed)
        logs.append(log)
    return pd.concat(logs, ignore_index=True)


def load_manifests(
    name: str,
    preset: str = "paper",
    seeds: Sequence[int] | None = None,
    root: Path | None = None,
) -> list[dict[str, Any]]:
    """Return the manifests of the runs that :func:`load_runs` returns, in the same order."""
    return [run.manifest for _, run in _load(name, preset, seeds, root)]


def _load(
    name: str, preset: str, seeds: Sequence[int] | None, root: Path | None
) -> Iterator[tuple[RunKey, Run]]:
    store = RunStore(root)
    if preset in PRESETS:
        experiment(name, preset)  # refuses an unknown name in its own words
    elif preset != "custom":
        raise InputError(
            f"There is no preset {preset!r}; known are {', '.join(PRESETS)}, and custom."
        )
    if seeds is None:
        seeds = [k.seed for k in store.recorded() if (k.preset, k.name) == (preset, name)] or [0]
    for seed in distinct_seeds(seeds):
        key = RunKey(preset, name, seed)
        if preset in ("quick", "smoke"):
            yield key, store.record(key, wait=True)
        else:
            yield key, store.load(key)


def verify(
    key: RunKey, steps: int = 10, *, root: Path | None = None, device: str = "auto"
) -> pd.DataFrame:
    """Re-train the first steps of a recorded run and compare every logged metric.

    Parameters
    ----------
    key : RunKey
        The recorded run.
    steps : int
        How far to re-train. More steps check more log points, but training amplifies differences
        in rounding: a transformer compiled on one thread and not compiled on two can differ by
        more than the tolerance after twenty steps.
    root : Path, optional
        The store's folder.
    device : str
        As in :func:`grokbook.training.train`.

    Returns
    -------
    DataFrame
        One row a logged step and metric: ``step``, ``metric``, ``recorded``, ``retrained``,
        ``agrees``: |difference| ≤ relative tolerance · |recorded| + absolute tolerance
        (``RELATIVE_TOLERANCES`` and ``ABSOLUTE_TOLERANCES`` by metric, ``RELATIVE_TOLERANCE`` and
        ``ABSOLUTE_TOLERANCE`` for the rest).

    Raises
    ------
    InputError
        If ``steps`` is below 0.
    RunError
        As :meth:`RunStore.load`; also if the run is of a class or field that this package has not,
        or today's data differ from the recorded run's.
    """
    if steps < 0:
        raise InputError(f"steps is {steps}, but must be at least 0.")
    recorded = RunStore(root).load(key)
    recipe = _decoded(key, recorded)
    fresh = train(recipe, until=steps, device=device, compiled=False)
    if fresh.manifest["data_sha256"] != recorded.manifest["data_sha256"]:
        raise RunError(f"The data of {key} are not those it was recorded from.")
    rows = []
    for (_, old), (_, new) in zip(recorded.log.iterrows(), fresh.log.iterrows(), strict=False):
        for metric in sorted(set(old.index) | set(new.index)):
            a, b = float(old.get(metric, np.nan)), float(new.get(metric, np.nan))
            both_absent = np.isnan(a) and np.isnan(b)
            absolute = ABSOLUTE_TOLERANCE
            for start, tolerance in ABSOLUTE_TOLERANCES.items():
                if metric.startswith(start):
                    absolute = tolerance
            relative = RELATIVE_TOLERANCES.get(metric, RELATIVE_TOLERANCE)
            # Equal infinities have no difference.
            agrees = both_absent or a == b or abs(a - b) <= relative * abs(a) + absolute
            rows.append((int(old["step"]), metric, a, b, bool(agrees)))
    return pd.DataFrame(rows, columns=["step", "metric", "recorded", "retrained", "agrees"])


def _decoded(key: RunKey, run: Run) -> Experiment:
    """Return the experiment of a recorded run, which may be of classes of the researcher's own."""
    try:
        return Experiment.from_dict(run.manifest["experiment"])
    except GrokbookError:
        raise
    except KeyError as error:
        what = f"the class {error.args[0]!r}"
    except TypeError as error:  # a field that a class has not, or has no default for
        what = f"these fields ({first_line(error)})"
    raise RunError(
        f"{key} cannot be trained again: grokbook does not know {what}; only experiments of its own"
        " classes and fields can be verified."
    )


def custom_key(name: str, preset: str, recipe: Experiment) -> RunKey:
    """Key of a recipe: the named one, or ``custom/<name>-<id>`` where fields were overridden.

    The id is without the seeds: recipes that differ in them alone share a name. A split has a seed
    of its own, which is left out where it is the run's; where it was set apart, as one split for
    several trainings, the name tells it.
    """
    if recipe == experiment(name, preset, recipe.seed):
        return RunKey(preset, name, recipe.seed)
    seedless = dataclasses.replace(recipe, seed=0)
    if isinstance(recipe.dataset, ModularAddition):
        if recipe.dataset.seed == recipe.seed:
            dataset = dataclasses.replace(recipe.dataset, seed=0)
            seedless = dataclasses.replace(seedless, dataset=dataset)
        else:  # told by a seed other than 0: one split, of seed 0, is not a split of each
            seedless = dataclasses.replace(seedless, seed=1)
    return RunKey("custom", f"{name}-{seedless.id[:8]}", recipe.seed)


def _recipe(key: RunKey) -> Experiment:
    return experiment(key.name, key.preset, key.seed)


def _require_own(key: RunKey, recipe: Experiment) -> None:
    """Refuse a recipe of another seed, or of other settings than the key's name stands for."""
    if recipe.seed != key.seed:
        raise InputError(
            f"The recipe for {key} has seed {recipe.seed}, but the two must be the same."
        )
    if key.preset != "custom" and recipe.id != (own := _recipe(key).id):
        raise InputError(
            f"{key} stands for experiment {own}, but the recipe is {recipe.id}; keep it under the"
            " preset custom."
        )


def _expected_id(key: RunKey) -> str:
    """Id of a current record; of a custom run any, as its fields are its own."""
    if key.preset == "custom":
        return ""
    try:
        return _recipe(key).id
    except InputError:  # a name or preset of another version
        return "none"


def _command(key: RunKey, again: bool = False) -> str:
    """Return what records a run, as code: a command, or for a name of the user's own a call."""
    option = " --again" * again
    if key.preset != "custom":
        return f"`grokbook train {key.name} --preset {key.preset} --seeds {key.seed}{option}`"
    if base := _overridden(key):
        return f"`grokbook train {base} --seeds {key.seed}{option}` and its overrides"
    return f"`RunStore().record({key!r}, recipe{', again=True' * again})`"


def _overridden(key: RunKey) -> str | None:
    """Return the experiment that a name of :func:`custom_key` begins with, None for another."""
    base, _, code = key.name.rpartition("-")
    known = base in EXPERIMENTS | CONTROLS and re.fullmatch("[0-9a-f]{8}", code)
    return base if key.preset == "custom" and known else None


@contextmanager
def _only_one(path: Path, key: RunKey, wait: bool) -> Iterator[None]:
    """Hold the run's lock; the system lets go of it however the process ends."""
    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RunError(
            f"{key} is being recorded by another process; wait for it, or stop it."
        ) from None
    except OSError as error:
        raise RunError(
            f"{key} cannot be recorded: {path.parent} cannot be written ({reason(error)}); name"
            " another folder in GROKBOOK_RUNS."
        ) from error
    try:
        yield
    finally:
        lock.release()
