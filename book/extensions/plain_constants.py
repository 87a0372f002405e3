"""Write constants in the reference as readers need them.

A value that would fill a page is left out: its name, type and words remain, and its
source is one click away. A colon in the first line of a docstring is a colon, where
napoleon takes what is before it for a type.
"""

from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.autodoc import DataDocumenter
from sphinx.util.inspect import object_description

TYPE = ":type: "

LONGEST = 300
"""Characters of the longest value that is shown."""


class BriefDataDocumenter(DataDocumenter):
    """Documents a module's constant, with its value if that is short."""

    def should_suppress_value_header(self) -> bool:
        """Say whether to leave out the value."""
        return (
            super().should_suppress_value_header()
            or len(object_description(self.object)) > LONGEST
        )


def keep_colon(_: Sphinx, what: str, *others: Any) -> None:
    """Join what napoleon parted at a colon into a type and a description."""
    lines: list[str] = others[-1]
    for i, line in enumerate(lines):
        if what in ("data", "attribute") and line.startswith(TYPE):
            lines[0] = f"{line.removeprefix(TYPE)}: {lines[0]}"
            del lines[i]
            break


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, in place of its own documenter and after napoleon."""
    app.setup_extension("sphinx.ext.autodoc")
    app.add_autodocumenter(BriefDataDocumenter, override=True)
    app.connect("autodoc-process-docstring", keep_colon, 600)
    return {"parallel_read_safe": True}
