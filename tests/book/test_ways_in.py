"""Ways into the book: Colab, Binder, links and their previews, paper."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import nbformat
import pytest
from browsing import Reader

ROOT = Path(__file__).parents[2]
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
PIP_OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # which means: without isolation
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def install_cell(book: Path) -> str:
    notebook = nbformat.read(book / "1_introduction.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if "install" in c.metadata.get("tags", [])]
    return cell.source


def test_the_install_cell_is_silent_where_grokbook_is(book, tmp_path):
    script = f"{install_cell(book)}\nprint(os.getcwd())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path.resolve()) and not done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_the_install_cell_brings_package_and_runs(book, tmp_path):
    """In an environment with all but grokbook; the address leads to this checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    environment, folder = tmp_path / "environment", tmp_path / "content"
    venv.create(environment, symlinks=True)
    folder.mkdir()
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    # Found, but not as a folder of .pth files: grokbook's own among them is not read.
    (Path(paths["purelib"]) / "all.pth").write_text(sysconfig.get_path("purelib"))
    settings = {
        **{name: value for name, value in os.environ.items() if name != "GROKBOOK_RUNS"},
        **PIP_OFFLINE,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URLS["Repository"],
    }

    def run(script: str) -> str:
        python = Path(paths["scripts"]) / "python"
        done = subprocess.run(
            [python, "-c", script], cwd=folder, env=settings, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "False" in run(
        "from importlib.util import find_spec; print(bool(find_spec('grokbook')))"
    )
    then = "import grokbook, os; print(grokbook.__file__, os.getcwd())"
    load = "print(len(grokbook.load_runs('modadd-standard', 'paper', [0])) > 100)"
    package, working, loaded = run(f"{install_cell(book)}\n{then}; {load}").split()
    assert Path(package).is_relative_to(folder) and loaded == "True"
    assert Path(working) == folder / "companion" / "book"
    # After a restart of the kernel the cell finds what it brought.
    assert run(f"{install_cell(book)}\n{then}; {load}").split()[::2] == [package, "True"]


def test_binder_installs_what_is_pinned_and_the_package():
    """Every line is understood and, in this pinned environment, met."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "-r", ".binder/requirements.txt"],
        cwd=ROOT, env={**os.environ, **PIP_OFFLINE}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Would install grokbook" in done.stdout
    runtime = (ROOT / ".binder" / "runtime.txt").read_text().strip()
    assert runtime == "python-3.11"


def test_one_address_everywhere(book):
    import yaml

    config = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))
    assert config["html"]["baseurl"] == URLS["Homepage"].rstrip("/") + "/"
    assert f'"{URLS["Repository"]}"' in install_cell(book)


@pytest.fixture
def read(browser, tiny_book):
    opened = []

    def open_page(name: str, mode: str = "light") -> Reader:
        opened.append(Reader(browser, tiny_book / "_build" / "html" / f"{name}.html", mode))
        return opened[-1]

    yield open_page
    for reader in opened:
        assert not reader.outside and not reader.failed and not reader.errors
        reader.context.close()


def links(reader: Reader) -> list[str]:
    return reader.page.eval_on_selector_all("a[href]", "all => all.map((a) => a.href)")


@pytest.mark.pages
def test_launch_buttons_lead_to_the_notebook(read):
    found = links(read("live_training"))
    path = URLS["Repository"].removeprefix("https://")
    notebook = "book/live_training.ipynb"
    assert (ROOT / notebook).is_file()
    owner = path.removeprefix("github.com/")
    assert f"https://mybinder.org/v2/gh/{owner}/main?urlpath=lab/tree/{notebook}" in found
    assert f"https://colab.research.google.com/github/{owner}/blob/main/{notebook}" in found
    assert f"{URLS['Repository']}/edit/main/{notebook}" in found
    assert not [link for link in links(read("index")) if "colab" in link], "no notebook"


@pytest.mark.pages
def test_the_install_cell_is_not_shown(read):
    page = read("live_training").page
    assert "live_preset" in page.locator("article").text_content()
    assert "find_spec" not in page.content()


@pytest.mark.pages
def test_the_chapter_without_a_kernel_says_so(read):
    root = read("live_training").page.locator(".live-training")
    assert root.get_by_text("Training needs a kernel").is_visible()
    assert root.get_by_role("button").count() == 0
    assert root.locator(".curve.test").get_attribute("d").count("L") > 20


@pytest.mark.pages
def test_previews_of_a_page(read):
    read_tags = """() => Object.fromEntries(
        [...document.querySelectorAll("head meta[property], head meta[name]")]
            .map((tag) => [tag.getAttribute("property") ?? tag.name, tag.content]))"""
    home = URLS["Homepage"].rstrip("/")
    tags = read("index").page.evaluate(read_tags)
    assert tags["og:title"] == "A tiny book" and tags["og:url"] == f"{home}/index.html"
    assert tags["og:image"] == f"{home}/_static/figure_1.png" and len(tags["og:image:alt"]) > 40
    assert tags["og:description"] == tags["description"]
    assert tags["description"].startswith("This paragraph is: it is plain, of two chapters, and “")
    assert tags["og:site_name"] == "grokbook" and tags["twitter:card"] == "summary_large_image"
    tags = read("1_introduction").page.evaluate(read_tags)
    assert tags["og:title"] == "1 The phenomenon"
    assert tags["description"].endswith(" …") and 150 < len(tags["description"]) <= 200
    search = read("search").page.evaluate(read_tags)
    assert "og:title" not in search


@pytest.mark.pages
def test_the_preview_s_picture_is_on_the_page_s_site(tiny_book):
    assert (tiny_book / "_build" / "html" / "_static" / "figure_1.png").is_file()


@pytest.mark.pages
@pytest.mark.parametrize("name", ["index", "1_introduction", "live_training"])
def test_on_paper_there_is_the_text_and_all_of_it(read, name):
    page = read(name).page
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 650, "height": 900})  # of A4 within its margins
    for hidden in (
        ".bd-sidebar-primary",
        ".bd-sidebar-secondary",
        ".bd-header-article",
        ".bd-footer",
    ):
        assert not [part for part in page.locator(hidden).all() if part.is_visible()], hidden
    cut = page.evaluate(
        """() => [...document.querySelectorAll("article pre, article table, article figure")]
            .filter((node) => node.scrollWidth > node.clientWidth + 1 || node.clientWidth > 650)
            .map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert not cut
    article = page.locator("article").bounding_box()
    assert article["x"] < 40 and article["width"] > 560


@pytest.mark.pages
def test_on_paper_an_address_stands_beside_its_link(read):
    page = read("index").page
    after = "(a) => getComputedStyle(a, '::after').content"
    paper = page.locator("article p a[href*='arxiv.org/abs/2311']").first
    assert paper.evaluate(after) == "none"
    page.emulate_media(media="print")
    assert "https://arxiv.org/abs/2311.06597" in paper.evaluate(after)
    inside = page.locator("article p a[href*='1_introduction.html']").first
    assert inside.evaluate(after) == "none"


@pytest.mark.pages
def test_a_dark_page_is_printed_as_a_light_one(read):
    page = read("1_introduction", "dark").page
    theme = "(name) => (dispatchEvent(new Event(name)), document.documentElement.dataset.theme)"
    assert page.evaluate(theme, "nothing") == "dark"
    assert page.evaluate(theme, "beforeprint") == "light"
    assert page.evaluate(theme, "afterprint") == "dark"
