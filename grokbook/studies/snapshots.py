"""The answers and first weights of a network at about sixty steps of a recorded run.

Pictures use them. The log of a run holds only metrics, so the network is trained again and recorded
on the way, most often while it memorises and groks. For pairs a snapshot holds the answers to all
of them and the embeddings, for images the answers to some test images and some of the first layer's
weights. Weights have eight bits, which is enough for a picture.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from grokbook.analysis.moments import first_step_staying
from grokbook.experiments.named import EXPERIMENTS, task_of
from grokbook.models.base import Network
from grokbook.models.mlp import MLP
from grokbook.store.records import default_root, find_record, read_record, write_record
from grokbook.store.retraining import agreement, retrain
from grokbook.store.run_keys import RunKey
from grokbook.store.run_store import RunStore
from grokbook.tasks.base import Split
from grokbook.training.trainer import Trainer

STEPS = 60
"""Approximate number of recorded steps."""

IMAGES = 1000
"""Number of first test images whose answers are stored."""

UNITS = 16
"""Number of first hidden units whose first weights are stored."""


def steps_to_keep(log: pd.DataFrame, count: int = STEPS) -> list[int]:
    """Choose logged steps, dense where the accuracies move.

    The steps are evenly spaced in a mean of the share of logged rows (weight one half) and the
    shares of the changes of train and test accuracy (a quarter each).

    Parameters
    ----------
    log : DataFrame
        Columns ``step``, ``train_accuracy`` and ``test_accuracy``.
    count : int
        Largest number of steps; all logged steps if there are fewer.

    Returns
    -------
    list of int
        Increasing, including the first and the last logged step.

    Examples
    --------
    >>> log = pd.DataFrame({"step": range(0, 100, 10), "train_accuracy": 1.0,
    ...                     "test_accuracy": [0, 0, 0, 0, 0.2, 0.5, 0.9, 1, 1, 1]})
    >>> steps_to_keep(log, 6)
    [0, 30, 40, 50, 70, 90]
    """
    log = log.sort_values("step")
    way = 0.5 * np.linspace(0, 1, len(log))
    for column in ("train_accuracy", "test_accuracy"):
        moved = log[column].ffill().fillna(0.0).diff().abs().fillna(0.0).cumsum().to_numpy(float)
        way = way + (0.25 * moved / moved[-1] if moved[-1] > 0 else 0.0)
    places = np.abs(way[:, None] - np.linspace(0, way[-1], count)).argmin(axis=0)
    places[-1] = len(log) - 1
    return [int(step) for step in log["step"].to_numpy()[np.unique(places)]]


def taken_from(network: Network, split: Split) -> dict[str, np.ndarray]:
    """Return the snapshot of a network: ``predictions`` and ``weights``.

    For pairs the answers ``(p, p)``, uint8, and the tokens' embeddings ``(p, d)``; for images the
    answers to the first ``IMAGES`` test images and the first layer's weights of the first ``UNITS``
    hidden units ``(units, d)``. Weights are float32.
    """
    with torch.no_grad():
        if split.train_x.is_floating_point():
            assert isinstance(network, MLP)
            answers, weights = network(split.test_x[:IMAGES]), network.first_weight[:UNITS]
        else:
            tokens = torch.arange(split.classes, device=split.train_x.device)
            answers = network(torch.cartesian_prod(tokens, tokens))
            answers = answers.view(split.classes, split.classes, -1)
            weights = network.get_parameter("embedding")[: split.classes]
    return {
        "predictions": answers.argmax(dim=-1).to(torch.uint8).cpu().numpy(),
        "weights": weights.detach().float().cpu().numpy().copy(),  # the network continues to learn
    }


def record(
    name: str,
    preset: str = "paper",
    seed: int = 0,
    root: Path | None = None,
    device: str = "auto",
    until: int | None = None,
) -> Path:
    """Train a recorded run again, store its snapshots, and compare its log on the way.

    Parameters
    ----------
    name, preset, seed
        The recorded run.
    root : Path, optional
        The folder of runs; :func:`grokbook.store.records.default_root` if not given.
    device : str
        As in :func:`grokbook.training.loop.train`.
    until : int, optional
        The last recorded step, by default that of the run.

    Returns
    -------
    Path
        The file written, in ``root``/snapshots. Its manifest says under ``log`` at which step the
        log of this training diverges from the recorded one (null: nowhere), and whether the two
        have the same bits.

    Raises
    ------
    RunError
        As :func:`grokbook.store.retraining.retrain`.
    """
    folder = default_root() if root is None else root
    key = RunKey(preset, name, seed)
    log = RunStore(folder).load(key).log
    steps = steps_to_keep(log if until is None else log[log["step"] <= until])
    found: list[dict[str, np.ndarray]] = []

    def look(trainer: Trainer) -> None:
        if len(found) < len(steps) and trainer.taken == steps[len(found)]:
            found.append(taken_from(trainer.network, trainer.seeds[0].split))

    recorded, fresh = retrain(key, look, until=steps[-1], root=folder, device=device)
    table = agreement(recorded.log, fresh.log)
    parts = table["parts"].min()
    weights = np.stack([each["weights"] for each in found])
    scale = np.abs(weights).max(axis=(1, 2)) / 127
    levels = np.rint(weights / np.where(scale > 0, scale, 1)[:, None, None]).astype(np.int8)
    buffer = BytesIO()
    predictions = np.stack([each["predictions"] for each in found])
    np.savez_compressed(buffer, predictions=predictions, weights=levels)
    manifest = {
        **{field: value for field, value in fresh.manifest.items() if field != "stretches"},
        **{"preset": preset, "name": name},
        "log": {
            "parts": None if np.isnan(parts) else int(parts),
            "identical": bool((table["identical"] == table["steps"]).all()),
        },
        "arrays_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
    }
    kept = pd.DataFrame({"step": steps[: len(found)], "scale": scale})
    path = folder / _place(key)
    write_record(path, kept, manifest, beside={".npz": buffer.getvalue()})
    return path.with_name(path.name + ".npz")


def load(
    name: str, preset: str = "paper", seed: int = 0, root: Path | None = None
) -> dict[str, np.ndarray]:
    """Read the snapshots of a run that :func:`record` stored.

    Parameters
    ----------
    name, preset, seed
        The run.
    root : Path, optional
        The folder of runs; by default :func:`grokbook.store.records.default_root`, then the
        checkout's.

    Returns
    -------
    dict of str to ndarray
        ``step`` ``(k,)``; ``predictions``, uint8, ``(k, p, p)`` of pairs or ``(k, images)``;
        ``weights``, float32, ``(k, p, d)`` embeddings of the tokens or ``(k, units, d)`` weights of
        the first layer, with an error of at most 0.4 % of each step's largest.

    Raises
    ------
    RunError
        If there is no such record, or it is damaged.
    """
    key = RunKey(preset, name, seed)
    path, arrays = find_record(_place(key), root), {}

    def check(_: pd.DataFrame, manifest: dict[str, Any]) -> None:
        content = path.with_name(path.name + ".npz").read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest["arrays_sha256"]:
            raise ValueError(f"the SHA-256 of {path.name}.npz is not the manifest's")
        with np.load(BytesIO(content)) as file:
            arrays.update({field: file[field] for field in ("predictions", "weights")})

    kept, _ = read_record(path, f"snapshots of {key}", lambda again: _command(key), check=check)
    scale = kept["scale"].to_numpy(np.float32)[:, None, None]
    return {
        "step": kept["step"].to_numpy(),
        "predictions": arrays["predictions"],
        "weights": arrays["weights"].astype(np.float32) * scale,
    }


TAIL = 1500
"""Number of steps after grokking that :func:`record_pairs` covers."""


def record_pairs(
    preset: str = "paper", seed: int = 0, root: Path | None = None, device: str = "auto"
) -> list[Path]:
    """Record the snapshots of the paper's trainings on modulo addition, each until it groks.

    A training that does not grok is recorded to its end. The manifests hold the times.
    """
    made = []
    for name in EXPERIMENTS:
        task = task_of(name)
        if task.label_table() is None:
            continue
        log = RunStore(root).load(RunKey(preset, name, seed)).log.assign(seed=seed)
        grokked = first_step_staying(log, "test_accuracy", task.grokked)[seed]
        until = None if np.isnan(grokked) else int(grokked) + TAIL
        made.append(record(name, preset, seed, root, device, until))
    return made


def _command(key: RunKey) -> str:
    call = f'record("{key.name}", "{key.preset}", {key.seed})'
    return f"`python -c 'from grokbook.studies import snapshots; snapshots.{call}'`"


def _place(key: RunKey) -> str:
    return f"snapshots/{key.name}-{key.preset}-{key.seed}"
