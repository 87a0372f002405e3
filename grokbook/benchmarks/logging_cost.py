"""The cost of one point of the log: of the cheap metrics, and of all metrics."""

from __future__ import annotations

from typing import Any

from grokbook.benchmarks.timing import least
from grokbook.experiments.named import EXPERIMENTS, experiment
from grokbook.training.measurements import Measure


def measure(rounds: int) -> list[dict[str, Any]]:
    """Rows of the table ``logging``, on initialised networks."""
    rows = []
    for name in EXPERIMENTS:
        recipe = experiment(name)
        split = recipe.dataset.load()
        model = recipe.build_model(split.train_x.shape[1], split.classes)
        point = Measure(recipe, model, split)
        milliseconds = {}
        for kind, dear in (("cheap", False), ("full", True)):
            point(0, dear=dear)  # the first one is slower
            seconds, _ = least(lambda m=point, d=dear: len(m(0, dear=d)), rounds)  # type: ignore[misc]
            milliseconds[f"{kind}_ms"] = 1e3 * seconds
        rows.append({"experiment": name, **milliseconds})
    return rows
