"""Print the built book into one PDF (`make pdf`, after `make book`).

    python book/pdf.py          this book, into _build/grokbook.pdf
    python book/pdf.py FOLDER   another

Chromium prints the pages in the order of _toc.yml. Joined, their numbers run on,
links between them lead inside the PDF, its outline has parts, pages and sections.
"""

import io
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import yaml

BOOK = Path(__file__).resolve().parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# `first` is the number of pages before this one.
PAPER = """
@page {{ size: A4; margin: 18mm 20mm 20mm; }}
@page {{ @bottom-center {{ content: counter(page); font: 9pt sans-serif; }} }}
html {{ counter-reset: page {first}; }}
"""

READY = """async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  const views = [...document.querySelectorAll('script[type*="widget-view"]')];
  while (!views.every((script) => script.nextElementSibling))
    await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""

# Chromium names a place in the PDF only if something on the page links to it.
NAME = """(names) => names.forEach((name) => {
  const link = document.createElement("a");
  link.href = `#${name}`;
  document.body.append(link);
})"""

HEADINGS = """() => {
  const headings = document.querySelectorAll("article section[id] > :is(h1, h2)");
  return [...headings].map((heading) => {
    const bare = heading.cloneNode(true);
    bare.querySelectorAll(".headerlink").forEach((link) => link.remove());
    return [bare.textContent.trim(), heading.parentElement.id];
  });
}"""


@dataclass
class Printed:
    """One page of the book: its PDF, its title, and the sections below it."""

    pdf: bytes
    title: str
    sections: list[list[str]]  # title and id


def reading_order(toc: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the parts of a book, caption and pages; the root has caption ''."""
    parts = [("", [toc["root"]])]
    for part in toc.get("parts", [toc]):
        parts.append((part.get("caption", ""), list(files(part))))
    return parts


def files(node: dict[str, Any]) -> Iterator[str]:
    """Yield the pages below an entry of a table of contents."""
    for entry in [*node.get("chapters", []), *node.get("sections", [])]:
        yield entry["file"]
        yield from files(entry)


def links(html: Path, names: list[str]) -> dict[str, set[str]]:
    """Return the places in each page that pages of the book link to."""
    places: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        text = (html / f"{name}.html").read_text(encoding="utf-8")
        for page, place in re.findall(
            r'href="([\w./-]*?)(?:\.html)?#([^"]+)"', text
        ):
            if (page or name) in places:
                places[page or name].add(unquote(place))
    return places


def print_pages(html: Path, names: list[str], browser: str) -> dict[str, Printed]:
    """Print pages of a built book, one after the other."""
    from playwright.sync_api import sync_playwright

    places, printed, first = links(html, names), {}, 0
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser)
        for name in names:
            page = chromium.new_page(color_scheme="light")
            page.goto((html / f"{name}.html").as_uri(), wait_until="load")
            page.evaluate(READY)
            (title, _), *sections = page.evaluate(HEADINGS)
            page.evaluate(
                NAME, sorted(places[name] | {place for _, place in sections})
            )
            page.add_style_tag(content=PAPER.format(first=first))
            pdf = page.pdf(prefer_css_page_size=True, print_background=True)
            printed[name] = Printed(pdf, title, sections)
            first += count(pdf)
            page.close()
            print(f"{name}: {count(pdf)} pages", flush=True)
        chromium.close()
    return printed


def count(pdf: bytes) -> int:
    """Return how many pages a PDF has."""
    from pypdf import PdfReader

    return len(PdfReader(io.BytesIO(pdf)).pages)


