"""Give chapters that any reader of notebooks shows the look and links of the book.

A chapter as committed is plain Markdown. While a page is made, this turns it into
what Sphinx numbers and links:

- ``<output name="x">8.3</output>`` becomes the value that this build glued as x, in
  bold unless it is a sentence;
- ``[Liu et al. (2022)](address)`` becomes a citation, and in parentheses
  ``([Liu et al., 2022](address); ...)`` one in brackets, if the address is that of
  an entry of the bibliography, or ``references.bib#key`` where it has none;
- a cell ``<a id="thm-3-2"></a>**Theorem 3.2.** ...`` becomes a theorem, and a cell
  ``*Proof.* ... $\\square$`` a proof, which stays folded if the cell folds it by
  ``<details><summary>Proof</summary>``;
- a cell ``<a id="fig-4"></a>**Figure 4.** ...`` becomes the caption of the figure
  that the code cell before it shows;
- ``[text](chapter.ipynb#thm-3-2)`` becomes a reference to the theorem, and
  ``[`name`](../grokbook/module.py)`` one to the reference of the package.
"""

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from pybtex.database import parse_file
from sphinx.application import Sphinx

from grokbook._support.notation import readable
from grokbook.cli.prose import NUMBER

STATEMENTS = (
    "Corollary",
    "Definition",
    "Lemma",
    "Property",
    "Proposition",
    "Theorem",
)
STATEMENT = re.compile(
    rf'<a id="([\w-]+)"></a>\*\*({"|".join(STATEMENTS)}) ?([^*]*?)\.\*\*\s*(.*)',
    re.DOTALL,
)
PROOF = re.compile(r"\*Proof\.\*\s*(.*?)\s*\$\\square\$\s*", re.DOTALL)
FOLD = "<details><summary>Proof</summary>"
FOLDED = re.compile(rf"{FOLD}\s*(\*Proof\.\* .*?)\s*</details>\s*", re.DOTALL)
CAPTION = re.compile(
    r'<a id="(fig-[\w-]+)"></a>\*\*Figure \d*\.\*\*\s*(.*)', re.DOTALL
)

IN_BRACKETS = r"\[[^][]+,\s\d{4}\]\([^()\s]+\)"  # [Bach, 2022](address)
CITED = re.compile(
    rf"\(({IN_BRACKETS}(?:;\s+{IN_BRACKETS})*)\)"
    r"|(\[[^][]+\s\(\d{4}\)\]\([^()\s]+\))"  # [Liu et al. (2022)](address)
)
ADDRESS = re.compile(r"\]\(([^()\s]+)\)")
FIGURE = re.compile(r"\[Figure \d*\]\((?:\w+\.ipynb)?#(fig-[\w-]+)\)")
REFERENCE = re.compile(
    r"\[([^][]+)\]\((?:\w+\.ipynb)?#((?:cor|def|lem|prop|thm)-[\w-]+)\)"
)
SOURCE = re.compile(
    r"\[`([\w.]+)`\]\(\.\./(grokbook/[\w/]+?)(?:/__init__)?(?:\.py|/)\)"
)
TIMES = "<!-- the times of this build -->"


def addresses(bibliography: Path) -> dict[str, str]:
    """Return the key of every entry by the addresses that a text may link to."""
    keys = {}
    for key, entry in parse_file(str(bibliography)).entries.items():
        keys[f"{bibliography.name}#{key}"] = key
        if "url" in entry.fields:
            keys[entry.fields["url"]] = key
        elif "doi" in entry.fields:
            keys[f"https://doi.org/{entry.fields['doi']}"] = key
    return keys


def with_citations(text: str, keys: dict[str, str]) -> str:
    """Turn links to what is in the bibliography into citations."""

    def cite(match: re.Match[str]) -> str:
        found = [keys.get(address) for address in ADDRESS.findall(match[0])]
        if None in found:
            return match[0]
        kind = "p" if match[1] else "t"
        return f"{{cite:{kind}}}`{','.join(key for key in found if key)}`"

    return CITED.sub(cite, text)


def with_roles(text: str, keys: dict[str, str]) -> str:
    """Turn numbers, citations and links of plain Markdown into roles."""
    text = NUMBER.sub(r"{glue:text}`\1`", text)
    text = with_citations(text, keys)
    text = FIGURE.sub(r"{numref}`\1`", text)
    text = REFERENCE.sub(r"{prf:ref}`\1 <\2>`", text)
    return SOURCE.sub(documented, text)


def documented(link: re.Match[str]) -> str:
    """Turn a link to a module, or to what a module defines, into its reference."""
    name, path = link.groups()
    dotted = path.replace("/", ".")
    target = dotted if name == dotted else f"{dotted}.{name}"
    return f"{{py:obj}}`{name} <{target}>`"


def with_statement(text: str) -> str:
    """Turn a cell that is a statement or a proof into its directive."""
    if match := STATEMENT.fullmatch(text):
        label, kind, title, body = match.groups()
        head = f"````{{prf:{kind.lower()}}} {title.strip('()')}"
        return f"{head}\n:label: {label}\n:nonumber:\n\n{body}\n````"
    if match := FOLDED.fullmatch(text):
        return f"{FOLD}\n\n{with_statement(match[1])}\n\n</details>"
    if match := PROOF.fullmatch(text):
        return f"````{{prf:proof}}\n{match[1]}\n````"
    return text.replace(TIMES, "```{nb-exec-table}\n```")


def as_myst(notebook: dict[str, Any], keys: dict[str, str]) -> None:
    """Turn the text of a chapter, in place, into what its page is made from."""
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = with_roles("".join(cell["source"]), keys)
            if caption := CAPTION.fullmatch(text):
                figure = {"name": caption[1], "caption": caption[2].strip()}
                cells[-1]["metadata"].setdefault("mystnb", {})["figure"] = figure
                continue
            cell["source"] = with_statement(text)
        cells.append(cell)
    notebook["cells"] = cells


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Turn a chapter as it is read, before anything else sees it."""
    path = Path(app.env.doc2path(page))
    if path.suffix == ".ipynb":
        notebook = json.loads(source[0])
        as_myst(notebook, addresses(Path(app.srcdir) / "references.bib"))
        source[0] = json.dumps(notebook)


SENTENCE = 40
"""Characters from which a glued value is a sentence, and not set in bold."""


def write_values(_: Sphinx, page: nodes.document, __: str) -> None:
    """Write the values of a page as readers do; a sentence is set like the text."""
    for value in page.findall(nodes.inline):
        if "pasted-text" in value["classes"]:
            text = readable(value.astext())
            value.children = []
            value += nodes.Text(text)
            if len(text) > SENTENCE:
                value["classes"].append("sentence")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", read)
    app.connect("doctree-resolved", write_values)
    return {"parallel_read_safe": True}
