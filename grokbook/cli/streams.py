"""Standard streams as users have them: closed, full, cut off by a pipe, in any encoding."""

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
    """Make standard streams ones that no command fails on.

    A closed one is replaced by one that takes everything; a character that the output's encoding
    has not becomes a question mark; progress that cannot be shown is not shown. A reader that
    leaves, as ``head`` does, ends the command without a word, a full device in one sentence.
    """
    for descriptor in range(3):  # else the next file opened is taken for standard error
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
        sys.exit(141)  # as a shell tells a command that SIGPIPE ended
    except OSError as error:
        if not _cannot_write(error):
            raise
        _drop_output()
        sys.exit(f"grokbook: the output cannot be written ({reason(error)}).")
    finally:
        sys.stderr = errors


def _cannot_write(error: OSError) -> bool:
    """Whether it is standard output that failed: it fails again when asked to write."""
    if error.filename is not None:
        return False
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")
    except (OSError, ValueError):
        return True
    return False


def _drop_output() -> None:
    """Send what is still to be written nowhere, or Python would fail on it as it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Forgiving:
    """A text stream whose failures are passed over: what it shows is never worth a run."""

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
