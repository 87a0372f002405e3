"""Statements of section 4: the commutative law on modulo addition (C10 to C13, C20, C21)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from grokbook.analysis import staircase
from grokbook.analysis.by_seed import (
    Times,
    grokked,
    half_right,
    per_seed,
    staying,
    train_100,
)
from grokbook.analysis.censored import arm_times, log_ratios, ratio_interval
from grokbook.analysis.commutativity import (
    LATER,
    largest_late,
    late_distance,
    late_distances,
    way_of,
)
from grokbook.analysis.intervals import FEWEST
from grokbook.claims.evidence import Bound, Evidence, Proof, Ratio, Shares, Values, ranges
from grokbook.claims.rules import Claim, Records, Statement
from grokbook.claims.section_3_2 import MANY, MODADD, many_needs, many_seeds

TASK = MODADD.name
HEIGHT = 0.02
"""Largest distance of the height of the pause from the share of mirrored test pairs."""


def pauses_at_the_share(log: pd.DataFrame) -> pd.Series[float]:
    """Whether test accuracy pauses where a network that knows only the law would, by seed.

    The pause must be within ``HEIGHT`` of the mirrored share, with 99 % or more right answers on
    pairs whose mirror image is a training pair, and 5 % or less on the others.
    """
    pause, share = staircase.plateau(log), staircase.logged_share(log)
    found = {}
    for seed, run in log.groupby("seed"):
        at = pause.loc[seed]
        inside = run[(run["step"] >= at["start"]) & (run["step"] <= at["end"])]
        found[seed] = (
            abs(at["height"] - share[seed]) <= HEIGHT
            and inside["test_accuracy_mirrored"].median() >= 0.99
            and inside["test_accuracy_unmirrored"].median() <= 0.05
        )
    return pd.Series(found, dtype=float)


def _pause_height(runs: Records) -> Evidence:
    return Shares(pauses_at_the_share(runs["modadd-perturbed"]))


def _standard_pauses(runs: Records) -> str:
    if not runs.has(["modadd-standard"]):
        return ""
    found = pauses_at_the_share(runs["modadd-standard"])
    return f"Standard training has such a pause on {int(found.sum())} of {len(found)} seeds."


def _pause_length(runs: Records) -> Evidence:
    log = runs["modadd-perturbed"]
    length = staircase.plateau(log)["length"].fillna(0.0)
    return ranges(Times(length, length.isna()), grokked(log, MODADD))


def _known_at_the_pause(runs: Records) -> Evidence:
    """Median accuracy, during the pause, on test pairs whose mirror image is a training pair."""
    log = runs["modadd-perturbed"]
    pause = staircase.plateau(log)

    def accuracy(run: pd.DataFrame) -> float:
        at = pause.loc[run["seed"].iloc[0]]
        inside = run[(run["step"] >= at["start"]) & (run["step"] <= at["end"])]
        return float(inside["test_accuracy_mirrored"].median()) if len(inside) else np.nan

    return Values.known(per_seed(log, accuracy))


def _law_before_grokking(runs: Records, level: float) -> Evidence:
    log = runs["modadd-standard"]
    return ranges(staying(log, "abelian_accuracy_train", level), grokked(log, MODADD))


def _mirrored_before_others(runs: Records) -> Evidence:
    log = runs["modadd-standard"]
    halves = ("test_accuracy_mirrored", "test_accuracy_unmirrored")
    return ranges(*(staying(log, half, 0.5) for half in halves))


def _law_right_after(runs: Records, level: float) -> Evidence:
    log = runs["modadd-perturbed"]
    return ranges(staying(log, "abelian_accuracy_train", level), train_100(log))


def _abelian_sooner(runs: Records, times: Callable[[pd.DataFrame], Times]) -> Evidence:
    return Ratio(times(runs["modadd-perturbed"]), times(runs["modadd-abelian"]))


def _grokked(log: pd.DataFrame) -> Times:
    return grokked(log, MODADD)


def _late_distance(
    runs: Records, training: str, later: int, number: Callable[[pd.Series[float]], float]
) -> Evidence:
    return Values.known(late_distance(runs[f"modadd-{training}"], later, number, MODADD.grokked))


def _by_a_hair(runs: Records) -> str:
    """Say what the largest distance of standard training is if it counts from other steps on."""
    table = late_distances(runs["modadd-standard"], (300, 400, 600), MODADD.grokked)
    if table["low"].isna().any():
        return ""
    told = [
        f"{row['low']:.3f} to {row['high']:.3f} from {later}" for later, row in table.iterrows()
    ]
    return f"Interval by the number of steps after grokking: {', '.join(told)}."


def _alike(runs: Records, reading: str) -> Evidence:
    """Compare how alike two trainings are with how alike two seeds are, in a study."""
    rows = runs["representations/compared"].set_index("seed")
    return Values.known(rows[f"{reading}_trainings"] / rows[f"{reading}_seeds"])


def _not_the_same(runs: Records, reading: str) -> str:
    """Say how alike the two trainings are by themselves."""
    middle = runs["representations/compared"][f"{reading}_trainings"].median()
    return f"The two trainings do differ: the median is {middle:.2f}, where 1 is the same."


def _stable(runs: Records, training: str) -> Evidence:
    """Smallest abelian accuracy from the first step with test accuracy 1 on."""
    log = runs[f"modadd-{training}"]

    def least(run: pd.DataFrame) -> float:
        perfect = run.loc[run["test_accuracy"] >= 1, "step"]
        late = run.loc[run["step"] >= perfect.min(), "abelian_accuracy_train"]
        return float(late.min()) if len(perfect) else np.nan

    return Values.known(per_seed(log, least))


def _law_or_labels(runs: Records) -> Evidence:
    """Compare the times of the mirror images with labels and of the law, in a study."""
    return Ratio(*(arm_times(runs[f"mechanism/{arm}"], arm) for arm in _LABELS_AND_LAW))


def _attention(_: Records) -> str:
    return "The regulariser also weakens attention, which may speed up training by itself."


def _noise(runs: Records, arm: str) -> Ratio:
    """Compare the times of an arm of the study of the mechanism with noise and without."""
    noisy = f"{arm}-noise"
    return Ratio(*(arm_times(runs[f"mechanism/{each}"], each) for each in (noisy, arm)))


def _paired(runs: Records, arm: str) -> str:
    """Say what the study's own interval is, if it alone leaves out 1."""
    evidence = _noise(runs, arm)
    if len(evidence.seeds) < FEWEST:
        return ""
    ours = evidence.interval()
    theirs = ratio_interval(log_ratios([(evidence.above, evidence.below)]))
    if (ours.low < 1 < ours.high) == (theirs.low < 1 < theirs.high):
        return ""
    return (
        "This interval takes the two trainings of a seed as independent. The study pairs them, as"
        f" its rules say, and has {theirs.low:.2f} to {theirs.high:.2f}."
    )


