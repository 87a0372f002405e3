"""Batch sizes and noise draws of PMI and PE, of which runs log one choice (section 6).

Two ablations. :func:`information_settings`: batch size and number of noise draws of PMI and PE, at
several steps of one training. :func:`grokbook.studies.refresh_rates.refresh_rates`: how often
perturbed training updates its σ. The paper's sizes are recorded, by ``grokbook reproduce``; small
ones are computed on the spot.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from grokbook import metrics
from grokbook._support.errors import InputError, RunError, StaleRunError
from grokbook._support.provenance import provenance
from grokbook._support.seeding import generator
from grokbook.experiments.named import experiment
from grokbook.experiments.schema import Experiment, LogSchedule, Measurements
from grokbook.models.base import Network
from grokbook.store.records import default_root, find_record, read_record, write_record
from grokbook.tasks.base import Split
from grokbook.training.trainer import Trainer

STEPS = 25
"""Number of geometrically spaced steps, before merging those that round to the same step."""

BATCHES = (50, 100, 200, 500, 1000)
"""Batch sizes recorded; 200 is ours on MNIST, 1000 the whole training set."""

DRAWS = (1, 2, 5, 10)
"""Numbers of noise draws recorded; 1 is the paper's."""

_NAME, COMMAND = "ablation information_settings", "grokbook reproduce"
_PLACE = "ablation/information_settings"


class Settings(NamedTuple):
    """Arguments of :func:`information_settings`."""

    experiment: Experiment
    steps: tuple[int, ...]
    batches: tuple[int, ...]
    draws: tuple[int, ...]
    seed: int = 0


def settings(preset: str = "paper") -> Settings:
    """Return the recorded settings for the preset ``paper``, and small ones for all others.

    Raises
    ------
    InputError
        On an unknown preset.
    """
    if preset == "paper":
        recipe = experiment("mnist-standard", "paper")
        steps = np.unique(np.geomspace(1, recipe.steps, STEPS).round().astype(int))
        return Settings(recipe, tuple(steps.tolist()), BATCHES, DRAWS)
    experiment("mnist-standard", preset)  # raises its own error for an unknown preset
    return Settings(experiment("mnist-standard", "smoke"), (1, 20, 200), (50, 100, 200), (1, 2))


def information_settings(
    experiment: Experiment,
    steps: Sequence[int],
    batches: Sequence[int],
    draws: Sequence[int],
    seed: int = 0,
) -> pd.DataFrame:
    """Compute PMI and PE at α = 1 with batch sizes and numbers of draws that runs do not log.

    Parameters
    ----------
    experiment
        Experiment to train once, as :func:`grokbook.training.loop.train` does; its measurements
        give σ and the default batch size.
    steps
        Steps at which training stops to compute them, increasing, from 0 to ``experiment.steps``.
    batches
        Batch sizes, each with one draw of the noise.
    draws
        Numbers of draws to average over, each with the default batch size.
    seed
        Seed of the noise. The noise is the same at every setting: one draw is the first of two.

    Returns
    -------
    DataFrame
        One row per step and setting: ``step``, ``train_accuracy``, ``test_accuracy``, ``batch``,
        ``draws``, ``pmi``, ``pe`` (nats).

    Raises
    ------
    InputError
        If the steps do not increase or lie outside the run, or a batch size or number of draws is
        below 1.
    RunError
        If training diverges before the last of the steps.
    """
    steps = list(steps)
    if steps != sorted(set(steps)) or not all(0 <= step <= experiment.steps for step in steps):
        raise InputError(
            f"steps is {steps}, but must increase and lie between 0 and {experiment.steps}."
        )
    default = experiment.measurements.information_batch
    chosen = dict.fromkeys([*((batch, 1) for batch in batches), *((default, n) for n in draws)])
    rows = []
    for step, model, split in networks_at(experiment, steps):
        row = {"step": step} | _accuracies(model, split)
        inputs = model.inputs(split.train_x).detach()
        for batch, number in chosen:
            information = metrics.perturbed_information(
                model.first_layer, model.logits, inputs, experiment.measurements.information_sigma,
                1.0, batch, number, generator=generator(seed, f"ablation {step}"),
            )  # fmt: skip
            pmi, pe = float(information.mutual_information), float(information.entropy_2)
            rows.append(row | {"batch": batch, "draws": number, "pmi": pmi, "pe": pe})
    return pd.DataFrame(rows)


