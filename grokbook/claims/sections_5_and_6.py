"""Statements of sections 5 and 6 and appendix B: the information metrics (C14 to C16)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import torch

from grokbook.analysis import timeliness
from grokbook.analysis.by_seed import grokked, rank_correlation, since_fit, unfolded
from grokbook.analysis.twins import early_change
from grokbook.claims.evidence import Bound, Evidence, Proof, Shares, Values
from grokbook.claims.rules import Claim, Records, Statement
from grokbook.claims.section_1 import AXES, rate
from grokbook.experiments.columns import by_order
from grokbook.experiments.named import PAPER_TASKS, experiment, task_of
from grokbook.studies.tables import study_rules
from grokbook.tasks.base import Task
from grokbook.theory import counterexamples

MNIST, MODADD = PAPER_TASKS

METRICS = {"PMI": "perturbed_mutual_information", "PE": "perturbed_entropy"}
DIFFERENCES = {"MID": "mutual_information_difference", "ED": "entropy_difference"}

BEYOND = 1.1
"""The shorter reading of C14 ends at this multiple of the step of grokking."""

RESOLUTION = 0.01
"""Differences of lags below this, in decades of steps, are less than the spacing of the log, which
is 0.02 on MNIST: they count as none."""

SMALL = 0.05
"""Share of its largest possible value below which a difference is very small."""

FALL = 0.5
"""A difference falls sharply if less than this share of its largest value remains."""

_CLASSES = 10  # of images

_RANDOM = "random-40"
"""The arm of the study of prediction with the usual settings and random labels."""


def _timelier(runs: Records, task: Task, column: str, cut: bool) -> Evidence:
    return _later(_lag(runs, task, "weight_norm", cut), _lag(runs, task, column, cut))


def _later(lag: pd.Series[float], other: pd.Series[float]) -> Evidence:
    gap = lag - other
    return Values.known(gap.mask(gap.abs() < RESOLUTION, 0.0))


def _lag(runs: Records, task: Task, column: str, cut: bool) -> pd.Series[float]:
    """Return a column's lag on the whole runs, or on runs cut a little after grokking."""

    def lag() -> pd.Series[float]:
        log = runs[f"{task.key}-standard"]
        if cut:
            end = BEYOND * grokked(log, task).came
            log = log[log["step"] <= log["seed"].map(end)]
        return timeliness.lag(log, column)

    return runs.once(("lag", task, column, cut), lag)


def _norm_is_timeliest(runs: Records, task: Task) -> str:
    """Return a sentence on which of the three is timeliest by median lag."""
    columns = {"the weight norm": "weight_norm", **METRICS}
    lags = {name: _lag(runs, task, column, False).median() for name, column in columns.items()}
    first = min(lags, key=lambda name: lags[name])
    told = ", ".join(f"{name} {lag:.3f}" for name, lag in lags.items())
    return f"By median lag {first} is the timeliest (decades of steps: {told})."


def _largest(log: pd.DataFrame, column: str, most: float) -> pd.Series[float]:
    return log.groupby("seed")[column].max() / most


def _most(runs: Records, name: str, of: str) -> float:
    """Largest PMI or PE possible: log B on a batch of B samples, log K on logits of K classes."""
    if of == "classes":
        return float(np.log(_CLASSES))
    settings = experiment(name, runs.preset).measurements
    return float(np.log(settings.information_batch))


def _small(runs: Records, column: str, of: str) -> Evidence:
    return Values.known(_largest(runs["mnist-standard"], column, _most(runs, "mnist-standard", of)))


def _falls(runs: Records, column: str) -> Evidence:
    return Values.known(timeliness.early_change(runs["modadd-standard"], column)["left"])


def _small_or_falls(runs: Records, name: str, groks: bool, of: str) -> Evidence:
    """Whether both differences are very small or fall sharply before training accuracy 100 %.

    Asked of the networks that grok within the run, or of those that do not; "small" is measured
    as in :func:`_most`.
    """
    log = runs[name]
    groks_not = grokked(log, task_of(name)).censored
    log = log[log["seed"].map(~groks_not if groks else groks_not)]
    if log.empty:  # no network of this kind, for example if none groks
        return Shares(pd.Series(dtype=float))
    so = []
    for column in DIFFERENCES.values():
        course = timeliness.early_change(log, column)
        small = course["largest"] / _most(runs, name, of) < SMALL
        so.append((small | (course["left"] < FALL)).where(course["left"].notna()))
    return Shares((so[0].astype(float) + so[1].astype(float)).map({2.0: 1.0, 1.0: 0.0, 0.0: 0.0}))


