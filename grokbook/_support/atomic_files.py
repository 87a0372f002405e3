"""Files that are either whole or as they were."""

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

    The temporary file lies in the same folder, is flushed to disk, and is then renamed; none is
    left behind on an error. Where ``path`` is a symbolic link, the file that it names is replaced.
    """
    path = target(path)
    with _written_beside(path, write) as new:
        os.replace(new, path)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together, all or none.

    Nothing is touched before all the new content is on disk. Then the old files are moved aside,
    the last one first, and the new ones take their places, the last one last: whoever looks for the
    last one first never finds it beside files of another time. If that fails, the old files are put
    back.
    """
    contents = {target(path): content for path, content in contents.items()}
    with ExitStack() as temporaries:
        new = {
            path: temporaries.enter_context(_written_beside(path, methodcaller("write", content)))
            for path, content in contents.items()
        }
        old = {path: path.with_name(f".{path.name}.old.tmp") for path in reversed(new)}
        for aside in old.values():  # what a killed process left
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
    """Return where a file is to be written: behind a symbolic link, what it names."""
    return path.resolve() if path.is_symlink() else path


def remove_left_over(path: Path) -> None:
    """Remove what processes that were killed left beside ``path``, which no other may be writing.

    Old files that were moved aside are none of it: they may be all there is.
    """
    for file in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        if not file.name.endswith(".old.tmp"):
            with suppress(OSError):
                file.unlink()


@contextmanager
def _written_beside(path: Path, write: Callable[[Any], object]) -> Iterator[Path]:
    """Yield a temporary file beside ``path``, flushed to disk; it is removed if it is still there.

    ``write`` is given the open binary file. It is created as any file of this user is: what the
    umask and the file system say of its mode stands.
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
"""So much of a file's name goes into that of its temporary file, which must not be longer than a
file system allows."""
