"""Display of figures: ``show`` in a notebook, ``FigureOnPage`` in the built book.

A notebook output holds three forms of a figure: PNG, for JupyterLab, Colab and GitHub; its
alternative text, for readers of text; and an SVG of a type only the book knows, which follows the
page's light or dark mode, scales to its width and carries the alternative text as accessible name.
Figures with stacked panels have a second form with panels side by side, for wide pages.
myst-nb finds ``FigureOnPage`` through the entry point in ``pyproject.toml``.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, ClassVar

from matplotlib.figure import Figure

from grokbook.figures.style import png, side_by_side, svg

MIME = "application/vnd.grokbook.figure"


def show(figure: Figure) -> None:
    """Display a figure in a notebook, with its label as alternative text.

    Raises
    ------
    ValueError
        If the figure has no label to serve as alternative text.
    """
    from IPython.display import display

    alt = str(figure.get_label())
    if not alt:
        raise ValueError(
            "the figure has no alternative text: give it one with figure.set_label(...)"
        )
    bundle = {
        MIME: on_page(figure),
        "image/png": b64encode(png(figure)).decode(),
        "text/plain": alt,
    }
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def on_page(figure: Figure) -> str:
    """Return the drawings of a figure for a page: one, or two of which the page shows one."""
    wide = side_by_side(figure)
    return svg(figure) if wide is None else svg(figure, "narrow") + svg(wide, "wide")


class FigureOnPage:
    """Render the book's own figure type as inline SVG, so that it follows the page's colours."""

    mime_priority_overrides: ClassVar = [("html", MIME, 1), ("dirhtml", MIME, 1)]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[Any] | None:
        """Return the nodes of one of our figures; leave every other type unchanged."""
        if data.mime_type != MIME:
            return None
        from docutils import nodes

        return [nodes.raw("", data.string, format="html")]
