import importlib
import pkgutil
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from sphinx.application import Sphinx

import grokbook

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def files_of(node) -> list[str]:
    if isinstance(node, list):
        return [name for each in node for name in files_of(each)]
    own = [node["file"]] if "file" in node else []
    return own + [
        name for key in ("parts", "chapters", "sections") for name in files_of(node.get(key, []))
    ]


def test_every_page_is_in_the_table_of_contents(book):
    toc = yaml.safe_load((book / "_toc.yml").read_text())
    listed = [toc["root"], *files_of(toc)]
    present = {p.stem for p in book.iterdir() if p.suffix in (".ipynb", ".md")}
    assert len(listed) == len(set(listed))
    assert set(listed) == present


def test_top_level_links_lead_into_the_book(book):
    for name in ("_config.yml", "_toc.yml"):
        # Where git writes links as text, the text is the way.
        link = ROOT / name
        target = link.readlink() if link.is_symlink() else Path(link.read_text().strip())
        assert (ROOT / target).resolve() == (book / name).resolve()


def test_pins_satisfy_the_packages_bounds():
    pins = {}
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups()
            pins[re.sub(r"[-_.]+", "-", name).lower()] = version
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["book"], *extras["test"]]:
        wanted = Requirement(text)
        assert pins[re.sub(r"[-_.]+", "-", wanted.name).lower()] in wanted.specifier, text


def test_one_version_and_one_address():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    config = yaml.safe_load((ROOT / "book" / "_config.yml").read_text())
    address = PROJECT["urls"]["Repository"]
    assert citation["version"] == grokbook.__version__
    assert citation["repository-code"] == config["repository"]["url"] == address
    assert f"git clone {address}" in (ROOT / "README.md").read_text()
    assert f"## {grokbook.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_reference_lists_every_public_module(book):
    listed = [
        module
        for page in book.glob("api_*.md")
        for module in re.findall(r"automodule:: ([\w.]+)", page.read_text())
    ]
    public = {
        info.name
        for info in pkgutil.walk_packages(grokbook.__path__, "grokbook.")
        if not info.ispkg and not re.search(r"\._(?!support\.)", info.name)
    }
    assert sorted(listed) == sorted(public), "each once"


def test_bibliography_holds_every_key_cited(book):
    keys = set(re.findall(r"@\w+\{(\w+),", (book / "references.bib").read_text()))
    cited = {
        key.strip()
        for page in [*book.glob("*.ipynb"), *book.glob("*.md")]
        for group in re.findall(r"\{cite:\w+\}`([^`]+)`", page.read_text())
        for key in group.split(",")
    }
    assert cited <= keys, f"unknown: {cited - keys}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("the bound |x - y| holds", r"the bound \|x - y\| holds"),
        ("``|x|`` and `a | b` stay, |x| not", r"``|x|`` and `a | b` stay, \|x\| not"),
        ("    >>> a | b", "    >>> a | b"),
    ],
)
def test_bars_in_docstrings(book, monkeypatch, line, expected):
    monkeypatch.syspath_prepend(book / "extensions")
    lines = [line]
    importlib.import_module("docstring_bars").escape_bars(lines)
    assert lines == [expected]
    sys.modules.pop("docstring_bars")


def test_output_of_an_example_keeps_its_bars(book, monkeypatch):
    monkeypatch.syspath_prepend(book / "extensions")
    lines = [">>> print('|x|')", "|x|", "", "|x|"]
    importlib.import_module("docstring_bars").escape_bars(lines)
    assert lines == [">>> print('|x|')", "|x|", "", r"\|x\|"]
    sys.modules.pop("docstring_bars")


def test_constants_in_the_reference(book, tmp_path, monkeypatch):
    """A long value is left out, and a colon in the words makes no type of what is before it."""
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (source / "some_constants.py").write_text(
        'LEVEL = 0.99\n"""A level: of accuracy."""\n\n'
        'TABLE = {n: "claim" for n in range(99)}\n"""Claims."""\n'
    )
    (source / "index.rst").write_text(".. automodule:: some_constants\n   :members:\n")
    for folder in (source, book / "extensions"):
        monkeypatch.syspath_prepend(folder)
    extensions = {"extensions": ["plain_constants", "sphinx.ext.napoleon"]}
    app = Sphinx(source, None, out, out, "text", extensions, status=None, warning=None)
    app.build()
    page = (out / "index.txt").read_text()
    assert "LEVEL = 0.99" in page and "A level: of accuracy." in page and "Type" not in page
    assert "TABLE" in page and "Claims." in page and "claim'" not in page
