"""Claims of sections 5 and 6 and appendix B: the information metrics (C14 to C16)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grokbook.analysis import timeliness
from grokbook.analysis.by_seed import TASKS, per_seed, rank_correlation, train_100, value_at
from grokbook.analysis.moments import moments
from grokbook.claims.rules import Check, Claim, Records
from grokbook.experiments.named import experiment

_BOTH = ("mnist-standard", "modadd-standard")
_MNIST_CLASSES = 10
_SMALL = 0.05


def _c14(runs: Records) -> list[Check]:
    checks = []
    for name, task in TASKS.items():
        log = runs[f"{task}-standard"]
        norm = timeliness.lag(log, "weight_norm")
        for short, column in (
            ("PMI", "perturbed_mutual_information"),
            ("PE", "perturbed_entropy"),
        ):
            rate = timeliness.sharpness_of_change(log, column, logarithmic=task == "mnist")
            checks += [
                Check(
                    f"{name}, {short}: rate of change while test accuracy rises / otherwise"
                    " (sharply: twice)",
                    rate, ">", 2,
                ),
                Check(
                    f"{name}, {short}: lag of the weight norm - lag of {short}, decades of steps",
                    norm - timeliness.lag(log, column), ">", 0,
                ),
            ]  # fmt: skip
    return checks


def _c15(runs: Records) -> list[Check]:
    checks = []
    batch = experiment("mnist-standard", runs.preset).measurements.information_batch
    # PMI and PE are no larger on a batch. That log K, for K classes, is less was seen after the
    # rules had been fixed; the caveat says what it changes.
    largest = np.log(batch)
    for short, column in (
        ("MID", "mutual_information_difference"),
        ("ED", "entropy_difference"),
    ):
        mnist = runs["mnist-standard"]
        checks.append(
            Check(
                f"MNIST, {short}: largest of the run / log B (small: {_SMALL:g})",
                mnist.groupby("seed")[column].max() / largest, "<", _SMALL,
            )
        )  # fmt: skip
        fall = _early_fall(runs["modadd-standard"], column)
        checks.append(
            Check(
                f"modulo addition, {short}: at train 100 % / largest before it (sharp fall: half)",
                fall, "<", 0.5,
            )
        )  # fmt: skip
        right = [
            ((_early_fall(log, column) < 0.5) == moments(log, (0.99,))["test_99"].notna())
            for name in ("modadd-standard", "modadd-no-decay")
            for log in [runs[name]]
        ]
        checks.append(
            Check(
                f"modulo addition, {short}: share of runs with and without decay that an early"
                " fall foretells rightly (all)",
                (right[0].astype(float) + right[1].astype(float)).dropna() / 2, ">", 0.99,
            )
        )  # fmt: skip
    return checks


def _c15_caveat(runs: Records) -> str:
    """By ``prop-information``, PMI and PE are at most the entropy of the logits' K dimensions."""
    batch = experiment("mnist-standard", runs.preset).measurements.information_batch
    if batch <= _MNIST_CLASSES:
        return ""
    largest = runs["mnist-standard"].groupby("seed")["mutual_information_difference"].max()
    share = (largest / np.log(_MNIST_CLASSES)).median()
    return (
        f"on MNIST PMI cannot exceed log {_MNIST_CLASSES}, and the largest MID is {share:.3f} of"
        f" that ({'small' if share < _SMALL else 'not small'} by the bound of {_SMALL:g})."
        " A network that does not grok within the run counts as one that does not grok."
    )


def _early_fall(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    """Divide a column when train accuracy first is 100 % by its largest value until then."""
    steps = train_100(runs).came
    then = value_at(runs, column, steps)
    logged = runs.dropna(subset=[column])
    largest = per_seed(
        logged,
        lambda run: float(run.loc[run["step"] <= steps[run["seed"].iloc[0]], column].max()),
    )
    return then / np.maximum(largest, then)


def _c16(runs: Records) -> list[Check]:
    log = runs["mnist-standard"]
    orders = pd.concat(
        [
            rank_correlation(log, f"test_entropy_alpha_{alpha}", "test_entropy")
            for alpha in ("0.5", "2", "3")
        ],
        axis=1,
    )
    late = timeliness.lag(log, "perturbed_label_mutual_information")
    return [
        Check(
            "smallest rank correlation of the test entropy at α = 0.5, 2, 3 with that at 1"
            " (same tendency: 0.9)",
            orders.min(axis=1), ">", 0.9,
        ),
        Check(
            "rank correlation of the entropies of training and test set",
            rank_correlation(log, "entropy", "test_entropy"), ">", 0.9,
        ),
        Check(
            "lag of PMI′ - lag of PMI, decades of steps",
            late - timeliness.lag(log, "perturbed_mutual_information"), ">", 0,
        ),
    ]  # fmt: skip


def _c16_caveat(runs: Records) -> str:
    """Measure α on the metrics to which the paper carries over what its figure shows."""
    log = runs["mnist-standard"]
    names = {"PMI": "perturbed_mutual_information", "MID": "mutual_information_difference"}
    smallest = {
        short: pd.concat(
            [rank_correlation(log, f"{column}_alpha_{a}", column) for a in ("0.5", "2", "3")],
            axis=1,
        ).min(axis=1).median()
        for short, column in names.items()
    }  # fmt: skip
    if min(smallest.values()) > 0.9:
        return ""
    told = " and ".join(f"{value:.2g} for {short}" for short, value in smallest.items())
    return f"by the measure of the first check α matters to other metrics: {told}."


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C14",
        "PMI and PE change sharply when test accuracy rises, and are timelier than the weight"
        " norm.",
        "5_1_new_metrics", _BOTH, _c14,
    ),
    Claim(
        "C15",
        "MID and ED foretell grokking: before train accuracy reaches 100 % they fall sharply, and"
        " on MNIST they are small throughout.",
        "5_2_predict_grokking", (*_BOTH, "modadd-no-decay"), _c15,
        caveat=_c15_caveat,
    ),
    Claim(
        "C16",
        "The tendencies depend neither on α nor on train or test data; PMI′ is less timely than"
        " PMI.",
        "6_ablation", ("mnist-standard",), _c16, caveat=_c16_caveat,
    ),
)  # fmt: skip
