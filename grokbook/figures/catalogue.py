"""The paper's figures by number and ours by name: drawing them from recorded runs and saving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from grokbook._support.atomic_files import write_atomically
from grokbook._support.errors import InputError, reason
from grokbook.figures.section_1 import figure_1
from grokbook.figures.section_3 import figure_2, figure_3, figure_4
from grokbook.figures.section_4 import figure_5, figure_6, figure_7, staircase
from grokbook.figures.section_5 import figure_8, figure_9, figure_10, figure_11
from grokbook.figures.section_6 import figure_12, figure_13
from grokbook.figures.style import theme
from grokbook.store.reading import load_runs

_BOTH = ("mnist-standard", "modadd-standard")
_PAIR = ("modadd-standard", "modadd-perturbed")

FIGURES: dict[str, tuple[Callable[..., Figure], tuple[str, ...]]] = {
    "1": (figure_1, _BOTH),
    "2": (figure_2, _BOTH),
    "3": (figure_3, ("modadd-standard",)),
    "4": (figure_4, ("mnist-standard", "mnist-perturbed", *_PAIR)),
    "5": (figure_5, _PAIR),
    "6": (figure_6, (*_PAIR, "modadd-abelian")),
    "7": (figure_7, _PAIR),
    "8": (figure_8, _BOTH),
    "9": (figure_9, _BOTH),
    "10": (figure_10, _BOTH),
    "11": (figure_11, _BOTH),
    "12": (figure_12, ("mnist-standard",)),
    "13": (figure_13, ("mnist-standard",)),
    "staircase": (staircase, (*_PAIR, "modadd-abelian")),
}
"""The function that draws a figure, and the experiments whose runs it takes, in order."""

_METADATA = {
    # Without these, two files of the same figure would differ by the time they were written.
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
    "svg": {"Date": None},
}


def draw(name: str, preset: str = "paper", seeds: Sequence[int] | None = None) -> Figure:
    """Draw a figure from recorded runs.

    Parameters
    ----------
    name
        A key of ``FIGURES``: "1" to "13", or "staircase".
    preset, seeds
        Preset and seeds of the runs, as in :func:`grokbook.store.reading.load_runs`.

    Raises
    ------
    InputError
        If there is no such figure.
    RunError
        If a run it needs is not recorded, damaged or stale.
    """
    if name not in FIGURES:
        raise InputError(f"There is no figure {name!r}; known are {', '.join(FIGURES)}.")
    function, experiments = FIGURES[name]
    return function(*(load_runs(each, preset, seeds) for each in experiments))


def require_place(path: Path) -> None:
    """Refuse a path where no figure can be written, before drawing one.

    Raises
    ------
    InputError
        If the path is a folder or its ending is not .pdf, .png or .svg, or there is no such folder.
    """
    if path.suffix.removeprefix(".") not in _METADATA:
        raise InputError(f"out is {str(path)!r}, but its ending must be .pdf, .png or .svg.")
    try:
        if path.is_dir():
            raise InputError(f"out is {str(path)!r}, but that is a folder; name the file to write.")
        if not path.absolute().parent.is_dir():
            raise InputError(f"out is {str(path)!r}, but there is no such folder.")
    except OSError as error:  # a name too long, a folder that cannot be listed
        raise _unwritable(path, error) from error


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file; its ending sets the format, and equal figures give equal bytes.

    Raises
    ------
    InputError
        As :func:`require_place`, or if the file cannot be written.
    """
    require_place(path)
    ending = path.suffix.removeprefix(".")
    try:
        with theme():
            write_atomically(
                path,
                lambda file: figure.savefig(
                    file, format=ending, facecolor="white", dpi=200, metadata=_METADATA[ending]
                ),
            )
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"out is {str(path)!r}, but it cannot be written ({reason(error)}).")
