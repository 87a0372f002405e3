"""Record curves of the Python engine from the page's split and initial weights.

``python -m grokbook.widgets.engine.reference`` writes ``reference.json``, the thin curves behind
those of the page. The runs are ordinary ones of `grokbook.train`; only their initial state comes
from the page's kernel. Noise is torch's own, so perturbed runs agree in distribution only.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from grokbook.experiments.schema import Experiment, LogSchedule, Measurements
from grokbook.models.base import Network
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.base import Standard
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.perturbation import Perturbed
from grokbook.tasks.base import Split
from grokbook.tasks.modular import ModularAddition
from grokbook.training.loop import train
from grokbook.widgets.engine.host import Kernel
from grokbook.widgets.in_page_training import WIDTH, hidden_units

TARGET = Path(__file__).with_name("reference.json")
SEED = 0

RECIPES: dict[str, dict[str, Any]] = {
    "p = 31": {"p": 31, "share": 0.5, "lr": 3e-3, "decay": 1.0, "steps": 4000},
    "p = 59": {"p": 59, "share": 0.4, "lr": 3e-3, "decay": 1.0, "steps": 4000},
}
"""What the page offers at first. At the learning rate of the preset ``quick``, 1e-3, this smaller
network answers a quarter of the test pairs of p = 59 after 7000 steps."""

STRATEGIES: dict[str, Any] = {
    "standard": Standard(),
    "perturbed": Perturbed(0.5, 0.4),
    "abelian": AbelianRegularized(100.0),
    "mirrored": MirrorAugmented(),
}
INFORMATION_SIGMA = 0.4


@dataclass(frozen=True)
class PagePairs(ModularAddition):
    """The page's split of the pairs."""

    def load(self) -> Split:
        """Return the pairs in the order of the page's generator."""
        kernel = Kernel(self.p, WIDTH, hidden_units(self.p), self.train_points, seed=self.seed)
        pairs = torch.from_numpy(kernel.pairs().astype("int64"))
        labels, n = pairs.sum(dim=1) % self.p, self.train_points
        return Split(pairs[:n], labels[:n], pairs[n:], labels[n:], classes=self.p)


@dataclass(frozen=True)
class PageExperiment(Experiment):
    """An experiment that starts from the page's weights."""

    def build_model(self, inputs: int, classes: int, tokens: int | None = None) -> Network:
        """Return the network with the weights of the page's generator."""
        model = super().build_model(inputs, classes, tokens)
        kernel = Kernel(classes, WIDTH, hidden_units(classes), 1, seed=self.seed)
        with torch.no_grad():
            for name, values in kernel.tensors().items():
                model.get_parameter(name).copy_(torch.from_numpy(values.copy()))
        return model


def page_experiment(training: str, recipe: dict[str, Any]) -> PageExperiment:
    """Return the experiment of one curve."""
    pairs = PagePairs(recipe["p"], recipe["share"], SEED)
    return PageExperiment(
        dataset=pairs,
        model=TransformerConfig(d=WIDTH, heads=4, mlp=hidden_units(recipe["p"])),
        strategy=STRATEGIES[training],
        loss="cross_entropy",
        optimizer=AdamW(recipe["lr"], recipe["decay"], betas=(0.9, 0.98), warmup_steps=10),
        steps=recipe["steps"],
        log=LogSchedule("linear", recipe["steps"] // 50, dear_every=2),
        measurements=Measurements(
            ("accuracy", "norms", "information"),
            information_sigma=INFORMATION_SIGMA,
            information_batch=max(1, pairs.train_points // 10),
        ),
        seed=SEED,
    )


def curves(training: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """Train one run and return its curves, rounded to the precision of a drawing."""
    log = train(page_experiment(training, recipe), device="cpu").log
    costly = log.dropna(subset=["perturbed_entropy_alpha_2"])

    def rounded(table: Any, column: str, digits: int) -> list[float]:
        return [float(f"{value:.{digits}g}") for value in table[column]]

    return {
        "training": training,
        **{name: recipe[name] for name in ("p", "share", "lr", "decay")},
        "every": 50,
        "train": rounded(log, "train_accuracy", 4),
        "test": rounded(log, "test_accuracy", 4),
        "loss": rounded(log, "train_loss", 3),
        "norm": rounded(log, "weight_norm", 4),
        "information_every": 100,
        "information": rounded(costly, "perturbed_mutual_information_alpha_2", 4),
        "entropy": rounded(costly, "perturbed_entropy_alpha_2", 4),
    }


def main() -> None:
    """Train every recipe in every way, one after the other."""
    torch.set_num_threads(1)
    runs = []
    for name, recipe in RECIPES.items():
        for training in STRATEGIES:
            print(f"{name}, {training}", file=sys.stderr, flush=True)
            runs.append(curves(training, recipe))
            text = ",\n".join(json.dumps(run, separators=(",", ":")) for run in runs)
            TARGET.write_text(f"[\n{text}\n]\n", encoding="utf-8")  # save after each run


if __name__ == "__main__":
    main()
