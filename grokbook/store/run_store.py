"""The store of recorded runs: Parquet log, JSON manifest, loading, verification.

``runs/<preset>/<experiment>/seed-<k>.parquet`` holds the log, ``seed-<k>.safetensors`` the weights,
``seed-<k>.json`` the manifest with the SHA-256 of both. The final weights have their names as keys;
weights kept at a step on request have the step and the name, such as ``"100/embedding"``. A run
exists exactly if its manifest does. Recording first writes temporary files, then moves the old
manifest away first and the new one in last. So nothing half-written is ever read, and a failed
write loses no old run. The weights may be missing: they are large, and no table needs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import safetensors.torch as safetensors
from filelock import FileLock, Timeout
from torch import Tensor

from grokbook._support.atomic_files import remove_left_over
from grokbook._support.errors import (
    CheckpointError,
    RunError,
    StaleRunError,
    UnreadableRunError,
    reason,
)
from grokbook.experiments.schema import Experiment, id_of_fields
from grokbook.store.manifests import require_fields, require_rows
from grokbook.store.places import places
from grokbook.store.records import (
    default_root,
    is_there,
    read_record,
    run_roots,
    write_record,
)
from grokbook.store.run_keys import (
    RunKey,
    command_for,
    expected_id,
    recipe_of,
    require_own_name,
    require_own_settings,
    require_place,
)
from grokbook.training.checkpoints import CHECKPOINT_SECONDS, read_checkpoint, step_reached
from grokbook.training.loop import train_together
from grokbook.training.run import Run


class RunStore:
    """Recorded runs under one folder.

    Parameters
    ----------
    root : Path, optional
        The folder; :func:`grokbook.store.records.default_root` if not given.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()
        self._roots = [self.root] if root is not None else run_roots()

    def recorded(self) -> list[RunKey]:
        """Every recorded run, sorted: in this store, or part of an installed package."""
        return [RunKey(*place) for place in places(self._roots, "json")]

    def interrupted(self) -> list[RunKey]:
        """Every run that was started and not recorded: it can be resumed, or is still running."""
        begun = [RunKey(*place) for place in places([self.root], "checkpoint")]
        return [key for key in begun if not is_there(self._path(key, ".json"))]

    def status(self, key: RunKey) -> str:
        """One of finished, diverged, interrupted (resumable), stale, damaged, unreadable, missing.

        Unreadable: this user may not read the files.
        """
        try:
            if is_there(self._found(key, ".json")):
                return str(self.load(key).manifest["status"])
            return "interrupted" if is_there(self._path(key, ".checkpoint")) else "missing"
        except StaleRunError:
            return "stale"
        except UnreadableRunError:
            return "unreadable"
        except RunError:
            return "damaged"

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
        keep_weights_at: Sequence[int] = (),
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> Run:
        """Train and store a run, resuming an interrupted one; return a run that exists already.

        Parameters
        ----------
        key : RunKey
            The place of the run.
        recipe : Experiment, optional
            The experiment to train, by default the named experiment of ``key``. The preset
            ``custom`` allows any, the others only that one.
        device, compiled, progress, keep_weights_at, checkpoint_seconds
            As in :func:`grokbook.training.loop.train`.
        again : bool
            Replace a current run, or under ``custom`` a run of another experiment.
        wait : bool
            If another process is recording this run, wait for it instead of raising an error.

        Raises
        ------
        InputError
            If ``recipe`` has another seed than ``key``, or is not the experiment that it names.
        RunError
            If ``key`` holds a run of another experiment and ``again`` is off, another process is
            recording this run and ``wait`` is off, its checkpoint is damaged or of another
            experiment, or the store cannot be written. With ``again``, such a checkpoint is
            discarded. Also if the run exists, or was started, without weights of
            ``keep_weights_at``.
        """
        recipe = recipe if recipe is not None else recipe_of(key)
        require_own_settings(key, recipe)
        # Before taking the lock, so that a read-only store works.
        if not again and (kept := self._current(key, recipe, keep_weights_at)) is not None:
            return kept
        with _only_one(self._path(key, ".lock"), key, wait):
            self._discard_left_over(key)
            if not again and (kept := self._current(key, recipe, keep_weights_at)) is not None:
                return kept
            (run,) = self._train(
                [(key, recipe)], again,
                device=device, compiled=compiled, progress=progress,
                keep_weights_at=keep_weights_at, checkpoint_seconds=checkpoint_seconds,
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
        keep_weights_at: Sequence[int] = (),
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> list[Run]:
        """Train several seeds of one experiment at once and store each as a separate run.

        Seeds that are already recorded are returned as they are. Seeds interrupted at different
        steps are trained one after the other.

        Parameters
        ----------
        wanted : sequence of (RunKey, Experiment)
            The place of each run and the experiment to train.
        device, compiled, progress, again, keep_weights_at, checkpoint_seconds
            As in :meth:`record`.

        Raises
        ------
        InputError, RunError
            As :meth:`record` and :func:`grokbook.training.loop.train_together`.
        """
        how: dict[str, Any] = {
            "device": device,
            "compiled": compiled,
            "progress": progress,
            "keep_weights_at": keep_weights_at,
            "checkpoint_seconds": checkpoint_seconds,
        }
        for key, recipe in wanted:
            require_own_settings(key, recipe)
        missing = [
            (key, recipe)
            for key, recipe in wanted
            if again or self._current(key, recipe, keep_weights_at) is None
        ]
        with ExitStack() as locks:
            for key, _ in missing:
                locks.enter_context(_only_one(self._path(key, ".lock"), key, wait=False))
                self._discard_left_over(key)
            # Look again: another process may have recorded some before we held the locks.
            missing = [
                (key, recipe)
                for key, recipe in missing
                if again or self._current(key, recipe, keep_weights_at) is None
            ]
            steps = {self._step_reached(key) for key, _ in missing}
            if len(steps) == 1:
                self._train(missing, again, **how)
        again = again and len(steps) > 1
        return [self.record(key, recipe, again=again, **how) for key, recipe in wanted]

    def _current(
        self, key: RunKey, recipe: Experiment, weights_at: Sequence[int] = ()
    ) -> Run | None:
        """Return the run of this recipe, None if it is missing or of an older version of it.

        Raises
        ------
        RunError
            If it is damaged, or is a custom run of another experiment, which may be the only copy.
            Also if it was recorded without the weights of a step in ``weights_at``.
        """
        if not is_there(self._found(key, ".json")):
            return None
        run = self._read(key)
        if run.manifest["id"] == recipe.id:
            kept = {*run.manifest.get("weights_at", []), run.manifest["steps"]}
            for step in sorted({*weights_at} - kept):
                raise RunError(
                    f"{key} is recorded without the weights of step {step}; keep them with"
                    f" {command_for(key, again=True)} and that step."
                )
            return run
        if key.preset == "custom":
            raise RunError(
                f"{key} is a record of experiment {run.manifest['id']}, not of {recipe.id}; keep"
                " this one under another name, or replace that one with again=True."
            )
        return None

    def _discard_left_over(self, key: RunKey) -> None:
        """Remove the remains of a kill: partial files, and the checkpoint of a recorded training.

        Resuming from that checkpoint would train no step and store the old log as a new one.
        """
        checkpoint = self._path(key, ".checkpoint")
        for ending in (".parquet", ".safetensors", ".json", ".checkpoint"):
            remove_left_over(self._path(key, ending))
        if not (checkpoint.exists() and self._path(key, ".json").exists()):
            return
        try:
            recorded, found = self._read(key).manifest, read_checkpoint(checkpoint)
        except RunError:  # damaged: reported or discarded on use
            return
        begun = recorded.get("stretches", [recorded])[0]["recorded"]
        if (found["id"], found["stretches"][0]["recorded"]) == (recorded["id"], begun):
            checkpoint.unlink(missing_ok=True)

    def _step_reached(self, key: RunKey) -> int:
        return step_reached(self._path(key, ".checkpoint"))

    def _train(
        self, wanted: Sequence[tuple[RunKey, Experiment]], again: bool, **how: Any
    ) -> list[Run]:
        """Train and store runs whose locks are held; ``again`` discards unusable checkpoints."""
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
        run.manifest["preset"], run.manifest["name"] = key.preset, key.name
        beside = {}
        if run.weights is not None:
            every = dict(run.weights)
            for step, kept in run.kept.items():
                every |= {f"{step}/{name}": weight for name, weight in kept.items()}
            beside[".safetensors"] = safetensors.save(every)
            run.manifest["weights_sha256"] = hashlib.sha256(beside[".safetensors"]).hexdigest()
        path = self._path(key, "")
        try:
            run.manifest.update(
                write_record(path, run.log, run.manifest, sum_name="log_sha256", beside=beside)
            )
        except OSError as error:
            raise RunError(
                f"{key} could not be kept in {path.parent} ({reason(error)}); what was recorded"
                " before is unchanged, and the same command goes on from step"
                f" {self._step_reached(key)}."
            ) from error
        with suppress(OSError):  # the run is stored anyway
            self._path(key, ".checkpoint").unlink(missing_ok=True)

    def load(self, key: RunKey) -> Run:
        """Read a run.

        Raises
        ------
        RunError
            If it is missing, damaged, or stale: recorded with other settings than the current ones.
        """
        run = self._read(key)
        require_own_name(key, run)
        wanted, found = expected_id(key), run.manifest["id"]
        if not found.startswith(wanted):
            raise StaleRunError(
                f"The record of {key} is stale: it has experiment id {found}, but the current one"
                f" is {wanted}; record it again with {command_for(key)}."
            )
        return run

    def weights(self, key: RunKey, step: int | None = None) -> dict[str, Tensor]:
        """Read the weights of a run, by name: the final ones, or those kept at a step.

        Raises
        ------
        RunError
            As :meth:`load`; also if the run's weights were not kept, or are damaged.
        """
        run, path = self.load(key), self._found(key, ".safetensors")
        start = "" if step is None else f"{step}/"
        if "weights_sha256" not in run.manifest or not path.exists():
            raise RunError(
                f"The weights of {key} are not here; record them with"
                f" {command_for(key, again=True)}."
            )
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UnreadableRunError(
                f"The weights of {key} cannot be read ({path.name}: {reason(error)})."
            ) from error
        if hashlib.sha256(content).hexdigest() != run.manifest["weights_sha256"]:
            raise RunError(
                f"The weights of {key} are damaged ({path.name}: SHA-256 is not the manifest's);"
                f" record them again with {command_for(key, again=True)}."
            )
        return {
            name.removeprefix(start): weight
            for name, weight in safetensors.load(content).items()
            if name.startswith(start) and ("/" in name) == bool(start)
        }

    def _path(self, key: RunKey, suffix: str) -> Path:
        return self.root / key.preset / key.name / f"seed-{key.seed}{suffix}"

    def _found(self, key: RunKey, suffix: str) -> Path:
        """Return the path to read a run from: the first folder with its record, else this store."""
        file = f"{key.preset}/{key.name}/seed-{key.seed}"
        having = (root for root in self._roots if is_there(root / f"{file}.json"))
        return next(having, self.root) / f"{file}{suffix}"

    def _read(self, key: RunKey) -> Run:
        def check(log: pd.DataFrame, manifest: dict[str, Any]) -> None:
            require_fields(manifest)
            # Not decoded here: a record of an older version is stale, not damaged.
            if id_of_fields(manifest["experiment"]) != manifest["id"]:
                raise ValueError("experiment id is not that of the fields")
            require_place(key, manifest)
            require_rows(log, manifest)

        log, manifest = read_record(
            self._found(key, ""), str(key), lambda again: command_for(key, again=again),
            sum_name="log_sha256", check=check,
        )  # fmt: skip
        return Run(log, manifest, read_weights=partial(self.weights, key))


@contextmanager
def _only_one(path: Path, key: RunKey, wait: bool) -> Iterator[None]:
    """Hold the run's lock; the system releases it however the process ends."""
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
