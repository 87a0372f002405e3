"""The table of choices that the paper leaves open: ours, and the effect of others.

The choices that change training are arms of the study ``choices``; each of the others names the
place of its answer. The statements that a choice could change are listed by id and not recomputed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from grokbook._support.errors import MissingRunError
from grokbook.experiments.named import experiment
from grokbook.studies.results import ratios
from grokbook.studies.tables import load_study, study_rules

Effect = Literal["sooner", "later", "makes no difference", "undecided"]

BASES = {
    "standard": "standard training", "perturbed": "perturbed training", "abelian": "abelian degrok",
}  # fmt: skip
"""The trainings of the arms without a change, in words."""

_EVERY = ("C1.modadd.delay", "C9.modadd.grokked", "C12.modadd.grokked")
_NOISE = ("C9.modadd.grokked", "C18.modadd.fits", "C18.modadd.sooner")
_LAW = ("C12.modadd.grokked", "C12.modadd.half", "C20.modadd.labels")


class Choice(NamedTuple):
    """A choice that the paper leaves open.

    ``arms`` are those of the study by their short words; a choice without arms gives the place of
    its answer in ``answered``. ``statements`` are the ids of those it could change.
    """

    words: str
    chosen: str
    arms: Mapping[str, str]
    statements: tuple[str, ...]
    answered: str = ""


def open_choices() -> tuple[Choice, ...]:
    """Return every choice; our value is read from the paper's experiments."""
    modadd, mnist = experiment("modadd-standard"), experiment("mnist-standard")
    perturbed, abelian = (
        experiment(f"modadd-{name}").strategy for name in ("perturbed", "abelian")
    )
    optimizer, information = modadd.optimizer, (mnist.measurements, modadd.measurements)
    betas = " and ".join(f"{beta:g}" for beta in optimizer.betas)  # type: ignore[union-attr]
    return (
        Choice(
            "weight decay on modulo addition",
            f"{optimizer.weight_decay:g}, as in Nanda's and Omnigrok's code",  # type: ignore[union-attr]
            {"decay 0.5": "standard-decay-0.5", "decay 2": "standard-decay-2"},
            (*_EVERY, "C2.modadd.falls", "C8.modadd.constrains"),
        ),
        Choice(
            "Adam's betas on modulo addition", f"{betas}, as in Nanda's and Omnigrok's code",
            {"betas 0.9 and 0.999": "standard-betas-0.999"}, _EVERY,
        ),
        Choice(
            "warm-up on modulo addition",
            f"{optimizer.warmup_steps} steps, as in Nanda's code",  # type: ignore[union-attr]
            {"no warm-up, as in Omnigrok": "standard-no-warmup"}, _EVERY,
        ),
        Choice(
            "arithmetic of the loss", "float64, as in Nanda's and Omnigrok's code",
            {"loss in float32": "standard-loss-float32"},
            (*_EVERY, "C13.modadd.stable.standard"),
        ),
        Choice(
            "arithmetic of the network", modadd.dtype,
            {"network in float64, as in Omnigrok": "standard-float64"}, _EVERY,
        ),
        Choice(
            "outputs on modulo addition", "p",
            {"p + 1 outputs, as in Nanda and Omnigrok": "standard-extra-output"}, _EVERY,
        ),
        Choice(
            "noise on the token '='", "yes, as the formula has it",
            {"noise on the operands alone": "perturbed-operands-alone"},
            ("C9.modadd.grokked", "C10.modadd.height", "C11.modadd.perturbed.99"),
        ),
        Choice(
            "which accuracy sets σ", "the clean one of the training set",
            {"σ by the accuracy under noise": "perturbed-noisy-accuracy"}, _NOISE,
        ),
        Choice(
            "how often σ is updated",
            f"every {perturbed.refresh} steps",  # type: ignore[union-attr]
            {
                "σ updated every step": "perturbed-refresh-1",
                "σ updated every 100 steps": "perturbed-refresh-100",
            },
            _NOISE,
        ),
        Choice(
            "whether the law is asked of pairs whose mirror image is a test pair", "yes",
            {"law on training pairs alone": "abelian-training-mirrors"}, _LAW,
        ),
        Choice(
            "sum or mean of the law over the logits",
            f"mean, coefficient {abelian.coefficient:g}",  # type: ignore[union-attr]
            {"law summed over the logits": "abelian-sum"}, _LAW,
        ),
        Choice(
            "whether mirror images of training pairs count as test pairs",
            "both ways are logged: all test pairs, and those whose mirror image is none", {},
            ("C12.modadd.grokked", "C20.modadd.labels"), "section 4.1 compares by both",
        ),
        Choice(
            "learning rate and batch on modulo addition",
            f"{optimizer.lr:g}, all training pairs, as in Nanda's and Omnigrok's code",  # type: ignore[union-attr]
            {}, _EVERY, "the league tunes the learning rate of small networks",
        ),
        Choice(
            "steps on MNIST (those on modulo addition are stated)", f"{mnist.steps:,}", {},
            ("C8.mnist.groks", "C17.mnist.not-necessary"),
            "no step depends on how many follow: they say which runs are censored",
        ),
        Choice(
            "weight decay and betas on MNIST",
            f"{mnist.optimizer.weight_decay:g}, and PyTorch's, as in Omnigrok's code",  # type: ignore[union-attr]
            {}, ("C1.mnist.delay", "C2.mnist.falls"),
            "section 3.1 compares with no decay; the rest is not asked here",
        ),
        Choice(
            "arithmetic on MNIST", f"{mnist.dtype}; Omnigrok's code has float64", {},
            ("C1.mnist.delay",), "not asked here",
        ),
        Choice(
            "loss of the sharpness",
            "squared error on MNIST, as in the theory; cross-entropy, as trained, on modulo"
            " addition",
            {}, ("C4.modadd.falls", "C4.modadd.throughout"),
            "section 3.1 says what is known of the cross-entropy; the squared error is not measured"
            " on modulo addition",
        ),
        Choice(
            "sum or mean in the perturbation error", "mean", {}, (),
            "a constant factor (section 3.1)",
        ),
        Choice(
            "distance of two logit vectors", "Euclidean norm, mean over pairs", {},
            ("C13.modadd.standard.grokked", "C13.modadd.chaotic"),
            "section 4.2; the mean square is logged too",
        ),
        Choice(
            "first layer", "after the first ReLU; the residual stream after attention", {},
            ("C14.mnist.pmi.timelier.run", "C14.modadd.pmi.timelier.run"), "section 6",
        ),
        Choice(
            "batch and draws of the information metrics",
            " and ".join(f"{each.information_batch}" for each in information)
            + " samples, one draw",
            {}, ("C14.mnist.pmi.sharp.steps", "C14.mnist.pe.sharp.steps"), "section 6",
        ),
        Choice(
            "how many training images of MNIST", f"{mnist.dataset.train_points:,}, Omnigrok's",
            {}, ("C1.mnist.delay",), "not asked here",
        ),
        Choice(
            "initial weights on MNIST",
            f"PyTorch's times {mnist.model.init_scale:g}, Omnigrok's",  # type: ignore[union-attr]
            {}, ("C1.mnist.delay", "C19.mnist.usual-weights"),
            "section 1 compares them with PyTorch's own",
        ),
    )  # fmt: skip


