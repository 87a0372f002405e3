"""The command ``grokbook``; its subcommands are the classes below."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from grokbook._support.errors import GrokbookError, InputError
from grokbook.cli import chapters
from grokbook.experiments.named import CONTROLS, EXPERIMENTS, PRESETS, experiment
from grokbook.experiments.schema import Experiment
from grokbook.store.run_keys import custom_key, distinct_seeds
from grokbook.store.run_store import RunStore
from grokbook.store.verification import verify
from grokbook.store.workers import record_all
from grokbook.studies.reproduce import SEEDS, everything, record_missing, record_missing_tables


@dataclass
class List:
    """List the experiments and how many seeds of each are recorded."""


@dataclass
class Show:
    """Print every setting of one experiment as JSON."""

    name: tyro.conf.Positional[str]
    preset: str = "paper"


@dataclass
class Train:
    """Train an experiment, resume what was cut off, and keep the run.

    Any field of the experiment can be overridden, as in `--optimizer.lr 3e-3 --dataset.p 97`; such
    runs are kept under the preset `custom`.
    """

    name: tyro.conf.Positional[str]
    preset: str = "paper"
    seeds: tuple[int, ...] = (0,)
    jobs: int = 1
    """Processes, one a seed; the processor's threads are divided among them."""
    scheduler: str = ""
    """Address of a Dask cluster to train on instead, such as tcp://10.0.0.1:8786; its workers must
    share the folder of runs."""
    together: bool | None = None
    """Train all seeds at once, in one process; by default on a GPU."""
    device: str = "auto"
    again: bool = False
    """Record anew what is recorded already."""


@dataclass
class Reproduce:
    """Record every run and table of the book that is not there yet, resume what was cut off.

    To record them all from nothing, name an empty folder in GROKBOOK_RUNS.
    """

    seeds: tuple[int, ...] = SEEDS
    """Of the paper's five experiments; the controls take the first three."""
    jobs: int = 1
    """Processes; the processor's threads are divided among them."""
    scheduler: str = ""
    """Address of a Dask cluster to train on instead, such as tcp://10.0.0.1:8786."""
    together: bool | None = None
    """Train all seeds of an experiment at once, in one process; by default on a GPU."""
    preset: str = "paper"
    device: str = "auto"


@dataclass
class Runs:
    """List the recorded runs with their state: finished, diverged, interrupted, stale, damaged."""


@dataclass
class Verify:
    """Re-train the first steps of recorded runs and compare every logged metric."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Experiments, or with `--preset custom` names that `grokbook runs` prints; all recorded ones
    if none is given."""
    preset: str = "paper"
    seeds: tuple[int, ...] = ()
    """All recorded ones if none is given."""
    steps: int = 10


@dataclass
class Figure:
    """Draw a figure of the paper from recorded runs into a file."""

    name: tyro.conf.Positional[str]
    """1 to 13, or one of ours (`staircase`)."""
    out: Path
    """The file; its ending says the format: .pdf, .png or .svg."""
    preset: str = "paper"
    seeds: tuple[int, ...] = ()
    """All recorded ones if none is given."""


@dataclass
class Claims:
    """Print the outcome of each of the paper's statements, or all about those named."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Claims such as C9, statements such as C9.mnist.half; all, one line each, if none is given."""
    preset: str = "paper"
    markdown: bool = False
    """Print the table of outcomes as README shows it."""


