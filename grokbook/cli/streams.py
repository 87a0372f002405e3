"""Robust standard streams: closed, full, cut off by a pipe, in any encoding."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from grokbook._support.errors import reason


@contextmanager
def made_safe() -> Iterator[None]:
    """Replace the standard streams by ones on which no command fails.

    A closed stream is replaced by one that accepts everything, and a character outside the output's
    encoding becomes a question mark. Progress that cannot be shown is dropped. A reader that stops,
    as ``head`` does, ends the command silently; a full device ends it with one sentence.
    """
    for descriptor in range(3):  # otherwise the next opened file becomes standard error
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    errors = sys.stderr
    sys.stderr = _Forgiving(errors)
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        sys.exit(141)  # the exit status of a command that SIGPIPE ended
    except OSError as error:
        if not _cannot_write(error):
            raise
        _drop_output()
        sys.exit(f"grokbook: the output cannot be written ({reason(error)}).")
    finally:
        sys.stderr = errors


def _cannot_write(error: OSError) -> bool:
    """Whether standard output failed: it then fails again on writing."""
    if error.filename is not None:
        return False
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")
    except (OSError, ValueError):
        return True
    return False


def _drop_output() -> None:
    """Discard unwritten output, on which Python would otherwise fail as it exits."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Forgiving:
    """A text stream that ignores failures: what it shows must never cost a run."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
