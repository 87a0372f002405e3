"""A record of benchmarks by formula, so that every ratio and slope is known."""

import itertools

import pandas as pd

from grokbook import EXPERIMENTS
from grokbook.benchmarks.record import LENS, OWN, PACKAGE, PRODUCT, TABLES, Record
from grokbook.benchmarks.tables import usual_way

SIZES = {"p": (59, 113), "d": (64, 128, 256), "n": (1277, 3830), "seeds": (1, 2, 5)}
SLOPES = {"p": (2.0, 1.5), "d": (1.25, 1.0), "n": (1.0, 0.5), "seeds": (0.5, 1.0)}
"""Of time and memory."""


def record() -> Record:
    rows: dict[str, list[tuple]] = {name: [] for name in TABLES}
    for name in EXPERIMENTS:
        counted = 4.0 if "modadd" in name else None
        rows["steps"].append((name, PACKAGE, 40.0, 0.1, counted))
        rows["steps"].append((name, usual_way(name), 120.0, 0.1, None))
        rows["steps"].append((name, LENS, 200.0, 0.1, None))
        if counted:
            rows["steps"].append((name, PRODUCT, 400.0, 0.1, 80.0))
        rows["logging"].append((name, 100.0, 1000.0))
        for idea, compiled in itertools.product((PACKAGE, "an idea"), (True, False)):
            ms = (40.0 if compiled else 60.0) * (1 if idea == PACKAGE else 0.8)
            rows["ideas"].append((name, idea, compiled, ms, 0.1))
        rows["settings"] += [(name, OWN, 40.0, 0.1), (name, "a setting", 32.0, 0.1)]
        rows["processes"] += [(name, 1, 2, 40.0), (name, 2, 1, 32.0)]
        for varied, values in SIZES.items():
            if varied == "seeds" or name == "modadd-standard":
                time, memory = SLOPES[varied]
                for value in values:
                    relative = value / values[0]
                    row = (10.0 * relative**time, 3.0 * relative**memory, relative)
                    rows["scaling"].append((name, varied, value, row[0], 0.1, *row[1:]))
    rows["metrics"] = [("entropy", "eigenvalues", 5.0, 500.0, 1e-12)]
    rows["metrics"] += [("sharpness", "probes", 2.0, 3.0, None)]
    made = {
        "recorded": "2026-01-01T00:00:00+00:00",
        "cpu": "an abacus",
        "cores": 2,
        "threads": 2,
        "torch": "2.0",
        "git_commit": "abc",
        "instructions": "none",
        "rounds": 1,
        "seconds": 1,
        "transformer_lens": None,
    }
    tables = {
        name: pd.DataFrame(rows[name], columns=list(columns)) for name, columns in TABLES.items()
    }
    return Record(made, tables)
