"""A reader's browser: Chromium without a network, and what goes wrong on a page opened in it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ipywidgets.embed import dependency_state, embed_data

HTML = Path(__file__).parents[1] / "book" / "_build" / "html"
ASSETS = Path(__file__).parents[1] / "book" / "assets"
MODES = {"light": 1280, "dark": 1280, "phone": 400}


@contextmanager
def chromium() -> Iterator:
    """Start a browser; skip the test where there is none, except in CI, which installs one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this machine")
        pytest.skip("no Chromium on this machine; Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Reader:
    """One page, open, with everything that went wrong on it."""

    def __init__(self, browser, file: Path, mode: str = "light", query: str = "") -> None:
        scheme = "dark" if mode == "dark" else "light"
        self.context = browser.new_context(
            viewport={"width": MODES[mode], "height": 900}, color_scheme=scheme
        )
        self.outside: list[str] = []
        self.failed: list[str] = []
        self.errors: list[str] = []
        self.context.route("**/*", self._route)
        self.page = self.context.new_page()
        self.page.on("requestfailed", lambda request: self.failed.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._listen)
        self.page.goto(f"{file.as_uri()}?{query}".rstrip("?"), wait_until="load")
        self.page.evaluate("() => window.MathJax?.startup?.promise")
        # A widget comes after the script that asks for it, and is drawn in the next frame.
        self.page.wait_for_function(
            """() => [...document.querySelectorAll('script[type*="widget-view"]')]
                .every((script) => script.nextElementSibling)"""
        )
        self.frame()

    def frame(self) -> None:
        """Wait until what the last action changed is drawn."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def _route(self, route) -> None:
        if urlsplit(route.request.url).scheme in ("file", "data", "blob"):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def _listen(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@contextmanager
def functions_of(widget, browser) -> Iterator:
    """Open a page on which ``widget`` is the JavaScript module of a class of widgets."""
    page = browser.new_page()
    page.evaluate(
        """async (source) => {
            const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            globalThis.widget = await import(url);
        }""",
        widget._esm,
    )
    yield page
    page.close()


def saved_page(widgets) -> str:
    """Return the page that myst-nb makes of widgets: their state, a view each, and our script."""
    state = dependency_state(widgets, drop_defaults=False)
    saved = embed_data(views=list(widgets), state=state)
    pieces = [("state", saved["manager_state"])] + [("view", view) for view in saved["view_specs"]]
    scripts = [
        f'<div><script type="application/vnd.jupyter.widget-{kind}+json">'
        + json.dumps(content).replace("</script>", r"<\/script>")
        + "</script></div>"
        for kind, content in pieces
    ]
    return (
        "<!doctype html><meta charset=utf-8>"
        f'<link rel="stylesheet" href="{(ASSETS / "widgets.css").as_uri()}">'
        f'<script defer src="{(ASSETS / "widgets.js").as_uri()}"></script>{"".join(scripts)}'
    )
