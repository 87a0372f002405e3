"""A study: arms, seeds and an endpoint fixed in advance, and many short runs in one table.

A study's rules are a file in this package, older than its first run. Its table holds one row per
run: the experiment, the step of the endpoint, and a thin curve. A run that did not reach the
endpoint by its limit is censored and kept. The table is rewritten after every run, so a kill loses
only the runs in progress.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout

from grokbook._support.errors import InputError, MissingRunError, RunError, reason
from grokbook._support.provenance import provenance
from grokbook.experiments.schema import Experiment
from grokbook.store.records import default_root, write_record
from grokbook.store.workers import in_processes, on_cluster, require_jobs
from grokbook.studies.reproduce import say_time
from grokbook.studies.tables import load_study, rules_checksum, study_rules
from grokbook.training.loop import train
from grokbook.training.run import Run

CURVE_POINTS = 60
"""Points of the thin curve in each row, at most."""

NAMED_ARMS = 15
"""How many arms a message names at most."""

CURVE = ("train_accuracy", "test_accuracy", "test_accuracy_unmirrored", "weight_norm")
"""Columns of a log that the thin curve keeps, if they exist."""


class Planned(NamedTuple):
    """One run of a study; ``limit`` and ``tail`` are steps that differ from the study's own."""

    arm: str
    seed: int
    recipe: Experiment
    limit: int | None = None
    tail: int | None = None


@dataclass(frozen=True)
class Study:
    """A study's rules and its runs.

    Parameters
    ----------
    name : str
        Name of its rules, ``rules/<name>.toml``, and its table, ``runs/studies/<name>``.
    plan : callable
        Turns the table so far into all planned runs: those of a search first, and those that depend
        on its outcome once it is known.
    run : callable, optional
        Trains one run and returns its row: :func:`run_one`, or a function with the same interface
        that returns more columns.
    """

    name: str
    plan: Callable[[pd.DataFrame], list[Planned]]
    run: Callable[..., dict[str, Any]] | None = None

    @cached_property
    def rules(self) -> dict[str, Any]:
        """The rules, fixed before the first run."""
        return study_rules(self.name)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the rules' file; a table written by other rules is stale."""
        return rules_checksum(self.name)

    def limit(self, arm: str) -> int:
        """Return the steps after which a run of an arm is censored."""
        return int(self.rules.get("limits", {}).get(arm, self.rules["setting"]["limit"]))

    def column(self, arm: str) -> str:
        """Return the column of the endpoint in an arm's log."""
        return str(self.rules.get("columns", {}).get(arm, self.rules["endpoint"]["column"]))


def seed_by_seed(
    rules: Mapping[str, Any], recipe: Callable[[str, int], Experiment]
) -> list[Planned]:
    """Return a run of every arm and seed, seed by seed, so that a stopped study has whole seeds."""
    return [
        Planned(arm, seed, recipe(arm, seed))
        for seed in rules["setting"]["seeds"]
        for arm in rules["arms"]
    ]


def run_one(recipe: Experiment, column: str, level: float, limit: int, tail: int) -> dict[str, Any]:
    """Train until ``tail`` steps after the endpoint, or to the limit, and return one row.

    Parameters
    ----------
    recipe : Experiment
        Experiment to train; its steps are at least ``limit``.
    column, level
        The endpoint: the first logged step at which the column is at least the level.
    limit, tail : int
        Steps.

    Returns
    -------
    dict
        ``status`` ("reached", "censored", "diverged"), ``endpoint`` (steps, NaN if censored),
        ``steps``, ``seconds``, ``train_100`` (first logged step of training accuracy 1),
        ``final_<column>`` for every logged column, ``curve_step`` and ``curve_<column>``, lists;
        ``experiment`` (JSON), ``id``, and the provenance of a run's manifest.
    """
    return row_of(*watched(recipe, column, level, limit, tail))


def watched(
    recipe: Experiment, column: str, level: float, limit: int, tail: int
) -> tuple[Run, list[float]]:
    """Train as :func:`run_one` does; return the run and the step of its endpoint, if any."""
    reached: list[float] = []

    def look(row: dict[str, float]) -> None:
        if not reached and row[column] >= level:
            reached.append(row["step"])

    def enough(step: int) -> bool:
        return step >= limit or (bool(reached) and step >= reached[0] + tail)

    return train(recipe, on_log=look, stop=enough, compiled=False), reached


def row_of(run: Run, reached: Sequence[float]) -> dict[str, Any]:
    """Return the row of a run, given the step of its endpoint, if any."""
    log = run.log
    learned = log["step"][log["train_accuracy"] >= 1]
    thin = np.unique(np.linspace(0, len(log) - 1, min(len(log), CURVE_POINTS)).round().astype(int))
    diverged = run.manifest["status"] == "diverged"
    return {
        "status": "reached" if reached else "diverged" if diverged else "censored",
        "endpoint": float(reached[0]) if reached else np.nan,
        "steps": run.manifest["steps"],
        "seconds": run.manifest["seconds"],
        "train_100": float(learned.iloc[0]) if len(learned) else np.nan,
        **{f"final_{name}": float(log[name].iloc[-1]) for name in log if name != "step"},
        "curve_step": log["step"].iloc[thin].astype(int).tolist(),
        **{f"curve_{name}": log[name].iloc[thin].tolist() for name in CURVE if name in log},
        "experiment": json.dumps(run.manifest["experiment"]),
        **{name: run.manifest[name] for name in ("id", *provenance(torch.device("cpu")))},
    }


