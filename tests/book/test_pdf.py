"""book/pdf.py: what it needs, and what it makes of a tiny built book."""

import importlib.util
import subprocess
import sys
from urllib.parse import urlsplit

import pypdf
import pytest
import yaml


@pytest.fixture
def pdf(book):
    spec = importlib.util.spec_from_file_location("book_pdf", book / "pdf.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reading_order(pdf, book):
    toc = {
        "root": "index",
        "parts": [
            {"caption": "One", "chapters": [{"file": "a", "sections": [{"file": "b"}]}]},
            {"caption": "Two", "chapters": [{"file": "c"}]},
        ],
    }
    assert pdf.reading_order(toc) == [("", ["index"]), ("One", ["a", "b"]), ("Two", ["c"])]
    without_parts = {"root": "index", "chapters": [{"file": "a"}]}
    assert pdf.reading_order(without_parts) == [("", ["index"]), ("", ["a"])]
    whole = yaml.safe_load((book / "_toc.yml").read_text())
    pages = [name for _, names in pdf.reading_order(whole) for name in names]
    assert set(pages) == {p.stem for p in book.iterdir() if p.suffix in (".ipynb", ".md")}


def test_places_that_pages_link_to(pdf, tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#far"></a><a href="#near"></a><a href="b.html"></a>'
        '<a href="https://else.org/b.html#x"></a><a href="genindex.html#A"></a>'
    )
    (tmp_path / "b.html").write_text('<a href="a.html#%CE%B1"></a>')
    assert pdf.links(tmp_path, ["a", "b"]) == {"a": {"near", "α"}, "b": {"far"}}


def test_what_is_missing_is_said_in_one_sentence(pdf, book, tmp_path, monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert pdf.missing(tmp_path) == f"There is no book in {tmp_path}: it has no _toc.yml."
    (tmp_path / "_toc.yml").write_text("root: index\n")
    page = tmp_path / "_build" / "html" / "index.html"
    assert pdf.missing(tmp_path) == f"The book is not built: {page} is missing; run `make book`."
    page.parent.mkdir(parents=True)
    page.touch()
    assert pdf.missing(tmp_path) is None
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    assert pdf.missing(tmp_path) == (
        "No Chromium was found (chromium, chromium-browser, google-chrome);"
        " Debian: apt-get install chromium."
    )
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert pdf.missing(tmp_path) == "pypdf is not installed; grokbook[test] brings it."


def test_the_command_ends_with_that_sentence(book, tmp_path):
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(book / "pdf.py")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("No Chromium was found")


@pytest.fixture(scope="module")
def printed(browser, book, tiny_book):
    """The tiny book as a PDF, where there is a browser; printed by a process of its own."""
    command = [sys.executable, "-W", "error", str(book / "pdf.py"), tiny_book.name]
    done = subprocess.run(
        command, cwd=tiny_book.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "index: 1 pages"
    return pypdf.PdfReader(tiny_book / "_build" / "grokbook.pdf")


def outline(reader, items, depth=0):
    """Flatten an outline: depth, title, page number from 0."""
    for item in items:
        if isinstance(item, list):
            yield from outline(reader, item, depth + 1)
        else:
            yield depth, item.title, reader.get_destination_page_number(item)


def targets(reader, number):
    """Return where the links on a page lead: addresses, or pages of the PDF from 0."""
    sheets, found = [page.indirect_reference for page in reader.pages], []
    for annotation in reader.pages[number].get("/Annots", []):
        link = annotation.get_object()
        if "/Dest" in link:
            found.append(sheets.index(list.__getitem__(link["/Dest"], 0)))
        else:
            found.append(link["/A"]["/URI"])
    return found


@pytest.mark.pages
def test_outline_and_order(printed):
    found = list(outline(printed, printed.outline))
    assert found[:4] == [
        (0, "A tiny book", 0),
        (1, "A section", 0),
        (0, "Text", 1),
        (1, "1 The phenomenon", 1),
    ]
    parts = [(title, page) for depth, title, page in found if depth == 0]
    assert [title for title, _ in parts] == ["A tiny book", "Text", "More"]
    pages = [page for *_, page in found]
    assert pages == sorted(pages) and 1 < parts[2][1] < len(printed.pages)
    for _, title, page in found:
        if title not in ("Text", "More"):
            text = " ".join(printed.pages[page].extract_text().split())
            assert title in text, f"{title} is not on page {page}"
    assert printed.metadata.title == "grokbook"


@pytest.mark.pages
def test_page_numbers_run_on(printed):
    for number, page in enumerate(printed.pages, start=1):
        assert str(number) in page.extract_text().split()
        assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842], "A4"


@pytest.mark.pages
def test_links_lead_inside_or_to_the_site(printed, book):
    home = yaml.safe_load((book / "_config.yml").read_text())["html"]["baseurl"]
    first = {title: page for _, title, page in outline(printed, printed.outline)}
    figure, chapter, section, paper, index = targets(printed, 0)
    assert (
        "Figure 1 " in printed.pages[figure].extract_text() and figure > first["1 The phenomenon"]
    )
    assert chapter == first["1 The phenomenon"] and section == first["What to try"]
    assert paper == "https://arxiv.org/abs/2311.06597"
    assert index == f"{home}genindex.html", "not in the PDF"
    for number in range(len(printed.pages)):
        for target in targets(printed, number):
            assert isinstance(target, int) or urlsplit(target).scheme == "https"


@pytest.mark.pages
def test_a_figure_and_its_caption_share_a_page(printed):
    """The figure is drawn, so that its words are in the PDF."""
    texts = [page.extract_text() for page in printed.pages]
    (text,) = [text for text in texts if "Figure 1 The paper" in " ".join(text.split())]
    assert "train accuracy" in text
    assert "(a) MNIST" in text and "(b) Modulo addition" in text and "weight norm" in text
