"""Recorded runs as tables and networks: :func:`load_runs`, :func:`load_network`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from grokbook._support.errors import InputError
from grokbook._support.progress import say
from grokbook.experiments.named import experiment
from grokbook.experiments.names import PRESETS
from grokbook.models.base import Network
from grokbook.store.run_keys import RunKey, distinct_seeds
from grokbook.store.run_store import RunStore
from grokbook.training.measuring import measure
from grokbook.training.run import Run


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
        Experiment, as in :func:`grokbook.experiments.named.experiment`.
    preset : {"paper", "quick", "smoke"}
        Missing runs of the presets ``quick`` and ``smoke`` are recorded on the spot.
    seeds : sequence of int, optional
        Which; all recorded ones if not given, and seed 0 where it can be recorded on the spot.
    root : Path, optional
        The store's folder.

    Returns
    -------
    DataFrame
        Columns ``experiment``, ``seed``, ``step`` and one per metric.

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


def load_network(
    name: str,
    preset: str = "paper",
    seed: int = 0,
    step: int | None = None,
    root: Path | None = None,
) -> Network:
    """Return the network of a recorded run, on the CPU and ready to evaluate.

    Parameters
    ----------
    name, preset : str
        Experiment, as in :func:`load_runs`; under the preset ``custom`` the name of the record. A
        missing run of the presets ``quick`` and ``smoke`` is recorded on the spot and keeps the
        weights of ``step``.
    seed : int
        Seed of the run.
    step : int, optional
        The last step, which is the default, or one whose weights were kept.
    root : Path, optional
        The store's folder.

    Raises
    ------
    InputError
        On an unknown experiment or preset, or a seed that is not an integer of at least 0.
    RunError
        If the run is missing, damaged or stale, or has no weights of this step; the message names
        the steps that it has.

    Examples
    --------
    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network = load_network("modadd-standard", "smoke", step=40, root=Path(folder))
    >>> network(torch.tensor([[3, 4]])).shape
    torch.Size([1, 13])
    """
    keep = () if step is None else (step,)
    ((_, run),) = _load(name, preset, [seed], root, keep)
    return run.network_at(step)


def measure_recorded(
    key: RunKey, metrics: Sequence[str], step: int | None = None, root: Path | None = None
) -> pd.DataFrame:
    """Compute metrics on the network of a recorded run, next to the values in its log.

    Parameters
    ----------
    key : RunKey
        The run.
    metrics, step
        As in :func:`grokbook.training.measuring.measure`.
    root : Path, optional
        The store's folder.

    Returns
    -------
    DataFrame
        Indexed by ``metric``: ``value``, and ``logged``, the value in the log at this step, or NaN.

    Raises
    ------
    InputError, RunError
        As :func:`grokbook.training.measuring.measure` and :func:`load_network`.
    """
    run = RunStore(root).load(key)
    found = measure(run, metrics=metrics, step=step)
    at = run.log[run.log["step"] == (run.manifest["steps"] if step is None else step)]
    logged = {m: float(at[m].iloc[0]) if m in at and len(at) else math.nan for m in found}
    table = pd.DataFrame({"value": found, "logged": logged}, index=list(found))
    return table.rename_axis("metric")


def _load(
    name: str,
    preset: str,
    seeds: Sequence[int] | None,
    root: Path | None,
    keep_weights_at: Sequence[int] = (),
) -> Iterator[tuple[RunKey, Run]]:
    store = RunStore(root)
    if preset in PRESETS:
        experiment(name, preset)  # raises its own error for an unknown name
    elif preset != "custom":
        raise InputError(
            f"There is no preset {preset!r}; known are {', '.join(PRESETS)}, and custom."
        )
    on_the_spot = preset in ("quick", "smoke")
    if seeds is None:
        found = {k.seed for k in store.recorded() if (k.preset, k.name) == (preset, name)}
        # Seed 0 exists for every experiment, so a comparison of two finds a common seed.
        seeds = sorted(found | {0}) if on_the_spot else sorted(found) or [0]
    for seed in distinct_seeds(seeds):
        key = RunKey(preset, name, seed)
        if on_the_spot:
            missing = store.status(key) not in ("finished", "diverged")
            if missing:
                say(f"training {key}, which is not recorded in {store.root}")
            kept = keep_weights_at if missing else ()
            yield key, store.record(key, wait=True, progress=True, keep_weights_at=kept)
        else:
            yield key, store.load(key)
