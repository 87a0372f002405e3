"""A chapter reads the same in any reader of notebooks as on its page."""

import importlib
import json
import re
import sys
from functools import cache
from html import unescape

import nbformat
import pytest
from docutils import nodes
from markdown_it import MarkdownIt
from nbconvert.filters.markdown import markdown2html

from grokbook.cli.chapters import run
from grokbook.cli.prose import glued, numbers

BESIDE_CODE = r"(?s)<(pre|code)\b.*?</\1>"
FOREIGN = re.compile(r"\{[a-z][\w:.-]*\}\s*`|^\s*(?:`{3,}|:{3,})\s*\{|^\([\w-]+\)=$", re.MULTILINE)
"""What only the book's tools know: roles, directives, targets."""


@pytest.fixture(scope="module")
def plain(request):
    """The extension that turns plain chapters into pages."""
    book = request.getfixturevalue("book")
    sys.path.insert(0, str(book / "extensions"))
    yield importlib.import_module("plain_chapters")
    sys.path.remove(str(book / "extensions"))
    sys.modules.pop("plain_chapters")


def test_values_are_written_as_readers_do_and_sentences_not_in_bold(plain):
    page = nodes.document(None, None)
    long = "Later: orthogonal gradient, 5.30 times the steps of tuned AdamW."
    for text, classes in (("1.3e+05", ["pasted-text"]), (long, ["pasted-text"]), ("2e-07", [])):
        page += nodes.inline("", text, classes=classes)
    plain.write_values(None, page, "chapter")
    assert [value.astext() for value in page.children] == ["130,000", long, "2e-07"]
    assert ["sentence" in value["classes"] for value in page.children] == [False, True, False]


def texts(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def shown(notebook) -> list[str]:
    """Everything that a reader of notebooks renders as Markdown: cells, and outputs of cells."""
    return texts(notebook) + [
        "".join(output["data"]["text/markdown"])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    ]


@cache
def readers():
    """Two readers of notebooks without the book's tools: nbconvert's, and VS Code's."""
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table")
    return {"nbconvert": markdown2html, "markdown-it": rendered.render}


@pytest.mark.parametrize("reader", readers())
def test_no_chapter_shows_what_only_the_book_knows(notebook, reader):
    for text in shown(notebook):
        html = re.sub(BESIDE_CODE, "", readers()[reader](text))
        assert not FOREIGN.search(html) and not FOREIGN.search(text), text
        # every number of the source is in what is read
        read = re.sub(r"<[^>]+>", "", html)
        for value in re.findall(r'<output name="[^"]+">([^<]*)</output>', text):
            assert value and value in read, f"{value!r} is lost"
        assert "<output" not in read and "&lt;output" not in html


def test_the_check_above_can_fail():
    for text in ("{glue:text}`n`", "{cite:p}`x`", "```{note}\na\n```", "(sec)=\n", ":::{tip}\n"):
        assert FOREIGN.search(text), text
    assert not FOREIGN.search("the set {a} and `code` in $\\{x\\}$")


def test_numbers_are_what_the_cells_computed(notebook):
    values = glued(notebook)
    found = numbers(notebook)
    for name, value in found:
        assert name in values, f"never glued: {name}"
        assert unescape(value) == values[name], f"{name}: run `make notebooks`"
    assert set(values) == {name for name, _ in found}, "glued in vain"
    names = [
        output["metadata"]["scrapbook"]["name"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    ]
    assert len(names) == len(set(names)), "two values of one name: the later is shown for both"


def test_figures_are_numbered_in_the_order_of_the_book(book):
    spec = importlib.util.spec_from_file_location("execute", book / "execute.py")
    execute = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(execute)
    captions, links = [], []
    for path in execute.chapters():
        for text in texts(nbformat.read(path, as_version=4)):
            captions += re.findall(r'<a id="(fig-[\w-]+)"></a>\*\*Figure (\d*)\.', text)
            links += [
                (name, int(number))
                for number, name in re.findall(r"\[Figure (\d+)\]\([^)#]*#(fig-[\w-]+)\)", text)
            ]
    numbered = {name: int(number) for name, number in captions}
    assert list(numbered.values()) == list(range(1, len(captions) + 1)), "run `make notebooks`"
    assert all(numbered[name] == number for name, number in links)


def test_links_lead_somewhere(notebook, book):
    """To a page and a place on it, to a source file that defines the name, or to an address."""
    for text in shown(notebook):
        for words, target in re.findall(r"\[([^][]+)\]\(([^()\s]+)\)", text):
            if re.match(r"https?://", target):
                continue
            page, _, place = target.partition("#")
            file = (book / page).resolve()
            if page:
                assert file.exists(), target
            if place:
                there = json.dumps(notebook) if not page else file.read_text(encoding="utf-8")
                if page.endswith(".bib"):
                    assert f"{{{place}," in there, target
                else:
                    there = there.replace('\\"', '"')
                    assert f'id="{place}"' in there or page.endswith(".md"), target
            if page.startswith("../grokbook/") and file.suffix == ".py":
                module = page.removeprefix("../").removesuffix(".py").replace("/", ".")
                module = module.removesuffix(".__init__")
                name = words.strip("`")
                found = importlib.import_module(module)
                assert name == module or hasattr(found, name), target


def test_citations_name_authors_and_year_of_the_bibliography(notebook, book, plain):
    from pybtex.database import parse_file

    entries = parse_file(str(book / "references.bib")).entries
    keys = plain.addresses(book / "references.bib")
    for text in texts(notebook):
        for link in re.findall(r"\[([^][]+)\]\(([^()\s]+)\)", text):
            words, address = link
            if address in keys and re.search(r"\d{4}\)?$", words):
                entry = entries[keys[address]]
                (first,) = entry.persons["author"][0].rich_last_names
                assert entry.fields["year"] in words and str(first) in words, link


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<output name="a b">8</output> %', "{glue:text}`a b` %"),
        (
            "as ([Liu et al., 2022](https://x/1); [Bach, 2022](references.bib#bach)) say",
            "as {cite:p}`liu,bach` say",
        ),
        ("after [Liu et al. (2022)](https://x/1)", "after {cite:t}`liu`"),
        ("their [code](https://x/1)", "their [code](https://x/1)"),
        ("(see [Liu et al. (2022)](https://x/2))", "(see [Liu et al. (2022)](https://x/2))"),
        ("[Figure 3](#fig-a) and [Figure 4](b.ipynb#fig-b)", "{numref}`fig-a` and {numref}`fig-b`"),
        ("[Lemma 3.1](A.ipynb#lem-3-1)", "{prf:ref}`Lemma 3.1 <lem-3-1>`"),
        ("[section 4](4_1.ipynb)", "[section 4](4_1.ipynb)"),
        (
            "[`decay`](../grokbook/figures/section_3.py)",
            "{py:obj}`decay <grokbook.figures.section_3.decay>`",
        ),
        (
            "[`grokbook.theory`](../grokbook/theory/)",
            "{py:obj}`grokbook.theory <grokbook.theory>`",
        ),
    ],
)
def test_plain_text_becomes_what_sphinx_links(plain, text, expected):
    keys = {"https://x/1": "liu", "references.bib#bach": "bach"}
    assert plain.with_roles(text, keys) == expected