def _other_law(runs: Records, law: str) -> Evidence:
    """Compare the step from which a law of groups stays with that of test accuracy, in a study."""
    table = runs["laws/standard"]
    rows = table[table["arm"] == "standard"].set_index("seed")
    law_stays, groks = (
        Times(rows[name].fillna(rows["steps"]), rows[name].isna())
        for name in (f"stays_{law}", "stays_test_accuracy")
    )
    return ranges(law_stays, groks)


def _necessary(_: Records) -> Proof:
    return Proof(
        True, "A network that answers every pair gives a + b and b + a the same class: their labels"
        " are equal.",
    )  # fmt: skip


_PERCENT = {"90": 0.9, "99": 0.99, "99.9": 0.999}
_NOT_BEFORE = "Standard training does not learn the commutative law before it groks."
_RIGHT_AFTER = (
    "Perturbed training learns the commutative law right after training accuracy has reached 100 %."
)
_AT_ZERO = "After grokking, the logit distance of standard training stays at 0."
_NOT_AT_ZERO = "After grokking, the logit distance of perturbed training does not stay at 0."
_DIFFER = (
    "Standard and perturbed training end at different representations: further apart than two seeds"
    " of standard training do."
)
_LABELS_AND_LAW = ("add-mirrored", "add-abelian")
_BECAUSE = "Perturbed training is sooner because it learns the commutative law."

