"""Claims of section 4: the commutative law on modulo addition (C10 to C13)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from grokbook.analysis import staircase
from grokbook.analysis.by_seed import first_steps, grokked, per_seed, train_100
from grokbook.claims.rules import Check, Claim, Records, ratio


def _c10(runs: Records) -> list[Check]:
    return [_pause(runs, "perturbed")]


def _pause(runs: Records, strategy: str) -> Check:
    log = runs[f"modadd-{strategy}"]
    grok = grokked(log, "modadd")
    length = staircase.plateau(log)["length"]
    return Check(
        "length of the longest plateau / step of grokking (a tenth)",
        length / grok.steps, ">", 0.1, int(grok.censored.sum()),
    )  # fmt: skip


def _c10_caveat(runs: Records) -> str:
    """Say what a slow rise gives by the same measure: it passes for a plateau."""
    if not runs.has(["modadd-standard"]):
        return ""
    other = _pause(runs, "standard")
    if other.outcome == "fails":
        return ""
    low, high = other.interval
    return (
        f"standard training does not clearly lack it: {other.median:.2g}"
        f" ({low:.2g} to {high:.2g}) by the same measure."
    )


def _c11(runs: Records) -> list[Check]:
    learned = {}
    for name in ("standard", "perturbed"):
        log = runs[f"modadd-{name}"]
        # "test_99" of a table whose test accuracy is the abelian one: from then on it stays.
        learned[name] = first_steps(
            log.assign(test_accuracy=log["abelian_accuracy_train"]), "test_99", 0.99
        )
    return [
        ratio(
            "standard: step from which abelian accuracy stays 99 % / step of grokking"
            " (not before: 0.9)",
            learned["standard"], grokked(runs["modadd-standard"], "modadd"), ">", 0.9,
        ),
        ratio(
            "perturbed: the same step / step of train 100 % (right after: within twice)",
            learned["perturbed"], train_100(runs["modadd-perturbed"]), "<", 2,
        ),
    ]  # fmt: skip


def _c12(runs: Records) -> list[Check]:
    return [
        ratio(
            "step of grokking, perturbed / abelian",
            grokked(runs["modadd-perturbed"], "modadd"),
            grokked(runs["modadd-abelian"], "modadd"), ">", 1,
        )
    ]  # fmt: skip


def _c12_caveat(runs: Records) -> str:
    """Say what labels on the mirror images give, a control that came after the rules.

    It is told of the pairs whose mirror image is no training pair, which no training reads.
    """
    if not runs.has(["modadd-standard", "modadd-mirrored"]):
        return ""
    seeds = runs["modadd-mirrored"]["seed"].unique()
    known = {}
    for name in ("standard", "mirrored", "abelian"):
        log = staircase.on_half(runs[f"modadd-{name}"], "unmirrored")
        known[name] = first_steps(log[log["seed"].isin(seeds)], "test_99", 0.99)
    without, labels = (
        ratio("", known[name], known["abelian"], ">", 1).values.median()
        for name in ("standard", "mirrored")
    )
    if np.isnan(without) or np.isnan(labels):
        return ""
    return (
        "it reads the mirror images of the training pairs. On pairs of which it reads nothing,"
        f" standard training takes {without:.2g} times its steps to 99 %, and {labels:.2g} times if"
        " it is given these images with their labels."
    )


def _c13(runs: Records) -> list[Check]:
    column = "abelian_logit_distance_train"

    def after(name: str, number: Callable[[pd.Series[float], float], float]) -> pd.Series[float]:
        """Apply ``number`` to the distances after grokking and the largest distance of the run.

        NaN where the network does not grok.
        """
        log = runs[f"modadd-{name}"]
        steps = grokked(log, "modadd").came
        return per_seed(
            log,
            lambda run: number(
                run.loc[run["step"] >= steps[run["seed"].iloc[0]], column],
                float(run[column].max()),
            ),
        )

    def wandering(late: pd.Series[float], largest: float) -> float:
        span = late.max() - late.min()
        return 0.0 if span == 0 else float(late.diff().abs().sum() / span)

    return [
        Check(
            "standard: largest logit distance after grokking / of the run (near 0: a tenth)",
            after("standard", lambda late, largest: float(late.max()) / largest), "<", 0.1,
        ),
        Check(
            "perturbed: the same ratio (not near 0)",
            after("perturbed", lambda late, largest: float(late.max()) / largest), ">", 0.1,
        ),
        Check(
            "perturbed: total variation after grokking / range (chaotic: three times)",
            after("perturbed", wandering), ">", 3,
        ),
    ]  # fmt: skip


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C10", "Under perturbed training, test accuracy on modulo addition climbs a staircase.",
        "4_1_commutative_law", ("modadd-perturbed",), _c10, caveat=_c10_caveat,
    ),
    Claim(
        "C11",
        "Standard training learns the commutative law on training pairs not before it groks,"
        " perturbed training right after train accuracy has reached 100 %.",
        "4_1_commutative_law", ("modadd-standard", "modadd-perturbed"), _c11,
    ),
    Claim(
        "C12", "The commutativity regulariser speeds up generalisation more than perturbation.",
        "4_1_commutative_law", ("modadd-perturbed", "modadd-abelian"), _c12,
        caveat=_c12_caveat,
    ),
    Claim(
        "C13",
        "After grokking, the logit distance of mirrored pairs stays at 0 under standard training"
        " and is chaotic under perturbed training.",
        "4_2_representation", ("modadd-standard", "modadd-perturbed"), _c13,
    ),
)  # fmt: skip
