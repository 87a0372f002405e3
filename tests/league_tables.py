"""Tables of the league with ends of a known order, so that what reads them can be checked."""

import numpy as np
import pandas as pd

from grokbook.studies import league

RULES = league.STUDY.rules
CHOSEN = 5
"""Which configuration of every method's twelve is the soonest."""

FACTORS = {"abelian": 0.5, "mirrored": 0.6, "perturbed": 1.0, "muon": 2.0}
"""Times of some methods over those of AdamW; the others have AdamW's and noise."""


def drawn(
    seeds: int = 20,
    published: int = 10,
    factors: dict[str, float] = FACTORS,
    confirmed: bool = True,
) -> pd.DataFrame:
    """Return a table: the tuning, so many seeds of every tuned and every published method."""
    source = np.random.default_rng(0)
    limit = RULES["setting"]["limit"]
    rows = []

    def add(arm: str, seed: int, end: float, watched: float = limit) -> None:
        came = end <= watched
        steps = min(end + 500, watched) if came else watched
        rows.append(
            {
                "arm": arm, "seed": seed, "endpoint": end if came else np.nan, "steps": steps,
                "seconds": 0.01 * steps * (1 + 0.1 * source.random()),
                "train_100": 75.0,
                "final_test_accuracy": 1.0 if came else 0.4,
                "final_test_accuracy_unmirrored": 1.0 if came else 0.4,
            }
        )  # fmt: skip

    adamw = league.grid("adamw", None)
    assert adamw is not None
    for method in RULES["arms"]:
        configs = league.grid(method, adamw[CHOSEN])
        assert configs is not None
        for place, config in enumerate(configs):
            for seed in RULES["setting"]["tuning_seeds"]:
                end = 900.0 if place == CHOSEN else 2000.0 + place if place % 2 else 1e9
                add(league.label(method, config), seed, end, RULES["tuning"]["limit"])
    for seed in RULES["setting"]["seeds"][:seeds]:
        base = 1000 + 400 * source.random()
        for method in RULES["arms"]:
            factor = factors.get(method, float(np.exp(0.2 * source.normal())))
            add(method, seed, base if method == "adamw" else factor * base)
            if seed in RULES["setting"]["published_seeds"][:published]:
                add(f"{method} as published", seed, 1e9 if method == "clamp" else 4 * base)
    table = pd.DataFrame(rows)
    if confirmed:
        for task in RULES["confirm"]["tasks"]:
            for method in league.confirmed(table, task):
                for seed in RULES["confirm"]["seeds"]:
                    end = 3000.0 * FACTORS.get(method, 1.0) + seed
                    add(f"{method} {task}", seed, end, RULES["confirm"]["limit"])
    return pd.DataFrame(rows)
