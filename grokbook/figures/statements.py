"""The picture of the paper's statements: one row per sentence, dots and intervals."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grokbook.claims.evidence import MARGIN, Bound, Proof, Ratio, Shares, ranges
from grokbook.claims.rules import Judgement, Records
from grokbook.figures.style import ROLES, WIDTH, finish, theme

UNIT = 0.1
"""A difference of this size from a bound of 0 is drawn half way to the edge."""

LOOKS: Mapping[str, Mapping[str, Any]] = {
    "supported": {"color": ROLES["metric"].light, "marker": "o"},
    "contradicted": {"color": ROLES["test_accuracy"].light, "marker": "X"},
    "undecided": {"color": ROLES["quiet"].light, "marker": "s", "markerfacecolor": "none"},
}
"""Colour and shape of each outcome."""

_LEFT = -3.9  # the words begin here; the strip of dots lies between -1 and 1
_LETTERS = 40  # per line of words
_LINE = 12.0  # points
_GAP = 7.0  # points between two rows


class Mark(NamedTuple):
    """A statement on the strip: the place of its dot, and its interval or the range of its seeds.

    Places lie between -1, furthest against the claim, and 1; 0 is the bound. ``enough`` says
    whether there are enough seeds for an interval. ``dot`` is None without any evidence.
    """

    outcome: str
    dot: float | None
    low: float
    high: float
    enough: bool


class Row(NamedTuple):
    """A sentence of the paper: its claim, its words and a mark for each of its statements."""

    claim: str
    words: str
    marks: list[Mark]

    @property
    def lines(self) -> list[str]:
        """The words, in lines."""
        return textwrap.wrap(f"{self.claim}  {self.words}", _LETTERS)

    @property
    def outcome(self) -> str:
        """Its outcomes in words, such as "supported" or "3 supported, 1 undecided"."""
        counts = Counter(mark.outcome for mark in self.marks)
        if len(counts) == 1:
            return next(iter(counts))
        return ", ".join(f"{counts[outcome]} {outcome}" for outcome in LOOKS if counts[outcome])

    @property
    def height(self) -> float:
        """Height in points."""
        return _LINE * (len(self.lines) + 1) + _GAP


def place(value: float, bound: Bound) -> float:
    """Return the place of a value relative to its bound: 0 on it, towards 1 on the claim's side.

    The distance from the bound is relative to the sum of the two, so that a factor of three is half
    way to the edge on either side. For a bound of 0, a difference of ``UNIT`` is half way. A claim
    of "no difference" has its bound at the edge of the margin that counts as none.

    >>> place(3, Bound(">")), place(3, Bound("<")), place(float("inf"), Bound("<"))
    (0.5, -0.5, -1.0)
    >>> round(place(0.1, Bound(">", 0.0)), 6), round(place(1 / 3, Bound(">")), 6)
    (0.5, -0.5)
    """
    if bound.side == "=":
        ratio = value / bound.value
        if ratio <= 0 or np.isinf(ratio):
            return -1.0
        return -place(max(ratio, 1 / ratio), Bound(">", MARGIN))
    side = 1 if bound.side == ">" else -1
    if np.isinf(value):
        return float(side * np.sign(value))
    scale = abs(value) + (abs(bound.value) or UNIT)
    return float(side * (value - bound.value) / scale)


def rows(judged: Mapping[str, Judgement], runs: Records) -> list[Row]:
    """Return a row for each sentence, in the order of the claims.

    Parameters
    ----------
    judged
        Judgements by statement, as `grokbook.claims.evaluate` returns them.
    runs
        The runs on which they were judged.
    """
    found: dict[tuple[str, str], Row] = {}
    for each in judged.values():
        key = (each.statement.claim, each.statement.words)
        found.setdefault(key, Row(*key, [])).marks.append(_mark(each, runs))
    return list(found.values())


def statements_picture(judged: Mapping[str, Judgement], runs: Records) -> Figure:
    """Draw each sentence of the paper with its statements' dots and intervals against the bound.

    Colour, shape and word show the outcome. Places on the strip are those of :func:`place`: left of
    the bound is against the claim, right is for it. With too few seeds for an interval, a dotted
    line is the range of the seeds and the dot their median.

    Parameters are those of :func:`rows`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels of equal height; the second continues the first. Its label is its alternative
        text.
    """
    sentences = rows(judged, runs)
    panels = _halves(sentences)
    height = max(sum(row.height for row in panel) for panel in panels) + _LINE
    with theme():
        inches = (2 * (height + 2 * _LINE) + 3 * _LINE) / 72
        figure = Figure(figsize=(WIDTH, inches), layout="constrained")
        all_axes = figure.subplots(2, 1, squeeze=False)[:, 0]
        for axes, panel in zip(all_axes, panels, strict=True):
            _draw(axes, panel, height)
        handles = [
            Line2D([], [], label=outcome, markersize=6, **look) for outcome, look in LOOKS.items()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
        return finish(figure, _told(sentences))


def _mark(each: Judgement, runs: Records) -> Mark:
    bound = each.statement.bound
    if each.interval is not None:
        low, high, estimates = each.interval
        return Mark(each.outcome, *_spread([sum(estimates) / 2], [low, high], bound), True)
    if each.statement.missing(runs):
        return Mark(each.outcome, None, 0.0, 0.0, False)
    evidence = each.statement.measure(runs)
    if isinstance(evidence, Proof):
        side = 1.0 if evidence.holds else -1.0
        return Mark(each.outcome, side, side, side, True)
    if isinstance(evidence, Shares):
        share = float(evidence.so.mean())
        values = [] if np.isnan(share) else [share]
        return Mark(each.outcome, *_spread(values, values, bound), False)
    known = ranges(evidence.above, evidence.below) if isinstance(evidence, Ratio) else evidence
    ends = [*known.low.dropna(), *known.high.dropna()]
    return Mark(each.outcome, *_spread(ends, ends, bound), False)


def _spread(
    middle: Sequence[float], ends: Sequence[float], bound: Bound
) -> tuple[float | None, float, float]:
    """Return the places of the median of some values and of the extremes of others."""
    inner = [place(value, bound) for value in middle if not np.isnan(value)]
    outer = [place(value, bound) for value in ends]
    if bound.side == "=" and len(ends) > 1 and min(ends) < bound.value < max(ends):
        outer.append(place(bound.value, bound))  # the folded interval holds its best point
    if not outer:
        return None, 0.0, 0.0
    return (float(np.median(inner)) if inner else None), min(outer), max(outer)


def _halves(sentences: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Split the rows between two claims so that the taller half is as short as possible."""
    cuts = [i for i in range(1, len(sentences)) if sentences[i].claim != sentences[i - 1].claim]

    def taller(cut: int) -> float:
        halves = (sentences[:cut], sentences[cut:])
        return max(sum(row.height for row in half) for half in halves)

    cut = min(cuts, key=taller, default=len(sentences))
    return list(sentences[:cut]), list(sentences[cut:])


