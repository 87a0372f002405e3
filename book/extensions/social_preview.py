"""Tell programs that preview a link to a page what it is, in Open Graph tags.

Title, first plain paragraph, address, and one picture for all pages. The addresses
are absolute, below ``html_baseurl``, as the protocol asks; a browser fetches none.
"""

import textwrap
from html import escape
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200  # characters of a description


def describe(page: nodes.document) -> str:
    """Return the beginning of the first paragraph without a formula, "" if none."""
    for paragraph in page.findall(nodes.paragraph):
        if not any(paragraph.findall(nodes.math)):
            return textwrap.shorten(paragraph.astext(), LONGEST, placeholder=" …")
    return ""


def add_tags(
    app: Sphinx,
    name: str,
    _: str,
    context: dict[str, Any],
    page: nodes.document | None,
) -> None:
    """Add the tags to the head of a page; a page without a source has none."""
    if page is None:
        return
    config, description = app.config, describe(page)
    about = {
        "og:type": "website",
        "og:site_name": config.html_title,
        "og:title": app.env.titles[name].astext(),
        "og:description": description,
        "og:url": urljoin(config.html_baseurl, app.builder.get_target_uri(name)),
        "og:image": urljoin(config.html_baseurl, config.social_preview_image),
        "og:image:alt": config.social_preview_alt,
    }
    tags = [("property", key, content) for key, content in about.items()]
    tags += [("name", "description", description)]
    tags += [("name", "twitter:card", "summary_large_image")]
    context["metatags"] += "".join(
        f'\n<meta {kind}="{key}" content="{escape(content)}">'
        for kind, key, content in tags
        if content
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("social_preview_image", "", "html", str)
    app.add_config_value("social_preview_alt", "", "html", str)
    app.connect("html-page-context", add_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
