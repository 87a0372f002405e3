"""Statements of the abstract and section 1: grokking and the weight norm (C1, C2, C17)."""

from __future__ import annotations

from functools import partial

import pandas as pd

from grokbook.analysis import timeliness
from grokbook.analysis.by_seed import (
    Times,
    at_end,
    grokked,
    half_right,
    norm_peak,
    train_100,
    value_at,
)
from grokbook.analysis.censored import arm_log, arm_times
from grokbook.claims.evidence import Bound, Evidence, Proof, Shares, Values, ranges
from grokbook.claims.rules import Claim, Records, Statement
from grokbook.experiments.named import PAPER_TASKS
from grokbook.studies.results import norm_left
from grokbook.tasks.base import Task
from grokbook.theory import counterexamples

MNIST, MODADD = PAPER_TASKS

AXES = {"steps": False, "log steps": True}
"""The two step axes on which a change can be sharp, and whether each is logarithmic."""

FALLEN = 0.9
"""A norm counts as fallen below this share of its largest value."""

DEEPLY_FALLEN = 0.8
"""The same in the rules of the study of the norm."""


def delay(runs: Records, experiment: str) -> Evidence:
    """How many times later than train accuracy 100 % test accuracy stays at 50 %, by seed.

    The delay of a network whose test accuracy never rises within the run is unknown.
    """
    late, fitted = half_right(runs[experiment]), train_100(runs[experiment])
    found = ranges(late, fitted)
    return Values(found.low.where(~late.censored), found.high.where(~late.censored))


def _norm_before(runs: Records, task: Task) -> Evidence:
    log = runs[f"{task.key}-standard"]
    return ranges(norm_peak(log), half_right(log))


def _norm_falls(runs: Records, task: Task) -> Evidence:
    log = runs[f"{task.key}-standard"]
    then = value_at(log, "weight_norm", grokked(log, task).came)
    return Values.known(then / value_at(log, "weight_norm", half_right(log).came))


def rate(runs: Records, task: Task, column: str, logarithmic: bool) -> Evidence:
    """How much faster a column changes while test accuracy rises than at other times, by seed."""
    log = runs[f"{task.key}-standard"]
    return Values.known(timeliness.sharpness_of_change(log, column, logarithmic))


def _groks_without(runs: Records) -> Evidence:
    """Whether a network on MNIST groks before its norm has fallen."""
    log = runs["mnist-no-decay"]
    return _kept(log, grokked(log, MNIST))


def _arm_groks_without(runs: Records, arm: str) -> Evidence:
    """Whether a network of an arm groks before its norm has fallen."""
    rows = runs[f"norm/{arm}"]
    return _kept(arm_log(rows, arm), arm_times(rows, arm))


def _kept(log: pd.DataFrame, late: Times) -> Evidence:
    """Whether the norm at the step of grokking is most of that at training accuracy 100 %."""
    then = value_at(log, "weight_norm", late.came)
    before = value_at(log, "weight_norm", train_100(log).came)
    kept = (then / before).reindex(late.steps.index) >= FALLEN
    return Shares((kept & ~late.censored).astype(float))


def _arm_groks_as_norm_falls(runs: Records, arm: str) -> Evidence:
    """Whether each network of an arm whose norm falls after train accuracy 100 % groks."""
    rows = runs[f"norm/{arm}"]
    fell = norm_left(rows, arm) < FALLEN
    return Shares((~arm_times(rows, arm).censored[fell[fell].index]).astype(float))


def _arm_groks(runs: Records, arm: str) -> Evidence:
    """Whether a network of an arm of the study of the norm groks."""
    return Shares((~arm_times(runs[f"norm/{arm}"], arm).censored).astype(float))


def _how_far(runs: Records) -> str:
    """Say how far the norm falls on random labels, and what ℓ₁ decay does."""
    left = norm_left(runs["norm/random-labels"], "random-labels")
    deep = int((left < DEEPLY_FALLEN).sum())
    told = (
        f"The norm falls to between {left.min():.0%} and {left.max():.0%}; by a fifth or more, as"
        f" the study's own rules ask, in {deep} of {len(left)} networks."
    )
    return f"{told} {_l1_norm(runs)}".strip()


def _l1_norm(runs: Records) -> str:
    """Return the caveat on ℓ₁ decay, which lowers the norm without grokking."""
    if not runs.has(["modadd-l1", "modadd-standard"]):
        return ""
    low, usual = (at_end(runs[f"modadd-{name}"], "weight_norm") for name in ("l1", "standard"))
    late = grokked(runs["modadd-l1"], MODADD).censored
    if not (late.any() and low.max() < usual.min()):
        return ""
    return (
        f"Under ℓ₁ decay the ℓ₂ norm ends at {low.median():.3g}, below every standard run"
        f" ({usual.min():.3g} or more), and {int(late.sum())} of {len(late)} networks do not grok;"
        " but these never fit the training set either."
    )


