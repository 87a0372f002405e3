"""Commands that train: train, reproduce, verify."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Sequence
from importlib import import_module

import tyro

from grokbook._support.errors import GrokbookError, InputError
from grokbook._support.progress import say
from grokbook.cli import commands as given
from grokbook.experiments.named import experiment
from grokbook.experiments.schema import Experiment
from grokbook.store.retraining import verify_whole
from grokbook.store.run_keys import RunKey, custom_key, distinct_seeds, readable_key
from grokbook.store.run_store import RunStore
from grokbook.store.verification import verify
from grokbook.store.workers import record_all
from grokbook.studies.reproduce import everything, record_missing, record_missing_tables


def train(command: given.Train, overrides: Sequence[str]) -> None:
    """Train an experiment, with any overrides, and print the end of each seed."""
    for argument in overrides:
        if argument.split("=")[0] == "--seed":
            raise InputError("--seed is not an option here; --seeds says which, as in --seeds 0 1.")
    recipes = [
        _override(experiment(command.name, command.preset, seed), overrides)
        for seed in distinct_seeds(command.seeds)
    ]
    store = RunStore()
    wanted = [(_key(command.name, command.preset, each, store), each) for each in recipes]
    _say_what_trains(wanted, command, store)
    for key, run in record_all(
        wanted,
        jobs=command.jobs,
        scheduler=command.scheduler,
        together=command.together,
        device=command.device,
        again=command.again,
        keep_weights_at=command.keep_weights,
    ):
        if not len(run.log):
            print(f"{key}: diverged before its first row: the training loss was never finite.")
            continue
        last = run.log.iloc[-1]
        print(
            f"{key}: {run.manifest['status']} at step {run.manifest['steps']},"
            f" train accuracy {last['train_accuracy']:.4f},"
            f" test accuracy {last['test_accuracy']:.4f}, {run.manifest['seconds']:.0f} s",
            flush=True,
        )


def reproduce(command: given.Reproduce) -> None:
    """Record the missing runs and tables of the book, and show the time left."""
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
    if command.preset == "paper":  # other presets read no tables from disk
        for line in record_missing_tables():
            print(line, flush=True)


def verify_runs(command: given.Verify) -> None:
    """Re-train the first steps of recorded runs, and print whether they agree."""
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
        if command.full:
            failures += not _whole_agrees(key)
            continue
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


def _whole_agrees(key: RunKey) -> bool:
    """Train a run again, print how far its log agrees by metric, and return whether it does."""
    say(f"training {key} again to its end")
    table = verify_whole(key)
    parted = table[table["parts"].notna()]
    print(
        f"{key}: {int(table['agree'].sum())} of {int(table['steps'].sum())} values agree,"
        f" {int(table['identical'].sum())} to the last bit",
        flush=True,
    )
    for row in parted.itertuples():
        step = int(float(str(row.parts)))
        print(f"  {row.Index}: from step {step} on, by {row.largest:.2g} at most")
    return parted.empty


def _key(name: str, preset: str, recipe: Experiment, store: RunStore) -> RunKey:
    """Return the key of a run: the name it was started with, else a descriptive one."""
    first = custom_key(name, preset, recipe)
    if first in store.recorded() + store.interrupted():
        return first
    return readable_key(name, preset, recipe)


def _say_what_trains(
    wanted: Sequence[tuple[RunKey, Experiment]], command: given.Train, store: RunStore
) -> None:
    """Print what will be trained and where, before training or waiting for a scheduler."""
    done = () if command.again else store.recorded()
    keys = [key for key, _ in wanted if key not in done]
    if not keys:
        return
    where = f"on {command.scheduler}" if command.scheduler else f"into {store.root}"
    names = str(keys[0]) if len(keys) == 1 else f"{len(keys)} runs of {keys[0].name}"
    each = " each" * (len(keys) > 1)
    say(f"training {names}, {wanted[0][1].steps} steps{each}, {where}")


def _override(recipe: Experiment, arguments: Sequence[str]) -> Experiment:
    """Set fields from ``--field value`` arguments, which tyro reads and checks."""
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
            if isinstance(cause, GrokbookError):  # raised by the check of a field
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


def study(command: given.Study) -> None:
    """Record the missing runs of a study, and print the time left after each run."""
    from grokbook.studies.study import record

    named = import_module(f"grokbook.studies.{command.name}").STUDY
    for line in record(
        named, arms=command.arms, seeds=command.seeds, jobs=command.jobs,
        scheduler=command.scheduler,
    ):  # fmt: skip
        print(line, flush=True)
