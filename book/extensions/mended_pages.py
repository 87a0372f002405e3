"""Mend in the built pages what theme and jupyter-book leave broken.

The theme asks the browser to preload its icon fonts as from another origin, which a
browser refuses for a file and reports as an error; the fonts load all the same.
jupyter-book puts thebe, which runs cells on a remote kernel, into every page even
where it is switched off, and that twice, which is an error too. What opens a
chapter's pages in the side bar is an arrow without a name to be read out. The
bibliography is a list whose entries have a role that ARIA 1.2 no longer takes for
that of an item. And few fonts have the sign by which the status page says that all
cells of a page ran.
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
NAMELESS = re.compile(r'<summary>(?=<span class="toctree-toggle")')


def mend(page: str) -> str:
    """Return the text of a page without what is broken."""
    page = UNUSABLE.sub("", page).replace("<p>✅</p>", "<p>ran</p>")
    page = page.replace('role="doc-biblioentry"', 'role="listitem"')
    return NAMELESS.sub('<summary aria-label="Pages of this chapter">', page)


def mend_pages(app: Sphinx, error: Exception | None) -> None:
    """Mend every page just written."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            page = path.read_text(encoding="utf-8")
            path.write_text(mend(page), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("build-finished", mend_pages)
    return {"parallel_read_safe": True}
