"""Execute a chapter of the book with other parameters, checked before anything runs.

papermill injects whatever it is given: an unknown parameter is a warning in its log, and a text
where a number belongs fails somewhere inside the chapter. Here both are refused first.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grokbook._support.errors import InputError, RunError, first_line, reason
from grokbook.experiments.named import PRESETS

BOOK = Path(__file__).resolve().parents[2] / "book"


def chapters() -> list[str]:
    """Return the names of the chapters of the checkout, without their ending.

    Raises
    ------
    InputError
        If the package is not installed from a checkout, which has the book.
    """
    names = sorted(path.stem for path in BOOK.glob("*.ipynb"))
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
    inferred = papermill.inspect_notebook(str(BOOK / f"{chapter}.ipynb"))
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
    """Execute a chapter with papermill and write the notebook, outputs included.

    Parameters
    ----------
    chapter, given
        As in :func:`check`.
    out
        The notebook to write.

    Raises
    ------
    InputError
        As :func:`check`, or if ``out`` is a folder, lies in none, in the book's own, or where
        nothing can be written.
    RunError
        If a cell fails; the notebook up to there is kept.
    """
    import papermill

    values = check(chapter, given)
    if not out.absolute().parent.is_dir():
        raise InputError(f"out is {str(out)!r}, but there is no such folder.")
    if out.is_dir():
        raise InputError(f"out is {str(out)!r}, but that is a folder; name the file to write.")
    if out.resolve().parent == BOOK:
        raise InputError(f"out is {str(out)!r}, but the chapters there are the book's.")
    try:
        papermill.execute_notebook(
            str(BOOK / f"{chapter}.ipynb"), str(out), parameters=values, kernel_name="python3",
            progress_bar=False,
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise RunError(
            f"A cell of {chapter} failed, up to which {out} holds it: {error.ename}:"
            f" {first_line(error.evalue)}"
        ) from error
    except OSError as error:  # papermill writes the notebook before its first cell
        raise InputError(
            f"out is {str(out)!r}, but it cannot be written ({reason(error)})."
        ) from error


def _read(name: str, text: str, written: str, default: str) -> Any:
    if written == "str":
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if not _fits(value, written):
        raise InputError(f"{name} is {text!r}, but must be of type {written}, such as {default}.")
    return value


def _fits(value: Any, written: str) -> bool:
    """Whether a value is of a type as chapters write it: bool, int, float, str or a list of one."""
    if written.startswith("list[") and written.endswith("]"):
        return isinstance(value, list) and all(_fits(item, written[5:-1]) for item in value)
    if written == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if written == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"str": str, "bool": bool}[written])
