"""Recorded runs as tables: :func:`load_runs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from grokbook._support.errors import InputError
from grokbook._support.progress import say
from grokbook.experiments.named import experiment
from grokbook.experiments.names import PRESETS
from grokbook.store.run_keys import RunKey, distinct_seeds
from grokbook.store.run_store import RunStore
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
        Runs of the presets ``quick`` and ``smoke`` are recorded on the spot where they are missing.
    seeds : sequence of int, optional
        Which; all recorded ones if not given, and seed 0 where it can be recorded on the spot.
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
    on_the_spot = preset in ("quick", "smoke")
    if seeds is None:
        found = {k.seed for k in store.recorded() if (k.preset, k.name) == (preset, name)}
        # Seed 0 can be had of every experiment: what pairs two of them finds one seed of both.
        seeds = sorted(found | {0}) if on_the_spot else sorted(found) or [0]
    for seed in distinct_seeds(seeds):
        key = RunKey(preset, name, seed)
        if on_the_spot:
            if store.status(key) not in ("finished", "diverged"):
                say(f"training {key}, which is not recorded in {store.root}")
            yield key, store.record(key, wait=True, progress=True)
        else:
            yield key, store.load(key)
