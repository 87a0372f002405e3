"""The report says what the recorded runs say, on about six pages."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pypdf
import pytest
from bs4 import BeautifulSoup

from grokbook import claims


@pytest.fixture(scope="module")
def report():
    path = Path(claims.__file__).parents[2] / "book" / "report.py"
    spec = importlib.util.spec_from_file_location("book_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(report) -> BeautifulSoup:
    return BeautifulSoup(report.report(), "html.parser")


def test_its_counts_and_rows_are_those_of_the_claims(page):
    judged = claims.evaluate()
    counts = Counter(each.outcome for each in judged.values())
    text = " ".join(page.text.split())
    for outcome in ("supported", "contradicted", "undecided"):
        assert re.search(rf"\b{counts[outcome]} (statements )?are {outcome}", text), outcome
    rows = page.find_all("table")[1].find_all("tr")
    assert len(rows) - 1 == len(claims.CLAIMS)
    cells = page.find_all("table")[1].find_all("td")
    told = [int(cell.text) for cell in cells if cell.text.isdigit()]
    assert sum(told) == len(judged)
    assert all(
        a["href"].startswith("https://") and ".ipynb" not in a["href"] for a in page.find_all("a")
    )


def test_its_pictures_are_labelled(page):
    pictures = page.find_all("svg")
    assert len(pictures) == 2 and all(each.get("aria-label") for each in pictures)


@pytest.mark.pages
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium")
def test_it_prints_on_about_six_pages(report, tmp_path):
    command = [sys.executable, "-W", "ignore", str(report.BOOK / "report.py"), str(tmp_path)]
    subprocess.run(command, check=True)
    pages = len(pypdf.PdfReader(tmp_path / "grokbook-report.pdf").pages)
    assert 4 <= pages <= 8