@dataclass
class RunChapter:
    """Execute a chapter with other parameters, as in `-p preset quick -p seeds "[0, 1]"`."""

    name: tyro.conf.Positional[str]
    out: Path | None = None
    """The notebook to write; by default one of the chapter's name, in this folder."""
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
    | Annotated[Figure, tyro.conf.subcommand("figure")]
    | Annotated[Claims, tyro.conf.subcommand("claims")]
    | Annotated[RunChapter, tyro.conf.subcommand("run-chapter")]
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors that a user can cause print one sentence and exit with 1."""
    command, overrides = tyro.cli(
        Command,  # tyro reads the union as subcommands
        prog="grokbook",
        description="Experiments of 'Understanding Grokking Through A Robustness Viewpoint'.",
        args=arguments,
        return_unknown_args=True,
    )
    try:
        if overrides and not isinstance(command, Train):
            raise InputError(f"{overrides[0]} is not an option of this command; see --help.")
        match command:
            case List():
                _list()
            case Show():
                print(json.dumps(experiment(command.name, command.preset).to_dict(), indent=1))
            case Train():
                _train(command, overrides)
            case Runs():
                _runs()
            case Reproduce():
                _reproduce(command)
            case Verify():
                _verify(command)
            case Figure():
                _figure(command)
            case Claims():
                _claims(command)
            case RunChapter():
                out = command.out or Path(f"{command.name}.ipynb")
                chapters.run(command.name, dict(command.parameter), out)
    except GrokbookError as error:
        sys.exit(f"grokbook: {error}")
    except KeyboardInterrupt:
        sys.exit("grokbook: stopped; the same command goes on from here.")


def _list() -> None:
    recorded = RunStore().recorded()
    for name in (*EXPERIMENTS, *CONTROLS):
        counts = (
            f"{preset} {sum((key.preset, key.name) == (preset, name) for key in recorded)}"
            for preset in PRESETS
        )
        print(f"{name:20} runs: {', '.join(counts)}")


def _runs() -> None:
    store = RunStore()
    for key in store.recorded() + store.interrupted():
        print(f"{key.preset:8}{key.name:28}seed {key.seed:<4}{store.status(key)}")


def _train(command: Train, overrides: Sequence[str]) -> None:
    for argument in overrides:
        if argument.split("=")[0] == "--seed":
            raise InputError("--seed is not an option here; --seeds says which, as in --seeds 0 1.")
    recipes = [
        _override(experiment(command.name, command.preset, seed), overrides)
        for seed in distinct_seeds(command.seeds)
    ]
    wanted = [(custom_key(command.name, command.preset, recipe), recipe) for recipe in recipes]
    for key, run in record_all(
        wanted,
        jobs=command.jobs,
        scheduler=command.scheduler,
        together=command.together,
        device=command.device,
        again=command.again,
    ):
        if not len(run.log):
            print(f"{key}: diverged before its first row, the training loss is not finite at all.")
            continue
        last = run.log.iloc[-1]
        print(
            f"{key}: {run.manifest['status']} at step {run.manifest['steps']},"
            f" train accuracy {last['train_accuracy']:.4f},"
            f" test accuracy {last['test_accuracy']:.4f}, {run.manifest['seconds']:.0f} s",
            flush=True,
        )


def _reproduce(command: Reproduce) -> None:
    wanted = everything(command.preset, distinct_seeds(command.seeds))
    lines = record_missing(
        wanted,
        command.jobs,
        command.device,
        scheduler=command.scheduler,
        together=command.together,
    )
    for line in lines:
        print(line, flush=True)
    if command.preset == "paper":  # no other preset reads a table from disk
        for line in record_missing_tables():
            print(line, flush=True)


def _figure(command: Figure) -> None:
    from grokbook.figures.catalogue import draw, save

    save(draw(command.name, command.preset, command.seeds or None), command.out)


def _claims(command: Claims) -> None:
    # Here, not at the top: judging needs every metric, and the other commands should start fast.
    from grokbook.claims import evaluate, markdown_table, printed

    if command.preset not in PRESETS:
        raise InputError(
            f"There are no claims for preset {command.preset!r}; known are {', '.join(PRESETS)}."
        )
    if command.markdown:
        print(markdown_table(command.preset, book="book/"))
    else:
        judged = evaluate(command.names or None, command.preset)
        width = shutil.get_terminal_size().columns
        print(printed(judged, width, whole=bool(command.names)))


def _verify(command: Verify) -> None:
    recorded = RunStore().recorded()
    for name in command.names:
        if command.preset != "custom":
            experiment(name, command.preset)
        elif not any((key.preset, key.name) == ("custom", name) for key in recorded):
            raise InputError(f"There is no recorded run {name!r} (custom); see `grokbook runs`.")
    keys = [
        key
        for key in recorded
        if key.preset == command.preset
        and (not command.names or key.name in command.names)
        and (not command.seeds or key.seed in command.seeds)
    ]
    if not keys:
        raise InputError(
            f"There is no recorded run to verify (preset {command.preset}, experiments"
            f" {', '.join(command.names) or 'all'}); see `grokbook runs`."
        )
    failures = 0
    for key in keys:
        table = verify(key, command.steps)
        wrong = table[~table["agrees"]]
        failures += len(wrong) > 0
        print(
            f"{key}: {len(table) - len(wrong)} of {len(table)} values agree,"
            f" steps 0 to {table['step'].max()}",
            flush=True,
        )
        for row in wrong.itertuples():
            print(f"  step {row.step}: {row.metric} {row.recorded:.6g}, now {row.retrained:.6g}")
    if failures:
        raise InputError(f"{failures} of {len(keys)} runs do not agree with this code.")


def _override(recipe: Experiment, arguments: Sequence[str]) -> Experiment:
    """Set fields from ``--field value`` arguments; tyro reads and checks them."""
    if not arguments:
        return recipe

    def parse(some: Sequence[str]) -> Experiment:
        return tyro.cli(
            tyro.conf.AvoidSubcommands[Experiment],
            default=recipe,
            args=list(some),
            console_outputs=False,
        )

    try:
        # tyro prints some errors in a box even when told not to.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return parse(arguments)
    except SystemExit as refusal:
        cause: BaseException | None = refusal
        while cause is not None:
            if isinstance(cause, GrokbookError):  # a field's own check, in its own words
                raise cause from None
            cause = cause.__context__
    known = ["--" + name for name in _field_names(recipe)]
    for argument in arguments:
        if argument.startswith("--") and argument.split("=")[0].replace("-", "_")[2:] not in (
            name[2:] for name in known
        ):
            raise InputError(f"{argument} is not a field; known are {', '.join(known)}.")
    raise InputError(
        f"{' '.join(arguments)} could not be read: each value must be of its field's type"
        f" (`grokbook show` prints the present values)."
    )


def _field_names(value: object, prefix: str = "") -> list[str]:
    names = []
    for field in dataclasses.fields(value):  # type: ignore[arg-type]
        item = getattr(value, field.name)
        if dataclasses.is_dataclass(item):
            names += _field_names(item, f"{prefix}{field.name}.")
        else:
            names.append(prefix + field.name)
    return names