def _small_or_falls_on_random_labels(runs: Records, study: str, arm: str, batch: int) -> Evidence:
    """Ask the same of a study's networks on random labels."""
    table = runs[f"{study}/{arm}"]
    so = []
    for signal in ("mid", "ed"):
        course = early_change(table, arm, signal)
        small = course["largest"] / np.log(batch) < SMALL
        so.append((small | (course["left"] < FALL)).where(course["left"].notna()))
    return Shares((so[0].astype(float) + so[1].astype(float)).map({2.0: 1.0, 1.0: 0.0, 0.0: 0.0}))


def _on_random_labels(runs: Records) -> Evidence:
    batch = study_rules("prediction")["measurement"]["information_batch"]
    return _small_or_falls_on_random_labels(runs, "prediction", _RANDOM, batch)


def _on_random_labels_at_the_paper_s_size(runs: Records) -> Evidence:
    batch = experiment("modadd-random-labels").measurements.information_batch
    return _small_or_falls_on_random_labels(runs, "twins", "random-labels", batch)


def _theorem_5_9(_: Records) -> Proof:
    sides = counterexamples.small_outputs(0.01, 500, torch.Generator().manual_seed(0))
    return Proof(
        float(sides.left) <= float(sides.printed),
        "Its right side shrinks with the logits, ED does not; it holds with each difference divided"
        " by the length of the logits.",
    )


def _theorem_5_12(_: Records) -> Proof:
    sides = counterexamples.small_first_layer(0.001, 500, torch.Generator().manual_seed(0))
    return Proof(
        float(sides.left) <= float(sides.printed),
        "Its right side shrinks with the features, MID does not; it holds with each difference"
        " divided by the length of what is perturbed.",
    )


def _orders(runs: Records, column: str) -> Evidence:
    log = runs["mnist-standard"]
    others = [each for alpha, each in by_order(column).items() if alpha != "1"]
    found = pd.concat([rank_correlation(log, each, column) for each in others], axis=1)
    return Values.known(found.min(axis=1))


def _sets(runs: Records, fitted: bool) -> Evidence:
    log = runs["mnist-standard"]
    log = since_fit(log) if fitted else log
    return Values.known(rank_correlation(log, "entropy", "test_entropy"))


def _sets_of_the_study(runs: Records, signal: str) -> Evidence:
    looks = unfolded(runs["sets/standard"])
    return Values.known(rank_correlation(looks, f"train_{signal}", f"test_{signal}"))


def _labels_later(runs: Records) -> Evidence:
    log = runs["mnist-standard"]
    late = timeliness.lag(log, "perturbed_label_mutual_information")
    return _later(late, _lag(runs, MNIST, METRICS["PMI"], False))


_SHARPLY = "{} changes sharply when test accuracy rises."
_TIMELIER = "{} is timelier than the weight norm."

_C14 = tuple(
    statement
    for task in PAPER_TASKS
    for short, column in METRICS.items()
    for statement in (
        *(
            Statement(
                f"C14.{task.key}.{short.lower()}.sharp.{axis.replace(' ', '-')}",
                _SHARPLY.format(short), "section 5.1, Figures 8 and 9", task.name,
                f"rate of change while test accuracy rises / otherwise, per {axis[:-1]}",
                Bound(">", 2, "sharply"),
                partial(rate, task=task, column=column, logarithmic=logarithmic),
                (f"{task.key}-standard",),
            )
            for axis, logarithmic in AXES.items()
        ),
        *(
            Statement(
                f"C14.{task.key}.{short.lower()}.timelier.{reading}", _TIMELIER.format(short),
                "abstract; section 5.1", task.name,
                f"lag of the norm - lag of {short}, {words}, decades of steps", Bound(">", 0),
                partial(_timelier, task=task, column=column, cut=cut), (f"{task.key}-standard",),
                caveat=None if cut else partial(_norm_is_timeliest, task=task),
            )
            for reading, words, cut in (
                ("run", "whole run", False), ("cut", "run cut at 1.1 times grokking", True),
            )
        ),
    )
)  # fmt: skip

