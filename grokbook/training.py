"""The training loop: ``train(experiment) -> Run``, resumable at any moment.

Read :func:`train` first; the rest serves it. A run is a function of its experiment alone: batches
and noise come from generators of their own, whose states are part of every checkpoint, so a run
that was killed and resumed ends in the same bits as one that was not.
"""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokbook.datasets import Split
from grokbook.errors import InputError, RunError
from grokbook.experiments import Experiment
from grokbook.losses import LOSSES
from grokbook.measurements import Measure
from grokbook.models import Network, Transformer
from grokbook.seeding import generator
from grokbook.strategies import TrainingState

CHECKPOINT_SECONDS = 20.0  # work that a kill -9 can cost; a checkpoint takes some 20 ms


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
    began = time.perf_counter()
    place = _device(device)
    split = experiment.dataset.load().to(place)
    model = experiment.build_model(split.train_x.shape[1], split.classes).to(place)
    optimizer = _Optimizer(experiment, model)
    batches = _Batches(experiment, split)
    state = TrainingState(
        step=0,
        generator=generator(experiment.seed, "noise", place),
        train_accuracy=lambda: _accuracy(model, split),
    )
    objective = _Objective(experiment, model, compiled)
    measure = Measure(experiment, model, split)
    due = experiment.log.steps(experiment.steps)
    dear = set(experiment.log.dear_steps(experiment.steps))
    log: list[dict[str, float]] = []
    seconds_before = 0.0

    def save() -> None:
        if checkpoint is not None:
            spent = seconds_before + time.perf_counter() - began
            _save(checkpoint, experiment, model, optimizer, batches, state, log, spent)

    if checkpoint is not None and checkpoint.exists():
        log, seconds_before = _restore(checkpoint, experiment, model, optimizer, batches, state)

    last = experiment.steps if until is None else min(until, experiment.steps)
    due_set = set(due)
    status, saved = "finished", time.perf_counter()
    bar = tqdm(
        total=last, initial=state.step, disable=not progress, unit="step", mininterval=1.0,
        dynamic_ncols=True,
    )  # fmt: skip
    try:
        while True:
            if state.step in due_set and (not log or log[-1]["step"] < state.step):
                row = measure(state.step, dear=state.step in dear)
                if not math.isfinite(row["train_loss"]):
                    status = "diverged"
                    break
                log.append({"step": state.step, **row})
                shown = {"train": row["train_accuracy"], "test": row["test_accuracy"]}
                bar.set_postfix({k: f"{v:.3f}" for k, v in shown.items()}, refresh=False)
            if state.step >= last:
                break
            x, y = batches.next()
            noise = experiment.strategy.noise(state, model.noise_shape(x), optimizer.parameters[0])
            loss = objective(x, y, noise)
            if not math.isfinite(loss.item()):
                status = "diverged"
                break
            optimizer.step(loss, state.step)
            state.step += 1
            bar.update()
            if time.perf_counter() - saved > checkpoint_seconds:
                save()
                saved = time.perf_counter()
    except KeyboardInterrupt:
        save()
        raise
    finally:
        bar.close()
    manifest = {
        "experiment": experiment.to_dict(),
        "id": experiment.id,
        "status": status,
        "steps": state.step,
        "seconds": round(seconds_before + time.perf_counter() - began, 3),
        "data_sha256": split.checksum(),
        "compiled": objective.is_compiled,
        **_provenance(place),
    }
    return Run(pd.DataFrame(log), manifest)


class _Objective:
    """The strategy's loss, compiled where that pays."""

    def __init__(
        self, experiment: Experiment, model: Network, compiled: bool | Literal["auto"]
    ) -> None:
        criterion = LOSSES[experiment.loss]

        def loss(x: Tensor, y: Tensor, noise: Tensor | None) -> Tensor:
            return experiment.strategy.loss(model, x, y, noise, criterion)

        self._eager = self._call = loss
        # Compiling takes half a minute and gains nothing on the MLP's few products.
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
                f"torch.compile is not at hand ({_first_line(error)}); training goes on without it,"
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


def _save(
    path: Path,
    experiment: Experiment,
    model: Network,
    optimizer: _Optimizer,
    batches: _Batches,
    state: TrainingState,
    log: list[dict[str, float]],
    seconds: float,
) -> None:
    content = {
        "id": experiment.id,
        "model": model.state_dict(),
        "optimizer": optimizer.adamw.state_dict(),
        "batches": (batches.generator.get_state(), batches.order, batches.position),
        "noise": state.generator.get_state(),
        "memory": state.memory,
        "step": state.step,
        "log": log,
        "seconds": seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: torch.save(content, file))


def _restore(
    path: Path,
    experiment: Experiment,
    model: Network,
    optimizer: _Optimizer,
    batches: _Batches,
    state: TrainingState,
) -> tuple[list[dict[str, float]], float]:
    """Set everything back to the checkpoint; return its log and the seconds it had taken."""
    try:
        content = torch.load(path, weights_only=True)
        if content["id"] != experiment.id:
            raise RunError(
                f"{path} is the checkpoint of experiment {content['id']}, not of {experiment.id}:"
                " its settings have changed since; remove it to start anew."
            )
        model.load_state_dict(content["model"])
        optimizer.adamw.load_state_dict(content["optimizer"])
        generator_state, batches.order, batches.position = content["batches"]
        batches.generator.set_state(generator_state)
        state.generator.set_state(content["noise"])
        state.memory.update(content["memory"])
        state.step = content["step"]
        return content["log"], content["seconds"]
    except RunError:
        raise
    except Exception as error:  # zip, pickle and tensor errors share no base class
        raise RunError(
            f"{path} is not a readable checkpoint ({_first_line(error)}); remove it to start anew."
        ) from error


def write_atomically(path: Path, write: Callable[[Any], object]) -> None:
    """Call ``write(binary file)`` so that ``path`` holds either its old content or all of the new.

    The temporary file lies in the same folder, is flushed to disk, and is then renamed.
    """
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False
    ) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    os.chmod(file.name, 0o644)  # temporary files are private by default, records are not
    os.replace(file.name, path)


def _provenance(device: torch.device) -> dict[str, Any]:
    commit, dirty = _git()
    return {
        "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
        "grokbook": version("grokbook"),
        "git_commit": commit,
        "git_dirty": dirty,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": _cpu_name(),
        "threads": torch.get_num_threads(),
    }


def _git() -> tuple[str | None, bool | None]:
    """Commit of the checkout this package lies in, and whether its code was changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _cpu_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
