"""The code, the versions and the machine that made a run."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from grokbook._support.version import __version__


def provenance(device: torch.device) -> dict[str, Any]:
    """Return the part of a run's manifest that says how it was made.

    Time, grokbook's version and git commit (and whether its code differed from it), the versions of
    torch and Python, device, processor and number of threads.
    """
    commit, dirty = _git()
    return {
        "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
        "grokbook": __version__,
        "git_commit": commit,
        "git_dirty": dirty,
        "torch": str(torch.__version__),  # not the str subclass, which no checkpoint restores
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
    }


def _git() -> tuple[str | None, bool | None]:
    """Commit of the repository that holds this package, and whether its code was changed since.

    A package installed into a `.venv` inside the user's project lies in a repository that does not
    track its files; that repository says nothing about them.
    """
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(package), *arguments],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    try:
        git("ls-files", "--error-unmatch", "--", "__init__.py")
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def cpu_name() -> str:
    """Name of the processor."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
