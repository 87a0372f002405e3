"""Study of prediction: which early signals separate networks that will grok from others.

Rules are in ``rules/prediction.toml``. Each setting is trained with true labels and, from the same
split and initial weights, with random ones, so a signal that only identifies the setting does no
better than chance. :mod:`grokbook.analysis.prediction` scores the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import torch

from grokbook import metrics
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.models.transformer import Transformer
from grokbook.strategies.losses import criterion
from grokbook.studies.signals import derived, measure
from grokbook.studies.study import Planned, Study, row_of
from grokbook.studies.workhorse import workhorse
from grokbook.tasks.random_labels import RandomLabels
from grokbook.training.trainer import Trainer

TRAIN_100 = "train_100"
"""The moment of training accuracy 100 %; the others are steps."""


def recipe(arm: str, seed: int) -> Experiment:
    """Return the experiment of a run of an arm."""
    kind, _, name = arm.partition("-")
    settings = STUDY.rules["recipes"][arm if kind == "few" else name]
    base = workhorse(
        STUDY.rules["setting"], seed, limit=STUDY.limit(arm),
        train_fraction=settings["train_fraction"],
    )  # fmt: skip
    optimizer: Any = replace(
        base.optimizer, lr=settings["lr"], weight_decay=settings["weight_decay"]
    )
    base = replace(base, optimizer=optimizer, measurements=Measurements(("accuracy", "norms")))
    if kind == "random":
        return replace(base, dataset=RandomLabels(base.dataset, seed))  # type: ignore[arg-type]
    return base


def plan(table: pd.DataFrame) -> list[Planned]:
    """Return every run of the study, seed after seed."""
    return [
        Planned(arm, seed, recipe(arm, seed))
        for seed in STUDY.rules["setting"]["seeds"]
        for arm in STUDY.rules["arms"]
    ]


def run_one(recipe: Experiment, column: str, level: float, limit: int, tail: int) -> dict[str, Any]:
    """Train one run with close measurements of its first steps, and return its row.

    The arguments are those of :func:`grokbook.studies.study.run_one`. On random labels a run ends
    at the rules' ``random_labels_after`` steps after the last moment.

    Returns
    -------
    dict
        As there, but ``train_100`` is the exact step. Also ``<signal>_at_<moment>`` for each signal
        and moment, NaN if it was not reached; ``look_step`` and ``look_<signal>``, lists of the
        early measurements; ``early_loss``, a list of the training loss of each step from 0 on.
    """
    reached: list[float] = []

    def look(place: int, row: dict[str, float]) -> None:
        if not reached and row[column] >= level:
            reached.append(row["step"])

    trainer = Trainer(recipe, compiled=False, on_log=look)
    early = _Early(trainer, STUDY.rules["measurement"])
    early.follow(limit)
    if isinstance(recipe.dataset, RandomLabels):
        limit = min(limit, trainer.taken + STUDY.rules["setting"]["random_labels_after"])
    trainer.run_until(limit, pause=lambda: bool(reached) and trainer.taken >= reached[0] + tail)
    return row_of(trainer.runs("interrupted")[0], reached) | early.row()


@dataclass
class _Early:
    """The first steps of a run: up to the last fixed moment and to training accuracy 100 %."""

    trainer: Trainer
    settings: Mapping[str, Any]
    steps: list[int] = field(default_factory=list)
    curves: dict[str, list[float]] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    learned: float = math.nan

    def follow(self, limit: int) -> None:
        """Take steps, and measure when it is due, until the last moment."""
        seed = self.trainer.seeds[0]
        split, model, loss = seed.split, seed.model, criterion(seed.experiment.loss)
        assert isinstance(model, Transformer)
        while not self.trainer.diverged:
            step = self.trainer.taken
            self.trainer.log_due()
            with torch.no_grad():
                logits = model(split.train_x)
            self.losses.append(float(loss(logits, split.train_y)))
            if not math.isfinite(self.losses[-1]):  # diverged, and nothing can be measured
                return
            self.norms.append(metrics.weight_norm(model, 2))
            if math.isnan(self.learned) and bool((logits.argmax(dim=1) == split.train_y).all()):
                self.learned = float(step)
            if self._due(step):
                self.steps.append(step)
                dear = step in self._moments or step % self.settings["dear_every"] == 0
                found = measure(seed.experiment, model, split, self.settings, step, dear=dear)
                for name, value in found.items():
                    self.curves.setdefault(name, []).append(value)
            over = step >= self.settings["dense_until"] and not math.isnan(self.learned)
            if over or step >= limit:
                return
            self.trainer.step()

    def _due(self, step: int) -> bool:
        every_until, every, until = (
            self.settings[name] for name in ("every_step_until", "then_every", "dense_until")
        )
        return step == self.learned or step <= every_until or (step <= until and step % every == 0)

    @property
    def _moments(self) -> tuple[float, ...]:
        return (*self.settings["moments"], self.learned)

    def row(self) -> dict[str, Any]:
        """Return the columns of the early steps."""
        moments = {str(step): float(step) for step in self.settings["moments"]}
        moments[TRAIN_100] = self.learned
        values: dict[str, float] = {}
        for moment, step in moments.items():
            at = self._at(int(step)) if step in self.steps else {}
            for name in STUDY.rules["signals"]:
                values[f"{name}_at_{moment}"] = at.get(name, math.nan)
        return {
            TRAIN_100: self.learned,
            **values,
            "look_step": self.steps,
            **{f"look_{name}": curve for name, curve in self.curves.items()},
            "early_loss": self.losses[: self.settings["dense_until"] + 1],
        }

    def _at(self, step: int) -> dict[str, float]:
        place = self.steps.index(step)
        return {
            **{name: curve[place] for name, curve in self.curves.items()},
            **derived(step, self.steps, self.curves, self.losses, self.norms),
        }


STUDY = Study("prediction", plan, run_one)