class Joined:
    """The PDF of a whole book."""

    def __init__(self, html: Path, address: str) -> None:
        from pypdf import PdfWriter

        self.writer = PdfWriter()
        self.folder, self.address = html.resolve().as_uri() + "/", address
        self.first: dict[str, int] = {}
        # Where a name leads: page number, left, top.
        self.places: dict[tuple[str, str], tuple[int, Any, Any]] = {}

    def add(self, name: str, pdf: bytes) -> None:
        """Append a page of the book."""
        from pypdf import PdfReader

        reader = PdfReader(io.BytesIO(pdf))
        first = self.first[name] = len(self.writer.pages)
        for title, target in reader.named_destinations.items():
            number = reader.get_destination_page_number(target)
            if number is not None and number >= 0:
                place = (first + number, target.left, target.top)
                self.places[name, unquote(title.removeprefix("/"))] = place
        for sheet in reader.pages:
            self.writer.add_page(sheet)

    def mend_links(self) -> None:
        """Let links within the book lead to places in the PDF."""
        from pypdf.generic import NameObject, TextStringObject

        names = list(self.first)
        starts = [*self.first.values(), len(self.writer.pages)]
        for name, start, end in zip(names, starts, starts[1:], strict=False):
            for sheet in self.writer.pages[start:end]:
                for annotation in sheet.get("/Annots", []):
                    link = annotation.get_object()
                    page, place = self._aim(name, link)
                    if page is None:
                        continue
                    if page in self.first:
                        link.pop("/A", None)
                        link[NameObject("/Dest")] = self._destination(page, place)
                    else:  # a page without a place in the PDF, as the index
                        uri = TextStringObject(f"{self.address}{page}.html")
                        link["/A"][NameObject("/URI")] = uri

    def _aim(self, name: str, link: Any) -> tuple[str | None, str]:
        """Return the page and place a link leads to; no page if that is outside."""
        if "/Dest" in link:
            return name, unquote(str(link["/Dest"]).removeprefix("/"))
        uri, place = urldefrag(str(link.get("/A", {}).get("/URI", "")))
        if not uri.startswith(self.folder):
            return None, ""
        return uri.removeprefix(self.folder).removesuffix(".html"), unquote(place)

    def _destination(self, page: str, place: str) -> Any:
        from pypdf.generic import ArrayObject, NameObject, NullObject

        number, left, top = self._place(page, place)
        sheet = self.writer.pages[number].indirect_reference
        sides = [NullObject() if side is None else side for side in (left, top)]
        return ArrayObject([sheet, NameObject("/XYZ"), *sides, NullObject()])

    def _place(self, page: str, place: str) -> tuple[int, Any, Any]:
        return self.places.get((page, place), (self.first[page], None, None))

    def outline(
        self, parts: list[tuple[str, list[str]]], pages: dict[str, Printed]
    ) -> None:
        """Write parts, pages and sections into the outline."""
        from pypdf.generic import Fit

        add = self.writer.add_outline_item
        for caption, names in parts:
            part = None
            if caption:
                start = self.first[names[0]]
                part = add(title=caption, page_number=start, bold=True)
            for name in names:
                title, start = pages[name].title, self.first[name]
                page = add(title=title, page_number=start, parent=part)
                for title, place in pages[name].sections:
                    number, left, top = self._place(name, place)
                    fit = Fit.xyz(left=left, top=top)
                    add(title=title, page_number=number, parent=page, fit=fit)


def book_to_pdf(book: Path, out: Path, browser: str) -> None:
    """Print a built book: a folder with _toc.yml, _config.yml and _build/html."""
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    config = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))
    html, parts = book / "_build" / "html", reading_order(toc)
    names = [name for _, names in parts for name in names]
    printed = print_pages(html, names, browser)
    joined = Joined(html, config["html"]["baseurl"])
    for name in names:
        joined.add(name, printed[name].pdf)
    joined.mend_links()
    joined.outline(parts, printed)
    joined.writer.add_metadata(
        {"/Title": config["title"], "/Author": config["author"]}
    )
    joined.writer.compress_identical_objects()
    joined.writer.write(out)


def missing(book: Path) -> str | None:
    """Return what is not there that printing needs, in one sentence."""
    try:
        import playwright  # noqa: F401
        import pypdf  # noqa: F401
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed; grokbook[test] brings it."
    if not any(map(shutil.which, BROWSERS)):
        names = ", ".join(BROWSERS)
        return f"No Chromium was found ({names}); Debian: apt-get install chromium."
    toc = book / "_toc.yml"
    if not toc.is_file():
        return f"There is no book in {book}: it has no _toc.yml."
    for _, names in reading_order(yaml.safe_load(toc.read_text(encoding="utf-8"))):
        for name in names:
            page = book / "_build" / "html" / f"{name}.html"
            if not page.is_file():
                return f"The book is not built: {page} is missing; run `make book`."
    return None


def main() -> None:
    """Print the book in the folder named on the command line, or this one."""
    book = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BOOK
    if (problem := missing(book)) is not None:
        sys.exit(problem)
    out = book / "_build" / "grokbook.pdf"
    book_to_pdf(book, out, next(filter(None, map(shutil.which, BROWSERS))))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
