"""Record everything the book shows, in parallel and resumable, with the time left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from grokbook._support.errors import RunError, reason
from grokbook.experiments.named import CONTROLS, EXPERIMENTS, experiment
from grokbook.experiments.schema import Experiment
from grokbook.store.records import default_root, roots
from grokbook.store.run_keys import RunKey
from grokbook.store.run_store import RunStore
from grokbook.store.workers import record_all, require_jobs
from grokbook.studies import image_geometry, information_settings, l1_search, refresh_rates

SEEDS = tuple(range(10))
CONTROL_SEEDS = 6
"""Number of the first seeds that the controls also use."""


def everything(
    preset: str = "paper", seeds: Sequence[int] = SEEDS
) -> list[tuple[RunKey, Experiment]]:
    """Return the key and the experiment of every run of the book, seed after seed.

    Parameters
    ----------
    preset
        Preset of the paper's experiments and the controls; the search for the ℓ₁ coefficient and
        the ablations have fixed presets.
    seeds
        Seeds of the paper's experiments, the first ``CONTROL_SEEDS`` of them for the controls.
    """
    pairs = [
        (RunKey(preset, name, seed), experiment(name, preset, seed))
        for row, seed in enumerate(seeds)
        for name in (*EXPERIMENTS, *(CONTROLS if row < CONTROL_SEEDS else ()))
    ]
    return pairs + list(l1_search.runs().values()) + refresh_rates.runs()


def record_missing(
    wanted: Sequence[tuple[RunKey, Experiment]],
    jobs: int = 1,
    device: str = "auto",
    root: Path | None = None,
    scheduler: str = "",
    together: bool | None = None,
) -> Iterator[str]:
    """Record the missing runs, and yield a line with the time left after each.

    An interrupted run resumes from its checkpoint.

    Parameters
    ----------
    wanted
        As :func:`everything` returns them.
    jobs, device, root, scheduler, together
        As in :func:`grokbook.store.workers.record_all`.

    Yields
    ------
    str
        One line before the first run and one after each.
    """
    require_jobs(jobs)
    store = RunStore(root)
    costs = _Costs([store, *map(RunStore, roots())])
    missing = [(key, recipe) for key, recipe in wanted if store.status(key) not in _DONE]
    total = sum(costs(key) for key, _ in missing)
    yield (
        f"{len(wanted) - len(missing)} of {len(wanted)} runs are recorded"
        + (f"; the others take about {say_time(total / jobs)}." if missing else ".")
    )
    start, done = time.perf_counter(), 0.0
    finished = record_all(
        missing, jobs=jobs, scheduler=scheduler, device=device, together=together, root=root
    )
    for count, (key, run) in enumerate(finished, start=1):
        done += costs(key)
        elapsed = time.perf_counter() - start
        left = say_time(elapsed / done * (total - done))
        yield f"{count} of {len(missing)}: {key} {run.manifest['status']}; about {left} left"


def record_missing_tables(root: Path | None = None) -> Iterator[str]:
    """Record the book's missing, damaged or stale tables, and yield a line before each.

    They are those of :mod:`grokbook.studies.image_geometry` and
    :func:`grokbook.studies.information_settings.information_settings`.

    Raises
    ------
    RunError
        If one cannot be written.
    """
    where = default_root() if root is None else root

    def read_derived() -> None:
        for name in image_geometry.TABLES:
            image_geometry.load(f"mnist_{name}", where)

    def read_ablation() -> None:
        information_settings.load(root=where)

    for name, read, record in (
        ("distances and entropies of MNIST", read_derived, image_geometry.record),
        ("batches and draws (of one training)", read_ablation, information_settings.record),
    ):
        try:
            read()
        except RunError:
            yield f"recording the table: {name}"
            try:
                record(where)
            except OSError as error:
                raise RunError(
                    f"The table of {name} could not be kept in {where} ({reason(error)})."
                ) from error


def recorded_table(preset: str = "paper", root: Path | None = None) -> pd.DataFrame:
    """Return the times, dates, machines and code of the recorded runs.

    Parameters
    ----------
    preset
        Preset of the runs; those of ``custom`` are the searches and ablations.
    root
        The run store's folder.

    Returns
    -------
    DataFrame
        Text, one row per experiment: ``seeds``, ``steps``, ``minutes`` per run (median),
        ``recorded`` (days, first to last), ``processor``, ``device``, ``torch``, and ``commits`` of
        this repository, with "(changed)" where the code differed from the commit.
    """
    store = RunStore(root)
    manifests: dict[str, list[dict[str, Any]]] = {}
    for key in store.recorded():
        if key.preset == preset and store.status(key) in _DONE:
            manifests.setdefault(key.name, []).append(store.load(key).manifest)
    rows = {
        name: {
            "seeds": ", ".join(str(each["experiment"]["seed"]) for each in some),
            "steps": f"{some[0]['steps']:,}",
            "minutes": f"{statistics.median(each['seconds'] for each in some) / 60:.0f}",
            "recorded": _span(str(each["recorded"])[:10] for each in some),
            "processor": _joined(each["cpu"] for each in some),
            "device": _joined(each["device"] for each in some),
            "torch": _joined(each["torch"] for each in some),
            "commits": _joined(
                str(each["git_commit"])[:7] + (" (changed)" if each["git_dirty"] else "")
                for each in some
            ),
        }
        for name, some in manifests.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")


def _span(days: Iterable[str]) -> str:
    every = sorted(days)
    return every[0] if every[0] == every[-1] else f"{every[0]} to {every[-1]}"


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(sorted(set(texts)))


_DONE = ("finished", "diverged")


def say_time(seconds: float) -> str:
    """Return a duration in words for a progress line.

    >>> say_time(5), say_time(200), say_time(3 * 3600 + 240)
    ('1 min', '3 min', '3 h 4 min')
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class _Costs:
    """Seconds a run takes: those of recorded runs of its experiment, here or in the checkout."""

    def __init__(self, stores: Sequence[RunStore]) -> None:
        self.seconds: dict[tuple[str, str], list[float]] = {}
        for store in stores:
            for key in store.recorded():
                if store.status(key) in _DONE:
                    seconds = float(store.load(key).manifest["seconds"])
                    self.seconds.setdefault((key.preset, key.name), []).append(seconds)

    def __call__(self, key: RunKey) -> float:
        known = self.seconds.get((key.preset, key.name))
        if known:
            return sum(known) / len(known)
        everyone = [seconds for runs in self.seconds.values() for seconds in runs]
        return sum(everyone) / len(everyone) if everyone else 600.0
