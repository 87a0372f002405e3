"""The numbers in a chapter's text, filled in from the results of its cells.

In a markdown cell a number is written ``<output name="delay">8.3</output>``. Any reader of
notebooks shows 8.3 and hides the tag; ``name`` is the name under which a cell glued the value, so
that the number can be updated after every execution.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from grokbook._support.errors import InputError
from grokbook._support.notation import readable

NUMBER = re.compile(r'<output name="([^"]+)">(.*?)</output>', re.DOTALL)
"""A number in the text: its name and the shown value."""

GLUED = "application/papermill.record/text/plain"
"""The MIME type under which ``myst_nb.glue`` stores a value that it does not display."""


def glued(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Return what the cells of an executed notebook glued, as text by name."""
    values = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "scrapbook" in output.get("metadata", {}):
                text = _joined(output["data"][GLUED])
                values[output["metadata"]["scrapbook"]["name"]] = _unquoted(text)
    return values


def numbers(notebook: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every number of the text, in order: its name and the shown value."""
    return [
        (name, shown)
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown"
        for name, shown in NUMBER.findall(_joined(cell["source"]))
    ]


def fill(notebook: Any) -> None:
    """Write the glued values into the text of an executed notebook, in place.

    Parameters
    ----------
    notebook
        The notebook as read by nbformat, with its outputs.

    Raises
    ------
    InputError
        If the text has a number that no cell glued.

    Examples
    --------
    >>> record = {"data": {GLUED: "'8.3'"}, "metadata": {"scrapbook": {"name": "delay"}}}
    >>> text = {"cell_type": "markdown", "source": '<output name="delay"></output> times'}
    >>> fill({"cells": [{"cell_type": "code", "outputs": [record]}, text]})
    >>> text["source"]
    '<output name="delay">8.3</output> times'
    """
    values = glued(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = NUMBER.sub(
                lambda number: _number(number[1], values), _joined(cell["source"])
            )


def _number(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise InputError(
            f"The text shows {name!r}, which no cell glued; glued are {', '.join(values)}."
        )
    return f'<output name="{name}">{escape(values[name], quote=False)}</output>'


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _unquoted(text: str) -> str:
    """Return the text of a glued string, recorded as its ``repr``; of other values, as it is."""
    return readable(str(ast.literal_eval(text)) if text[:1] in "'\"" else text)
