"""Atomic writes: a file is replaced whole or left as it was."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from operator import methodcaller
from pathlib import Path
from typing import Any


def write_atomically(path: Path, write: Callable[[Any], object]) -> None:
    """Call ``write(binary file)`` so that ``path`` holds either its old content or all of the new.

    The temporary file lies in the same folder, is flushed to disk, and is then renamed. An error
    leaves none behind. If ``path`` is a symbolic link, the file that it points to is replaced.
    """
    path = target(path)
    with _written_beside(path, write) as new:
        os.replace(new, path)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together, all or none.

    Nothing is touched before all the new content is on disk. Then the old files are moved aside,
    the last one first, and the new ones take their places, the last one last, so a reader that
    opens the last one first never finds it with files of another version. If that fails, the old
    files are put back.
    """
    contents = {target(path): content for path, content in contents.items()}
    with ExitStack() as temporaries:
        new = {
            path: temporaries.enter_context(_written_beside(path, methodcaller("write", content)))
            for path, content in contents.items()
        }
        old = {path: path.with_name(f".{path.name}.old.tmp") for path in reversed(new)}
        for aside in old.values():  # left by a killed process
            aside.unlink(missing_ok=True)
        existing = [path for path in old if path.exists()]
        try:
            for path in existing:
                os.replace(path, old[path])
            for path, file in new.items():
                os.replace(file, path)
        except BaseException:
            for path in new:
                if path not in existing:
                    path.unlink(missing_ok=True)
                elif old[path].exists():
                    os.replace(old[path], path)
            raise
        for path in existing:
            with suppress(OSError):  # the new ones are in place
                old[path].unlink()


def target(path: Path) -> Path:
    """Return the path to write to: ``path``, or the file that it points to as a symbolic link."""
    return path.resolve() if path.is_symlink() else path


def remove_left_over(path: Path) -> None:
    """Remove the temporary files that killed processes left next to ``path``.

    No other process may be writing ``path``. Old files that were moved aside stay: they may be the
    only copy.
    """
    for file in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        if not file.name.endswith(".old.tmp"):
            with suppress(OSError):
                file.unlink()


@contextmanager
def _written_beside(path: Path, write: Callable[[Any], object]) -> Iterator[Path]:
    """Yield a temporary file next to ``path``, flushed to disk; remove it afterwards if it exists.

    ``write`` gets the open binary file. Its mode is that of any new file: the user's umask and the
    file system decide.
    """
    new = path.with_name(f".{path.name[:_NAME]}.{secrets.token_hex(4)}.tmp")
    try:
        with open(new, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        yield new
    finally:
        new.unlink(missing_ok=True)


_NAME = 200
"""How many characters of a file's name its temporary file repeats: names are limited."""