def _draw(axes: Axes, panel: Sequence[Row], height: float) -> None:
    grid, quiet = ROLES["grid"].light, ROLES["quiet"].light
    axes.set(xlim=(_LEFT, 1.08), ylim=(height, -_LINE))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_yticks([])
    axes.set_xticks([-1, 0, 1], ["against", "bound", "for"])
    axes.tick_params(labeltop=True, length=0, labelsize=9)
    top, claim = 0.0, ""
    bottom = sum(row.height for row in panel)
    axes.plot([0, 0], [-_LINE / 2, bottom], color=quiet, lw=0.8)
    for row in panel:
        if row.claim != claim:
            axes.plot([_LEFT, 1.08], [top - _GAP / 2] * 2, color=grid, lw=0.8)
            claim = row.claim
        axes.text(_LEFT, top, "\n".join(row.lines), va="top", fontsize=9, linespacing=1.15)
        worst = Counter(mark.outcome for mark in row.marks).most_common(1)[0][0]
        axes.text(
            _LEFT,
            top + _LINE * len(row.lines),
            row.outcome,
            va="top",
            fontsize=9,
            color=LOOKS[worst]["color"],
            weight="bold",
        )
        step = (row.height - _GAP) / len(row.marks)
        for i, mark in enumerate(row.marks):
            _draw_mark(axes, mark, top + (i + 0.5) * step)
        top += row.height


def _draw_mark(axes: Axes, mark: Mark, y: float) -> None:
    look = dict(LOOKS[mark.outcome])
    if mark.low != mark.high:
        dashes = "-" if mark.enough else ":"
        axes.plot([mark.low, mark.high], [y, y], color=look["color"], lw=1.4, ls=dashes)
    if mark.dot is not None:
        axes.plot([mark.dot], [y], ls="", markersize=4.5, **look)


def _told(sentences: Sequence[Row]) -> str:
    """Return a description of the picture."""
    counts = Counter(mark.outcome for row in sentences for mark in row.marks)
    total = ", ".join(f"{counts[outcome]} {outcome}" for outcome in LOOKS)
    several = len(sentences) > 1
    parts = [
        f"{len(sentences)} sentence{'s' if several else ''} of the paper and "
        f"{'their' if several else 'its'} {_many(sum(counts.values()))}, each a dot with its"
        f" interval left or right of its bound: {total}."
    ]
    for outcome in ("supported", "contradicted"):
        told = [
            f"{row.claim}, {row.words.rstrip('.')}"
            + ("" if row.outcome == outcome else " (partly)")
            for row in sentences
            if any(mark.outcome == outcome for mark in row.marks)
        ]
        if told:
            parts.append(f"{outcome.capitalize()}: {'; '.join(told)}.")
    known = [mark.dot for row in sentences for mark in row.marks if mark.dot is not None]
    undecided = [
        mark.dot
        for row in sentences
        for mark in row.marks
        if mark.outcome == "undecided" and mark.dot is not None
    ]
    if undecided:
        right = sum(dot > 0 for dot in undecided)
        parts.append(
            f"Of the {len(undecided)} undecided ones that have runs, the dots of {right} lie on the"
            " claim's side."
        )
    missing = sum(counts.values()) - len(known)
    if missing:
        parts.append(f"Without runs, and so without a dot: {_many(missing)}.")
    return " ".join(parts)


def _many(count: int) -> str:
    return "one statement" if count == 1 else f"{count} statements"
