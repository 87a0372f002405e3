"""How often perturbed training updates its σ (section 6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from grokbook._support.errors import MissingRunError, StaleRunError
from grokbook.analysis.moments import moments
from grokbook.experiments.named import experiment, task_of
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.store.records import roots
from grokbook.store.run_keys import RunKey, custom_key
from grokbook.store.run_store import RunStore
from grokbook.strategies.perturbation import Perturbed
from grokbook.studies.information_settings import COMMAND
from grokbook.training.loop import train
from grokbook.training.run import Run

REFRESH = (1, 10, 100, 1000)
"""Steps between two updates of σ in perturbed training; 10 is ours."""

PERTURBED = ("mnist-perturbed", "modadd-perturbed")
"""The experiments that have a σ."""


class Refreshed(NamedTuple):
    """One perturbed training of :func:`refresh_rates`."""

    name: str
    refresh: int
    recipe: Experiment


def refresh_rates(seed: int = 0, preset: str = "quick") -> list[Refreshed]:
    """Return perturbed trainings that differ in how often σ is updated.

    Parameters
    ----------
    seed
        Of each training.
    preset
        ``quick``, whose runs are recorded, or ``smoke``.

    Returns
    -------
    list
        Both experiments of ``PERTURBED`` at every rate of ``REFRESH``. They log only accuracies and
        norms.
    """
    recipes = []
    for name in PERTURBED:
        recipe = experiment(name, preset, seed)
        assert isinstance(recipe.strategy, Perturbed)
        for refresh in REFRESH:
            strategy = dataclasses.replace(recipe.strategy, refresh=refresh)
            other = dataclasses.replace(recipe, strategy=strategy, measurements=Measurements())
            recipes.append(Refreshed(name, refresh, other))
    return recipes


def runs(seeds: Sequence[int] = (0,)) -> list[tuple[RunKey, Experiment]]:
    """Return the key and the experiment of each run of :func:`refresh_rates`."""
    return [
        (custom_key(name, "quick", recipe), recipe)
        for seed in seeds
        for name, _, recipe in refresh_rates(seed)
    ]


def load_refresh_rates(
    seeds: Sequence[int] = (0,), preset: str = "paper", root: Path | None = None
) -> pd.DataFrame:
    """Return the step of grokking under perturbed training, by how often σ is updated.

    Parameters
    ----------
    seeds
        Which.
    preset
        ``paper`` reads the recorded runs, which are of the preset ``quick``; all others train small
        ones on the spot and do not store them.
    root
        The store's folder; by default :func:`grokbook.store.records.default_root`, then the
        checkout's.

    Returns
    -------
    DataFrame
        One row per run: ``experiment``, ``refresh``, ``seed``, ``train_100``, ``test_50`` and
        ``grokked`` (steps, NaN if not reached: see
        :func:`grokbook.analysis.moments.moments`, and the task's ``grokked``) and
        ``test_accuracy`` at the end.

    Raises
    ------
    InputError
        On an unknown preset.
    RunError
        If a run is missing, damaged or stale.
    """
    experiment("mnist-perturbed", preset)  # raises its own error for an unknown preset
    recorded = preset == "paper"
    rows = []
    for seed in seeds:
        for name, refresh, recipe in refresh_rates(seed, "quick" if recorded else "smoke"):
            run = _recorded(name, recipe, root) if recorded else train(recipe)
            threshold = task_of(name).grokked
            when = moments(run.log.assign(seed=seed), (0.5, threshold)).loc[seed]
            rows.append(
                {
                    "experiment": name,
                    "refresh": refresh,
                    "seed": seed,
                    "train_100": when["train_100"],
                    "test_50": when["test_50"],
                    "grokked": when[f"test_{100 * threshold:g}"],
                    "test_accuracy": float(run.log["test_accuracy"].iloc[-1]),
                }
            )
    return pd.DataFrame(rows)


def _recorded(name: str, recipe: Experiment, root: Path | None) -> Run:
    """Read a run of :func:`refresh_rates`."""
    key = custom_key(name, "quick", recipe)
    stores = [RunStore(folder) for folder in roots(root)]
    store = next((each for each in stores if each.status(key) != "missing"), None)
    if store is None:
        raise MissingRunError(f"There is no record of {key}; make it with `{COMMAND}`.")
    run = store.load(key)
    if run.manifest["id"] != recipe.id:
        raise StaleRunError(
            f"The record of {key} is stale: it has experiment id {run.manifest['id']}, but"
            f" the current one is {recipe.id}; remove it and record it again with `{COMMAND}`."
        )
    return run