def recorded(root: Path | None = None) -> pd.DataFrame:
    """Return the study's table, without rows if nothing is recorded.

    Raises
    ------
    RunError
        If the table is damaged, or was written by other rules.
    """
    try:
        return load_study("choices", root)
    except MissingRunError:
        columns = {"arm": str, "seed": int, "endpoint": float, "steps": int}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effect of each choice on the step of grokking, one row per comparable arm.

    Parameters
    ----------
    table : DataFrame
        Table of the study, or a part of it.

    Returns
    -------
    DataFrame
        Indexed by ``choice``, the arm's short words: ``base`` in words, ``ratio``, ``low``,
        ``high`` (95 %), ``runs`` of arm and base, the number ``censored`` of them, and ``effect``.
    """
    found = ratios(table, _pairs())
    margin = float(study_rules("choices")["statistic"]["margin"])
    bases = [BASES[_pairs()[name][1]] for name in found.index]
    said = [
        effect(low, high, margin)
        for low, high in found[["low", "high"]].itertuples(index=False, name=None)
    ]
    return (
        found.assign(base=bases, runs=2 * found["seeds"], effect=said)
        .drop(columns="seeds")
        .rename_axis("choice")
    )


def effect(low: float, high: float, margin: float) -> Effect:
    """Return the effect that the rules read from an interval of the ratio.

    >>> effect(0.95, 0.99, 1.1), effect(0.8, 0.95, 1.1), effect(0.9, 1.3, 1.1)
    ('makes no difference', 'sooner', 'undecided')
    """
    if 1 / margin < low and high < margin:
        return "makes no difference"
    return "sooner" if high < 1 else "later" if low > 1 else "undecided"


def missing(found: pd.DataFrame) -> list[str]:
    """Return the short words of the arms that :func:`effects` could not compare: too few runs."""
    return [name for name in _pairs() if name not in found.index]


def choice_table(found: pd.DataFrame) -> pd.DataFrame:
    """Return every choice with our value, the alternatives tested, and the answer.

    Parameters
    ----------
    found : DataFrame
        As :func:`effects` returns it.
    """
    rows, by_name = [], found.to_dict("index")
    for choice in open_choices():
        answers = [
            f"{name}: {row['effect']}, {_ratio(row)}" if row else f"{name}: to be recorded"
            for name, row in ((name, by_name.get(name)) for name in choice.arms)
        ]
        rows.append(
            {
                "left open": choice.words,
                "chosen here": choice.chosen,
                "other choice, and when it groks": "; ".join(answers) or choice.answered,
                "claims it could change": _claims(choice.statements),
            }
        )
    return pd.DataFrame(rows).set_index("left open")


def in_short(found: pd.DataFrame) -> str:
    """Return the effects in one sentence, or two if choices are missing.

    Parameters
    ----------
    found : DataFrame
        As :func:`effects` returns it.
    """
    if not len(found):
        return "None of them is compared yet."
    kinds: dict[Effect, str] = {
        "sooner": "brings grokking sooner",
        "later": "brings it later",
        "makes no difference": "makes no difference",
        "undecided": "is not told apart from ours",
    }
    parts = []
    for effect, words in kinds.items():
        chosen = found.index[found["effect"] == effect]
        names = [str(name).partition(", as in")[0] for name in chosen]
        if names:
            parts.append(f"{words}: {', '.join(names)}")
    told = "; ".join(parts)
    absent = f" To be compared: {', '.join(missing(found))}." if missing(found) else ""
    return f"{told[0].upper()}{told[1:]}.{absent}"


def _pairs() -> dict[str, tuple[str, str]]:
    """Arm and base of each comparison, by the arm's short words."""
    arms = {name: arm for choice in open_choices() for name, arm in choice.arms.items()}
    return {name: (arm, arm.partition("-")[0]) for name, arm in arms.items()}


def _claims(statements: Sequence[str]) -> str:
    """Return the claims of statements, each once."""
    return ", ".join(dict.fromkeys(each.split(".")[0] for each in statements)) or "none"


def _ratio(row: Mapping[Any, Any]) -> str:
    ratio, low, high = (_number(float(row[column])) for column in ("ratio", "low", "high"))
    return f"{ratio} ({low} to {high})"


def _number(value: float) -> str:
    return "∞" if np.isinf(value) else f"{value:.2f}"
