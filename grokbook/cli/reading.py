"""Commands that read: show, compare, export, claims."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from grokbook._support.atomic_files import write_atomically
from grokbook._support.errors import InputError, reason
from grokbook.cli import commands as given
from grokbook.cli.tables import fitted
from grokbook.experiments.named import CONTROLS, EXPERIMENTS, experiment
from grokbook.experiments.names import PRESETS
from grokbook.experiments.schema import GROUPS
from grokbook.store.places import recorded_places
from grokbook.store.reading import load_manifests, load_runs, measure_recorded
from grokbook.store.run_keys import RunKey


def preset_of(name: str, preset: str) -> str:
    """Return the preset for a name: its own if it is not the name of an experiment.

    Raises
    ------
    InputError
        If no experiment and no recorded run has this name.
    """
    if name in EXPERIMENTS | CONTROLS:
        return preset
    found = [place[0] for place in recorded_places() if place[1] == name]
    if not found:
        raise InputError(
            f"There is no experiment {name!r}, and no recorded run of this name; `grokbook list`"
            " lists the experiments, `grokbook runs` the runs."
        )
    return preset if preset in found else found[0]


def show(command: given.Show) -> None:
    """Print the settings of an experiment or of a recorded run."""
    preset = preset_of(command.name, command.preset)
    if command.name in EXPERIMENTS | CONTROLS and preset in PRESETS:
        fields = experiment(command.name, preset).to_dict()
    else:
        fields = load_manifests(command.name, preset)[0]["experiment"]
    print(json.dumps(fields, indent=1))


def loaded(names: Sequence[str], preset: str, seeds: Sequence[int]) -> dict[str, pd.DataFrame]:
    """Return the logs of runs by name, each name once."""
    if not names:
        raise InputError("There is no run to read; name at least one, as `grokbook runs` does.")
    return {name: load_runs(name, preset_of(name, preset), seeds or None) for name in names}


def compare(command: given.Compare) -> None:
    """Print a table of runs, and draw them if a file is named."""
    from grokbook.figures.catalogue import require_place, save
    from grokbook.figures.comparison import comparison_figure, comparison_table

    if command.out is not None:
        require_place(command.out)
    runs = loaded(command.names, command.preset, command.seeds)
    if command.out is not None:
        save(comparison_figure(runs), command.out)
    table = comparison_table(runs).reset_index()
    print(fitted([*table], table.to_numpy().tolist()))


def export(command: given.Export) -> None:
    """Write the logs of runs into one file."""
    out = command.csv
    require_file(out, ".csv", "csv")
    table = pd.concat(loaded(command.names, command.preset, command.seeds).values())
    try:
        write_atomically(out, lambda file: table.to_csv(file, index=False, lineterminator="\n"))
    except OSError as error:
        raise InputError(
            f"csv is {str(out)!r}, but it cannot be written ({reason(error)})."
        ) from error
    print(f"{out}: {len(table)} rows, {len(table.columns)} columns.")


def measure(command: given.Measure) -> None:
    """Print metrics of a recorded network, and the values of its log at that step."""
    if not command.metrics:
        raise InputError(f"There is no metric to compute; name some of {', '.join(GROUPS)}.")
    key = RunKey(preset_of(command.name, command.preset), command.name, command.seed)
    table = measure_recorded(key, command.metrics, command.step)
    rows = [
        [metric, *("" if math.isnan(value) else f"{value:.8g}" for value in values)]
        for metric, *values in table.reset_index().to_numpy().tolist()
    ]
    print(fitted(["metric", *table], rows))


def claims(command: given.Claims) -> None:
    """Print the outcomes of the claims."""
    from grokbook.claims import evaluate, markdown_table, printed

    if command.preset not in PRESETS:
        raise InputError(
            f"There are no claims for preset {command.preset!r}; known are {', '.join(PRESETS)}."
        )
    if command.markdown:
        print(markdown_table(command.preset, book="book/"))
        return
    judged = evaluate(command.names or None, command.preset)
    width = shutil.get_terminal_size().columns
    print(printed(judged, width, whole=bool(command.names)))


def require_file(out: Path, ending: str, option: str) -> None:
    """Refuse a file with another ending, a folder, and a path where no file can be written."""
    try:
        if out.suffix != ending:
            problem = f"its ending must be {ending}"
        elif out.is_dir():
            problem = "that is a folder; name the file to write"
        elif not out.absolute().parent.is_dir():
            problem = "there is no such folder"
        else:
            return
    except OSError as error:  # a name too long, a folder that cannot be read
        problem = f"it cannot be written ({reason(error)})"
    raise InputError(f"{option} is {str(out)!r}, but {problem}.")
