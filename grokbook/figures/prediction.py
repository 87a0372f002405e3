"""Figures of the study of prediction: how well each early signal predicts, and the twins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from grokbook.analysis.prediction import best_moments, moments, scores
from grokbook.analysis.signal_names import SHORT, moment_words
from grokbook.analysis.twins import LABELS, courses
from grokbook.figures.style import ROLES, WIDTH, finish, theme

_PAPER, _RIVAL, _SHOWN = ROLES["test_accuracy"], ROLES["train_accuracy"], ROLES["quiet"]


def ranking(table: pd.DataFrame, rules: Mapping[str, Any]) -> Figure:
    """Draw the AUROC of every signal on the held-out runs, the best on top.

    Parameters
    ----------
    table : DataFrame
        Table of the study of prediction, one row per run.
    rules : mapping
        Rules of the study.

    Returns
    -------
    matplotlib.figure.Figure
        One row per signal: a mark with its 95 % interval at the signal's best moment, small marks
        at the others. The paper's signals are squares, rivals are discs, and a signal without a
        rank is a diamond. Its label is its alternative text.
    """
    scored = scores(table, rules)
    best = best_moments(scored)
    bound = rules["decision"]["bound"]
    with theme():
        figure = Figure(figsize=(WIDTH, 1.5 + 0.27 * max(len(best), 4)), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(best.to_dict("records")):
            role, marker, kind = _look(row["paper"], row["ranked"])
            all_of_it = scored[scored["signal"] == row["signal"]]
            others = all_of_it[all_of_it["moment"] != row["moment"]]
            axes.plot(
                others["auroc"], [place] * len(others), "|", color=role.light, ms=6, alpha=0.7
            )
            axes.plot([row["low"], row["high"]], [place, place], color=role.light, lw=1.6)
            axes.plot(row["auroc"], place, marker, color=role.light, ms=6, label=kind)
        for level in (0.5, bound):
            axes.axvline(level, color=_SHOWN.light, lw=0.9, ls=":")
        axes.set_yticks(range(len(best)), [SHORT.get(name, name) for name in best["signal"]])
        axes.set_ylim(len(best) - 0.4, -0.6)
        axes.set_xlim(-0.02, 1.02)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("AUROC, held-out runs")
        axes.set_title("Will it grok?")
        handles, labels = axes.get_legend_handles_labels()
        first = {label: handle for handle, label in zip(handles, labels, strict=True)}
        if first:
            figure.legend(list(first.values()), list(first), loc="outside lower center", ncols=1)
        return finish(figure, _words(best, rules))


def twins(table: pd.DataFrame, rules: Mapping[str, Any], signals: Sequence[str]) -> Figure:
    """Draw signals over the first steps, of networks and of their twins on random labels.

    Parameters
    ----------
    table : DataFrame
        Table of the study of prediction, one row per run; runs on few pairs are left out.
    rules : mapping
        Rules of the study.
    signals
        At most four signals that can be read from the network at one step.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per signal: the median of the runs and their range, with true and with random
        labels. Its label is its alternative text.
    """
    with theme():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        grid = figure.subplots(1, len(signals), squeeze=False)[0]
        words = []
        for letter, axes, signal in zip("abcd", grid, signals, strict=False):
            found = courses(table, rules, signal)
            for role, labels in zip((_PAPER, _RIVAL), LABELS.values(), strict=True):
                if labels not in found.index.get_level_values("labels"):
                    continue
                course = found.loc[labels]
                steps = course.index.to_numpy()
                axes.plot(steps, course["median"], color=role.light, ls=role.dashes, label=labels)
                axes.fill_between(
                    steps, course["low"], course["high"], color=role.light, alpha=0.18, lw=0
                )
                last = course.iloc[-1]
                words.append(
                    f"{SHORT[signal]}, {labels}: {last['runs']:.0f} runs, median"
                    f" {course['median'].max():.3g} at its largest and {last['median']:.3g} at step"
                    f" {steps[-1]:.0f}"
                )
            axes.set(xlabel="training step", ylim=(0, None))
            axes.set_title(f"({letter}) {SHORT[signal]}")
        grid[0].set_ylabel("nats")
        handles, names = grid[0].get_legend_handles_labels()
        if not words:
            return finish(figure, "Signals of networks and their twins: no run is recorded yet.")
        figure.legend(handles, names, loc="outside lower center", ncols=2)
        return finish(
            figure,
            f"Signals over the first steps, with true and random labels: {'; '.join(words)}.",
        )


def _look(paper: bool, ranked: bool) -> tuple[Any, str, str]:
    if not ranked:
        return _SHOWN, "D", "reads test labels: shown, not ranked"
    return (_PAPER, "s", "signal of the paper") if paper else (_RIVAL, "o", "rival")


def _words(best: pd.DataFrame, rules: Mapping[str, Any]) -> str:
    if not len(best):
        return "Early signals by how well they foretell grokking: no run is recorded yet."
    parts = [
        f"{SHORT.get(str(row.signal), str(row.signal))} {row.auroc:.2f} ({row.low:.2f} to"
        f" {row.high:.2f}) at {moment_words(str(row.moment))}"
        f"{'' if row.ranked else ', not ranked'}"
        for row in best.itertuples()
    ]
    runs = best.iloc[0]
    return (
        f"Early signals by how well they tell {runs['will_grok']:.0f} held-out runs that will grok"
        f" from {runs['random']:.0f} on random labels, AUROC with its 95 % interval at the best of"
        f" {len(moments(rules))} moments: {'; '.join(parts)}."
    )