def compare_settings(table: pd.DataFrame, default: int) -> pd.DataFrame:
    """Compare every setting with the one that runs log: batches of the default size, one draw.

    Parameters
    ----------
    table
        As :func:`information_settings` returns it.
    default
        The default batch size, which the table must have with one draw.

    Returns
    -------
    DataFrame
        Indexed by ``batch`` and ``draws``; for ``pmi`` and ``pe`` in nats: ``<metric>_first`` and
        ``<metric>_last``, the values at the first and last step; ``<metric>_rank``, Spearman's rank
        correlation with the default setting over the steps; ``<metric>_off``, the largest absolute
        difference to it.
    """
    curves = {
        (batch, draws): table[(table["batch"] == batch) & (table["draws"] == draws)]
        .set_index("step")
        .sort_index()
        for batch, draws in zip(table["batch"].tolist(), table["draws"].tolist(), strict=True)
    }
    usual = curves[default, 1]
    rows = {}
    for setting, curve in curves.items():
        row: dict[str, float] = {}
        for metric in ("pmi", "pe"):
            row[f"{metric}_first"] = curve[metric].iloc[0]
            row[f"{metric}_last"] = curve[metric].iloc[-1]
            row[f"{metric}_rank"] = curve[metric].rank().corr(usual[metric].rank())
            row[f"{metric}_off"] = (curve[metric] - usual[metric]).abs().max()
        rows[setting] = row
    compared = pd.DataFrame.from_dict(rows, orient="index")
    compared.index = pd.MultiIndex.from_tuples(list(rows), names=["batch", "draws"])
    return compared.sort_index()


def networks_at(
    experiment: Experiment, steps: Sequence[int]
) -> Iterator[tuple[int, Network, Split]]:
    """Train on the CPU and yield the step, the network and its data at each of some steps.

    Parameters are those of :func:`information_settings`. The network is the same object each time;
    read it before going on.
    """
    # Logging does not change the training, so log nothing for speed.
    quiet = dataclasses.replace(
        experiment, measurements=Measurements(groups=()), log=LogSchedule(points=1)
    )
    trainer = Trainer(quiet, device="cpu", compiled=False)
    for step in steps:
        trainer.run_until(step)
        if trainer.taken != step:
            raise RunError(f"Training diverged after step {trainer.taken}, before {step}.")
        yield step, trainer.network, trainer.seeds[0].split


@torch.no_grad()
def _accuracies(model: Network, split: Split) -> dict[str, float]:
    return {
        f"{name}_accuracy": float((model(x).argmax(dim=1) == y).double().mean())
        for name, x, y in (
            ("train", split.train_x, split.train_y),
            ("test", split.test_x, split.test_y),
        )
    }


def record(root: Path | None = None, chosen: Settings | None = None) -> Path:
    """Compute :func:`information_settings` and store it in ``root``/ablation.

    As with runs, the table exists exactly when its manifest does, and both files are replaced or
    none.

    Parameters
    ----------
    root
        The folder of runs; :func:`grokbook.store.records.default_root` if not given.
    chosen
        Settings to record; by default :func:`settings` of the paper's sizes.

    Returns
    -------
    Path
        The Parquet file written.
    """
    chosen = settings() if chosen is None else chosen
    path = (default_root() if root is None else root) / _PLACE
    made_by, began = provenance(torch.device("cpu")), time.perf_counter()
    table = information_settings(*chosen)
    manifest = {
        **_fields(chosen),
        "experiment": chosen.experiment.to_dict(),
        "seconds": round(time.perf_counter() - began, 3),
        "data_sha256": chosen.experiment.dataset.load().checksum(),
        **made_by,
    }
    write_record(path, table, manifest)
    return path.with_suffix(".parquet")


def load(preset: str = "paper", root: Path | None = None) -> pd.DataFrame:
    """Return :func:`information_settings`: the recorded table, or a small one computed now.

    Parameters
    ----------
    preset
        Preset of the :func:`settings`; the table of ``paper`` is read, others are computed.
    root
        The folder of runs; by default :func:`grokbook.store.records.default_root`, then the
        checkout's.

    Raises
    ------
    InputError
        On an unknown preset.
    RunError
        If the record is missing, damaged, or stale: with other settings than the current ones.
    """
    chosen = settings(preset)
    return read(chosen, root) if preset == "paper" else information_settings(*chosen)


def read(chosen: Settings, root: Path | None = None) -> pd.DataFrame:
    """Read the table that :func:`record` wrote for these settings; errors as :func:`load`."""
    table, found = read_record(
        find_record(_PLACE, root), _NAME, lambda again: f"`{COMMAND}`",
        check=lambda _, manifest: [manifest[name] for name in _fields(chosen)],
    )  # fmt: skip
    for name, wanted in _fields(chosen).items():
        if found[name] != wanted:
            raise StaleRunError(
                f"The record of {_NAME} is stale: it has {name} {found[name]}, but the current"
                f" value is {wanted}; record it again with `{COMMAND}`."
            )
    return table


def _fields(chosen: Settings) -> dict[str, str | int | list[int]]:
    """Return the fields that determine the numbers, as JSON values."""
    return {
        "id": chosen.experiment.id,
        "steps": list(chosen.steps),
        "batches": list(chosen.batches),
        "draws": list(chosen.draws),
        "seed": chosen.seed,
    }