_C10 = (
    Statement(
        "C10.modadd.height", "Under perturbed training test accuracy climbs a staircase.",
        "section 3.2, Figure 4", TASK,
        "share of networks that pause where the commutative law alone leads",
        Bound(">", 0.5), _pause_height, ("modadd-perturbed",), caveat=_standard_pauses,
    ),
    Statement(
        "C10.modadd.length", "Under perturbed training test accuracy climbs a staircase.",
        "section 3.2, Figure 4", TASK, "length of the longest pause / step of grokking",
        Bound(">", 0.1, "a step of the stairs"), _pause_length, ("modadd-perturbed",),
    ),
    Statement(
        "C10.modadd.memorises", "At the stairs' step the network has memorised and does not yet"
        " generalise.", "section 3.2", TASK,
        "accuracy during the pause on test pairs whose mirror image is a training pair",
        Bound("<", 0.5), _known_at_the_pause, ("modadd-perturbed",),
    ),
)  # fmt: skip

_C11 = (
    *(
        Statement(
            f"C11.modadd.standard.{percent}", _NOT_BEFORE, "abstract; section 4.1, Figure 5", TASK,
            f"step from which abelian accuracy stays {percent} % / step of grokking",
            Bound(">", 0.9, "not before"), partial(_law_before_grokking, level=level),
            ("modadd-standard",),
        )
        for percent, level in _PERCENT.items()
    ),
    Statement(
        "C11.modadd.standard.mirrored", _NOT_BEFORE, "abstract; section 4.1, Figure 5", TASK,
        "step of 50 % on test pairs whose mirror image is a training pair / on the others",
        Bound(">", 0.9, "not before"), _mirrored_before_others, ("modadd-standard",),
    ),
    *(
        Statement(
            f"C11.modadd.perturbed.{percent}", _RIGHT_AFTER, "section 4.1, Figure 5", TASK,
            f"step from which abelian accuracy stays {percent} % / step of training accuracy 100 %",
            Bound("<", 2, "right after"), partial(_law_right_after, level=level),
            ("modadd-perturbed",),
        )
        for percent, level in _PERCENT.items()
    ),
)  # fmt: skip

_SOONER = "The commutativity regulariser is sooner than perturbed training."
_C12 = (
    *(
        Statement(
            f"C12.modadd.{reading}", _SOONER, "section 4.1, Figure 6", TASK,
            f"ratio of steps to test accuracy {percent} %, perturbed / abelian", Bound(">", 1),
            partial(_abelian_sooner, times=times), ("modadd-perturbed", "modadd-abelian"),
        )
        for reading, percent, times in (("grokked", 99, _grokked), ("half", 50, half_right))
    ),
    *(
        Statement(
            f"C12.modadd.{key}", _SOONER, "section 4.1, Figure 6", TASK,
            f"ratio of first steps with test accuracy 99 %, perturbed / abelian, {seeds}",
            Bound(">", 1), many_seeds("modadd-perturbed", "modadd-abelian", whole),
            many_needs("modadd-perturbed", "modadd-abelian", whole=whole),
        )
        for key, (seeds, whole) in MANY.items()
    ),
)  # fmt: skip

