"""Claims of sections 1 to 3: grokking, robustness, perturbed training (C1 to C9)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grokbook.analysis.by_seed import (
    TASKS,
    at_end,
    first_steps,
    grokked,
    half_right,
    last_steps,
    per_seed,
    rank_correlation,
    train_100,
    value_at,
)
from grokbook.analysis.moments import decline
from grokbook.claims.rules import Check, Claim, Records, ratio
from grokbook.experiments.named import experiment
from grokbook.studies import image_geometry
from grokbook.tasks.modular import ModularAddition
from grokbook.theory import counterexamples, modular_neighbours
from grokbook.theory.corollary_3_3 import feasible_until, fit_predicted_accuracy, predicted_accuracy

_BOTH = ("mnist-standard", "modadd-standard")


def _c1(runs: Records) -> list[Check]:
    checks = []
    for name, task in TASKS.items():
        log = runs[f"{task}-standard"]
        checks += [
            ratio(
                f"{name}: step of test 50 % / step of train 100 % (long after: twice)",
                half_right(log), train_100(log), ">", 2,
            ),
            # Without it a network that never generalises would count as one that does so late.
            ratio(
                f"{name}: step of test 50 % / last step",
                half_right(log), last_steps(log), "<", 1,
            ),
        ]  # fmt: skip
    return checks


def _c2(runs: Records) -> list[Check]:
    checks = []
    for name, task in TASKS.items():
        log = runs[f"{task}-standard"]
        during = value_at(log, "weight_norm", grokked(log, task).came)
        before = value_at(log, "weight_norm", half_right(log).came)
        checks += [
            ratio(
                f"{name}: step of the largest norm / step of test 50 %",
                first_steps(log, "norm_peak", 0.5), half_right(log), "<", 1,
            ),
            Check(f"{name}: norm when grokked / norm at test 50 %", during / before, "<", 1),
        ]  # fmt: skip
    return checks


def _c3(runs: Records) -> list[Check]:
    column = "perturbation_error"
    return [
        Check(
            f"{name}: perturbation error at the end / at train 100 %",
            at_end(log, column) / value_at(log, column, train_100(log).came), "<", 1,
        )
        for name, task in TASKS.items()
        for log in [runs[f"{task}-standard"]]
    ]  # fmt: skip


def _c4(runs: Records) -> list[Check]:
    checks = []
    for name, task in TASKS.items():
        log = runs[f"{task}-standard"]
        start = value_at(log, "sharpness", log.groupby("seed")["step"].min())
        checks += [
            Check(
                f"{name}: sharpness at the end / at the start",
                at_end(log, "sharpness") / start, "<", 1,
            ),
            Check(
                f"{name}: rank correlation of sharpness with the step (throughout: below -0.9)",
                rank_correlation(log, "step", "sharpness"), "<", -0.9,
            ),
        ]  # fmt: skip
    return checks


def _c4_caveat(runs: Records) -> str:
    """Say how far sharpness rises: ends and a rank correlation hardly see a short rise."""
    course = decline(runs["modadd-standard"], "sharpness")
    rise = (course["peak"] / course["start"]).median()
    if rise <= 1:
        return ""
    return (
        f"on modulo addition it first rises {rise:.0f}-fold, and it falls at"
        f" {course['falling'].median():.0%} of the logged steps."
    )


def _c5(runs: Records) -> list[Check]:
    checks = []
    for name in ("standard", "perturbed"):
        log = runs[f"mnist-{name}"].dropna(subset=["jacobian_frobenius_sq", "lemma_3_1_printed"])
        shares = log.assign(share=log["jacobian_frobenius_sq"] / log["lemma_3_1_printed"])
        largest = per_seed(shares, lambda run: float(run["share"].max()))
        checks.append(
            Check(f"MNIST, {name}: largest left side / right side of the run", largest, "<", 1)
        )
    return checks


def _c5_caveat(runs: Records) -> str:
    return "the lemma covers the MLP alone, so modulo addition is not looked at."


def _c6(runs: Records) -> list[Check]:
    """How much of the test set the theorem's radius reaches, beside what was learned."""
    mnist, modadd = runs["mnist-standard"], runs["modadd-standard"]
    images = experiment("mnist-standard", runs.preset).dataset
    distances = image_geometry.table("distances", images)["distance"].to_numpy()
    reached = per_seed(
        mnist.dropna(subset=["epsilon"]),
        lambda run: float(np.mean(distances <= run["epsilon"].max())),
    )
    return [
        Check(
            "MNIST: largest share of test images within ε / final test accuracy (half of it)",
            reached / at_end(mnist, "test_accuracy"), ">", 0.5,
        ),
        Check(
            "modulo addition: share of test pairs that any ε could reach / final test accuracy",
            _reachable_share(modadd, runs.preset) / at_end(modadd, "test_accuracy"), ">", 0.5,
        ),
    ]  # fmt: skip


