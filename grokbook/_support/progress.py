"""Progress lines and bars on standard error; a line that cannot be printed is dropped."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tqdm import tqdm


def say(line: str) -> None:
    """Print a line on standard error at once, if the process has one."""
    with suppress(OSError, ValueError, AttributeError):
        print(line, file=sys.stderr, flush=True)


@contextmanager
def ticking_bar(total: int, unit: str) -> Iterator[Any]:
    """Show a progress bar whose clock keeps running between updates.

    Parameters
    ----------
    total
        Number of items.
    unit
        Name of one item.

    Yields
    ------
    tqdm
        Call its ``update()`` after each item.
    """
    ended = threading.Event()
    pause = 1.0 if sys.stderr is not None and sys.stderr.isatty() else 30.0  # logs keep each
    with tqdm(total=total, unit=unit, dynamic_ncols=True) as bar:

        def tick() -> None:
            while not ended.wait(pause):
                bar.refresh()

        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        try:
            yield bar
        finally:
            ended.set()
            clock.join()