_C13 = (
    *(
        Statement(
            f"C13.modadd.{training}.{reading}", words, "section 4.2, Figure 7", TASK,
            f"largest logit distance from {start} on / of the run", bound,
            partial(_late_distance, training=training, later=later, number=largest_late),
            (f"modadd-{training}",),
            caveat=_by_a_hair if later and training == "standard" else None,
        )
        for training, words, bound in (
            ("standard", _AT_ZERO, Bound("<", 0.1, "at 0")),
            ("perturbed", _NOT_AT_ZERO, Bound(">", 0.1, "not at 0")),
        )
        for reading, start, later in (
            ("grokked", "grokking", 0), ("later", f"{LATER} steps after grokking", LATER),
        )
    ),
    Statement(
        "C13.modadd.chaotic", "After grokking, the logit distance of perturbed training is"
        " chaotic.", "section 4.2, Figure 7", TASK,
        f"way up and down from {LATER} steps after grokking on / largest logit distance of the run",
        Bound(">", 1, "chaotic"),
        partial(_late_distance, training="perturbed", later=LATER, number=way_of),
        ("modadd-perturbed",),
    ),
    *(
        Statement(
            f"C13.modadd.stable.{training}", "Abelian accuracy stays once test accuracy has reached"
            " 100 %.", "section 4.2", TASK,
            f"{training} training: smallest abelian accuracy from then on",
            Bound(">", 0.99, "stable"), partial(_stable, training=training),
            (f"modadd-{training}",),
        )
        for training in ("standard", "perturbed")
    ),
    *(
        Statement(
            f"C13.modadd.differ.{reading}", _DIFFER, "section 4.2", TASK, f"{what} (p = 59)",
            Bound("<", 0.9, "different"), partial(_alike, reading=reading),
            ("representations/compared",), caveat=partial(_not_the_same, reading=reading),
        )
        for reading, what in (
            ("cka", "linear CKA of the two trainings' features / of two seeds of one training"),
            ("frequencies", "overlap of the embeddings' Fourier frequencies / of two seeds of one"
             " training"),
        )
    ),
)  # fmt: skip

_C20 = (
    Statement(
        "C20.theory.necessary", "The commutative law is necessary for grokking.",
        "abstract; section 4.1", "", "proof or counterexample", Bound("="), _necessary,
    ),
    Statement(
        "C20.modadd.labels", "Knowing the law is what speeds up: it is worth more than the labels"
        " of the mirror images.", "abstract; section 4.1", TASK,
        "ratio of steps to 99 % of the pairs that neither training reads, mirror images with labels"
        " / law (p = 59)", Bound(">", 1), _law_or_labels,
        tuple(f"mechanism/{arm}" for arm in _LABELS_AND_LAW), caveat=_attention,
    ),
    *(
        Statement(
            f"C20.modadd.because.{key}", _BECAUSE, "abstract; section 4.1", TASK,
            f"ratio of steps to 99 %, with noise / without it, {where} (p = 59)", bound,
            partial(_noise, arm=arm), (f"mechanism/{arm}-noise", f"mechanism/{arm}"),
            caveat=partial(_paired, arm=arm),
        )
        for key, arm, bound, where in (
            ("sooner", "add-free", Bound("<", 1), "where the law is to be learned"),
            ("built-in", "add-built", Bound("="), "where the law is built into the network"),
            ("subtraction", "sub-free", Bound("="), "on subtraction, where there is no such law"),
        )
    ),
)  # fmt: skip

_C21 = tuple(
    Statement(
        f"C21.modadd.{law}", "Standard training does not learn the other laws of a group before it"
        " groks.", "abstract; section 7", TASK,
        f"step from which {words} on 99 % / step from which test accuracy is 99 % (p = 59)",
        Bound(">", 0.9, "not before"), partial(_other_law, law=law), ("laws/standard",),
    )
    for law, words in (
        ("identity", "a + 0 and 0 + a are answered a"),
        ("inverse", "a + (p - a) is answered 0"),
        ("associativity", "(a + b) + c and a + (b + c), composed of its own answers, agree"),
    )
)  # fmt: skip

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C10", "Under perturbed training, test accuracy on modulo addition climbs a staircase.",
        "4_1_commutative_law", _C10,
    ),
    Claim(
        "C11", "Standard training learns the commutative law on training pairs not before it groks,"
        " perturbed training right after train accuracy has reached 100 %.",
        "4_1_commutative_law", _C11,
    ),
    Claim(
        "C12", "The commutativity regulariser speeds up generalisation more than perturbation.",
        "4_1_commutative_law", _C12,
    ),
    Claim(
        "C13", "After grokking, the logit distance of mirrored pairs stays at 0 under standard"
        " training and is chaotic under perturbed training: the representations differ.",
        "4_2_representation", _C13,
    ),
    Claim(
        "C20", "Perturbed training is sooner because it learns the commutative law.",
        "4_1_commutative_law", _C20,
    ),
    Claim(
        "C21", "Standard training learns no basic law of a group before it groks.",
        "4_1_commutative_law", _C21,
    ),
)  # fmt: skip
