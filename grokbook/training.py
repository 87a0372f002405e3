"""The training loop: ``train(experiment) -> Run``, resumable at any moment.

Read :func:`train` first; the rest serves it. A run is a function of its experiment alone: batches
and noise come from generators of their own, whose states are part of every checkpoint, so a run
that was killed and resumed ends in the same bits as one that was not.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from grokbook.datasets import Split
from grokbook.errors import InputError, RunError, first_line
from grokbook.experiments import Experiment
from grokbook.files import write_atomically
from grokbook.losses import LOSSES
from grokbook.measurements import Measure
from grokbook.models import Network, Transformer
from grokbook.provenance import provenance
from grokbook.seeding import generator
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
        Experiment fields and id, status ("finished" or "diverged"), wall time, versions, machine.
    """

    log: pd.DataFrame
    manifest: dict[str, Any]


def train(
    experiment: Experiment,
    *,
    device: str = "auto",
    until: int | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    compiled: bool | Literal["auto"] = "auto",
    progress: bool = False,
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
        File that holds the state while training runs: resumed from if it exists, written every
        ``checkpoint_seconds`` and on Ctrl-C. The caller removes it once the run is safe.
    compiled : bool or "auto"
        Use ``torch.compile``; "auto" where it pays. Without a C++ compiler the run is the same
        but slower, which is said once.
    progress : bool
        Show a bar with rate and time left.

    Raises
    ------
    InputError
        If there is no such device.
    RunError
        If the checkpoint is damaged or belongs to another experiment.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint is written.
    """
    place = _device(device)
    made_by = provenance(place)  # now: the checkout may have moved on by the end
    split = experiment.dataset.load().to(place)
    model = experiment.build_model(split.train_x.shape[1], split.classes).to(place)
    state = TrainingState(
        step=0,
        generator=generator(experiment.seed, "noise", place),
        train_accuracy=lambda: _accuracy(model, split),
    )
    course = _Course(
        experiment, model, _Optimizer(experiment, model), _Batches(experiment, split), state
    )
    objective = _Objective(experiment, model, compiled)
    measure = Measure(experiment, model, split)
    due = set(experiment.log.steps(experiment.steps))
    dear = set(experiment.log.dear_steps(experiment.steps))
    if checkpoint is not None and checkpoint.exists():
        course.restore(checkpoint)

    last = experiment.steps if until is None else min(until, experiment.steps)
    status, saved = "finished", time.perf_counter()
    bar = tqdm(
        total=last, initial=state.step, disable=not progress, unit="step", mininterval=1.0,
        dynamic_ncols=True,
    )  # fmt: skip
    try:
        while True:
            if state.step in due and not course.is_logged:
                row = measure(state.step, dear=state.step in dear)
                if not math.isfinite(row["train_loss"]):
                    status = "diverged"
                    break
                course.log.append({"step": state.step, **row})
                shown = {"train": row["train_accuracy"], "test": row["test_accuracy"]}
                bar.set_postfix({k: f"{v:.3f}" for k, v in shown.items()}, refresh=False)
            if state.step >= last:
                break
            x, y = course.batches.next()
            noise = experiment.strategy.noise(state, model.noise_shape(x), course.like)
            loss = objective(x, y, noise)
            if not math.isfinite(loss.item()):
                status = "diverged"
                break
            course.optimizer.step(loss, state.step)
            state.step += 1
            bar.update()
            if checkpoint is not None and time.perf_counter() - saved > checkpoint_seconds:
                course.save(checkpoint)
                saved = time.perf_counter()
    except KeyboardInterrupt:
        if checkpoint is not None:
            course.save(checkpoint)
        raise
    finally:
        bar.close()
    manifest = {
        "experiment": experiment.to_dict(),
        "id": experiment.id,
        "status": status,
        "steps": state.step,
        "seconds": round(course.seconds, 3),
        "data_sha256": split.checksum(),
        "compiled": objective.is_compiled,
        **made_by,
    }
    return Run(pd.DataFrame(course.log), manifest)


@dataclass(eq=False)
class _Course:
    """Everything that moves during training, so that a checkpoint holds all of it."""

    experiment: Experiment
    model: Network
    optimizer: _Optimizer
    batches: _Batches
    state: TrainingState
    log: list[dict[str, float]] = field(default_factory=list)
    seconds_before: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    @property
    def like(self) -> Tensor:
        """A tensor of the network's type and device."""
        return self.optimizer.parameters[0]

    @property
    def is_logged(self) -> bool:
        """Whether the present step is in the log already, as it may be after a resume."""
        return bool(self.log) and self.log[-1]["step"] >= self.state.step

    @property
    def seconds(self) -> float:
        """Wall time so far, over all sessions."""
        return self.seconds_before + time.perf_counter() - self.began

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        batches, state = self.batches, self.state
        content = {
            "id": self.experiment.id,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.adamw.state_dict(),
            "batches": (batches.generator.get_state(), batches.order, batches.position),
            "noise": state.generator.get_state(),
            "memory": state.memory,
            "step": state.step,
            "log": self.log,
            "seconds": self.seconds,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: torch.save(content, file))

    def restore(self, path: Path) -> None:
        """Set everything back to the checkpoint."""
        batches, state = self.batches, self.state
        try:
            content = torch.load(path, weights_only=True)
            if content["id"] == self.experiment.id:
                self.model.load_state_dict(content["model"])
                self.optimizer.adamw.load_state_dict(content["optimizer"])
                generator_state, batches.order, batches.position = content["batches"]
                batches.generator.set_state(generator_state)
                state.generator.set_state(content["noise"])
                state.memory.update(content["memory"])
                state.step = content["step"]
                self.log, self.seconds_before = content["log"], content["seconds"]
        except Exception as error:  # zip, pickle and tensor errors share no base class
            raise RunError(
                f"{path} is not a readable checkpoint ({first_line(error)}); remove it to start"
                " anew."
            ) from error
        if content["id"] != self.experiment.id:
            raise RunError(
                f"{path} is the checkpoint of experiment {content['id']}, not of"
                f" {self.experiment.id}: its settings have changed since; remove it to start anew."
            )


class _Objective:
    """The strategy's loss, compiled where that pays."""

    def __init__(
        self, experiment: Experiment, model: Network, compiled: bool | Literal["auto"]
    ) -> None:
        criterion = LOSSES[experiment.loss]

        def loss(x: Tensor, y: Tensor, noise: Tensor | None) -> Tensor:
            return experiment.strategy.loss(model, x, y, noise, criterion)

        self._eager = self._call = loss
        # Compiling costs time before the first step and gained nothing on the MLP's few products.
        worth_it = experiment.steps >= 10_000 and isinstance(model, Transformer)
        self.is_compiled = worth_it if compiled == "auto" else compiled
        if self.is_compiled:
            self._call = torch.compile(loss, dynamic=False)

    def __call__(self, x: Tensor, y: Tensor, noise: Tensor | None) -> Tensor:
        if not self.is_compiled:
            return self._eager(x, y, noise)
        try:
            return self._call(x, y, noise)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            warnings.warn(
                f"torch.compile is not at hand ({first_line(error)}); training goes on without it,"
                " the same but slower.",
                stacklevel=2,
            )
            self.is_compiled = False
            return self._eager(x, y, noise)


class _Optimizer:
    """AdamW with linear warm-up and the decoupled decays of :class:`grokbook.experiments.AdamW`."""

    def __init__(self, experiment: Experiment, model: Network) -> None:
        self.settings = experiment.optimizer
        self.parameters = list(model.parameters())
        self.adamw = torch.optim.AdamW(
            self.parameters,
            lr=self.settings.lr,
            betas=self.settings.betas,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )

    def step(self, loss: Tensor, taken: int) -> None:
        """Descend ``loss`` once, as step number ``taken`` counted from 0."""
        settings = self.settings
        lr = settings.lr * min(1.0, (taken + 1) / max(1, settings.warmup_steps))
        self.adamw.param_groups[0]["lr"] = lr
        self.adamw.zero_grad(set_to_none=True)
        loss.backward()
        self.adamw.step()
        if settings.l1_decay:
            with torch.no_grad():
                for parameter in self.parameters:
                    shrunk = (parameter.abs() - lr * settings.l1_decay).clamp_(min=0)
                    parameter.copy_(shrunk.mul_(parameter.sign()))


class _Batches:
    """Mini-batches, reshuffled each epoch; or the full training set as it stands."""

    def __init__(self, experiment: Experiment, split: Split) -> None:
        self.x, self.y = split.train_x, split.train_y
        self.size = experiment.batch_size
        self.generator = generator(experiment.seed, "batches")
        self.order = torch.empty(0, dtype=torch.int64)
        self.position = 0

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next batch ``(x, y)``."""
        if self.size is None or self.size >= len(self.x):
            return self.x, self.y
        if self.position >= len(self.order):
            self.order = torch.randperm(len(self.x), generator=self.generator)
            self.position = 0
        chosen = self.order[self.position : self.position + self.size].to(self.x.device)
        self.position += self.size
        return self.x[chosen], self.y[chosen]


@torch.no_grad()
def _accuracy(model: Network, split: Split) -> float:
    """Clean accuracy on the training set."""
    return float((model(split.train_x).argmax(dim=1) == split.train_y).double().mean())


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
