"""Ctrl-C that waits for a moment at which nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts() -> Iterator[Callable[[], None]]:
    """Note Ctrl-C in place of raising at once; call what is yielded wherever it may be raised.

    A second Ctrl-C does not wait. Outside the main thread, where no signal arrives, and where
    Ctrl-C is ignored, as in a shell's background job, nothing is changed.

    Yields
    ------
    callable
        Hands a Ctrl-C that was noted to the handler that was there before: usually it raises
        `KeyboardInterrupt`.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return
    noted: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        if noted:
            before(number, frame)
        noted.append((number, frame))

    def deliver() -> None:
        if noted:
            arrived = noted[0]
            noted.clear()
            before(*arrived)

    signal.signal(signal.SIGINT, note)
    try:
        yield deliver
    finally:
        signal.signal(signal.SIGINT, before)
        deliver()