def _reachable_share(modadd: pd.DataFrame, preset: str) -> pd.Series[float]:
    """Share of each seed's test pairs that any radius ε could reach (`modular_neighbours`)."""
    shares = {}
    for seed in modadd["seed"].unique():
        split = experiment("modadd-standard", preset, int(seed)).dataset.load()
        mask = modular_neighbours.training_mask(split.train_x, split.classes)
        shares[seed] = modular_neighbours.reachable_test_pairs(mask).largest_same_label_share
    return pd.Series(shares, dtype=float)


def _c6_refuted() -> bool:
    """Theorem 3.2's premise holds for every test point, and no test point is classified rightly."""
    example = counterexamples.theorem_3_2_label()
    return example["accuracy"] < example["delta"]


def _c7(runs: Records) -> list[Check]:
    log = runs["modadd-standard"]
    log = log[log["step"] >= 1]
    pairs = experiment("modadd-standard", runs.preset).dataset
    assert isinstance(pairs, ModularAddition)

    def error(run: pd.DataFrame) -> float:
        gap = predicted_accuracy(run["step"]) - run["test_accuracy"]
        return float(np.sqrt(np.mean(np.square(gap))))

    def fitted(run: pd.DataFrame) -> float:
        return fit_predicted_accuracy(run["step"], run["test_accuracy"]).root_mean_square_error

    half = half_right(log)
    return [
        Check("printed a, b, L, μ: root mean square error", per_seed(log, error), "<", 0.1),
        Check("parameters fitted: root mean square error", per_seed(log, fitted), "<", 0.05),
        Check(
            "printed a, b: last step at which the premise can hold / step of test 50 %",
            feasible_until(pairs.train_points, pairs.p) / half.steps, ">", 1,
            int(half.censored.sum()),
        ),
    ]  # fmt: skip


def _c8(runs: Records) -> list[Check]:
    checks = []
    for name, task in TASKS.items():
        log = runs[f"{task}-l1"]
        checks.append(
            ratio(
                f"{name}: step of grokking under ℓ₁ decay / last step",
                grokked(log, task), last_steps(log), "<", 1,
            )
        )  # fmt: skip
    without = grokked(runs["modadd-no-decay"], "modadd")
    with_l1 = grokked(runs["modadd-l1"], "modadd")
    name = "modulo addition: step of grokking without decay / under ℓ₁ decay"
    return [*checks, ratio(name, without, with_l1, ">", 1)]


def _c8_caveat(runs: Records) -> str:
    """Say what MNIST does without decay, a control that came after the rules."""
    if not runs.has(["mnist-no-decay"]):
        return ""
    without = grokked(runs["mnist-no-decay"], "mnist")
    return (
        "no check compares MNIST with training without decay, under which"
        f" {(~without.censored).sum()} of {len(without.steps)} networks grok."
    )


def _c9(runs: Records) -> list[Check]:
    return [
        ratio(
            f"{name}: step of grokking, standard / perturbed",
            grokked(runs[f"{task}-standard"], task), grokked(runs[f"{task}-perturbed"], task),
            ">", 1,
        )
        for name, task in TASKS.items()
    ]  # fmt: skip


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C1", "Test accuracy rises long after train accuracy has reached 100 %.",
        "1_introduction", _BOTH, _c1,
    ),
    Claim(
        "C2", "The weight norm falls while test accuracy rises, and starts to fall before it.",
        "1_introduction", _BOTH, _c2,
    ),
    Claim(
        "C3", "The perturbation error falls after train accuracy has reached 100 %.",
        "3_1_weight_norm_decay", _BOTH, _c3,
    ),
    Claim(
        "C4", "Sharpness falls throughout training.",
        "3_1_weight_norm_decay", _BOTH, _c4, caveat=_c4_caveat,
    ),
    Claim(
        "C5", "Lemma 3.1's inequality holds on the trained networks.",
        "3_1_weight_norm_decay", ("mnist-standard", "mnist-perturbed"), _c5,
        caveat=_c5_caveat,
    ),
    Claim(
        "C6", "Theorem 3.2 explains the rise of test accuracy.",
        "3_1_weight_norm_decay", _BOTH, _c6, _c6_refuted,
    ),
    Claim(
        "C7", "Corollary 3.3's curve matches the measured accuracy of modulo addition.",
        "3_1_weight_norm_decay", ("modadd-standard",), _c7,
    ),
    Claim(
        "C8", "Decay of the ℓ₁ norm brings grokking too.",
        "3_1_weight_norm_decay", ("mnist-l1", "modadd-l1", "modadd-no-decay"), _c8,
        caveat=_c8_caveat,
    ),
    Claim(
        "C9", "Perturbed training speeds up generalisation on both tasks.",
        "3_2_degrokking", (*_BOTH, "mnist-perturbed", "modadd-perturbed"), _c9,
    ),
)  # fmt: skip
