"""The state of one seed that changes during training, and its checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from grokbook._support.errors import CheckpointError
from grokbook._support.seeding import generator
from grokbook.experiments.schema import Experiment
from grokbook.models.base import Network
from grokbook.optimizers.optimizer import Optimizer
from grokbook.strategies.base import TrainingState
from grokbook.tasks.base import Split
from grokbook.training.checkpoints import (
    read_checkpoint,
    require_alike,
    require_restorable,
    unreadable,
    write_checkpoint,
)
from grokbook.training.measurements import Measure
from grokbook.training.run import Run
from grokbook.training.step import Batches


@dataclass(eq=False)
class SeedState:
    """The state of one seed that changes during training, except the optimiser."""

    experiment: Experiment
    split: Split
    model: Network
    batches: Batches
    state: TrainingState
    measure: Measure
    log: list[dict[str, float]] = field(default_factory=list)
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # weights, by step
    diverged: bool = False
    stretches: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, experiment: Experiment, place: torch.device) -> SeedState:
        """Return the state at step 0."""
        split = experiment.load()
        model, split = experiment.network(split).to(place), split.to(place)
        state = TrainingState(
            step=0,
            generator=generator(experiment.seed, "noise"),
            train_accuracy=lambda: accuracy_on_training_set(model, split),
            outputs=number_of_logits(model, split),
            noisy_accuracy=lambda noise: accuracy_on_training_set(model, split, noise),
            training_shape=tuple(model.noise_shape(split.train_x)),
        )
        measure = Measure(experiment, model, split)
        return cls(experiment, split, model, Batches(experiment, split), state, measure)

    def measure_once(self, dear: bool) -> bool:
        """Log the current step and report it, unless it is already logged, as after a resume."""
        if self.diverged or (self.log and self.log[-1]["step"] >= self.state.step):
            return False
        row = self.measure(self.state.step, dear=dear)
        self.diverged = not math.isfinite(row["train_loss"])
        if not self.diverged:
            self.log.append({"step": self.state.step, **row})
        return not self.diverged

    def noise(self, x: Tensor) -> Tensor | None:
        """Draw the strategy's noise for a batch."""
        like = next(self.model.parameters())
        return self.experiment.strategy.noise(self.state, self.model.noise_shape(x), like)

    def finish(self, status: str, made_by: dict[str, Any], seconds: float) -> Run:
        """Return the run; ``made_by`` describes its last stretch, ``seconds`` is the total time."""
        stretches = self._stretches_with(made_by)
        last = {key: value for key, value in stretches[-1].items() if key in made_by}
        manifest = {
            "experiment": self.experiment.to_dict(),
            "id": self.experiment.id,
            "status": "diverged" if self.diverged else status,
            "steps": self.state.step,
            "seconds": round(seconds, 3),
            "data_sha256": self.split.checksum(),
            **last,
            "compiled": all(stretch["compiled"] for stretch in stretches),
            "stretches": stretches,
        }
        if last["git_dirty"] is not None:
            manifest["git_dirty"] = any(stretch["git_dirty"] for stretch in stretches)
        if self.kept:
            manifest["weights_at"] = sorted(self.kept)
        final = self.weights(torch.device("cpu"))
        return Run(self.table(), manifest, final, self.kept, experiment=self.experiment)

    def table(self) -> pd.DataFrame:
        """Return the log so far; a run that diverged at once has columns but no rows."""
        return (
            pd.DataFrame(self.log) if self.log else pd.DataFrame(columns=_ACCURACIES, dtype=float)
        )

    def _stretches_with(self, made_by: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the stretches so far, and the current one if it took a step or is the only one."""
        begun = self.stretches[-1]["to_step"] if self.stretches else 0
        if self.stretches and begun == self.state.step:
            return self.stretches
        return [*self.stretches, {"from_step": begun, "to_step": self.state.step, **made_by}]

    def weights(self, place: torch.device | None = None) -> dict[str, Tensor]:
        """Return a copy of the network's weights, on another device if one is given."""
        # Clone: a stacked weight is a view, and saving it would write the whole stack.
        return {
            name: value.detach().to(place or value.device).clone()
            for name, value in self.model.state_dict().items()
        }

    def save(
        self, path: Path, optimizer: dict[str, Any], made_by: dict[str, Any], seconds: float
    ) -> None:
        """Write the checkpoint, whole or not at all."""
        batches, state = self.batches, self.state
        require_restorable(state.memory, type(self.experiment.strategy).__name__)
        content = {
            "id": self.experiment.id,
            "model": self.weights(),
            "optimizer": optimizer,
            "batches": (batches.generator.get_state(), batches.order, batches.position),
            "noise": state.generator.get_state(),
            "memory": state.memory,
            "step": state.step,
            "diverged": self.diverged,
            "log": self.log,
            "kept": self.kept,
            "seconds": seconds,
            "stretches": self._stretches_with(made_by),
        }
        write_checkpoint(path, content)

    def read(self, path: Path, optimizer: Optimizer) -> dict[str, Any]:
        """Return the content of a checkpoint of this experiment, checked to be restorable."""
        content = read_checkpoint(path)
        if content["id"] != self.experiment.id:
            raise CheckpointError(
                f"{path} is the checkpoint of experiment {content['id']}, not of"
                f" {self.experiment.id}: its settings have changed since; remove it, or train with"
                " `--again`, to start over."
            )
        try:
            require_alike(content["model"], self.model.state_dict())
            optimizer.require_fit(content["optimizer"])
            generators = {"batches": self.batches.generator, "noise": self.state.generator}
            require_alike(
                {"batches": content["batches"][0], "noise": content["noise"]},
                {name: each.get_state() for name, each in generators.items()},
            )
            self.batches.require_fit(*content["batches"][1:])
            if content["step"] > self.experiment.steps:
                raise ValueError("beyond the last step")
            for step, weights in content["kept"].items():
                require_alike(weights, self.model.state_dict())
                if type(step) is not int or not 0 <= step <= content["step"]:
                    raise ValueError("weights of a step that was not taken")
        except Exception as error:  # an edited file can make these look-ups fail in any way
            raise unreadable(path) from error
        return content

    def restore(self, content: dict[str, Any]) -> None:
        """Restore everything that :meth:`read` returned, except the optimiser and the clock."""
        batches, state = self.batches, self.state
        self.model.load_state_dict(content["model"])
        generator_state, batches.order, batches.position = content["batches"]
        batches.generator.set_state(generator_state)
        state.generator.set_state(content["noise"])
        place = self.split.train_x.device
        state.memory.update(
            {
                name: value.to(place) if isinstance(value, Tensor) else value
                for name, value in content["memory"].items()
            }
        )
        state.step = content["step"]
        self.diverged = content["diverged"]
        self.log, self.kept = content["log"], content["kept"]
        self.stretches = content["stretches"]


_ACCURACIES = ["step", "train_accuracy", "train_loss", "test_accuracy", "test_loss"]


@torch.no_grad()
def number_of_logits(model: Network, split: Split) -> int:
    """Return how many logits the network has."""
    return model(split.train_x[:1]).shape[1]


@torch.no_grad()
def accuracy_on_training_set(model: Network, split: Split, noise: Tensor | None = None) -> Tensor:
    """Return the share of right answers, a 0-dimensional float64 tensor on the data's device.

    ``noise`` is added to the continuous input.
    """
    return (model(split.train_x, noise).argmax(dim=1) == split.train_y).double().mean()
