"""Execute chapters as committed and write their outputs back (`make notebooks`).

    python book/execute.py                  every chapter
    python book/execute.py 1_introduction   some

What differs between two executions of the same code, such as timings and names of
widgets, is left out, so that executing twice leaves no difference.
"""

import json
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).parent
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
    notebook = with_stable_names(notebook)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Execute the chapters named on the command line, or all."""
    names = sys.argv[1:] or sorted(path.stem for path in BOOK.glob("*.ipynb"))
    for name in names:
        print(name, flush=True)
        execute(BOOK / f"{name}.ipynb")


if __name__ == "__main__":
    main()
