"""Every table of the book: ``show_table`` displays a data frame for readers.

A table has a caption, words in place of column names, descriptive headers, one precision per
column, and no empty column. If rows are seeds, the table holds the median and the range over the
seeds, and the single seeds are folded below it. On a phone the page turns it into cards, by the
labels of its cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from grokbook._support.notation import readable, ten_to
from grokbook.figures.words import Words, words

MISSING = "–"
NEVER = "never"
SEED = "seed"
SENTENCE = 40
"""Characters from which a cell is read as a sentence, across a whole card on a phone."""


class Table:
    """A table as a notebook displays it: HTML, and text for readers of text.

    ``groups`` has one entry per row; rows of one group are listed under its name.
    """

    def __init__(
        self, frame: pd.DataFrame, caption: str, topic: str = "", groups: Sequence[str] = ()
    ) -> None:
        self.caption = caption
        self.groups = list(groups) or [""] * len(frame)
        filled = [not _empty(frame.iloc[:, i]) for i in range(frame.shape[1])]
        # Where nothing came at all, as of networks that never grok, that is what the table says.
        self.frame = frame.loc[:, filled] if any(filled) else frame
        self.topic = topic
        cells = [
            written(self.frame.iloc[:, i], each.kind, NEVER if each.unit == "step" else MISSING)
            for i, each in enumerate(map(self._words, self.frame.columns))
        ]
        self.cells = [list(row) for row in zip(*cells, strict=True)]

    def html(self) -> str:
        """Return the table as HTML without style or script."""
        names = self.frame.index.names
        labelled = any(names) or not isinstance(self.frame.index, pd.RangeIndex)
        heads = [str(words(name, self.topic)) for name in names] if labelled else []
        lines = ['<div class="grokbook-table">', "<table>"]
        lines += [f"<caption>{escape(self.caption)}</caption>", "<thead>"]
        levels = self.frame.columns.nlevels
        for level in range(levels):
            lines.append("<tr>")
            if level == 0:
                span = f' rowspan="{levels}"' if levels > 1 else ""
                lines += [_corner(head, span) for head in heads]
            lines += self._heads(level)
            lines.append("</tr>")
        lines += ["</thead>", "<tbody>"]
        labels = self._labels()
        prose = [self._words(column).kind == "prose" for column in self.frame.columns]
        before: list[str] = []
        under = ""
        for key, row, group in zip(labels, self.cells, self.groups, strict=True):
            if group != under:
                lines += [*_group(group, len(heads) + len(row), first=not under)]
                under = group
            lines.append("<tr>")
            if labelled:
                lines += self._row_heads(key, heads, before)
                before = key
            lines += [
                f"<td{_classes(prose=prose[i], long=len(cell) > SENTENCE)}"
                f' data-label="{escape(self._label(i))}"{_side(self.frame.iloc[:, i])}>'
                f"{_unbroken(cell)}</td>"
                for i, cell in enumerate(row)
            ]
            lines.append("</tr>")
        return "\n".join([*lines, "</tbody>", "</table>", "</div>"])

    def text(self) -> str:
        """Return the table as plain text, its caption first."""
        index = pd.MultiIndex.from_tuples([tuple(key) for key in self._labels()])
        columns = [self._label(i) for i in range(self.frame.shape[1])]
        frame = pd.DataFrame(self.cells, columns=columns, index=index)
        frame.index.names = [str(words(name, self.topic)) for name in self.frame.index.names]
        return f"{self.caption}\n\n{frame.to_string()}"

    def _words(self, column: Any) -> Words:
        return words(column[-1] if isinstance(column, tuple) else column, self.topic)

    def _label(self, i: int) -> str:
        column = self.frame.columns[i]
        parts = column if isinstance(column, tuple) else (column,)
        return ", ".join(str(words(part, self.topic)) for part in parts if str(part))

    def _labels(self) -> list[list[str]]:
        keys = [key if isinstance(key, tuple) else (key,) for key in self.frame.index]
        kinds = [words(name, self.topic) for name in self.frame.index.names]
        levels = [
            [readable(words(value, self.topic).words) for value in values]
            if not pd.api.types.is_numeric_dtype(pd.Series(values))
            else written(pd.Series(values), kind.kind)
            for kind, values in zip(kinds, zip(*keys, strict=True), strict=True)
        ]
        return [list(key) for key in zip(*levels, strict=True)]

    def _heads(self, level: int) -> list[str]:
        parts = [c if isinstance(c, tuple) else (c,) for c in self.frame.columns]
        if not parts:
            return []
        last = level == len(parts[0]) - 1
        heads: list[str] = []
        at = 0
        while at < len(parts):
            width = 1
            while (
                not last
                and at + width < len(parts)
                and parts[at + width][: level + 1] == parts[at][: level + 1]
            ):
                width += 1
            text = escape(str(words(parts[at][level], self.topic)))
            scope = "col" if last else "colgroup"
            span = f' colspan="{width}"' if width > 1 else ""
            side = _side(self.frame.iloc[:, at]) if last else ""
            heads.append(f'<th scope="{scope}"{span}{side}>{text}</th>')
            at += width
        return heads

    @staticmethod
    def _row_heads(key: list[str], heads: list[str], before: list[str]) -> list[str]:
        cells = []
        for level, text in enumerate(key):
            again = (
                ' class="again"'
                if level < len(key) - 1 and key[: level + 1] == before[: level + 1]
                else ""
            )
            label = f' data-label="{escape(heads[level])}"' if heads[level] else ""
            cells.append(f'<th scope="row"{again}{label}>{escape(text)}</th>')
        return cells


def show_table(frame: pd.DataFrame, caption: str, topic: str = "", fold: str = "") -> None:
    """Display a table: median and range over several seeds, with the single seeds folded below.

    Parameters
    ----------
    frame
        Table to show. A level ``seed`` of its rows is summarised; a column without a value is left
        out. The catalogue :mod:`grokbook.figures.words` turns names into words.
    caption
        One sentence: what the table holds, and of which runs.
    topic
        Topic whose words to prefer, a key of :data:`grokbook.figures.words.TOPICS`.
    fold
        What a reader opens to see the table; if empty, the table is open.

    Raises
    ------
    ValueError
        If the caption is empty.
    """
    from IPython.display import display

    shown = tables(frame, caption, topic)
    if fold:
        shown["text/html"] = _folded(fold, shown["text/html"])
    display(shown, raw=True)


def tables(frame: pd.DataFrame, caption: str, topic: str = "") -> dict[str, str]:
    """Return what :func:`show_table` displays, by type."""
    if not caption.strip():
        raise ValueError("a table needs a caption: say in a sentence what it holds")
    if frame.empty:  # for example if nothing is recorded yet
        nothing = f"{caption} There is nothing to show."
        return {"text/html": f"<p>{escape(nothing)}</p>", "text/plain": nothing}
    frame = frame.infer_objects()
    seeds = frame.index.get_level_values(SEED).nunique() if SEED in frame.index.names else 0
    if seeds < 2 or frame.index.nlevels < 2:
        whole = Table(frame, caption, topic)
        return {"text/html": whole.html(), "text/plain": whole.text()}
    rest = [str(name) for name in frame.index.names if name != SEED]
    middle = Table(
        over_seeds(frame, topic), f"{caption} Median of the seeds, and their range.", topic
    )
    order = frame.reorder_levels([*rest, SEED]).index
    each = Table(frame.reorder_levels([*rest, SEED]).loc[order], "Every seed.", topic)
    html = f"{middle.html()}\n{_folded('Every seed', each.html())}"
    return {"text/html": html, "text/plain": f"{middle.text()}\n\n{each.text()}"}


def _folded(summary: str, html: str) -> str:
    head = f'<details class="grokbook-seeds"><summary>{escape(summary)}</summary>'
    return f"{head}\n{html}\n</details>"


def over_seeds(frame: pd.DataFrame, topic: str = "") -> pd.DataFrame:
    """Summarise the seeds of each row as text: median and range, or counts of words.

    A step never reached counts as later than any other.

    >>> runs = pd.MultiIndex.from_product([["MNIST"], [0, 1, 2]], names=["task", "seed"])
    >>> over_seeds(pd.DataFrame({"test_50": [10, 40, np.nan]}, index=runs)).loc["MNIST", "test_50"]
    '40 (10 to never)'
    """
    rest = [str(name) for name in frame.index.names if name != SEED]
    groups = frame.groupby(level=rest if len(rest) > 1 else rest[0], sort=False)
    columns: dict[Any, pd.Series] = {}
    for at, column in enumerate(frame.columns):
        if _empty(frame.iloc[:, at]):
            continue
        kind = words(column[-1] if isinstance(column, tuple) else column, topic)
        columns[column] = pd.Series(
            {key: _summary(group.iloc[:, at], kind) for key, group in groups}, dtype=object
        )
    summed = pd.DataFrame(columns)
    summed.index = (
        pd.MultiIndex.from_tuples(summed.index, names=rest)
        if len(rest) > 1
        else pd.Index(summed.index, name=rest[0])
    )
    return summed


def _summary(values: pd.Series, kind: Words) -> str:
    missing = NEVER if kind.unit == "step" else MISSING
    if _empty(values):
        return missing
    if kind.kind == "counted":
        return f"{int(values.sum())} of {len(values)}"
    if not _is_number(values):
        counts = values[values.map(lambda value: _word(value) != MISSING)].value_counts()
        return "; ".join(f"{text}: {count} of {len(values)}" for text, count in counts.items())
    numbers = values.astype(float)
    numbers = numbers.fillna(np.inf) if missing == NEVER else numbers.dropna()
    shown = pd.Series([numbers.median(), numbers.min(), numbers.max()])
    middle, low, high = written(shown.replace(np.inf, np.nan), kind.kind, missing)
    return middle if low == high else f"{middle} ({low.removesuffix(' %')} to {high})"


def written(values: pd.Series, kind: str = "", missing: str = MISSING) -> list[str]:
    """Return a column of values as text, all with the same number of decimals.

    >>> written(pd.Series([0.5, 12.25, None]))
    ['0.50', '12.25', '–']
    >>> written(pd.Series([20400, 809]), "count"), written(pd.Series([0.123, 1]), "share")
    (['20,400', '809'], ['12.3 %', '100.0 %'])
    >>> written(pd.Series([146200.0, 0.00123, 193.04]), "significant")
    ['1.46 × 10⁵', '0.00123', '193']
    >>> written(pd.Series([7e-13, 6643.2]), "step"), written(pd.Series([-0.0003, 0.17]), "decades")
    (['before 1', '6,643'], ['0.000', '0.170'])
    """
    texts = _texts(values, kind)
    return [missing if text == MISSING else text for text in texts]


def _texts(values: pd.Series, kind: str) -> list[str]:
    if not _is_number(values):
        return [_word(value) for value in values]
    numbers = [float("nan") if pd.isna(value) else float(value) for value in values]
    if kind == "label":
        return [_number(number, "{:g}") for number in numbers]
    if kind == "share":
        return [_number(100 * number, "{:.1f} %") for number in numbers]
    if kind == "decades":
        return [_number(number, "{:.3f}") for number in numbers]
    if kind == "step":
        early = [0 < number < 1 for number in numbers]
        texts = [_number(number, "{:,.0f}") for number in numbers]
        return ["before 1" if soon else text for soon, text in zip(early, texts, strict=True)]
    whole = all(np.isnan(number) or number == np.round(number) for number in numbers)
    if kind == "count" or (whole and pd.api.types.is_integer_dtype(values.dtype)):
        return [_number(number, "{:,.0f}") for number in numbers]
    sizes = [abs(number) for number in numbers if np.isfinite(number) and number != 0]
    low, high = (min(sizes), max(sizes)) if sizes else (1.0, 1.0)
    alike = low >= 1e-3 and high < 1e5 and high / low <= (1e2 if kind == "significant" else 1e4)
    if not alike:
        return [_significant(number) for number in numbers]
    return [_number(number, f"{{:,.{_decimals(sizes)}f}}") for number in numbers]


def _decimals(sizes: list[float]) -> int:
    """Decimals that give the largest number three digits and the smallest two, at most four."""
    if not sizes:
        return 0
    low, high = (int(np.floor(np.log10(size))) for size in (min(sizes), max(sizes)))
    return int(np.clip(max(2 - high, 1 - low), 0, 4))


def _number(number: float, pattern: str) -> str:
    if np.isnan(number):
        return MISSING
    if np.isinf(number):
        return "∞" if number > 0 else "−∞"
    text = readable(pattern.format(number))
    if not text.strip("-0.,% "):
        text = text.lstrip("-")  # no negative zero
    return text.replace("-", "−")


def _significant(number: float) -> str:
    if np.isnan(number) or np.isinf(number):
        return _number(number, "{}")
    if number == 0:
        return "0"
    power = int(np.floor(np.log10(abs(float(f"{number:.2e}")))))
    if -4 < power < 5:
        return _number(number, f"{{:,.{max(0, 2 - power)}f}}")
    return _number(number / 10.0**power, "{:.2f}") + f" × {ten_to(power)}"


def _word(value: Any) -> str:
    if value is None or (not isinstance(value, str | list | tuple | dict) and pd.isna(value)):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return _significant(float(value))
    return readable(str(value).strip()) or MISSING


def _is_number(values: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(values.dtype):
        return False
    return pd.api.types.is_numeric_dtype(values.dtype)


def _empty(values: pd.Series) -> bool:
    return bool(values.map(lambda value: _word(value) == MISSING).all())


def _side(values: pd.Series) -> str:
    """Return the style that aligns numbers to the right, words to the left."""
    texts = [_word(value) for value in values]
    numeric = _is_number(values) or all(
        text == MISSING or text[0] in "0123456789−-+.∞" or text.startswith("never")
        for text in texts
    )
    return f' style="text-align: {"right" if numeric else "left"}"'


def _unbroken(cell: str) -> str:
    """Return a cell as HTML with unbroken numbers, and a range below its median.

    A checksum may break after every sixteen digits, the name of a statement after its dots, that of
    a column after its underscores.
    """
    cell = escape(cell).replace(" %", "&nbsp;%").replace(" × ", "&nbsp;×&nbsp;")
    cell = re.sub(r"[0-9a-f]{16}(?=[0-9a-f]{8})", r"\g<0><wbr>", cell)
    cell = re.sub(r"\bC\d+(\.[\w-]+)+", lambda name: name[0].replace(".", ".<wbr>"), cell)
    cell = re.sub(r"(?<=[a-z\d])_(?=[a-z\d&])", "_<wbr>", cell)
    return re.sub(r" (\([^()]+ to [^()]+\))$", r' <span class="range">\1</span>', cell)


def _classes(**kinds: bool) -> str:
    names = " ".join(name for name, so in kinds.items() if so)
    return f' class="{names}"' if names else ""


def _group(name: str, columns: int, *, first: bool) -> list[str]:
    head = f'<th scope="rowgroup" colspan="{columns}">{escape(name)}</th>'
    return [*([] if first else ["</tbody>", "<tbody>"]), f'<tr class="group">{head}</tr>']


def _corner(head: str, span: str) -> str:
    return f'<th scope="col"{span}>{escape(head)}</th>' if head else f"<td{span}></td>"
