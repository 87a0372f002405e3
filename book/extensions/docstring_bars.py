"""Let a vertical bar in a docstring be an absolute value, as in a terminal.

reStructuredText would take ``|x - y|`` for the name of a substitution. Code, in
backquotes or in an example, is left as it is.
"""

import re
from typing import Any

from sphinx.application import Sphinx

QUOTED = re.compile(r"(``.+?``|`.+?`)")


def escape_bars(lines: list[str]) -> None:
    """Escape, in place, every bar outside backquotes and examples."""
    in_example = False
    for i, line in enumerate(lines):
        in_example = bool(line.strip()) and (
            in_example or line.lstrip().startswith(">>>")
        )
        if not in_example:
            pieces = QUOTED.split(line)
            pieces[::2] = [piece.replace("|", r"\|") for piece in pieces[::2]]
            lines[i] = "".join(pieces)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, before the docstring is read as anything else."""
    app.connect(
        "autodoc-process-docstring",
        lambda *arguments: escape_bars(arguments[-1]),
        900,
    )
    return {"parallel_read_safe": True}
