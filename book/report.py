"""Print a short article about what was reproduced and what holds (`make pdf`).

    python book/report.py          into _build/grokbook-report.pdf and .html
    python book/report.py FOLDER   into another folder

Every number in it is computed here, from the recorded runs.
"""

import re
import shutil
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from grokbook import __version__, claims, load_manifests
from grokbook.analysis.intervals import FEWEST
from grokbook.analysis.run_tables import spans
from grokbook.claims.rules import SEEN
from grokbook.experiments.named import CONTROLS, EXPERIMENTS
from grokbook.figures import figure_1, statements_picture
from grokbook.figures.style import svg
from grokbook.theory.statements import STATEMENTS

BOOK = Path(__file__).resolve().parent
ASSETS = BOOK / "assets"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def report() -> str:
    """Return the article as HTML."""
    runs = claims.records()
    judged = claims.evaluate(runs=runs)
    outcomes = Counter(each.outcome for each in judged.values())
    text = (ASSETS / "report.txt").read_text(encoding="utf-8")
    text = text.format(
        version=__version__,
        sentences=len({each.statement.words for each in judged.values()}),
        statements=len(judged),
        supported=outcomes["supported"],
        contradicted=outcomes["contradicted"],
        undecided=outcomes["undecided"],
        mathematics=len(STATEMENTS),
        true=sum(each.verdict == "true" for each in STATEMENTS),
        runs=recorded(),
        seen=spans(SEEN["mnist-standard"]),
        seen_controls=spans(SEEN["mnist-no-decay"]),
        fewest=FEWEST,
        table=on_the_page(claims.markdown_table(runs=runs)),
        figure=flat(figure_1(runs["mnist-standard"], runs["modadd-standard"])),
        picture=flat(statements_picture(judged, runs)),
    )
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    style = (ASSETS / "report.css").read_text(encoding="utf-8")
    title = "<title>grokbook: what holds</title>"
    head = f'<head><meta charset="utf-8">{title}<style>{style}</style></head>'
    return f'<!doctype html><html lang="en">{head}<body>{body}</body></html>'


def recorded() -> str:
    """Return a table of the recorded runs in Markdown."""
    lines = ["| experiment | steps | seeds |", "|---|---:|---:|"]
    for name in (*EXPERIMENTS, *CONTROLS):
        made = load_manifests(name)
        steps = max(int(each["steps"]) for each in made)
        lines.append(f"| {name} | {steps:,} | {len(made)} |")
    return "\n".join(lines)


def on_the_page(table: str) -> str:
    """Return a table whose links lead to the chapters of the published book."""
    config = yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))
    return re.sub(
        r"\((\w+)\.ipynb\)", rf"({config['html']['baseurl']}\1.html)", table
    )


def flat(figure: Figure) -> str:
    """Return a figure as SVG on one line, as Markdown wants it."""
    return " ".join(svg(figure).split("\n"))


def main() -> None:
    """Write the article as HTML, and print it where there is a Chromium."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else BOOK / "_build"
    folder.mkdir(exist_ok=True)
    out = folder.resolve() / "grokbook-report.html"
    out.write_text(report(), encoding="utf-8")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or find_spec("playwright") is None:
        sys.exit(f"{out} is there; a PDF needs Chromium and grokbook[test].")
    from playwright.sync_api import sync_playwright

    pdf = out.with_suffix(".pdf")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser)
        page = chromium.new_page(color_scheme="light")
        page.goto(out.as_uri())
        page.pdf(path=pdf, prefer_css_page_size=True, print_background=True)
        chromium.close()
    print(f"{pdf}: {pdf.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
