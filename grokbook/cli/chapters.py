"""Execute a chapter of the book with other parameters, checked before anything runs.

papermill injects any parameter: it only logs a warning for an unknown one, and a text in place of a
number fails somewhere inside the chapter. This module refuses both first.
"""

from __future__ import annotations

import ast
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grokbook._support.errors import InputError, RunError, first_line, reason
from grokbook._support.validation import shown
from grokbook.cli.commands import BOOK, chapter_names
from grokbook.cli.prose import fill
from grokbook.cli.reading import require_file
from grokbook.experiments.names import PRESETS


def chapters() -> list[str]:
    """Return the names of the chapters of the checkout, without their ending.

    Raises
    ------
    InputError
        If the package is not installed from a checkout, which contains the book.
    """
    names = chapter_names()
    if not names:
        raise InputError(
            f"There is no chapter in {str(BOOK)!r}; chapters come with a checkout of the"
            " repository, installed with `pip install -e .`."
        )
    return names


def parameters(chapter: str) -> dict[str, tuple[str, str]]:
    """Return the parameters of a chapter: by name, its type as written and its default."""
    import papermill

    if chapter not in chapters():
        raise InputError(f"There is no chapter {chapter!r}; known are {', '.join(chapters())}.")
    inferred = papermill.inspect_notebook(_formatted(BOOK / f"{chapter}.ipynb"))
    return {
        name: (str(each["inferred_type_name"]), str(each["default"]))
        for name, each in inferred.items()
    }


def check(chapter: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Turn parameters given as text into values of their types.

    Parameters
    ----------
    chapter
        Name of the chapter.
    given
        Text by parameter: a word for a ``str``, a Python literal for anything else.

    Raises
    ------
    InputError
        On an unknown chapter, parameter or preset, or a value that is not of its type.

    Examples
    --------
    >>> check("1_introduction", {"preset": "smoke", "seeds": "[0, 1]"})
    {'preset': 'smoke', 'seeds': [0, 1]}
    """
    known = parameters(chapter)
    values = {}
    for name, text in given.items():
        if name not in known:
            raise InputError(
                f"{name} is not a parameter of {chapter}; known are {', '.join(known)}."
            )
        written, default = known[name]
        values[name] = _read(name, text, written, default)
    preset = values.get("preset", PRESETS[0])
    if preset not in PRESETS:
        raise InputError(f"There is no preset {preset!r}; known are {', '.join(PRESETS)}.")
    return values


def run(chapter: str, given: Mapping[str, str], out: Path) -> None:
    """Execute a chapter with papermill and write the notebook: outputs, and numbers in its text.

    Parameters
    ----------
    chapter, given
        As in :func:`check`.
    out
        The notebook to write.

    Raises
    ------
    InputError
        As :func:`check`, or if ``out`` does not end in .ipynb, is a folder or a file that is not a
        notebook, or lies in no folder, in the folder of the book, or where nothing can be written.
    RunError
        If a cell fails, or the kernel does not start or dies; the notebook so far is kept.
    """
    import nbformat
    import papermill

    values = check(chapter, given)
    _require_notebook(out)
    print(f"executing {chapter} into {out}", file=sys.stderr, flush=True)
    try:
        notebook = papermill.execute_notebook(
            _formatted(BOOK / f"{chapter}.ipynb"), _formatted(out), parameters=values,
            kernel_name="python3",
        )  # fmt: skip
        fill(notebook)
        nbformat.write(notebook, out)
    except papermill.PapermillExecutionError as error:
        raise RunError(
            f"A cell of {chapter} failed; {out} has the chapter up to it: {error.ename}:"
            f" {first_line(error.evalue)}"
        ) from error
    except Exception as error:
        raise _told(error, chapter, out) from error


def _require_notebook(out: Path) -> None:
    """Refuse a path where a notebook must not be written."""
    require_file(out, ".ipynb", "out")
    if out.resolve().parent == BOOK:
        raise InputError(f"out is {str(out)!r}, but that folder holds the chapters of the book.")
    if not out.exists():
        return
    try:
        notebook = json.loads(out.read_bytes())
        is_notebook = isinstance(notebook["cells"], list) and "nbformat" in notebook
    except (OSError, ValueError, TypeError, KeyError):
        is_notebook = False
    if not is_notebook:
        raise InputError(
            f"out is {str(out)!r}, but that file is not a notebook and is not overwritten;"
            " name another."
        )


def _told(error: Exception, chapter: str, out: Path) -> InputError | RunError:
    """Return the error that ended a chapter: of its kernel, or of the file to write."""
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError

    mend = "`python -m ipykernel install --sys-prefix` reinstalls it"
    if isinstance(error, DeadKernelError):
        return RunError(
            f"The kernel of {chapter} died, perhaps for lack of memory or because it was killed;"
            f" {out} has the chapter up to there."
        )
    if isinstance(error, NoSuchKernel):
        return RunError(
            f"{chapter} needs the Jupyter kernel python3, which is not installed; {mend}."
        )
    if isinstance(error, OSError) and (missing := _missing_interpreter()):
        return RunError(
            f"The Jupyter kernel python3 names the interpreter {missing}, which does not exist;"
            f" {mend}."
        )
    if isinstance(error, OSError):  # papermill writes the notebook before its first cell
        return InputError(f"out is {str(out)!r}, but it cannot be written ({reason(error)}).")
    if isinstance(error, RuntimeError):  # nbclient raises this when the kernel does not answer
        return RunError(f"The kernel of {chapter} did not start ({first_line(error)}); {mend}.")
    raise error


def _missing_interpreter() -> str | None:
    """Return the program that starts the kernel python3, if it does not exist."""
    from jupyter_client.kernelspec import KernelSpecManager

    program = str(KernelSpecManager().get_kernel_spec("python3").argv[0])
    return None if shutil.which(program) else program


def _formatted(path: Path) -> str:
    """Return a path for papermill, which takes it as a format string."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _read(name: str, text: str, written: str, default: str) -> Any:
    if written == "str":
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # the last two: deep nesting
        value = text
    if not _fits(value, written):
        raise InputError(
            f"{name} is {shown(text)}, but must be of type {written}, such as {default}."
        )
    return value


def _fits(value: Any, written: str) -> bool:
    """Whether a value has a type named as in chapters: bool, int, float, str or a list of one."""
    if written.startswith("list[") and written.endswith("]"):
        return isinstance(value, list) and all(_fits(item, written[5:-1]) for item in value)
    if written == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if written == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"str": str, "bool": bool}[written])
