"""Statements of section 3.2: perturbed training (C9, C18, C19)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from grokbook.analysis.by_seed import (
    Times,
    grokked,
    half_right,
    per_seed,
    reached,
    train_100,
)
from grokbook.analysis.censored import arm_times, arm_train_100, together
from grokbook.claims.evidence import Bound, Evidence, Ratio, Values
from grokbook.claims.rules import Claim, Records, Statement
from grokbook.claims.section_1 import delay
from grokbook.experiments.named import PAPER_TASKS
from grokbook.tasks.base import Task

MNIST, MODADD = PAPER_TASKS

_NOISES = ("noise/constant", "mechanism/add-free-noise")
"""The arms of studies with constant and with adaptive noise."""

MANY = {"new": ("seeds 10 to 19 alone", False), "all": ("all recorded seeds", True)}
"""Readings over the seeds of the study of times: alone, and with those of the full records."""


def many_needs(*names: str, whole: bool) -> tuple[str, ...]:
    """Return the runs that a reading over many seeds of these experiments needs."""
    return tuple(f"times/{name}" for name in names) + (names if whole else ())


def _mean_accuracy(log: pd.DataFrame) -> pd.Series[float]:
    """Mean test accuracy over all steps of a run, linear between logged steps."""

    def mean(run: pd.DataFrame) -> float:
        steps = run["step"].to_numpy(float)
        return float(np.trapezoid(run["test_accuracy"], steps) / (steps[-1] - steps[0]))

    return per_seed(log, mean)


def _grok_ratio(runs: Records, task: Task) -> Evidence:
    return Ratio(
        grokked(runs[f"{task.key}-standard"], task), grokked(runs[f"{task.key}-perturbed"], task)
    )


def _half_ratio(runs: Records, task: Task) -> Evidence:
    return Ratio(
        half_right(runs[f"{task.key}-standard"]), half_right(runs[f"{task.key}-perturbed"])
    )


def _mean_gain(runs: Records, task: Task) -> Evidence:
    perturbed, standard = (
        _mean_accuracy(runs[f"{task.key}-{name}"]) for name in ("perturbed", "standard")
    )
    return Values.known((perturbed - standard).dropna())


def first_passages(runs: Records, name: str, whole: bool) -> Times:
    """Return when an experiment on modulo addition first has 99 % test accuracy.

    The seeds are those of the study of times and, if ``whole``, also of the recorded runs.
    """
    more = arm_times(runs[f"times/{name}"], name)
    return together((reached(runs[name], "test_accuracy", MODADD.grokked), more)) if whole else more


def many_seeds(above: str, below: str, whole: bool) -> Callable[[Records], Evidence]:
    """Return a measure that compares first passages of two experiments over ten or more seeds."""
    return lambda runs: Ratio(*(first_passages(runs, name, whole) for name in (above, below)))


def _constant(runs: Records, fitting: bool) -> Evidence:
    constant, adaptive = (runs[f"mnist-{name}"] for name in ("constant-noise", "perturbed"))
    if fitting:
        return Ratio(train_100(constant), train_100(adaptive))
    return Ratio(grokked(constant, MNIST), grokked(adaptive, MNIST))


def _constant_in_study(runs: Records, fitting: bool) -> Evidence:
    times = arm_train_100 if fitting else arm_times
    return Ratio(*(times(runs[arm], arm.split("/")[1]) for arm in _NOISES))


def _never_weaker(_: Records) -> str:
    return (
        "The adaptive rule takes the larger of two strengths, of which the constant is one: it"
        " never perturbs less."
    )


_SPEED_UP = "Perturbed training speeds up generalisation."

_C9 = tuple(
    statement
    for task in PAPER_TASKS
    for statement in (
        Statement(
            f"C9.{task.key}.grokked", _SPEED_UP, "abstract; section 3.2, Figure 4", task.name,
            f"ratio of steps to test accuracy {100 * task.grokked:g} %, standard / perturbed",
            Bound(">", 1), partial(_grok_ratio, task=task),
            (f"{task.key}-standard", f"{task.key}-perturbed"),
        ),
        Statement(
            f"C9.{task.key}.half", _SPEED_UP, "abstract; section 3.2, Figure 4", task.name,
            "ratio of steps to test accuracy 50 %, standard / perturbed",
            Bound(">", 1), partial(_half_ratio, task=task),
            (f"{task.key}-standard", f"{task.key}-perturbed"),
        ),
        Statement(
            f"C9.{task.key}.mean", _SPEED_UP, "abstract; section 3.2, Figure 4", task.name,
            "mean test accuracy over the run, perturbed - standard", Bound(">", 0),
            partial(_mean_gain, task=task), (f"{task.key}-standard", f"{task.key}-perturbed"),
        ),
    )
)  # fmt: skip

_C9 += tuple(
    Statement(
        f"C9.modadd.{key}", _SPEED_UP, "abstract; section 3.2, Figure 4", MODADD.name,
        f"ratio of first steps with test accuracy 99 %, standard / perturbed, {seeds}",
        Bound(">", 1), many_seeds("modadd-standard", "modadd-perturbed", whole),
        many_needs("modadd-standard", "modadd-perturbed", whole=whole),
    )
    for key, (seeds, whole) in MANY.items()
)  # fmt: skip

_C18 = tuple(
    statement
    for task, ratio, needs, size in (
        (MNIST, _constant, ("mnist-perturbed", "mnist-constant-noise"), ""),
        (MODADD, _constant_in_study, _NOISES, " (p = 59)"),
    )
    for statement in (
        Statement(
            f"C18.{task.key}.fits", "Noise of constant strength over-perturbs early training.",
            "section 3.2", task.name,
            f"ratio of steps to training accuracy 100 %, constant σ = λ₂ / adaptive σ{size}",
            Bound(">", 1), partial(ratio, fitting=True), needs, caveat=_never_weaker,
        ),
        Statement(
            f"C18.{task.key}.sooner", "Adapting the strength of the noise helps.", "section 3.2",
            task.name,
            f"ratio of steps to grokking, constant σ = λ₂ / adaptive σ{size}",
            Bound(">", 1), partial(ratio, fitting=False), needs,
        ),
    )
)  # fmt: skip


def _one_perturbation(_: Records) -> str:
    return "Gaussian noise is one perturbation of the input; no augmentation as used was trained."


_RARE = "Augmentation, a perturbation of the input, explains why grokking is rare."
_C19 = (
    *(
        Statement(
            f"C19.{task.key}.perturbed", _RARE, "section 3.2", task.name,
            "perturbed training: step of test accuracy 50 % / step of training accuracy 100 %",
            Bound("<", 2, "no longer long after"),
            partial(delay, experiment=f"{task.key}-perturbed"),
            (f"{task.key}-perturbed",), caveat=_one_perturbation,
        )
        for task in PAPER_TASKS
    ),
    Statement(
        "C19.mnist.usual-weights", _RARE, "section 3.2", "MNIST",
        "usual initial weights, no perturbation: step of test accuracy 50 % / step of training"
        " accuracy 100 %",
        Bound(">", 2, "it groks where nothing is perturbed"),
        partial(delay, experiment="mnist-unit-init"), ("mnist-unit-init",),
    ),
)  # fmt: skip

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C9", "Perturbed training speeds up generalisation on both tasks.", "3_2_degrokking", _C9
    ),
    Claim(
        "C18", "Constant noise over-perturbs; adapting its strength to the training accuracy is"
        " better.", "3_2_degrokking", _C18,
    ),
    Claim("C19", "Augmentation explains why grokking is rare.", "3_2_degrokking", _C19),
)  # fmt: skip
