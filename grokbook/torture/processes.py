"""Processes to kill: each is forked from one that has imported everything and computed nothing.

Importing torch takes seconds, forking takes milliseconds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

_CONTEXT = get_context("forkserver")
_IMPORTED = [
    *("grokbook.torture.command_lines", "grokbook.cli.training", "grokbook.cli.reading"),
    *("grokbook.figures.catalogue", "pyarrow.parquet", "sklearn.datasets", "papermill"),
]


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes
    ----------
    code : int
        Its exit status; negative is the number of the signal that ended it.
    said : str
        What it wrote on standard error.
    value : object
        The return value of its function, as JSON; None if it did not return.
    """

    code: int
    said: str
    value: Any = None

    def wrong(self) -> str:
        """Return what is wrong with the end, a traceback or a signal; empty if it is neither."""
        if "Traceback (most recent call last)" in self.said:
            return f"a traceback: {last_line(self.said)}"
        if self.code < 0:
            return f"ended by signal {-self.code}"
        return ""


class Process:
    """A function that runs in a separate process.

    Parameters
    ----------
    folder : Path
        Folder for the output and return value of the process; no other process may use it.
    function : callable
        Module-level function; JSON must be able to hold its return value.
    arguments : object
        Its arguments.
    """

    def __init__(self, folder: Path, function: Callable[..., Any], *arguments: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for name in ("said", "value", "begun"):
            (folder / name).unlink(missing_ok=True)
        _CONTEXT.set_forkserver_preload(_IMPORTED)
        self._process = _CONTEXT.Process(target=_live, args=(str(folder), function, arguments))
        self._process.start()

    def wait_for_begin(self) -> None:
        """Wait until the function is called."""
        while self._process.is_alive() and not (self._folder / "begun").exists():
            time.sleep(0.001)

    def wait_for_end(self, seconds: float) -> float:
        """Wait until it has ended, or for at most so long; return the time waited."""
        began = time.perf_counter()
        while self._process.is_alive() and time.perf_counter() - began < seconds:
            time.sleep(0.001)
        return time.perf_counter() - began

    def kill(self, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send it a signal; return whether it was still running."""
        if not self._process.is_alive() or self._process.pid is None:
            return False
        try:
            os.kill(self._process.pid, number)
        except ProcessLookupError:  # it has ended since
            return False
        return True

    def wait(self, seconds: float) -> Ended:
        """Wait for its end; after the time limit stop it as by Ctrl-C, then kill it."""
        self._process.join(seconds)
        for number in (signal.SIGINT, signal.SIGKILL):
            if self.kill(number):
                self._process.join(60)
        said, value = self._folder / "said", self._folder / "value"
        code = self._process.exitcode
        return Ended(
            -signal.SIGKILL if code is None else code,
            said.read_text(encoding="utf-8", errors="replace") if said.exists() else "",
            json.loads(value.read_text(encoding="utf-8")) if value.exists() else None,
        )


def run(folder: Path, function: Callable[..., Any], *arguments: Any, seconds: float = 120) -> Ended:
    """Call a function in a separate process, as :class:`Process` does, and wait for its end."""
    return Process(folder, function, *arguments).wait(seconds)


def last_line(text: str) -> str:
    """Return the last line that is not empty, or the empty text."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _live(folder: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Run in the process: write output to a file, handle Ctrl-C, exit with a status."""
    import torch

    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    said = os.open(f"{folder}/said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number, descriptor in enumerate((nowhere, nowhere, said)):
        os.dup2(descriptor, number)
    # The inherited streams belong to another process.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    torch.set_num_threads(1)
    code = 0
    try:
        Path(folder, "begun").touch()
        value = function(*arguments)
        Path(folder, "value").write_text(json.dumps(value), encoding="utf-8")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # what Python would print
        traceback.print_exc()
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    os._exit(code)
