"""Ctrl-C that waits until nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts() -> Iterator[Callable[[], None]]:
    """Hold back Ctrl-C; call the yielded function wherever it may be raised.

    A second Ctrl-C does not wait. Nothing changes outside the main thread, which gets no signals,
    or where Ctrl-C is ignored, as in a shell's background job.

    Yields
    ------
    callable
        Passes a held Ctrl-C to the previous handler, which usually raises `KeyboardInterrupt`.
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
