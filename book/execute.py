"""Execute chapters as committed and write their outputs back (`make notebooks`).

    python book/execute.py                  every chapter
    python book/execute.py 1_introduction   some

Numbers in the text are filled in, and figures numbered in the order of the book.
What differs between two executions of the same code, such as timings and names of
widgets, is left out, so that executing twice leaves no difference.
"""

import json
import re
import sys
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient

from grokbook.cli.prose import fill

BOOK = Path(__file__).parent
CAPTION = re.compile(r'(<a id="(fig-[\w-]+)"></a>\*\*Figure) \d*\.')
LINK = re.compile(r"\[Figure \d*\](\((?:\w+\.ipynb)?#(fig-[\w-]+)\))")
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def with_stable_names(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Number the widgets in order of making; ipywidgets names them at random."""
    saved = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {"state": {}})
    names = {name: f"{number:032x}" for number, name in enumerate(saved["state"])}
    text = json.dumps(notebook)
    text = re.sub("[0-9a-f]{32}", lambda match: names.get(match[0], match[0]), text)
    return nbformat.reads(text, as_version=4)


def execute(path: Path) -> None:
    """Execute one notebook in place; if a cell fails, the file stays as it was."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute(cwd=str(BOOK))
    notebook.metadata["language_info"] = {"name": "python"}
    fill(notebook)
    write(path, with_stable_names(notebook))


def write(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Write a notebook such that a change of one line is a change of few lines."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def chapters() -> list[Path]:
    """Return the notebooks of the book, in its order."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    pages = [toc["root"]]
    pages += [page["file"] for part in toc["parts"] for page in part["chapters"]]
    return [path for page in pages if (path := BOOK / f"{page}.ipynb").is_file()]


def number_figures() -> None:
    """Give each caption, and each link to a figure, its number in the book."""
    notebooks = {path: nbformat.read(path, as_version=4) for path in chapters()}
    texts = [
        cell
        for notebook in notebooks.values()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
    ]
    names = [name for cell in texts for _, name in CAPTION.findall(cell.source)]
    numbers = {name: number for number, name in enumerate(names, 1)}
    for cell in texts:
        cell.source = CAPTION.sub(
            lambda found: f"{found[1]} {numbers[found[2]]}.", cell.source
        )
        cell.source = LINK.sub(
            lambda found: f"[Figure {numbers[found[2]]}]{found[1]}", cell.source
        )
    for path, notebook in notebooks.items():
        write(path, notebook)


def main() -> None:
    """Execute the chapters named on the command line, or all."""
    names = sys.argv[1:] or sorted(path.stem for path in BOOK.glob("*.ipynb"))
    for name in names:
        print(name, flush=True)
        execute(BOOK / f"{name}.ipynb")
    number_figures()


if __name__ == "__main__":
    main()
