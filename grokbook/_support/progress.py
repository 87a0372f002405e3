"""What is said while something takes long: on standard error, and never worth a failure."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tqdm import tqdm


def say(line: str) -> None:
    """Print a line on standard error at once, if there is one."""
    with suppress(OSError, ValueError, AttributeError):
        print(line, file=sys.stderr, flush=True)


@contextmanager
def ticking_bar(total: int, unit: str) -> Iterator[Any]:
    """Show a progress bar whose clock goes on while nothing is done yet.

    Parameters
    ----------
    total
        How many there are.
    unit
        Of what.

    Yields
    ------
    tqdm
        ``update()`` it for each that is done.
    """
    ended = threading.Event()
    pause = 1.0 if sys.stderr is not None and sys.stderr.isatty() else 30.0  # a log keeps each
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
