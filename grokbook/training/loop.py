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
from pathlib import Path
from typing import Literal

import torch
from tqdm import tqdm

from grokbook._support.errors import InputError, RunError
from grokbook._support.provenance import provenance
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.optimizers.adamw import Optimizer
from grokbook.tasks.modular import ModularAddition
from grokbook.training.checkpoints import CHECKPOINT_SECONDS
from grokbook.training.devices import find_device, seeds_that_fit
from grokbook.training.interrupts import held_interrupts
from grokbook.training.run import Run
from grokbook.training.seed_state import SeedState
from grokbook.training.step import Objective


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
    place, first = find_device(device), experiments[0]
    made_by = provenance(place)  # now: the checkout may have moved on by the end
    if place.type == "cuda" and len(experiments) > 1:
        _require_memory(experiments, place)
    courses = [SeedState.begin(experiment, place) for experiment in experiments]
    models = [course.model for course in courses]
    optimizer, objective = Optimizer(first.optimizer, models), Objective(first, models, compiled)
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


def _shown(courses: list[SeedState]) -> dict[str, str]:
    """Mean accuracies of the seeds, for the progress bar."""
    rows = [course.log[-1] for course in courses if course.log]
    return {
        name: f"{sum(row[f'{name}_accuracy'] for row in rows) / len(rows):.3f}"
        for name in ("train", "test")
        if rows
    }


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
