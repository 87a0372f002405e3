"""Later work, and the statements of the paper that it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from grokbook.claims.rules import Judgement
from grokbook.claims.tables import estimate, interval


class Work(NamedTuple):
    """A later work: authors and year, arXiv number, its result, and the statements it concerns."""

    name: str
    arxiv: str
    reports: str
    statements: tuple[str, ...]


WORKS = (
    Work(
        "Hwang and Park (2026)", "2603.01968",
        "The symmetry of the task is acquired before the network generalises.",
        ("C11.modadd.standard.99", "C11.modadd.standard.mirrored"),
    ),
    Work(
        "Khanh et al. (2026)", "2606.13753",
        "A clamped norm sets the delay, T ∝ exp(7.5 ρ); no norm has to be reached.",
        ("C17.modadd.not-necessary.clamped", "C17.mnist.not-necessary"),
    ),
    Work(
        "Notsawo et al. (2025)", "2506.05718",
        "Other regularisers than ℓ₂ decay bring grokking; the ℓ₂ norm is no reliable proxy.",
        ("C8.mnist.groks", "C8.mnist.constrains"),
    ),
    Work(
        "Acharya and Dhakal (2026)", "2603.15492",
        "The generalising basin is sharp, and isotropic noise does not induce grokking.",
        ("C4.modadd.falls", "C9.mnist.grokked", "C9.modadd.all"),
    ),
    Work(
        "Walker et al. (2025)", "2506.12284",
        "A regulariser of the input Jacobian brings grokking much sooner than decay.",
        ("C9.mnist.grokked", "C9.modadd.all"),
    ),
    Work(
        "Wang et al. (2026)", "2605.08237",
        "A residual that goes with sensitivity to perturbation has an AUROC of about 0.93.",
        ("C14.mnist.pmi.timelier.run", "C14.modadd.pmi.timelier.run"),
    ),
    Work(
        "Prakash and Martin (2026)", "2602.02859",
        "Test accuracy collapses long after grokking.",
        ("C1.mnist.delay", "C1.modadd.delay"),
    ),
)  # fmt: skip

STATEMENTS = tuple(dict.fromkeys(name for work in WORKS for name in work.statements))
"""The statements that any of them concerns."""


class Late(NamedTuple):
    """How a run ends: its steps, and the share of its best test accuracy that is lost by then."""

    steps: int
    lost: float
    seeds: int


def later_work(judged: Mapping[str, Judgement]) -> pd.DataFrame:
    """Return one row per work: its result, the statements it concerns, and our outcomes.

    Parameters
    ----------
    judged
        As :func:`grokbook.claims.evaluate` returns it, of ``STATEMENTS`` at least.
    """
    rows = {
        work.name: {
            "reports": work.reports,
            "bears on": ", ".join(dict.fromkeys(each.split(".")[0] for each in work.statements)),
            "what the paper says of it, and the outcome here": "; ".join(
                dict.fromkeys(_outcome(judged[name]) for name in work.statements)
            ),
        }
        for work in WORKS
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("work")


def _outcome(each: Judgement) -> str:
    where = f" ({each.statement.task})" if each.statement.task else ""
    return f"{each.statement.words.rstrip('.')}{where}: {each.outcome}"


def said(each: Judgement) -> str:
    """Return a statement's estimate with its interval, or why it has none."""
    if each.interval is None:
        return f"an unknown number ({each.why.rstrip('.')})"
    return f"{estimate(each)} ({interval(each)})"


def below(each: Judgement, value: float) -> bool:
    """Whether a statement's whole interval lies below a value."""
    return each.interval is not None and each.interval.high < value


def late_accuracy(runs: pd.DataFrame) -> Late:
    """Return the largest share of a seed's best test accuracy that is lost at its last step.

    Parameters
    ----------
    runs
        Logs with ``seed``, ``step`` and ``test_accuracy``.

    Examples
    --------
    >>> import pandas as pd
    >>> late_accuracy(pd.DataFrame({"seed": 0, "step": [0, 5, 9], "test_accuracy": [0, 1, 0.75]}))
    Late(steps=9, lost=0.25, seeds=1)
    """
    by = runs.dropna(subset=["test_accuracy"]).sort_values("step").groupby("seed")
    lost = 1 - by["test_accuracy"].last() / by["test_accuracy"].max()
    return Late(int(runs["step"].max()), float(lost.max()), len(lost))