def record(
    study: Study,
    *,
    arms: Sequence[str] = (),
    seeds: Sequence[int] = (),
    jobs: int = 1,
    root: Path | None = None,
    scheduler: str = "",
) -> Iterator[str]:
    """Record the missing runs, and report the time left after each.

    Parameters
    ----------
    study : Study
        Study to record.
    arms, seeds
        Only these arms or seeds; by default all.
    jobs : int
        Processes; the processor's threads are divided among them.
    root : Path, optional
        The folder of runs; :func:`grokbook.store.records.default_root` if not given.
    scheduler : str
        Address of a Dask scheduler whose workers train in place of ``jobs`` processes.

    Raises
    ------
    InputError
        On an unknown arm or seed, or ``jobs`` below 1.
    RunError
        If another process is recording this study, or its table has other rules or cannot be
        written.
    """
    require_jobs(jobs)
    path = (default_root() if root is None else root) / "studies" / study.name
    table = _so_far(study, root)
    _require_known(study, table, arms, seeds)
    level, usual_tail = float(study.rules["endpoint"]["level"]), int(study.rules["setting"]["tail"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0)
        with lock:
            while missing := _missing(study, table, arms, seeds):
                yield f"{len(table)} runs of {study.name} are recorded; {len(missing)} to come."
                began = time.perf_counter()
                tasks = [
                    (
                        study.run or run_one,
                        *(one, study.column(one.arm), level),
                        study.limit(one.arm) if one.limit is None else one.limit,
                        usual_tail if one.tail is None else one.tail,
                    )
                    for one in missing
                ]
                results = _trained(tasks, jobs, scheduler)
                for count, row in enumerate(results, start=1):
                    table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
                    _keep(study, path, table)
                    each = (time.perf_counter() - began) / count
                    left = say_time(each * (len(missing) - count))
                    yield f"{count} of {len(missing)}: {_told(row)}; about {left} left"
            yield (
                f"{len(table)} runs of {study.name} are recorded; none that you ask for is missing."
            )
    except Timeout:
        raise RunError(f"The study {study.name} is being recorded by another process.") from None
    except OSError as error:
        raise RunError(
            f"The study {study.name} cannot be kept in {path.parent} ({reason(error)}); name"
            " another folder in GROKBOOK_RUNS."
        ) from error


def _told(row: Mapping[str, Any]) -> str:
    come = {
        "reached": f"at step {row['endpoint']:,.0f}",
        "censored": f"not within {row['steps']:,} steps",
        "diverged": f"diverged at step {row['steps']:,}",
    }
    return f"{row['arm']}, seed {row['seed']}: {come[row['status']]}"


def _trained(tasks: list[tuple[Any, ...]], jobs: int, scheduler: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of runs as they finish, trained on a cluster, in processes or here."""
    if scheduler:
        return (row for _, row in on_cluster(scheduler, _run, tasks))
    if jobs > 1:
        return in_processes(jobs, _run, tasks)
    return (_run(*task) for task in tasks)


def _run(
    run: Callable[..., dict[str, Any]],
    one: Planned,
    column: str,
    level: float,
    limit: int,
    tail: int,
) -> dict[str, Any]:
    """Train one run and return its row; processes and cluster workers call it."""
    row = run(one.recipe, column, level, limit, tail)
    return {"arm": one.arm, "seed": one.seed, **row}


def _so_far(study: Study, root: Path | None) -> pd.DataFrame:
    try:
        return load_study(study.name, default_root() if root is None else root)
    except MissingRunError:
        return pd.DataFrame({"arm": pd.Series(dtype=str), "seed": pd.Series(dtype=int)})


def _missing(
    study: Study, table: pd.DataFrame, arms: Sequence[str], seeds: Sequence[int]
) -> list[Planned]:
    there = set(zip(table["arm"], table["seed"], strict=True))
    return [
        one
        for one in study.plan(table)
        if (one.arm, one.seed) not in there
        and (not arms or one.arm in arms)
        and (not seeds or one.seed in seeds)
    ]


def _require_known(
    study: Study, table: pd.DataFrame, arms: Sequence[str], seeds: Sequence[int]
) -> None:
    planned = study.plan(table)
    known = list(dict.fromkeys([*study.rules["arms"], *(one.arm for one in planned)]))
    for arm in arms:
        if arm not in known:
            few = known if len(known) <= NAMED_ARMS else get_close_matches(arm, known, NAMED_ARMS)
            which = "known are" if few is known else f"of {len(known)} the closest are"
            raise InputError(
                f"There is no arm {arm!r} in the study {study.name}; {which} {', '.join(few)}."
                if few
                else f"There is no arm {arm!r} in the study {study.name}, and none like it."
            )
    for seed in seeds:
        if seed not in {one.seed for one in planned}:
            raise InputError(f"seed {seed} is none of the study {study.name}; see its rules.")


def _keep(study: Study, path: Path, table: pd.DataFrame) -> None:
    manifest = {
        "study": study.name,
        "rules_sha256": study.checksum,
        "runs": len(table),
        "commits": sorted({str(commit) for commit in table["git_commit"]}),
        "git_dirty": not bool(table["git_dirty"].eq(False).all()),
    }
    write_record(path, table, manifest)
