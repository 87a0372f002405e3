import json
import sys
from pathlib import Path

import jupyter_client
import nbformat
import papermill
import pytest

from grokbook._support.errors import InputError
from grokbook.cli import chapters
from grokbook.cli.main import main


def test_every_chapter_takes_only_parameters_of_known_types() -> None:
    for chapter in chapters.chapters():
        found = chapters.parameters(chapter)
        assert "preset" in found
        for name, (written, default) in found.items():
            text = default.strip("\"'") if written == "str" else default
            assert name in chapters.check(chapter, {name: text}), (chapter, name)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sed": "[0]"}, "sed is not a parameter of 1_introduction; known are preset, seeds"),
        ({"seeds": "0"}, "seeds is '0', but must be of type list[int]"),
        ({"seeds": "[0.5]"}, "seeds is '[0.5]', but must be of type list[int]"),
        ({"seeds": "[True]"}, "must be of type list[int]"),
        ({"seeds": "__import__('os')"}, "must be of type list[int]"),
        (
            {"seeds": "1" + "-1" * 10_000},
            "seeds is '1-1-1-1-1-1",
        ),
        ({"seeds": "[" * 10_000}, "must be of type list[int]"),
        ({"seeds": "-" * 100_000 + "1"}, "must be of type list[int]"),
        ({"preset": "big"}, "There is no preset 'big'; known are paper, quick, smoke"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(given: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        chapters.check("1_introduction", given)
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")
    assert len(message) < 200


@pytest.mark.parametrize(
    ("value", "written", "fits"),
    [(1, "float", True), (1.5, "float", True), (True, "float", False), (1.5, "int", False),
     ([], "list[int]", True), ([1, "a"], "list[int]", False), ("a", "str", True),
     ([[1.0]], "list[list[float]]", True), (1, "bool", False)],
)  # fmt: skip
def test_types(value: object, written: str, fits: bool) -> None:
    assert chapters._fits(value, written) is fits


def test_unknown_chapter() -> None:
    with pytest.raises(InputError, match=r"no chapter '9_more'; known are .*1_introduction"):
        chapters.parameters("9_more")


def test_the_command_runs_a_chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path / "runs"))
    out = tmp_path / "out.ipynb"
    main(["run-chapter", "2_1_problem_setting", "-p", "preset", "smoke", "--out", str(out)])
    done = nbformat.read(out, as_version=4)
    injected = [c for c in done.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1 and 'preset = "smoke"' in injected[0].source
    assert not [o for c in done.cells for o in c.get("outputs", []) if o.output_type == "error"]


def test_the_command_refuses_before_it_runs(tmp_path: Path, full_disk) -> None:
    out = tmp_path / "out.ipynb"
    with pytest.raises(SystemExit, match="pre is not a parameter"):
        main(["run-chapter", "2_1_problem_setting", "-p", "pre", "smoke", "--out", str(out)])
    assert not out.exists()
    (tmp_path / "folder.ipynb").mkdir()
    with pytest.raises(SystemExit, match="but that is a folder; name the file"):
        main(["run-chapter", "2_1_problem_setting", "--out", str(tmp_path / "folder.ipynb")])
    with pytest.raises(SystemExit, match="there is no such folder"):
        main(["run-chapter", "2_1_problem_setting", "--out", str(tmp_path / "no" / "out.ipynb")])
    with full_disk(), pytest.raises(SystemExit, match=r"cannot be written \(File too large\)\.$"):
        main(["run-chapter", "2_1_problem_setting", "--out", str(out)])


def test_the_command_writes_beside_the_reader_and_not_over_the_book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def execute(_: str, out: str, **rest: object) -> nbformat.NotebookNode:
        written.append(out)
        return nbformat.v4.new_notebook()

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    monkeypatch.chdir(tmp_path)
    main(["run-chapter", "status"])
    assert written == ["status.ipynb"]
    monkeypatch.chdir(chapters.BOOK)
    with pytest.raises(SystemExit, match=r"out is 'status\.ipynb', but that folder"):
        main(["run-chapter", "status"])
    assert len(written) == 1


def test_a_cell_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path / "runs"))
    out = tmp_path / "out.ipynb"
    given = ["-p", "preset", "smoke", "-p", "p", "1"]
    with pytest.raises(SystemExit) as ended:
        main(["run-chapter", "live_training", *given, "--out", str(out)])
    message = str(ended.value)
    assert message.startswith("grokbook: A cell of live_training failed; ")
    assert message.endswith("p is 1, but must be at least 2.")
    assert "\n" not in message and out.is_file()


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("thesis.tex", "its ending must be .ipynb"),
        ("thesis.ipynb", "that file is not a notebook and is not overwritten"),
        ("a" * 300 + ".ipynb", "cannot be written (File name too long)"),
    ],
)
def test_no_file_that_is_no_notebook_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("thesis.tex", "thesis.ipynb"):
        Path(name).write_text("years of work")
    with pytest.raises(SystemExit) as ended:
        main(["run-chapter", "status", "--out", out])
    assert words in str(ended.value) and "\n" not in str(ended.value)
    assert Path("thesis.tex").read_text() == Path("thesis.ipynb").read_text() == "years of work"


def test_braces_in_paths_are_braces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """papermill takes paths as format strings; the book's folder too may have braces in it."""
    book = tmp_path / "{a} {0}" / "book"
    book.mkdir(parents=True)
    cell = nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    nbformat.write(notebook, book / "short.ipynb")
    for module in ("commands", "chapters"):
        monkeypatch.setattr(f"grokbook.cli.{module}.BOOK", book)
    out = tmp_path / "a{b}c.ipynb"
    main(["run-chapter", "short", "-p", "n", "2", "--out", str(out)])
    assert "n = 2" in nbformat.read(out, as_version=4).cells[1].source


@pytest.mark.parametrize("ending", ["dies", "interpreter is gone", "does not start", "is missing"])
def test_a_kernel_that_fails_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    book, kernels = tmp_path / "book", tmp_path / "jupyter" / "kernels" / "python3"
    book.mkdir()
    kernels.mkdir(parents=True)
    source = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    cell = nbformat.v4.new_code_cell(source)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), book / "short.ipynb")
    for module in ("commands", "chapters"):
        monkeypatch.setattr(f"grokbook.cli.{module}.BOOK", book)
    program, words = {
        "dies": ([sys.executable, "-m", "ipykernel_launcher", "-f"], "The kernel of short died"),
        "interpreter is gone": (["/no/python", "-f"], "names the interpreter /no/python, which"),
        "does not start": ([sys.executable, "-c", "raise SystemExit(3)"], "The kernel of short"),
        "is missing": ([], "needs the Jupyter kernel python3, which is not installed"),
    }[ending]
    spec = {"argv": [*program, "{connection_file}"], "display_name": "p", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    manager = jupyter_client.kernelspec.KernelSpecManager
    monkeypatch.setattr(manager, "kernel_dirs", [str(kernels.parent)])
    if ending == "is missing":

        def none(self: object, name: str) -> None:
            raise jupyter_client.kernelspec.NoSuchKernel(name)

        monkeypatch.setattr(manager, "get_kernel_spec", none)
    with pytest.raises(SystemExit) as ended:
        main(["run-chapter", "short", "--out", str(tmp_path / "out.ipynb")])
    message = str(ended.value)
    assert words in message and "\n" not in message and message.endswith(".")
