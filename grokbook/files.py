"""Files that are either whole or as they were."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomically(path: Path, write: Callable[[Any], object]) -> None:
    """Call ``write(binary file)`` so that ``path`` holds either its old content or all of the new.

    The temporary file lies in the same folder, is flushed to disk, and is then renamed.
    """
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False
    ) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    os.chmod(file.name, 0o644)  # temporary files are private by default, records are not
    os.replace(file.name, path)
