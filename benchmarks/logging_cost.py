"""Share of a paper-scale run that its log costs, from measured times of both.

    python benchmarks/logging_cost.py

For each experiment: the median time of a training step, of a cheap and of a full measurement, on an
initialised network, and from them and the log schedule the log's share of the training time.
"""

import statistics
import time
from collections.abc import Callable

import torch
from step_time import ours

from grokbook import EXPERIMENTS, experiment
from grokbook.measurements import Measure
from grokbook.provenance import cpu_name


def seconds(function: Callable[[], object], times: int) -> float:
    function()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    print(f"{cpu_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print("| experiment | step, ms | cheap, ms | full, ms | cheap points | full | log / training |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in EXPERIMENTS:
        recipe = experiment(name)
        split = recipe.dataset.load()
        model = recipe.build_model(split.train_x.shape[1], split.classes)
        measure = Measure(recipe, model, split)
        step = ours(name, "cpu")
        for _ in range(3):
            step()
        one = seconds(step, 30)
        cheap = seconds(lambda m=measure: m(0, dear=False), 5)  # type: ignore[misc]
        full = seconds(lambda m=measure: m(0, dear=True), 3)  # type: ignore[misc]
        dear_points = len(recipe.log.dear_steps(recipe.steps))
        cheap_points = len(recipe.log.steps(recipe.steps)) - dear_points
        share = (cheap_points * cheap + dear_points * full) / (recipe.steps * one)
        print(
            f"| {name} | {1e3 * one:.1f} | {1e3 * cheap:.0f} | {1e3 * full:.0f} | {cheap_points} |"
            f" {dear_points} | {100 * share:.0f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main()
