"""Execute chapters as committed and write their outputs back (`make notebooks`).

    python book/execute.py                  every chapter
    python book/execute.py 1_introduction   some

What differs between two executions of the same code, such as timings, is left out,
so that executing twice leaves no difference.
"""

import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).parent


def execute(path: Path) -> None:
    """Execute one notebook in place; if a cell fails, the file stays as it was."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute(cwd=str(BOOK))
    notebook.metadata["language_info"] = {"name": "python"}
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
