import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from bs4 import BeautifulSoup

GLUED = "application/papermill.record/"  # before the kind of what is glued and not shown


def run(path: Path, folder: Path, store: Path, monkeypatch, **parameters):
    """Execute a chapter by papermill in an unrelated working folder."""
    monkeypatch.setenv("GROKBOOK_RUNS", str(store))
    monkeypatch.chdir(folder)
    return papermill.execute_notebook(
        str(path), "out.ipynb", parameters=parameters, kernel_name="python3", progress_bar=False
    )


def test_every_chapter_runs_with_the_smoke_preset(path, tmp_path, small_runs, monkeypatch):
    done = run(path, tmp_path, small_runs, monkeypatch, preset="smoke")
    injected = [c for c in done.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1 and 'preset = "smoke"' in injected[0].source
    assert list(tmp_path.iterdir()) == [tmp_path / "out.ipynb"], "a chapter wrote into the folder"


def test_the_first_figure_with_two_seeds(book, tmp_path, small_runs, monkeypatch):
    done = run(
        book / "1_introduction.ipynb",
        tmp_path,
        small_runs,
        monkeypatch,
        preset="smoke",
        seeds=[0, 1],
    )
    alternatives = [
        output.data["text/plain"]
        for cell in done.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert alternatives[0].count("median of 2 seeds") == 2


def test_a_chapter_with_other_settings(book, tmp_path, small_runs, monkeypatch):
    settings = {"p": 17, "train_fraction": 0.4, "weight_decay": 0.5, "noise": [0.2, 0.1]}
    presets = {"preset": "smoke", "live_preset": "smoke"}
    chapter = book / "live_training.ipynb"
    done = run(chapter, tmp_path, small_runs, monkeypatch, **presets, **settings)
    glued = {
        output.metadata["scrapbook"]["name"]: output.data[f"{GLUED}text/plain"].strip("'")
        for cell in done.cells
        for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    }
    assert (glued["p"], glued["pairs"]) == ("17", "115")
    (table,) = [c.outputs[0].data for c in done.cells if c.source.startswith("recipes =")]
    page = BeautifulSoup(table["text/html"], "html.parser")
    (row,) = [tr for tr in page.find_all("tr") if tr.th.text == "modadd-perturbed"]
    cells = [cell.text for cell in row.find_all("td")]
    assert cells == ["ModularAddition", "Perturbed", "115", "200", "0.5", "0.2, 0.1"]


@pytest.mark.slow
def test_the_first_figure_with_the_quick_preset(book, tmp_path, small_runs, monkeypatch):
    done = run(book / "1_introduction.ipynb", tmp_path, small_runs, monkeypatch, preset="quick")
    (cell,) = [cell for cell in done.cells if cell.source.startswith("checks =")]
    verdict = cell.outputs[0].data["text/plain"]
    assert verdict.count("C1: ") == 2 and "contradicted" not in verdict, verdict


def test_committed_outputs_are_what_the_code_computes(path):
    """Strict nbval, in a process of its own: it brings its own collector and options."""
    sanitizer = Path(__file__).with_name("nbval_sanitize.cfg")
    command = [sys.executable, "-m", "pytest", "--nbval", f"--nbval-sanitize-with={sanitizer}"]
    command += ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--rootdir", str(path.parent)]
    done = subprocess.run(
        [*command, "-c", os.devnull, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout


def test_a_changed_output_would_be_noticed(tmp_path):
    """The check above can fail: the same command on a notebook that lies."""
    cell = nbformat.v4.new_code_cell("print(1 + 1)", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="3\n")]
    lying = nbformat.v4.new_notebook(cells=[cell])
    lying.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(lying, tmp_path / "lying.ipynb")
    with pytest.raises(AssertionError, match=r"mismatch|3"):
        test_committed_outputs_are_what_the_code_computes(tmp_path / "lying.ipynb")
