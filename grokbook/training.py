"""The training loop: ``train(experiment) -> Run``, resumable at any moment.

Read :func:`train` first; the rest serves it. A run is a function of its experiment alone: batches
and noise come from generators of their own, whose states are part of every checkpoint, so a run
that was killed and resumed ends in the same bits as one that was not.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from grokbook.checkpoints import (
    read_checkpoint,
    require_alike,
    require_restorable,
    unreadable,
    write_checkpoint,
)
from grokbook.datasets import ModularAddition, Split
from grokbook.errors import CheckpointError, InputError, RunError
from grokbook.experiments import Experiment, Measurements
from grokbook.interrupts import held_interrupts
from grokbook.measurements import Measure
from grokbook.models import Network
from grokbook.provenance import provenance
from grokbook.seeding import generator
from grokbook.steps import Batches, Objective, Optimizer
from grokbook.strategies import TrainingState

CHECKPOINT_SECONDS = 20.0  # of work that a kill -9 can cost


@dataclass(frozen=True, eq=False)
class Run:
    """What happened: the log, one row a logged step, and the manifest that says how it was made.

    Attributes
    ----------
    log : DataFrame
        Column ``step`` and one column a metric; NaN where a costly metric was not due.
    manifest : dict
        Experiment fields and id, status ("finished", "diverged" or "interrupted"), wall time,
        versions, machine. A run that was resumed has one entry under ``stretches`` for each time it
        was gone on with; the manifest's own versions and machine are those of the last, and
        ``git_dirty`` and ``compiled`` tell of all.
    weights : dict of str to Tensor, optional
        The network's parameters at the last step, on the CPU.
    """

    log: pd.DataFrame
    manifest: dict[str, Any]
    weights: dict[str, Tensor] | None = None


def train(
    experiment: Experiment,
    *,
    device: str = "auto",
    until: int | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    compiled: bool | Literal["auto"] = "auto",
    progress: bool = False,
    on_log: Callable[[dict[str, float]], None] | None = None,
    stop: Callable[[int], bool] | None = None,
) -> Run:
    """Train one experiment and return its log.

    Parameters
    ----------
    experiment : Experiment
        What to train.
    device : str
        "auto" (the first GPU if there is one, else the CPU), or a torch device name.
    until : int, optional
        Stop after this many steps instead of ``experiment.steps``; the log schedule is unchanged.
    checkpoint : Path, optional
        File that holds the state: resumed from if it exists, written every
        ``checkpoint_seconds``, on Ctrl-C, where ``stop`` says so and, if there is room, at the end.
        The caller removes it once the run is safe.
    compiled : bool or "auto"
        Use ``torch.compile``; "auto" where it pays. Without a C++ compiler the run is the same
        but slower, which is said once.
    progress : bool
        Show a bar with rate and time left.
    on_log : callable, optional
        Given every row of the log as soon as it is there; after a resume, first the rows that the
        checkpoint holds. It may keep and change what it is given.
    stop : callable, optional
        Asked before every step, with the number of steps taken. On True the checkpoint is written
        and the run returned as it is, with status "interrupted"; the same call goes on with it.

    Raises
    ------
    InputError
        If there is no such device.
    CheckpointError
        If the checkpoint is damaged or belongs to another experiment.
    RunError
        If the checkpoint cannot be written.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint is written.
    """
    (run,) = train_together(
        [experiment],
        device=device,
        until=until,
        checkpoints=None if checkpoint is None else [checkpoint],
        checkpoint_seconds=checkpoint_seconds,
        compiled=compiled,
        progress=progress,
        on_log=None if on_log is None else lambda _, row: on_log(row),
        stop=stop,
    )
    return run


def train_together(
    experiments: Sequence[Experiment],
    *,
    device: str = "auto",
    until: int | None = None,
    checkpoints: Sequence[Path] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    compiled: bool | Literal["auto"] = "auto",
    progress: bool = False,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
    stop: Callable[[int], bool] | None = None,
) -> list[Run]:
    """Train several seeds of one experiment at once, each as if it were alone.

    All parameters of the same name are one tensor with the seeds as first axis, and a step is one
    batched forward and backward pass (`torch.func.vmap`) and one optimiser step. Each seed has its
    own data, initial weights, batches and noise, drawn as when trained alone; the runs agree with
    those up to rounding.

    Parameters
    ----------
    experiments : sequence of Experiment
        Alike but for their seeds (of the run and, on modulo addition, of the split).
    checkpoints : sequence of Path, optional
        One file a seed, of the same form as :func:`train`'s; all at the same step.
    on_log : callable, optional
        As in :func:`train`, but given the place of the seed in ``experiments`` first.
    device, until, checkpoint_seconds, compiled, progress, stop
        As in :func:`train`.

    Returns
    -------
    list of Run
        In the order of ``experiments``. ``seconds`` in a manifest is the time of all together.

    Raises
    ------
    InputError
        If the experiments differ in more than their seeds, there is none, or there is no such
        device; if the device's memory does not suffice for so many.
    CheckpointError
        If a checkpoint is damaged or belongs to another experiment.
    RunError
        If the checkpoints are at different steps, or one cannot be written.
    """
    _require_alike(experiments)
    place, first = _device(device), experiments[0]
    made_by = provenance(place)  # now: the checkout may have moved on by the end
    if place.type == "cuda" and len(experiments) > 1:
        _require_memory(experiments, place)
    courses = [_Course.begin(experiment, place) for experiment in experiments]
    models = [course.model for course in courses]
    optimizer, objective = Optimizer(first, models), Objective(first, models, compiled)
    if checkpoints is not None and any(path.exists() for path in checkpoints):
        found = [
            course.read(path, optimizer) for course, path in zip(courses, checkpoints, strict=True)
        ]
        if len({content["step"] for content in found}) > 1:
            raise RunError(
                f"The checkpoints are at steps {', '.join(str(c['step']) for c in found)};"
                " only seeds at the same step can be trained together."
            )
        for course, content in zip(courses, found, strict=True):
            course.restore(content)
        optimizer.restore([content["optimizer"] for content in found])
    due, dear = set(first.log.steps(first.steps)), set(first.log.dear_steps(first.steps))

    def save() -> None:
        for seed, (course, path) in enumerate(zip(courses, checkpoints or (), strict=False)):
            course.save(path, optimizer.state(seed), made_by | {"compiled": objective.is_compiled})

    if on_log is not None:
        for seed, course in enumerate(courses):
            for row in course.log:
                on_log(seed, dict(row))
    interrupted = False
    last = first.steps if until is None else min(until, first.steps)
    step, saved = courses[0].state.step, time.perf_counter()
    bar = tqdm(
        total=last, initial=step, disable=not progress, unit="step", mininterval=1.0,
        dynamic_ncols=True,
    )  # fmt: skip
    whole = True  # whether the present state is that of a step's boundary
    try:
        with held_interrupts() as let_interrupt:
            while True:
                if step in due:
                    for seed, course in enumerate(courses):
                        if course.measure_once(dear=step in dear) and on_log is not None:
                            on_log(seed, dict(course.log[-1]))
                    bar.set_postfix(_shown(courses), refresh=False)
                if step >= last or all(course.diverged for course in courses):
                    break
                if stop is not None and stop(step):
                    interrupted = True
                    save()
                    break
                let_interrupt()
                whole = False
                batches = [course.batches.next() for course in courses]
                noises = [course.noise(x) for course, (x, _) in zip(courses, batches, strict=True)]
                losses = objective(batches, noises)  # (seeds,)
                # On a GPU to look at a loss is to wait for it: it is left to the logged steps.
                if place.type == "cpu":
                    for course, loss in zip(courses, losses.tolist(), strict=True):
                        course.diverged |= not math.isfinite(loss)
                    if all(course.diverged for course in courses):
                        whole = True  # nothing moves any more
                        break
                optimizer.step(losses.sum(), step)
                step += 1
                for course in courses:
                    course.state.step += not course.diverged
                whole = True
                bar.update()
                if checkpoints is not None and time.perf_counter() - saved > checkpoint_seconds:
                    save()
                    saved = time.perf_counter()
    except KeyboardInterrupt:
        if whole:  # not after a second Ctrl-C, which does not wait for the step's end
            save()
        raise
    finally:
        bar.close()
    if not interrupted:
        # Until the caller has kept the runs they are nowhere else. Where the state does not fit on
        # the disk, the logs still may.
        with suppress(RunError):
            save()
    status = "interrupted" if interrupted else "finished"
    made_by["compiled"] = objective.is_compiled
    return [course.finish(status, made_by) for course in courses]


@dataclass(eq=False)
class _Course:
    """Everything of one seed that moves during training, the optimiser apart."""

    experiment: Experiment
    split: Split
    model: Network
    batches: Batches
    state: TrainingState
    measure: Measure
    log: list[dict[str, float]] = field(default_factory=list)
    diverged: bool = False
    stretches: list[dict[str, Any]] = field(default_factory=list)
    seconds_before: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    @classmethod
    def begin(cls, experiment: Experiment, place: torch.device) -> _Course:
        """Return the course at step 0."""
        split = experiment.dataset.load().to(place)
        model = experiment.build_model(split.train_x.shape[1], split.classes).to(place)
        state = TrainingState(
            step=0,
            generator=generator(experiment.seed, "noise", place),
            train_accuracy=lambda: accuracy_on_training_set(model, split),
        )
        measure = Measure(experiment, model, split)
        return cls(experiment, split, model, Batches(experiment, split), state, measure)

    def measure_once(self, dear: bool) -> bool:
        """Log the present step and say so; not if it is there already, as after a resume."""
        if self.diverged or (self.log and self.log[-1]["step"] >= self.state.step):
            return False
        row = self.measure(self.state.step, dear=dear)
        self.diverged = not math.isfinite(row["train_loss"])
        if not self.diverged:
            self.log.append({"step": self.state.step, **row})
        return not self.diverged

    def noise(self, x: Tensor) -> Tensor | None:
        """Draw the strategy's noise for a batch."""
        like = next(self.model.parameters())
        return self.experiment.strategy.noise(self.state, self.model.noise_shape(x), like)

    @property
    def seconds(self) -> float:
        """Wall time so far, over all sessions."""
        return self.seconds_before + time.perf_counter() - self.began

    def finish(self, status: str, made_by: dict[str, Any]) -> Run:
        """Return the run; ``made_by`` says how its last stretch was made."""
        stretches = self._stretches_with(made_by)
        last = {key: value for key, value in stretches[-1].items() if key in made_by}
        manifest = {
            "experiment": self.experiment.to_dict(),
            "id": self.experiment.id,
            "status": "diverged" if self.diverged else status,
            "steps": self.state.step,
            "seconds": round(self.seconds, 3),
            "data_sha256": self.split.checksum(),
            **last,
            "compiled": all(stretch["compiled"] for stretch in stretches),
            "stretches": stretches,
        }
        if last["git_dirty"] is not None:
            manifest["git_dirty"] = any(stretch["git_dirty"] for stretch in stretches)
        # A run that diverged at once has no row, but its columns all the same.
        log = pd.DataFrame(self.log) if self.log else pd.DataFrame(columns=_ACCURACIES, dtype=float)
        return Run(log, manifest, self._weights(torch.device("cpu")))

    def _stretches_with(self, made_by: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the stretches so far, and the present one if it has taken a step or is alone."""
        begun = self.stretches[-1]["to_step"] if self.stretches else 0
        if self.stretches and begun == self.state.step:
            return self.stretches
        return [*self.stretches, {"from_step": begun, "to_step": self.state.step, **made_by}]

    def _weights(self, place: torch.device | None = None) -> dict[str, Tensor]:
        # Cloned: a stacked weight is a view; saving it would write the whole stack.
        return {
            name: value.detach().to(place or value.device).clone()
            for name, value in self.model.state_dict().items()
        }

    def save(self, path: Path, optimizer: dict[str, Any], made_by: dict[str, Any]) -> None:
        """Write the checkpoint, whole or not at all."""
        batches, state = self.batches, self.state
        require_restorable(state.memory, type(self.experiment.strategy).__name__)
        content = {
            "id": self.experiment.id,
            "model": self._weights(),
            "optimizer": optimizer,
            "batches": (batches.generator.get_state(), batches.order, batches.position),
            "noise": state.generator.get_state(),
            "memory": state.memory,
            "step": state.step,
            "diverged": self.diverged,
            "log": self.log,
            "seconds": self.seconds,
            "stretches": self._stretches_with(made_by),
        }
        write_checkpoint(path, content)

    def read(self, path: Path, optimizer: Optimizer) -> dict[str, Any]:
        """Return the content of a checkpoint of this experiment, every part fit to be restored."""
        content = read_checkpoint(path)
        if content["id"] != self.experiment.id:
            raise CheckpointError(
                f"{path} is the checkpoint of experiment {content['id']}, not of"
                f" {self.experiment.id}: its settings have changed since; remove it, or train with"
                " `--again`, to start anew."
            )
        try:
            require_alike(content["model"], self.model.state_dict())
            optimizer.require_fit(content["optimizer"])
            generators = {"batches": self.batches.generator, "noise": self.state.generator}
            require_alike(
                {"batches": content["batches"][0], "noise": content["noise"]},
                {name: each.get_state() for name, each in generators.items()},
            )
            self.batches.require_fit(*content["batches"][1:])
            if content["step"] > self.experiment.steps:
                raise ValueError("beyond the last step")
        except Exception as error:  # whatever an edited file makes of these look-ups
            raise unreadable(path) from error
        return content

    def restore(self, content: dict[str, Any]) -> None:
        """Set everything back to what :meth:`read` returned, except the optimiser."""
        batches, state = self.batches, self.state
        self.model.load_state_dict(content["model"])
        generator_state, batches.order, batches.position = content["batches"]
        batches.generator.set_state(generator_state)
        state.generator.set_state(content["noise"])
        state.memory.update(content["memory"])
        state.step = content["step"]
        self.diverged = content["diverged"]
        self.log, self.seconds_before = content["log"], content["seconds"]
        self.stretches = content["stretches"]


_ACCURACIES = ["step", "train_accuracy", "train_loss", "test_accuracy", "test_loss"]


def _require_alike(experiments: Sequence[Experiment]) -> None:
    """Refuse experiments that differ in more than their seeds."""
    if not experiments:
        raise InputError("There is no experiment to train; name at least one seed.")

    def seedless(experiment: Experiment) -> Experiment:
        dataset = experiment.dataset
        if isinstance(dataset, ModularAddition):
            dataset = dataclasses.replace(dataset, seed=0)
        return dataclasses.replace(experiment, seed=0, dataset=dataset)

    for experiment in experiments:
        if seedless(experiment) != seedless(experiments[0]):
            raise InputError(
                f"Experiments {experiments[0].id} and {experiment.id} differ in more than their"
                " seeds; only seeds of one experiment can be trained together."
            )


def _shown(courses: list[_Course]) -> dict[str, str]:
    """Mean accuracies of the seeds, for the progress bar."""
    rows = [course.log[-1] for course in courses if course.log]
    return {
        name: f"{sum(row[f'{name}_accuracy'] for row in rows) / len(rows):.3f}"
        for name in ("train", "test")
        if rows
    }


def seeds_that_fit(free: int, one_seed: int) -> int:
    """Return how many seeds fit into ``free`` bytes if a step of one takes ``one_seed``.

    A tenth is kept back, for what an allocator cannot use.

    >>> seeds_that_fit(free=100_000, one_seed=9_000)
    10
    """
    return int(0.9 * free // max(1, one_seed))


def _require_memory(experiments: Sequence[Experiment], place: torch.device) -> None:
    """Refuse more seeds than a GPU's memory holds, by what one step of one of them takes."""
    torch.cuda.reset_peak_memory_stats(place)
    before = torch.cuda.memory_allocated(place)
    free, _ = torch.cuda.mem_get_info(place)
    train(
        dataclasses.replace(experiments[0], measurements=Measurements()), device=str(place), until=1
    )
    fitting = seeds_that_fit(free, torch.cuda.max_memory_allocated(place) - before)
    if len(experiments) > fitting:
        raise InputError(
            f"{len(experiments)} seeds at once need more memory than {place} has free; about"
            f" {fitting} would fit."
        )


@torch.no_grad()
def accuracy_on_training_set(model: Network, split: Split) -> Tensor:
    """Return the share answered rightly, in [0, 1]: 0-dimensional float64, on the data's device."""
    return (model(split.train_x).argmax(dim=1) == split.train_y).double().mean()


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(name)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise InputError(
            f"There is no device {name!r} here; cpu{' and cuda' * torch.cuda.is_available()} can be"
            " used, or auto."
        ) from None
    return place
