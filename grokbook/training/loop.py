"""The training loop: ``train(experiment) -> Run``, resumable at any step.

Read :func:`train_together` first: it runs a :class:`grokbook.training.trainer.Trainer` to its end.
A run is a function of its experiment alone: batches and noise have separate generators, whose
states are part of every checkpoint. So a run that was killed and resumed ends in the same bits as
one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from grokbook._support.errors import RunError
from grokbook.experiments.schema import Experiment
from grokbook.training.checkpoints import CHECKPOINT_SECONDS
from grokbook.training.run import Run
from grokbook.training.trainer import Trainer


def train(
    experiment: Experiment,
    *,
    device: str = "auto",
    until: int | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    compiled: bool | Literal["auto"] = "auto",
    keep_weights_at: Sequence[int] = (),
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
        ``checkpoint_seconds``, on Ctrl-C, when ``stop`` returns True and, if there is room, at the
        end. The caller removes it once the run is stored.
    compiled : bool or "auto"
        Use ``torch.compile``; "auto" compiles if it pays. Without a C++ compiler the run is the
        same but slower, and a message says so once.
    keep_weights_at : sequence of int
        Steps whose weights the run keeps in addition to the last.
    progress : bool
        Show a bar with rate and time left.
    on_log : callable, optional
        Called with every new row of the log; after a resume, first with the rows in the checkpoint.
        It may keep and change its argument.
    stop : callable, optional
        Called before every step with the number of steps taken. If it returns True, the checkpoint
        is written and the run so far is returned with status "interrupted"; the same call resumes
        it.

    Raises
    ------
    InputError
        If there is no such device, or a step of ``keep_weights_at`` is outside the run.
    CheckpointError
        If the checkpoint is damaged, belongs to another experiment or lacks weights to be kept.
    RunError
        If the checkpoint cannot be written.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint is written.
    """
    (run,) = train_together(
        [experiment],
        device=device,
        until=until,
        checkpoints=() if checkpoint is None else (checkpoint,),
        checkpoint_seconds=checkpoint_seconds,
        compiled=compiled,
        keep_weights_at=keep_weights_at,
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
    checkpoints: Sequence[Path] = (),
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    compiled: bool | Literal["auto"] = "auto",
    keep_weights_at: Sequence[int] = (),
    progress: bool = False,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
    stop: Callable[[int], bool] | None = None,
) -> list[Run]:
    """Train several seeds of one experiment at once, each as if it were alone.

    :class:`grokbook.training.trainer.Trainer` describes how they share a step.

    Parameters
    ----------
    experiments : sequence of Experiment
        Equal except for their seeds (of the run and, on modulo addition, of the split).
    checkpoints : sequence of Path
        None, or one file per seed, as in :func:`train`; all at the same step.
    on_log : callable, optional
        As in :func:`train`, with the index of the seed in ``experiments`` as first argument.
    device, until, checkpoint_seconds, compiled, keep_weights_at, progress, stop
        As in :func:`train`.

    Returns
    -------
    list of Run
        In the order of ``experiments``. ``seconds`` in a manifest is the time of all seeds
        together.

    Raises
    ------
    InputError, CheckpointError, RunError
        As :class:`grokbook.training.trainer.Trainer` and its methods ``restore`` and ``save``.
    """
    trainer = Trainer(
        experiments, device=device, compiled=compiled, keep_weights_at=keep_weights_at,
        on_log=on_log,
    )  # fmt: skip
    if any(path.exists() for path in checkpoints):
        trainer.restore(*checkpoints)
    last = trainer.steps if until is None else min(until, trainer.steps)
    saved, stopped = time.perf_counter(), False
    bar = tqdm(
        total=last, initial=trainer.taken, disable=not progress, unit="step", mininterval=1.0,
        dynamic_ncols=True,
    )  # fmt: skip

    def save() -> None:
        nonlocal saved
        if checkpoints:
            trainer.save(*checkpoints)
        saved = time.perf_counter()

    def before_a_step() -> bool:
        nonlocal stopped
        _show(bar, trainer)
        stopped = stop is not None and stop(trainer.taken)
        if stopped or time.perf_counter() - saved > checkpoint_seconds:
            save()
        return stopped

    try:
        trainer.run_until(max(last, trainer.taken), pause=before_a_step)
        _show(bar, trainer)
    except KeyboardInterrupt:
        if trainer.whole:  # not after a second Ctrl-C, which may stop within a step
            save()
        raise
    finally:
        bar.close()
    if not stopped:
        # The checkpoints are the only copy until the caller has stored the runs. If the state does
        # not fit on the disk, the logs still may.
        with suppress(RunError):
            save()
    return trainer.runs("interrupted" if stopped else "finished")


def _show(bar: tqdm, trainer: Trainer) -> None:
    """Advance the bar, and show the mean accuracies of the seeds if they are new."""
    if bar.disable:
        return
    rows = [seed.log[-1] for seed in trainer.seeds if seed.log]
    if rows and rows[0]["step"] == trainer.taken:
        means = {
            name: f"{sum(row[f'{name}_accuracy'] for row in rows) / len(rows):.3f}"
            for name in ("train", "test")
        }
        bar.set_postfix(means, refresh=False)
    bar.update(trainer.taken - bar.n)
