"""Tables as text that fits the terminal: long cells are wrapped, nothing is cut off."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

GAP = 2


def fitted(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return a table as text no wider than the terminal.

    Parameters
    ----------
    header, rows
        The cells as text, each row as long as the header.
    width
        Width in characters; by default that of the terminal or of ``COLUMNS``, or 80.

    Examples
    --------
    >>> print(fitted(["run", "said"], [["a", "it groks late"]], width=12))
    run  said
    a    it
         groks
         late
    """
    width = width or shutil.get_terminal_size().columns
    columns = list(zip(header, *rows, strict=True))
    wide = [max(map(len, column)) for column in columns]
    least = [min(most, max(8, len(column[0]))) for most, column in zip(wide, columns, strict=True)]
    room = width - GAP * (len(wide) - 1)
    while sum(wide) > room:  # shrink the widest column, at most to its header
        most = max(range(len(wide)), key=lambda i: wide[i] - least[i])
        if wide[most] <= least[most]:
            least = [min(each, 4) for each in least]
            most = max(range(len(wide)), key=lambda i: wide[i])
            if wide[most] <= least[most]:
                break
        wide[most] -= 1
    lines = []
    for row in (header, *rows):
        cells = [textwrap.wrap(cell, each) or [""] for cell, each in zip(row, wide, strict=True)]
        for i in range(max(map(len, cells))):
            line = (" " * GAP).join(
                (cell[i] if i < len(cell) else "").ljust(each)
                for cell, each in zip(cells, wide, strict=True)
            )
            lines.append(line.rstrip())
    return "\n".join(lines)