def test_statements_proofs_and_captions_become_what_sphinx_draws(plain):
    statement = '<a id="thm-x"></a>**Theorem 3.2, repaired.** Let $x$.\n\n$$\ny\n$$'
    assert plain.with_statement(statement) == (
        "````{prf:theorem} 3.2, repaired\n:label: thm-x\n:nonumber:\n\nLet $x$.\n\n$$\ny\n$$\n````"
    )
    named = '<a id="prop-x"></a>**Property (The curve).** Yes.'
    assert plain.with_statement(named).startswith("````{prf:property} The curve\n")
    assert plain.with_statement("*Proof.* Clear. $\\square$") == "````{prf:proof}\nClear.\n````"
    folded = "<details><summary>Proof</summary>\n\n*Proof.* Clear. $\\square$\n\n</details>"
    assert plain.with_statement(folded) == (
        "<details><summary>Proof</summary>\n\n````{prf:proof}\nClear.\n````\n\n</details>"
    )
    caption = '<a id="fig-x"></a>**Figure 7.** It rises.'
    cells = [
        {"cell_type": "code", "source": "show(x)", "metadata": {}},
        {"cell_type": "markdown", "source": caption, "metadata": {}},
    ]
    chapter = {"cells": cells}
    plain.as_myst(chapter, {})
    (code,) = chapter["cells"]
    assert code["metadata"]["mystnb"]["figure"] == {"name": "fig-x", "caption": "It rises."}


def test_a_chapter_run_with_other_parameters_has_its_own_numbers(tmp_path, small_runs, monkeypatch):
    monkeypatch.setenv("GROKBOOK_RUNS", str(small_runs))
    out = tmp_path / "mine.ipynb"
    run("1_introduction", {"preset": "smoke"}, out)
    written = nbformat.read(out, as_version=4)
    values = glued(written)
    assert numbers(written) and all(values[name] for name, _ in numbers(written))
    assert ("preset", "smoke") in numbers(written)
    test_numbers_are_what_the_cells_computed(written)
