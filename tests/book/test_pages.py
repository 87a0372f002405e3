"""The built book as a reader opens it: from disk, in a browser, without a network.

``make test-pages`` runs this after ``make book``. With ``GROKBOOK_SHOTS`` set to a folder, a
screenshot of every page is kept there, in light and dark mode and at the width of a phone.
"""

import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browsing import HTML, MODES, Reader

pytestmark = pytest.mark.pages

PAGES = sorted(p.relative_to(HTML).as_posix() for p in HTML.glob("*.html")) or ["index.html"]
TEX = re.compile(
    r"\\\(|\\\[|\$\$|\$[^$\n]{1,80}\$|\\(?:frac|sum|mathcal|mathbf|Delta|sigma|begin)\b"
)


@pytest.fixture(scope="session")
def read(browser):
    """Open a page, each only once."""
    assert (HTML / "index.html").is_file(), "the book is not built: run `make book` first"

    def open_page(name: str, mode: str = "light") -> Reader:
        page, _, query = name.partition("?")
        return Reader(browser, HTML / page, mode, query)

    return cache(open_page)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_without_a_network(read, name):
    reader = read(name)
    assert not reader.outside, "requests to another host"
    assert not reader.failed and not reader.errors

    prose = reader.page.evaluate(
        """() => {
            const body = document.querySelector("article, main").cloneNode(true);
            for (const node of body.querySelectorAll("pre, code, script, mjx-container"))
                node.remove();
            return body.textContent;
        }"""
    )
    assert not TEX.findall(prose), "TeX that was not typeset"
    assert reader.page.locator("mjx-merror").count() == 0, "TeX that could not be typeset"
    assert "{glue:" not in prose and "{numref}" not in prose and "??" not in prose
    assert not re.search(r"\|[-—:]+\|", prose), "a table that was not made one"

    broken = reader.page.eval_on_selector_all(
        "img", "all => all.filter(i => !i.complete || !i.naturalWidth || !i.alt).map(i => i.src)"
    )
    assert not broken, "images that are missing or have no alternative text"
    nameless = reader.page.eval_on_selector_all(
        "figure svg, .cell_output svg",
        """all => all.filter((svg) => !svg.closest("button, [aria-hidden=true]"))
            .map((svg) => [svg.getAttribute("role"), svg.getAttribute("aria-label") ?? ""])
            .filter(([role, name]) => !(role === "img" && name.length >= 40)
                && !(role === "group" && name)).length""",
    )
    assert nameless == 0, "drawings without an accessible name"


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(read, name):
    page = read(name, "phone").page
    assert page.evaluate("() => document.documentElement.scrollWidth") <= MODES["phone"]
    ends = page.eval_on_selector_all(
        ".bd-header-article button",
        "buttons => buttons.filter(b => b.offsetWidth).map(b => b.getBoundingClientRect().right)",
    )
    assert max(ends) <= MODES["phone"], "the bar's last button is cut"


