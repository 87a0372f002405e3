"""Where recorded runs and tables lie."""

from __future__ import annotations

import os
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def default_root() -> Path:
    """``GROKBOOK_RUNS`` if set and not empty, else ``runs/`` in the checkout or working folder."""
    if named := os.environ.get("GROKBOOK_RUNS"):
        return Path(named)
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / "runs"
    return Path.cwd() / "runs"


def roots(root: Path | None = None) -> list[Path]:
    """Return the folders where a table that comes with the book is looked for, in order.

    ``root`` alone if given; else :func:`default_root`, then the checkout's ``runs/``: another store
    of runs does not hide what the book brings along.
    """
    return [default_root(), _CHECKOUT / "runs"] if root is None else [root]


def changed(path: Path, content: bytes | None) -> bool:
    """Whether a file is gone or other than it was; not if it cannot be read, as before."""
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return True
    except OSError:
        return False
