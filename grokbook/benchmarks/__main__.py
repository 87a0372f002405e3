"""Measure everything, print it, and store it as one record (`make bench`).

    python -m grokbook.benchmarks [--rounds 5]

Everything is one run on one machine, with torch's default number of threads. TransformerLens is
measured if it is installed with its ``HookedTransformer`` (up to version 3).
"""

import argparse
import os
import sys
import time

import pandas as pd
import torch

from grokbook._support.provenance import provenance
from grokbook.benchmarks import ideas, logging_cost, metrics, scaling, settings, training_steps
from grokbook.benchmarks.record import Record, keep
from grokbook.benchmarks.tables import (
    arrangement_table,
    as_text,
    idea_table,
    logging_table,
    metric_table,
    scaling_slopes,
    setting_table,
    step_table,
    together_table,
)

PRINTED = {
    "A training step": step_table,
    "Metrics": metric_table,
    "The log": logging_table,
    "Slopes of time and memory": scaling_slopes,
    "Seeds one after the other / together": together_table,
    "Package / idea": idea_table,
    "torch's own settings / others": setting_table,
    "Eager / compiled, one process / a process a core": arrangement_table,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns that every variant takes")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"rounds is {rounds}, but must be at least 1.")
    began = time.perf_counter()
    made = provenance(torch.device("cpu"))
    tables = {}
    for name, measure in (
        ("steps", training_steps.measure),
        ("metrics", metrics.measure),
        ("logging", logging_cost.measure),
        ("scaling", scaling.measure),
        ("ideas", ideas.measure),
        ("processes", ideas.measure_processes),
        ("settings", settings.measure),
    ):
        print(f"{time.perf_counter() - began:.0f} s; {name} ...", file=sys.stderr, flush=True)
        tables[name] = measure(rounds)
    made |= {
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "rounds": rounds,
        "seconds": round(time.perf_counter() - began),
        "transformer_lens": training_steps.lens_version(),
    }
    record = Record(made, {name: pd.DataFrame(rows) for name, rows in tables.items()})
    print("\n".join(f"{key}: {value}" for key, value in made.items()))
    for title, table in PRINTED.items():
        print(f"\n{title}\n\n{as_text(table(record)).to_string()}")
    print(f"\nWritten to {keep(record)}.")


if __name__ == "__main__":
    main()
