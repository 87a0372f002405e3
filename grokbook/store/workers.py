"""Record several runs: one after the other, at once, in processes, or on a Dask cluster.

On a cluster, every worker must see the same run store on a shared file system. If a worker dies,
Dask gives its run to another, which resumes from the checkpoint in the store; the dead process no
longer holds its lock. A run that is already recorded is only read, so a run tried twice is recorded
once.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError

from grokbook._support.errors import InputError, RunError, first_line, reason
from grokbook._support.progress import say, ticking_bar
from grokbook.experiments.schema import Experiment
from grokbook.store.run_keys import RunKey
from grokbook.store.run_store import RunStore
from grokbook.training.checkpoints import CHECKPOINT_SECONDS
from grokbook.training.memory import require_memory
from grokbook.training.run import Run

CONNECT_SECONDS = 10
_ADDRESS = "the address is the one that `dask scheduler` prints, such as tcp://10.0.0.1:8786"


def record_all(
    wanted: Sequence[tuple[RunKey, Experiment]],
    *,
    jobs: int = 1,
    scheduler: str = "",
    device: str = "auto",
    again: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    keep_weights_at: Sequence[int] = (),
    together: bool | None = None,
    root: Path | None = None,
) -> Iterator[tuple[RunKey, Run]]:
    """Record runs and yield each with its key as soon as it is recorded.

    Parameters
    ----------
    wanted
        The place of each run and the experiment to train.
    jobs
        Processes on this machine; the threads that this process may use are divided among them.
        With one, ``OMP_NUM_THREADS`` and torch's own choice are left alone. A bar counts steps, or
        runs if there are several processes.
    scheduler
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``; its workers are used in place
        of processes here. Start them with one thread each: ``OMP_NUM_THREADS`` in their
        environment says how many cores a run may use.
    device, again, checkpoint_seconds, keep_weights_at
        As in :meth:`grokbook.store.run_store.RunStore.record`.
    together
        Train all seeds of an experiment at once, in one process
        (:func:`grokbook.training.loop.train_together`), in place of ``jobs`` processes; by default
        if ``device`` is a GPU. Not on a cluster.
    root
        The run store's folder; on a cluster it must be the same for all.

    Raises
    ------
    InputError
        If ``jobs`` is below 1, a training needs more memory than this machine has, there is no such
        scheduler, Dask is not installed, or a worker does not see the store.
    RunError
        As :meth:`grokbook.store.run_store.RunStore.record`; also if a process or the scheduler
        dies.
    """
    require_jobs(jobs)
    if not scheduler:
        for _, recipe in wanted:
            require_memory(recipe)
    store = RunStore(root)
    how: dict[str, Any] = {
        "device": device,
        "again": again,
        "checkpoint_seconds": checkpoint_seconds,
        "keep_weights_at": keep_weights_at,
    }
    if scheduler:
        yield from _on_cluster(scheduler, wanted, store.root, how)
        return
    if together or (together is None and _is_gpu(device)):
        groups: dict[tuple[str, str], list[tuple[RunKey, Experiment]]] = {}
        for key, recipe in wanted:
            groups.setdefault((key.preset, key.name), []).append((key, recipe))
        for group in groups.values():
            runs = store.record_together(group, progress=True, **how)
            yield from zip([key for key, _ in group], runs, strict=True)
        return
    jobs = max(1, min(jobs, len(wanted)))
    if jobs == 1:
        for key, recipe in wanted:
            yield key, store.record(key, recipe, progress=True, **how)
        return
    yield from _in_processes(jobs, wanted, store.root, how)


def require_jobs(jobs: int) -> None:
    """Refuse a number of processes below 1."""
    if jobs < 1:
        raise InputError(f"jobs is {jobs}, but must be at least 1.")


def _in_processes(
    jobs: int, wanted: Sequence[tuple[RunKey, Experiment]], root: Path, how: dict[str, Any]
) -> Iterator[tuple[RunKey, Run]]:
    with ticking_bar(len(wanted), "run") as bar:
        for done in in_processes(jobs, _with_key, [(root, *one, how) for one in wanted]):
            bar.update()
            yield done


def _with_key(
    root: Path, key: RunKey, recipe: Experiment, how: dict[str, Any]
) -> tuple[RunKey, Run]:
    return key, RunStore(root).record(key, recipe, **how)


def in_processes(
    jobs: int, call: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[Any]:
    """Call a function on every tuple of arguments in several processes; yield each result.

    The processes share the threads that this process may use. They end with it.

    Raises
    ------
    RunError
        If one of the processes was killed.
    """
    threads, leader = max(1, joblib.cpu_count() // jobs), os.getpid()

    def work(*task: Any) -> Any:
        _end_with(leader)
        torch.set_num_threads(threads)
        return call(*task)

    done = joblib.Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered")(
        joblib.delayed(work)(*task) for task in tasks
    )
    try:
        yield from done
    except TerminatedWorkerError as error:
        raise RunError(
            "A training process was killed, perhaps for lack of memory; what is recorded stays, and"
            " the same command goes on, if need be with fewer --jobs."
        ) from error


def _end_with(leader: int) -> None:
    """Stop this process, as by Ctrl-C, when its parent has ended."""
    if os.getppid() != leader or any(each.name == "leader" for each in threading.enumerate()):
        return

    def watch() -> None:
        while os.getppid() == leader:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)  # the checkpoint is saved at the step's end
        time.sleep(60.0)
        os._exit(1)

    threading.Thread(target=watch, name="leader", daemon=True).start()


def _is_gpu(device: str) -> bool:
    return device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())


def _on_cluster(
    address: str,
    wanted: Sequence[tuple[RunKey, Experiment]],
    root: Path,
    how: dict[str, Any],
) -> Iterator[tuple[RunKey, Run]]:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"The run store {root} cannot be made ({reason(error)}).") from error
    tasks = [(str(root.absolute()), key, recipe, how) for key, recipe in wanted]
    with ticking_bar(len(wanted), "run") as bar:
        for place, run in on_cluster(address, _record, tasks):
            bar.update()
            yield wanted[place][0], run


def on_cluster(
    address: str, call: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, Any]]:
    """Call a function on every tuple of arguments by the workers of a Dask scheduler.

    Yields
    ------
    tuple of int and object
        The index in ``tasks`` and the result of the function, as they finish.

    Raises
    ------
    InputError
        If Dask is not installed, or there is no scheduler at the address.
    RunError
        If workers die one after the other over one task, or the scheduler stops answering.
    """
    try:
        from distributed import CancelledError, Client, KilledWorker, as_completed
    except ImportError:
        raise InputError(
            "A scheduler needs the package distributed; install it with `pip install"
            " 'grokbook-companion[cluster]'`."
        ) from None
    # For any other address Client fails, waits twenty seconds and prints a traceback.
    if not re.fullmatch(r"([a-z+]+://)?[^/\s]+:\d+|inproc://\S+", address):
        raise InputError(
            f"There is no Dask scheduler at {address!r} (no address with a port); {_ADDRESS}."
        )
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"There is no Dask scheduler at {address!r} ({first_line(error)}); {_ADDRESS}."
        ) from None
    try:
        with client:
            if not client.scheduler_info()["workers"]:
                say(f"The scheduler at {address} has no workers yet; waiting for the first.")
            # Not pure: a repeated call must look in the store, not in Dask's cache.
            places = {
                client.submit(call, *task, pure=False): place for place, task in enumerate(tasks)
            }
            for done in as_completed(places, loop=client.loop):
                yield places[done], done.result()
    except KilledWorker as error:
        raise RunError(
            "Workers died one after the other over the same run, perhaps for lack of memory;"
            " what is recorded stays, and the same command goes on."
        ) from error
    except (CancelledError, OSError, TimeoutError) as error:
        raise RunError(
            f"The scheduler at {address} no longer answers ({first_line(error)}); what is recorded"
            " stays, and the same command goes on."
        ) from error


def _record(root: str, key: RunKey, recipe: Experiment, how: dict[str, Any]) -> Run:
    """Record one run, on a worker."""
    if not Path(root).is_dir():
        raise InputError(
            f"A worker does not see the run store {root!r}; it must lie on a file system that all"
            " workers share (set GROKBOOK_RUNS)."
        )
    # A worker that only lost the scheduler may still be recording: wait, then read.
    return RunStore(Path(root)).record(key, recipe, wait=True, **how)
