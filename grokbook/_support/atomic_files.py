"""Files that are either whole or as they were."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from operator import methodcaller
from pathlib import Path
from typing import Any


def write_atomically(path: Path, write: Callable[[Any], object]) -> None:
    """Call ``write(binary file)`` so that ``path`` holds either its old content or all of the new.

    The temporary file lies in the same folder, is flushed to disk, and is then renamed; none is
    left behind on an error.
    """
    with _written_beside(path, write) as new:
        os.replace(new, path)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together, all or none.

    Nothing is touched before all the new content is on disk. Then the old files are moved aside,
    the last one first, and the new ones take their places, the last one last: whoever looks for the
    last one first never finds it beside files of another time. If that fails, the old files are put
    back.
    """
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


@contextmanager
def _written_beside(path: Path, write: Callable[[Any], object]) -> Iterator[Path]:
    """Yield a temporary file beside ``path``, flushed to disk; it is removed if it is still there.

    ``write`` is given the open binary file.
    """
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False
    ) as file:
        new = Path(file.name)
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    try:
        os.chmod(new, 0o644)  # temporary files are private by default, records are not
        yield new
    finally:
        new.unlink(missing_ok=True)
