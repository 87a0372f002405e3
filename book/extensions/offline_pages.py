"""Take out of the built pages what a page without server and network cannot use.

The theme asks the browser to preload its icon fonts as from another origin, which a
browser refuses for a file and reports as an error; the fonts load all the same.
jupyter-book puts thebe, which runs cells on a remote kernel, into every page even
where it is switched off, and that twice, which is an error too.
"""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

UNUSABLE = re.compile(
    r'<link rel="preload" as="font"[^>]*>\s*'
    r"|<script>const THEBE_JS_URL[^<]*</script>\s*"
    r"|<script[^>]*sphinx-thebe\.js[^>]*></script>\s*"
)


def mend_pages(app: Sphinx, error: Exception | None) -> None:
    """Take it out of every page just written."""
    if error is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = page.read_text(encoding="utf-8")
            page.write_text(UNUSABLE.sub("", text), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("build-finished", mend_pages)
    return {"parallel_read_safe": True}