def _radius_grows(_: Records) -> Proof:
    wide, narrow = counterexamples.falling_norm(0.8), counterexamples.falling_norm(1.0)
    falls = narrow["norm_squared"] < wide["norm_squared"]
    return Proof(
        not falls or narrow["epsilon"] > wide["epsilon"],
        "A linear network whose norm falls while norm² × sharpness rises, so that ε shrinks, is a"
        " counterexample; it holds where sharpness and the Lipschitz constant do not grow.",
    )


_C1 = tuple(
    Statement(
        f"C1.{task.key}.delay", "Networks grok: test accuracy rises long after training accuracy"
        " has reached 100 %.", "sections 1 and 3.1, Figure 1", task.name,
        "step of test accuracy 50 % / step of training accuracy 100 %",
        Bound(">", 2, "long after"), partial(delay, experiment=f"{task.key}-standard"),
        (f"{task.key}-standard",),
    )
    for task in PAPER_TASKS
)  # fmt: skip

_C2 = tuple(
    statement
    for task in PAPER_TASKS
    for statement in (
        Statement(
            f"C2.{task.key}.before", "The norm starts to fall before test accuracy rises.",
            "sections 1 and 3.1", task.name,
            "step of the largest norm / step of test accuracy 50 %",
            Bound("<", 1), partial(_norm_before, task=task), (f"{task.key}-standard",),
        ),
        Statement(
            f"C2.{task.key}.falls", "The norm falls while test accuracy rises.", "section 1",
            task.name,
            "norm when the network has grokked / at test accuracy 50 %",
            Bound("<", 1), partial(_norm_falls, task=task), (f"{task.key}-standard",),
        ),
        *(
            Statement(
                f"C2.{task.key}.sharp.{axis.replace(' ', '-')}",
                "The norm drops sharply when the network groks.", "section 3.1", task.name,
                f"rate of change while test accuracy rises / otherwise, per {axis[:-1]}",
                Bound(">", 2, "sharply"),
                partial(rate, task=task, column="weight_norm", logarithmic=logarithmic),
                (f"{task.key}-standard",),
            )
            for axis, logarithmic in AXES.items()
        ),
    )
)  # fmt: skip

_SUFFICIENT = "Decay of the weight norm is sufficient for grokking."
_NOT_NECESSARY = "Decay of the weight norm is not necessary for grokking."

_C17 = (
    Statement(
        "C17.theory.radius", "When the norm decays, the radius ε of Theorem 3.2 grows.",
        "section 3.1", "", "proof or counterexample", Bound("="), _radius_grows,
    ),
    Statement(
        "C17.modadd.sufficient", _SUFFICIENT, "abstract; sections 1, 3.1, 7", "modulo addition",
        "share of networks trained on random labels (p = 59) that grok, of those whose norm falls"
        " by a tenth or more after training accuracy 100 %",
        Bound(">", 0.5, "sufficient"),
        partial(_arm_groks_as_norm_falls, arm="random-labels"),
        ("norm/random-labels",), caveat=_how_far,
    ),
    Statement(
        "C17.mnist.not-necessary", _NOT_NECESSARY, "section 1", "MNIST",
        "share of networks trained without decay that grok at nine tenths or more of their norm",
        Bound(">", 0.5), _groks_without,
        ("mnist-no-decay",),
    ),
    Statement(
        "C17.modadd.not-necessary.no-decay", _NOT_NECESSARY, "section 1", "modulo addition",
        "share of networks trained without decay for 60,000 steps (p = 59) that grok at nine"
        " tenths or more of their norm",
        Bound(">", 0.5), partial(_arm_groks_without, arm="no-decay"), ("norm/no-decay",),
    ),
    Statement(
        "C17.modadd.not-necessary.clamped", _NOT_NECESSARY, "section 1", "modulo addition",
        "share of networks without decay whose norm is clamped at its initial value (p = 59) that"
        " grok within the run",
        Bound(">", 0.5), partial(_arm_groks, arm="clamp-1.0"), ("norm/clamp-1.0",),
    ),
)  # fmt: skip

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C1", "Test accuracy rises long after train accuracy has reached 100 %.",
        "1_introduction", _C1,
    ),
    Claim(
        "C2", "The weight norm falls sharply while test accuracy rises, and starts to fall before"
        " it.", "1_introduction", _C2,
    ),
    Claim(
        "C17", "Decay of the weight norm is sufficient for grokking, and not necessary.",
        "3_1_weight_norm_decay", _C17,
    ),
)  # fmt: skip