_C15 = (
    *(
        Statement(
            f"C15.mnist.{short.lower()}.small.{of}", f"{short} is very small throughout.",
            "section 5.2, Figures 10 and 11", "MNIST", f"largest {short} of the run / {words}",
            Bound("<", SMALL, "very small"), partial(_small, column=column, of=of),
            ("mnist-standard",),
        )
        for short, column in DIFFERENCES.items()
        for of, words in (("batch", "log of the batch size"), ("classes", "log of the classes"))
    ),
    *(
        Statement(
            f"C15.modadd.{short.lower()}.falls", f"{short} falls before training accuracy reaches"
            " 100 %.", "section 5.2, Figures 10 and 11", "modulo addition",
            f"{short} at training accuracy 100 % / largest before it",
            Bound("<", FALL, "sharply"), partial(_falls, column=column), ("modadd-standard",),
        )
        for short, column in DIFFERENCES.items()
    ),
    *(
        Statement(
            f"C15.{task.key}.disjunction.{reading}",
            "Grokking happens when MID and ED are very small or fall sharply before training"
            " accuracy reaches 100 %.", "section 5.2", task.name,
            f"{what}: share of networks of which that is so{scale}", bound,
            partial(
                _small_or_falls, name=f"{task.key}-{training}", groks=bound.side == ">", of=of
            ),
            (f"{task.key}-{training}",),
        )
        for task, training, reading, of, what, scale, bound in (
            (MNIST, "standard", "standard", "batch", "networks that grok",
             "; small against the log of the batch size", Bound(">", 0.5)),
            (MNIST, "standard", "standard.classes", "classes", "networks that grok",
             "; small against the log of the classes", Bound(">", 0.5)),
            (MODADD, "standard", "standard", "batch", "networks that grok", "", Bound(">", 0.5)),
            (MODADD, "no-decay", "no-decay", "batch",
             "networks without decay, which do not grok within the run", "", Bound("<", 0.5)),
        )
    ),
    *(
        Statement(
            f"C15.modadd.disjunction.{reading}",
            "Grokking happens when MID and ED are very small or fall sharply before training"
            " accuracy reaches 100 %.", "section 5.2", MODADD.name,
            f"networks trained on random labels, which cannot grok ({size}): share of networks of"
            " which that is so", Bound("<", 0.5), measure, (need,),
        )
        for reading, size, measure, need in (
            ("random-labels", "p = 59", _on_random_labels, f"prediction/{_RANDOM}"),
            ("random-labels.paper", "the paper's size", _on_random_labels_at_the_paper_s_size,
             "twins/random-labels"),
        )
    ),
    Statement(
        "C15.theory.ed", "ED is bounded by the perturbation of the logits.", "Theorem 5.9", "",
        "proof or counterexample", Bound("="), _theorem_5_9,
    ),
    Statement(
        "C15.theory.mid", "MID is bounded by the perturbation of features and logits.",
        "Theorem 5.12", "", "proof or counterexample", Bound("="), _theorem_5_12,
    ),
)  # fmt: skip

_ORDER = "The tendencies of the metrics do not depend on the order α."
_SETS = "The tendencies of the metrics do not depend on training or test data."
_SAME = Bound(">", 0.9, "the same tendency")

_C16 = (
    *(
        Statement(
            f"C16.mnist.order.{short}", _ORDER, "section 6, Figure 12", "MNIST",
            f"smallest rank correlation of {words} at α = 0.5, 2, 3 with that at 1", _SAME,
            partial(_orders, column=column), ("mnist-standard",),
        )
        for short, words, column in (
            ("entropy", "the entropy of the test set", "test_entropy"),
            ("pmi", "PMI", METRICS["PMI"]),
            ("mid", "MID", DIFFERENCES["MID"]),
        )
    ),
    *(
        Statement(
            f"C16.mnist.sets.entropy.{reading}", _SETS, "section 6", "MNIST",
            f"rank correlation of the entropies of training and test set, {words}", _SAME,
            partial(_sets, fitted=fitted), ("mnist-standard",),
        )
        for reading, words, fitted in (
            ("run", "whole run", False), ("fitted", "from training accuracy 100 % on", True),
        )
    ),
    *(
        Statement(
            f"C16.mnist.sets.{short.lower()}", _SETS, "section 6", "MNIST",
            f"rank correlation of {short} on training and test set", _SAME,
            partial(_sets_of_the_study, signal=short.lower()), ("sets/standard",),
        )
        for short in ("PMI", "MID")
    ),
    Statement(
        "C16.mnist.labels", "PMI′, with labels, is less timely than PMI.", "appendix B, Figure 13",
        "MNIST", "lag of PMI′ - lag of PMI, decades of steps", Bound(">", 0), _labels_later,
        ("mnist-standard",),
    ),
)  # fmt: skip

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C14",
        "PMI and PE change sharply when test accuracy rises, and are timelier than the weight"
        " norm.",
        "5_1_new_metrics", _C14,
    ),
    Claim(
        "C15",
        "MID and ED foretell grokking: before train accuracy reaches 100 % they are very small or"
        " fall sharply.",
        "5_2_predict_grokking", _C15,
    ),
    Claim(
        "C16",
        "The tendencies depend neither on α nor on train or test data; PMI′ is less timely than"
        " PMI.",
        "6_ablation", _C16,
    ),
)  # fmt: skip
