"""Every built page under axe-core: nothing serious for readers who hear it or need contrast."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import HTML, Reader

pytestmark = pytest.mark.pages

GENERATED = ("genindex.html", "py-modindex.html", "search.html")
"""Made by Sphinx alone."""

PAGES = sorted(page.name for page in HTML.glob("*.html") if page.name not in GENERATED)

SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser, name: str, mode: str) -> None:
    reader = Reader(browser, HTML / name, mode)
    # The two modes differ in their colours alone.
    options = {"runOnly": ["color-contrast"]} if mode == "dark" else None
    found = Axe().run(reader.page, options=options).response["violations"]
    reader.context.close()
    told = {
        each["id"]: [node["html"][:200] for node in each["nodes"][:3]]
        for each in found
        if each["impact"] in SERIOUS
    }
    assert not told