@pytest.mark.parametrize("name", PAGES)
def test_what_is_wider_scrolls_and_is_reached_by_keyboard(read, name):
    unreachable = read(name, "phone").page.evaluate(
        """() => [...document.querySelectorAll("article *")]
            .filter((node) => ["auto", "scroll"].includes(getComputedStyle(node).overflowX)
                && node.scrollWidth > node.clientWidth && node.clientWidth > 0
                && node.matches(":has(table)") && node.tabIndex !== 0)
            .map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert not unreachable


@pytest.mark.parametrize("mode", ["light", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_what_does_not_fit_says_so(read, name, mode):
    """Of a table or a formula nothing is hidden without a hint that there is more."""
    silent = read(name, mode).page.evaluate(
        """() => [...document.querySelectorAll("article :is(.grokbook-table, .output, div.math,"
                + " .pst-scrollable-table-container, mjx-container[display])")]
            .filter((node) => node.clientWidth > 0 && node.scrollWidth > node.clientWidth + 1)
            .filter((node) => !node.closest("details:not([open])"))
            .filter((node) => !node.closest(".scrolls") && !node.querySelector(".scrolls"))
            .map((node) => `${node.clientWidth} of ${node.scrollWidth}: ${node.textContent.trim()}`
                .slice(0, 100))"""
    )
    assert not silent


@pytest.mark.parametrize("name", PAGES)
def test_tables_of_cells_are_whole(read, name):
    """At 1280 px each fits; on a phone each row is a card, whose cells say what they are.

    A cell is a line of two columns there, and a sentence takes the card's whole width.
    """
    wide = read(name).page.eval_on_selector_all(
        ".grokbook-table.scrolls", "all => all.map(node => node.textContent.trim().slice(0, 80))"
    )
    assert not wide
    cards = read(name, "phone").page.eval_on_selector_all(
        ".grokbook-table tbody td",
        """all => all.filter((td) => td.getClientRects().length).map((td) =>
            [getComputedStyle(td).display, getComputedStyle(td, "::before").content])""",
    )
    assert all(display in ("grid", "block") and len(label) > 2 for display, label in cards)


def test_one_switch_for_all_code_is_remembered(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto((HTML / "1_introduction.html").as_uri())
    cells = page.locator("div.cell_input")
    assert cells.count() > 3 and not any(cell.is_visible() for cell in cells.all())
    page.get_by_role("button", name="Show code").focus()
    page.keyboard.press("Enter")
    assert all(cell.is_visible() for cell in cells.all())
    page.goto((HTML / "3_2_degrokking.html").as_uri())
    assert page.locator("div.cell_input").first.is_visible(), "kept between pages"
    page.get_by_role("button", name="Hide code").click()
    assert not page.locator("div.cell_input").first.is_visible()
    context.close()


def test_code_is_shown_without_scripts_and_folds_without_storage(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((HTML / "1_introduction.html").as_uri())
    assert page.locator("div.cell_input").first.is_visible()
    context.close()
    context = browser.new_context()
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(error))
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } })"
    )
    page.goto((HTML / "1_introduction.html").as_uri())
    page.get_by_role("button", name="Show code").click()
    assert page.locator("div.cell_input").first.is_visible()
    assert not [error for error in errors if "code.js" in str(error)]
    context.close()


def test_the_statements_are_narrowed_by_outcome_and_task(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((HTML / "claims.html").as_uri())
    assert page.locator(".table-filter").count() == 1, "the long table alone"
    table = page.locator(".table-filter ~ .grokbook-table").first
    rows = table.locator("tbody tr:not(.group)")
    every = rows.count()
    page.get_by_label("outcome").select_option("contradicted")
    page.get_by_label("task").select_option("MNIST")
    shown = [row for row in rows.all() if row.is_visible()]
    assert 0 < len(shown) < every
    for row in shown:
        assert row.locator("td[data-label='outcome']").inner_text().strip() == "contradicted"
        assert row.locator("td[data-label='task']").inner_text().strip() == "MNIST"
    assert f"{len(shown)} of {every} rows" in page.locator(".table-filter").inner_text()
    for group in table.locator("tr.group").all():
        below = group.locator("xpath=following-sibling::tr[not(@hidden)]").count()
        assert group.is_visible() == (below > 0), "a sentence without rows goes, too"
    page.get_by_label("outcome").select_option("all")
    page.get_by_label("task").select_option("all")
    assert sum(row.is_visible() for row in rows.all()) == every
    page.close()


def test_panels_stand_side_by_side_where_there_is_room(browser):
    for width, shape in ((1920, "wide"), (1280, "narrow"), (400, "narrow")):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto((HTML / "1_introduction.html").as_uri())
        visible = [
            svg.get_attribute("class")
            for svg in page.locator("figure").first.locator("svg.grokbook-figure").all()
            if svg.is_visible()
        ]
        assert visible == [f"grokbook-figure {shape}"], width
        page.close()


def test_figures_have_the_numbers_that_the_notebooks_say(read, book):
    for path in book.glob("*.ipynb"):
        said = re.findall(r'<a id=\\"(fig-[\w-]+)\\"></a>\*\*Figure (\d+)\.', path.read_text())
        for name, number in said:
            caption = read(f"{path.stem}.html").page.locator(f"figure#{name} .caption-number")
            assert caption.inner_text().strip() == f"Figure {number}"


def test_columns_of_a_table_are_not_squeezed_on_a_phone(read):
    """The longest cell of the table of verdicts takes a few lines, not a word a line."""
    cells = read("claims.html", "phone").page.eval_on_selector_all(
        "article td", "all => all.map(td => [td.textContent.length, td.clientHeight])"
    )
    length, height = max(cells)
    assert length > 80 and height < 22 * (length / 12)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_links_are_legible_on_every_row_of_a_table(read, mode):
    from grokbook.figures.style import contrast

    pairs = read("claims.html", mode).page.eval_on_selector_all(
        "article tr:has(td a)",
        """all => all.map((row) => [row.querySelector("a"), row]).map(([link, row]) =>
            [getComputedStyle(link).color, getComputedStyle(row).backgroundColor])""",
    )
    backgrounds = {as_hex(row) for _, row in pairs if row != "rgba(0, 0, 0, 0)"}
    assert backgrounds, "rows differ"
    for link, row in pairs:
        if row != "rgba(0, 0, 0, 0)":
            assert contrast(as_hex(link), as_hex(row)) >= 4.5, (link, row)


def test_every_toggle_has_a_name(read):
    names = read("api.html").page.eval_on_selector_all(
        "summary", "all => all.map(node => node.ariaLabel || node.textContent.trim())"
    )
    assert names and all(names)


@pytest.mark.parametrize("name", PAGES)
def test_internal_links_resolve(read, name):
    links = read(name).page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
    for link in set(links):
        parts = urlsplit(link)
        if parts.scheme != "file":
            continue
        target = Path(unquote(parts.path))
        assert target.is_file(), link
        if parts.fragment and target.suffix == ".html":
            fragment = re.escape(unquote(parts.fragment))
            assert re.search(rf'(?:id|name)="{fragment}"', target.read_text()), link


def test_figures_follow_the_mode_of_the_page(read):
    """Text and curves of a drawing keep a contrast of 3 : 1 or better in both modes."""
    from grokbook.figures.style import contrast

    for mode in ("light", "dark"):
        reader = read("1_introduction.html", mode)
        background, colours = reader.page.evaluate(
            """() => {
                const figure = document.querySelector("svg.grokbook-figure");
                const shown = [...figure.querySelectorAll("text, path")].map((node) => {
                    const style = getComputedStyle(node);
                    return node.tagName === "text" ? style.fill : style.stroke;
                });
                return [getComputedStyle(document.body).backgroundColor, [...new Set(shown)]];
            }"""
        )
        colours = [as_hex(colour) for colour in colours if colour.startswith("rgb")]
        grid = {"light": "#d8dde3", "dark": "#3a4048"}[mode]
        assert grid in colours, "the drawing is coloured for this mode"
        assert len(colours) >= 5
        for colour in set(colours) - {grid}:
            assert contrast(colour, as_hex(background)) >= 3, (mode, colour)


def as_hex(colour: str) -> str:
    channels = [float(value) for value in re.findall(r"[\d.]+", colour)]
    return "#" + "".join(f"{round(value):02x}" for value in channels[:3])


def test_search_finds_a_chapter(read):
    reader = read("search.html?q=commutative")
    reader.page.wait_for_selector("#search-results li a", timeout=10_000)
    reader.page.wait_for_selector(".search-summary:has-text('finished')", timeout=10_000)
    found = reader.page.locator("#search-results li a").all_inner_texts()
    assert "4.1 The commutative law" in found and len(found) > 1
    assert not reader.failed and not reader.errors


@pytest.mark.skipif("GROKBOOK_SHOTS" not in os.environ, reason="GROKBOOK_SHOTS names no folder")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PAGES)
def test_screenshots(read, name, mode):
    folder = Path(os.environ["GROKBOOK_SHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{Path(name).stem}-{mode}.png"
    read(name, mode).page.screenshot(path=target, full_page=True)
    assert target.stat().st_size > 0
