"""The command ``grokbook``: reads the command line and calls the other modules of this package."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import tyro

from grokbook._support.errors import GrokbookError, InputError
from grokbook._support.version import __version__
from grokbook.cli import commands as given
from grokbook.cli.streams import made_safe


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error that a user can cause prints one sentence and exits with 1."""
    with made_safe():
        arguments = list(sys.argv[1:] if arguments is None else arguments)
        if arguments == ["--version"]:
            print(f"grokbook {__version__}")
            return
        command, overrides = tyro.cli(
            given.Command,  # tyro reads the union as subcommands
            prog="grokbook",
            description="Experiments of 'Understanding Grokking Through A Robustness Viewpoint'."
            " `grokbook --version` prints the version.",
            args=arguments,
            return_unknown_args=True,
        )
        try:
            if overrides and not isinstance(command, given.Train):
                raise InputError(
                    f"{_one_line(overrides[0])} is not an option of this command; see --help."
                )
            _run(command, overrides)
        except GrokbookError as error:
            sys.exit(f"grokbook: {_one_line(str(error))}")
        except KeyboardInterrupt:
            sys.exit("grokbook: stopped; the same command goes on from here.")
        except MemoryError as error:
            sys.exit(f"grokbook: there is not enough memory ({_one_line(str(error))}).")


def _run(command: object, overrides: Sequence[str]) -> None:
    """Run a command; each imports only what it needs, so that none waits for more."""
    match command:
        case given.List():
            from grokbook.cli.listing import list_experiments

            list_experiments()
        case given.Runs():
            from grokbook.cli.listing import list_runs

            list_runs(command)
        case given.Show():
            from grokbook.cli.reading import show

            show(command)
        case given.Compare():
            from grokbook.cli.reading import compare

            compare(command)
        case given.Export():
            from grokbook.cli.reading import export

            export(command)
        case given.Figure():
            from grokbook.figures.catalogue import draw, require_place, save

            require_place(command.out)
            save(draw(command.name, command.preset, command.seeds or None), command.out)
        case given.Claims():
            from grokbook.cli.reading import claims

            claims(command)
        case given.Train():
            from grokbook.cli.training import train

            train(command, overrides)
        case given.Reproduce():
            from grokbook.cli.training import reproduce

            reproduce(command)
        case given.Verify():
            from grokbook.cli.training import verify_runs

            verify_runs(command)
        case given.Measure():
            from grokbook.cli.reading import measure

            measure(command)
        case given.Study():
            from grokbook.cli.training import study

            study(command)
        case given.RunChapter():
            from grokbook.cli import chapters

            out = command.out or Path(f"{command.name}.ipynb")
            chapters.run(command.name, dict(command.parameter), out)


def _one_line(text: str) -> str:
    """Return a message on one line, without the line breaks of the values in it."""
    return " ".join(text.split())
