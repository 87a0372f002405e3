"""Lists of experiments and runs."""

from __future__ import annotations

from grokbook._support.errors import InputError
from grokbook.cli.commands import Runs
from grokbook.cli.tables import fitted
from grokbook.experiments.names import ALL_NAMES, PRESETS
from grokbook.store.places import recorded_places


def list_experiments() -> None:
    """Print the experiments and how many seeds of each are recorded."""
    recorded = recorded_places()
    rows = [
        [name, *(str(sum(place[:2] == (preset, name) for place in recorded)) for preset in PRESETS)]
        for name in ALL_NAMES
    ]
    print(fitted(["recorded runs of", *PRESETS], rows))


def list_runs(command: Runs) -> None:
    """Print the recorded runs that a command asks for, with their state."""
    from grokbook.store.run_store import RunStore

    store, rows = RunStore(), []
    keys = store.recorded() + store.interrupted()
    for key in keys:
        wanted = (
            (not command.preset or key.preset == command.preset)
            and (not command.seeds or key.seed in command.seeds)
            and (not command.names or key.name.startswith(command.names))
        )
        if wanted and command.state in ("", state := store.status(key)):
            rows.append([key.preset, key.name, str(key.seed), state])
    if rows:
        print(fitted(["preset", "run", "seed", "state"], rows))
    elif keys:
        raise InputError(
            f"None of the {len(keys)} recorded runs matches; `grokbook runs` lists them all."
        )
