"""The options of the command line: one class per subcommand. It does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from grokbook.experiments.names import ALL_NAMES, PRESETS

BOOK = Path(__file__).resolve().parents[2] / "book"
"""The book's folder, in a checkout."""


def chapter_names() -> list[str]:
    """Names of the chapters of the checkout, without their ending; none without a checkout."""
    return sorted(path.stem for path in BOOK.glob("*.ipynb"))


_NAMES = ", ".join(ALL_NAMES)
_RUN = f"An experiment ({_NAMES}), or a run that `grokbook runs` prints."

Name = Annotated[tyro.conf.Positional[str], tyro.conf.arg(help=f"One of {_NAMES}.")]
RunName = Annotated[tyro.conf.Positional[str], tyro.conf.arg(help=_RUN)]
RunNames = Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(help=_RUN)]
Preset = Annotated[str, tyro.conf.arg(help=f"One of {', '.join(PRESETS)}.")]
RunPreset = Annotated[str, tyro.conf.arg(help=f"One of {', '.join(PRESETS)}, custom.")]
Seeds = Annotated[
    tuple[int, ...], tyro.conf.arg(help="Seeds, such as 0 1 2; by default all recorded ones.")
]
Jobs = Annotated[
    int, tyro.conf.arg(help="Processes; the processor's threads are divided among them.")
]
Scheduler = Annotated[
    str,
    tyro.conf.arg(
        help="Address of a Dask cluster to train on instead, such as tcp://10.0.0.1:8786; its"
        " workers must share the folder of runs."
    ),
]
Device = Annotated[str, tyro.conf.arg(help="One of auto, cpu, cuda, cuda:0 and so on.")]


@dataclass
class List:
    """List the experiments and how many seeds of each are recorded."""


@dataclass
class Show:
    """Print every setting of an experiment, or of a recorded run, as JSON."""

    name: RunName
    preset: RunPreset = "paper"


@dataclass
class Train:
    """Train an experiment, or resume an interrupted training, and store the run.

    Options such as `--optimizer.lr 3e-3 --dataset.p 97` override any field of the experiment; such
    runs are stored under the preset `custom`, with the overrides in their names.
    """

    name: Name
    preset: Preset = "paper"
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(help="Seeds, such as 0 1 2.")] = (0,)
    jobs: Jobs = 1
    scheduler: Scheduler = ""
    together: bool | None = None
    """Train all seeds at once, in one process; by default on a GPU."""
    device: Device = "auto"
    again: bool = False
    """Replace runs that are already recorded."""
    keep_weights: tuple[int, ...] = ()
    """Steps whose weights are stored with the run, in addition to the last."""


@dataclass
class Reproduce:
    """Record every missing run and table of the book, and resume interrupted ones.

    To record all of them from scratch, set GROKBOOK_RUNS to an empty folder.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    """Seeds of the paper's five experiments; the controls use the first six."""
    jobs: Jobs = 1
    scheduler: Scheduler = ""
    together: bool | None = None
    """Train all seeds of an experiment at once, in one process; by default on a GPU."""
    preset: Preset = "paper"
    device: Device = "auto"


@dataclass
class Runs:
    """List the recorded runs with their state.

    The state is finished, diverged, interrupted, stale, damaged, or unreadable to this user.
    """

    names: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        tyro.conf.arg(help="Only runs whose name begins with this, such as `modadd`."),
    ] = ()
    preset: Annotated[str, tyro.conf.arg(help="Only this preset, such as paper or custom.")] = ""
    state: Annotated[str, tyro.conf.arg(help="Only runs in this state, such as interrupted.")] = ""
    seeds: Seeds = ()


@dataclass
class Verify:
    """Re-train the first steps of recorded runs and compare every logged metric."""

    names: RunNames = ()
    preset: RunPreset = "paper"
    seeds: Seeds = ()
    steps: int = 10
    full: bool = False
    """Train the runs to their end and summarise by metric how far the logs agree."""


@dataclass
class Measure:
    """Compute metrics on the network of a recorded run, and show the values in its log."""

    name: RunName
    metrics: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        tyro.conf.arg(help="Groups such as sharpness, or columns of a log such as weight_norm."),
    ]
    preset: RunPreset = "paper"
    seed: int = 0
    step: int | None = None
    """The last step, which is the default, or one whose weights were stored."""


@dataclass
class Figure:
    """Draw a figure of the paper from recorded runs into a file."""

    name: tyro.conf.Positional[str]
    """A figure of the paper, 1 to 13, or one of ours (`staircase`)."""
    out: Path
    """The file to write; its ending sets the format: .pdf, .png or .svg."""
    preset: RunPreset = "paper"
    seeds: Seeds = ()


@dataclass
class Compare:
    """Compare runs in a table, and with `--out` in a figure of their accuracies."""

    names: RunNames
    preset: RunPreset = "paper"
    """For names of experiments; other names are found under any preset."""
    seeds: Seeds = ()
    out: Path | None = None
    """The file of the figure; its ending sets the format: .pdf, .png or .svg."""


@dataclass
class Export:
    """Write the logs of runs as one table of comma-separated values, one row per logged step."""

    names: RunNames
    csv: Path
    """The file to write, ending in .csv."""
    preset: RunPreset = "paper"
    seeds: Seeds = ()


@dataclass
class Claims:
    """Print the outcome of each of the paper's statements, or all details of the named ones."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Claims such as C9, statements such as C9.mnist.half; by default all, one line each."""
    preset: Preset = "paper"
    markdown: bool = False
    """Print the table of outcomes as in the README."""


@dataclass
class Study:
    """Record or resume the missing runs of a study, and show the time left."""

    name: tyro.conf.Positional[
        Literal[
            "mechanism",
            "norm",
            "prediction",
            "league",
            "times",
            "choices",
            "laws",
            "noise",
            "twins",
            "representations",
            "sets",
        ]
    ]
    arms: tuple[str, ...] = ()
    """Only these arms, as named in the study's rules; by default all."""
    seeds: tuple[int, ...] = ()
    """Only these seeds; by default all."""
    jobs: int = 1
    """Processes; the processor's threads are divided among them."""
    scheduler: Scheduler = ""


@dataclass
class RunChapter:
    """Execute a chapter with other parameters, as in `-p preset quick -p seeds "[0, 1]"`."""

    name: Annotated[
        tyro.conf.Positional[str],
        tyro.conf.arg(help=f"One of {', '.join(chapter_names()) or 'a checkout: none here'}."),
    ]
    out: Path | None = None
    """The notebook to write, ending in .ipynb; by default the chapter's name in this folder."""
    parameter: Annotated[
        tyro.conf.UseAppendAction[tuple[tuple[str, str], ...]], tyro.conf.arg(aliases=["-p"])
    ] = ()
    """A parameter and its value; refused if the chapter has no such parameter or type."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[Runs, tyro.conf.subcommand("runs")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Measure, tyro.conf.subcommand("measure")]
    | Annotated[Figure, tyro.conf.subcommand("figure")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Claims, tyro.conf.subcommand("claims")]
    | Annotated[Study, tyro.conf.subcommand("study")]
    | Annotated[RunChapter, tyro.conf.subcommand("run-chapter")]
)
"""A subcommand is a class here and a case in :func:`grokbook.cli.main.main`."""
