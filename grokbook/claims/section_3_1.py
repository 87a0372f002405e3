"""Statements of section 3.1: robustness, sharpness and the theorems (C3 to C8)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from grokbook.analysis.by_seed import (
    Times,
    at_end,
    grokked,
    half_right,
    per_seed,
    train_100,
    value_at,
)
from grokbook.analysis.censored import arm_log, arm_times
from grokbook.analysis.curve_shapes import shape_errors
from grokbook.analysis.moments import decline
from grokbook.claims.evidence import Bound, Evidence, Proof, Ratio, Shares, Values, ranges
from grokbook.claims.rules import Claim, Records, Statement
from grokbook.experiments.named import PAPER_TASKS, experiment
from grokbook.studies import image_geometry
from grokbook.tasks.base import Task
from grokbook.tasks.modular import ModularAddition
from grokbook.theory import counterexamples, modular_neighbours
from grokbook.theory.corollary_3_3 import feasible_until

MNIST, MODADD = PAPER_TASKS


def _error_left(runs: Records, task: Task, relative: bool) -> Evidence:
    log = runs[f"{task.key}-standard"]
    if relative:
        log = log.assign(perturbation_error=log["perturbation_error"] / log["logit_scale"] ** 2)
    fitted = value_at(log, "perturbation_error", train_100(log).came)
    return Values.known(at_end(log, "perturbation_error") / fitted)


def _sharpness_left(runs: Records, task: Task) -> Evidence:
    course = decline(runs[f"{task.key}-standard"], "sharpness")
    return Values.known(course["end"] / course["start"])


def _largest_rise(runs: Records, task: Task) -> Evidence:
    """Return the largest factor by which sharpness exceeds an earlier value of its run."""

    def rise(run: pd.DataFrame) -> float:
        return float((run["sharpness"] / run["sharpness"].cummin()).max())

    return Values.known(per_seed(runs[f"{task.key}-standard"].dropna(subset=["sharpness"]), rise))


def _falling(runs: Records, task: Task) -> str:
    share = decline(runs[f"{task.key}-standard"], "sharpness")["falling"].median()
    return f"It falls from one logged step to the next in {share:.0%} of the cases (median)."


def _sides_of_lemma(runs: Records, training: str) -> Evidence:
    log = runs[f"mnist-{training}"].dropna(subset=["jacobian_frobenius_sq", "lemma_3_1_printed"])
    shares = log.assign(share=log["jacobian_frobenius_sq"] / log["lemma_3_1_printed"])
    return Values.known(per_seed(shares, lambda run: float(run["share"].max())))


def _lemma_is_proved(_: Records) -> str:
    return (
        "The lemma is proved for such networks: this checks arithmetic, and says how loose it is."
    )


def _theorem_3_2(_: Records) -> Proof:
    example = counterexamples.theorem_3_2_label()
    return Proof(
        example["accuracy"] >= example["delta"],
        "Every test point of the counterexample has a neighbour within ε, and none is classified"
        " rightly; it holds if the neighbour must have the same label.",
    )


def _certified_images(runs: Records) -> Evidence:
    log = runs["mnist-standard"]
    images = experiment("mnist-standard", runs.preset).dataset
    distances = image_geometry.table("distances", images)["distance"].to_numpy()
    reached = per_seed(
        log.dropna(subset=["epsilon"]),
        lambda run: float(np.mean(distances <= run["epsilon"].max())),
    )
    return Values.known(reached / at_end(log, "test_accuracy"))


def _certified_pairs(runs: Records) -> Evidence:
    log = runs["modadd-standard"]
    shares = {}
    for seed in log["seed"].unique():
        split = experiment("modadd-standard", runs.preset, int(seed)).dataset.load()
        mask = modular_neighbours.training_mask(split.train_x, split.classes)
        shares[seed] = modular_neighbours.reachable_test_pairs(mask).largest_same_label_share
    return Values.known(pd.Series(shares, dtype=float) / at_end(log, "test_accuracy"))


def _shape(runs: Records, other: str) -> Evidence:
    errors = runs.once("shapes", lambda: shape_errors(runs["modadd-standard"]))
    return Values.known(errors["Corollary 3.3"] / errors[other])


def _premise(runs: Records) -> Evidence:
    pairs = experiment("modadd-standard", runs.preset).dataset
    assert isinstance(pairs, ModularAddition)
    half = half_right(runs["modadd-standard"])
    last = pd.Series(feasible_until(pairs.train_points, pairs.p), index=half.steps.index)
    return ranges(Times(last, last.isna()), half)


def _decays(task: Task) -> dict[str, str]:
    """Names in the records of a task's trainings by their decay: of the ℓ₁ norm, the ℓ₂ norm, none.

    On modulo addition they are arms of the study of the norm, where the strength of the ℓ₁ decay
    was chosen at the size at which it is judged.
    """
    if task is MNIST:
        return {"l1": "mnist-l1", "l2": "mnist-standard", "none": "mnist-no-decay"}
    return {"l1": "norm/l1", "l2": "norm/decay", "none": "norm/no-decay"}


def _decay_times(runs: Records, name: str) -> Times:
    """Return the steps of grokking under a decay, by its name in the records."""
    _, _, arm = name.partition("/")
    return arm_times(runs[name], arm) if arm else grokked(runs[name], MNIST)


def _decay_log(runs: Records, name: str) -> pd.DataFrame:
    _, _, arm = name.partition("/")
    return arm_log(runs[name], arm) if arm else runs[name]


def _groks(runs: Records, task: Task) -> Evidence:
    return Shares((~_decay_times(runs, _decays(task)["l1"]).censored).astype(float))


def _l1_sooner(runs: Records, task: Task) -> Evidence:
    return Ratio(*(_decay_times(runs, _decays(task)[decay]) for decay in ("none", "l1")))


def _l1_constrains(runs: Records, task: Task) -> Evidence:
    l1, l2 = (
        at_end(_decay_log(runs, _decays(task)[decay]), "weight_norm") for decay in ("l1", "l2")
    )
    return Values.known((l1 / l2).dropna())


def _strengths(_: Records) -> str:
    return "The strengths of the two decays are not matched."


_L1 = "Decay of the ℓ₁ norm brings grokking too."

_C3 = tuple(
    Statement(
        f"C3.{task.key}.{reading}", "The perturbation error falls after training accuracy has"
        " reached 100 %.", "section 3.1, Figure 2", task.name,
        f"{what} at the end / at training accuracy 100 %",
        Bound("<", 1), partial(_error_left, task=task, relative=relative),
        (f"{task.key}-standard",),
    )
    for task in PAPER_TASKS
    for reading, what, relative in (
        ("error", "perturbation error", False),
        ("relative", "perturbation error / squared length of the logits", True),
    )
)  # fmt: skip

_C4 = tuple(
    statement
    for task in PAPER_TASKS
    for statement in (
        Statement(
            f"C4.{task.key}.falls", "Sharpness falls throughout training.", "section 3.1, Figure 2",
            task.name, "sharpness at the end / at the start", Bound("<", 1),
            partial(_sharpness_left, task=task), (f"{task.key}-standard",),
        ),
        Statement(
            f"C4.{task.key}.throughout", "Sharpness falls throughout training.",
            "section 3.1, Figure 2", task.name,
            "largest sharpness / smallest one before it, over the run",
            Bound("<", 2, "throughout: never to twice what it was"),
            partial(_largest_rise, task=task), (f"{task.key}-standard",),
            caveat=partial(_falling, task=task),
        ),
    )
)  # fmt: skip

_C5 = tuple(
    Statement(
        f"C5.mnist.{training}", "Lemma 3.1 bounds the input gradient by norm and sharpness.",
        "Lemma 3.1", "MNIST", f"{training} training: largest left side / right side of the run",
        Bound("<", 1), partial(_sides_of_lemma, training=training), (f"mnist-{training}",),
        caveat=_lemma_is_proved,
    )
    for training in ("standard", "perturbed")
)  # fmt: skip

_EXPLAINS = "Theorem 3.2 explains the rise of test accuracy."
_C6 = (
    Statement(
        "C6.theory.theorem", "If a share δ of the test points has a training neighbour within ε,"
        " test accuracy is at least δ.", "Theorem 3.2", "", "proof or counterexample", Bound("="),
        _theorem_3_2,
    ),
    Statement(
        "C6.mnist.certified", _EXPLAINS, "section 3.1", "MNIST",
        "largest share of test images within ε / final test accuracy",
        Bound(">", 0.5, "explains: half"), _certified_images, ("mnist-standard",),
    ),
    Statement(
        "C6.modadd.certified", _EXPLAINS, "section 3.1", "modulo addition",
        "share of test pairs that any ε could reach / final test accuracy",
        Bound(">", 0.5, "explains: half"), _certified_pairs, ("modadd-standard",),
    ),
)  # fmt: skip

_C7 = (
    *(
        Statement(
            f"C7.modadd.shape.{other.lower()}", "The shape of Corollary 3.3's curve is that of the"
            " measured accuracy.", "section 3.1, Figure 3", "modulo addition",
            f"root mean square error of the corollary's curve / of a {other} curve, place and width"
            " of both fitted",
            Bound("<", 1), partial(_shape, other=other), ("modadd-standard",),
        )
        for other in ("logistic", "Weibull", "Gompertz")
    ),
    Statement(
        "C7.modadd.logarithm", "The argument of the curve is the logarithm of the step.",
        "Corollary 3.3", "modulo addition",
        "root mean square error of the corollary's curve / of the same curve with the step in place"
        " of its logarithm",
        Bound("<", 1), partial(_shape, other="Corollary 3.3 in steps"), ("modadd-standard",),
    ),
    Statement(
        "C7.modadd.premise", "The corollary's premise holds while test accuracy rises.",
        "Corollary 3.3", "modulo addition",
        "last step at which the premise can hold, printed a and b / step of test accuracy 50 %",
        Bound(">", 1), _premise, ("modadd-standard",),
    ),
)  # fmt: skip

_C8 = tuple(
    statement
    for task, where, end in (
        (MNIST, "", "at the end"), (MODADD, " (p = 59)", "1000 steps after grokking (p = 59)"),
    )
    for statement in (
        Statement(
            f"C8.{task.key}.groks", _L1, "section 3.1, Corollary 3.4", task.name,
            f"share of networks that grok under ℓ₁ decay within the run{where}", Bound(">", 0.5),
            partial(_groks, task=task), (_decays(task)["l1"],),
        ),
        Statement(
            f"C8.{task.key}.sooner", _L1, "section 3.1, Corollary 3.4", task.name,
            f"ratio of steps to grokking, without decay / under ℓ₁ decay{where}", Bound(">", 1),
            partial(_l1_sooner, task=task), (_decays(task)["l1"], _decays(task)["none"]),
        ),
        Statement(
            f"C8.{task.key}.constrains", "Decay of the ℓ₁ norm constrains more than that of the ℓ₂"
            " norm.", "section 3.1, after Corollary 3.4", task.name,
            f"ℓ₂ norm {end}, under ℓ₁ decay / under ℓ₂ decay", Bound("<", 1),
            partial(_l1_constrains, task=task), (_decays(task)["l1"], _decays(task)["l2"]),
            caveat=_strengths,
        ),
    )
)  # fmt: skip

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C3", "The perturbation error falls after train accuracy has reached 100 %.",
        "3_1_weight_norm_decay", _C3,
    ),
    Claim("C4", "Sharpness falls throughout training.", "3_1_weight_norm_decay", _C4),
    Claim(
        "C5", "Lemma 3.1's inequality holds on the trained networks.", "3_1_theorem_3_2",
        _C5,
    ),
    Claim("C6", "Theorem 3.2 explains the rise of test accuracy.", "3_1_theorem_3_2", _C6),
    Claim(
        "C7", "Corollary 3.3's curve matches the measured accuracy of modulo addition.",
        "3_1_predicted_accuracy", _C7,
    ),
    Claim(
        "C8", "Decay of the ℓ₁ norm brings grokking too, and constrains more than that of the ℓ₂"
        " norm.", "3_1_weight_norm_decay", _C8,
    ),
)  # fmt: skip
