"""Tables of the study of prediction whose answer is known: the study's own rules, drawn signals."""

import numpy as np
import pandas as pd

from grokbook.analysis.prediction import moments
from grokbook.studies.tables import study_rules

RULES = study_rules("prediction")
MAIN = [arm for arm in RULES["arms"] if not arm.startswith("few-")]


def drawn(*, few: bool = False, **shift: float) -> pd.DataFrame:
    """Return a table of all seeds whose signals are normal, moved where a run will grok.

    Up to step 100, MID and ED fall by half with true labels and by a quarter with random ones; then
    to 0 by step 200, so that their steepest fall in 5 steps is 2.5 % and 3.75 % of the largest.

    Parameters
    ----------
    few
        Whether there are runs on few pairs, of which none groks.
    **shift
        By signal, how far.
    """
    source = np.random.default_rng(7)
    steps = [*range(21), *range(25, 201, 5)]
    rows = []
    for seed in RULES["setting"]["seeds"]:
        for arm in RULES["arms"] if few else MAIN:
            groks = arm.startswith("grok-")
            time = 1000.0 + 50 * source.integers(20)
            row = {
                "arm": arm, "seed": seed, "endpoint": time if groks else np.nan,
                "steps": time + 1000 if groks else 400.0, "train_100": 150.0, "look_step": steps,
            }  # fmt: skip
            for signal in RULES["signals"]:
                for moment in moments(RULES):
                    value = source.normal() + shift.get(signal, 0.0) * groks
                    row[f"{signal}_at_{moment}"] = value
            end = 0.5 if groks else 0.75
            for signal, top in (("mid", 2.0), ("ed", 3.0)):
                row[f"look_{signal}"] = list(np.interp(steps, [0, 100, 200], [top, top * end, 0]))
            rows.append(row)
    return pd.DataFrame(rows)
