"""A training run in the notebook's own kernel: started, paused and stopped, its curves drawn live.

The kernel stays free: the run has its own thread, in which a `grokbook.Trainer` reports each row of
its log and checks before each step whether to continue. A paused run keeps its state.
"""

import atexit
import dataclasses
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

import anywidget
import pandas as pd
import traitlets

from grokbook._support.errors import GrokbookError, InputError, first_line
from grokbook.experiments.named import CONTROLS, EXPERIMENTS, experiment
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.training.trainer import Trainer
from grokbook.widgets._front_end import script, style

COLUMNS = ("step", "train_accuracy", "test_accuracy", "weight_norm")
"""The columns that are drawn."""

VARIED = {
    "p": "dataset",
    "train_fraction": "dataset",
    "weight_decay": "optimizer",
    "lambda_1": "strategy",
    "lambda_2": "strategy",
}
"""The settings that a reader may change, and the part of the experiment that holds each."""

_CHEAP = Measurements(("accuracy", "norms"))  # only what is drawn: costly metrics would delay it

_TELL_SECONDS = 0.25  # between two messages of the number of steps taken


class LiveTraining(anywidget.AnyWidget):
    """One run at a time, trained in a thread; its methods are the actions of the buttons.

    Each returns at once; `wait` waits until the request is done. Called in the wrong state or with
    an unknown experiment, they raise `grokbook._support.errors.InputError`. A button never raises:
    the widget shows the message, also that of an error in training.

    Attributes
    ----------
    status : str
        One of idle, training, pausing, paused, stopping, stopped, finished, diverged, failed.
    message : str
        The last event in one sentence.
    settings : dict
        Settings of new runs that differ from the preset (`varied`).
    step : int
        Number of steps taken, at most a quarter of a second old.
    """

    _esm = script("live_training.js")
    _css = style("plot.css", "live_training.css")

    preset = traitlets.Unicode("quick").tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), [*EXPERIMENTS, *CONTROLS]).tag(sync=True)
    status = traitlets.Unicode("idle").tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int().tag(sync=True)

    # The drawn run: first the given one, then the ones that are started.
    title = traitlets.Unicode().tag(sync=True)
    steps = traitlets.Int().tag(sync=True)  # of the whole run
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)  # see `drawn_rows`

    def __init__(self, settings: Mapping[str, Any] | None = None, **values: Any) -> None:
        super().__init__(**values)
        self.settings = dict(settings or {})
        self._log: list[dict[str, float]] = []
        self._recipe: Experiment | None = None
        self._trainer: Trainer | None = None
        self._thread: threading.Thread | None = None
        self._told = -math.inf
        self._lock = threading.RLock()  # a run may end at the same moment
        self.on_msg(self._receive)
        # The thread must not outlive the interpreter whose objects it uses.
        atexit.register(self._leave)

    @property
    def log(self) -> pd.DataFrame:
        """Accuracies, losses and norms of the latest run so far.

        They equal those of the recorded experiment, which logs more metrics without changing any
        result.
        """
        return pd.DataFrame(self._log)

    def recipe(self, name: str, seed: int = 0) -> Experiment:
        """Return what `start` trains: the experiment of the preset, with the reader's settings."""
        return varied(experiment(name, self.preset, seed), self.settings)

    def start(self, name: str, seed: int = 0) -> None:
        """Start a run of one of `names`, which replaces the drawn run."""
        with self._lock:
            self._refuse_unless("idle", "stopped", "finished", "diverged", "failed")
            if not isinstance(seed, int):
                raise InputError(f"seed is {seed!r}, but must be a whole number.")
            recipe = self.recipe(name, seed)
            self._recipe = dataclasses.replace(recipe, measurements=_CHEAP)
            changes = _changes(experiment(name, self.preset, seed), recipe)
            self.title = f"{name} ({', '.join([self.preset, *changes])}), seed {seed}"
            self._log.clear()
            self.rows, self.step, self.steps = [], 0, self._recipe.steps
            self._begin()

    def pause(self) -> None:
        """Stop after the current step and keep the state."""
        with self._lock:
            self._refuse_unless("training")
            self.status = "pausing"

    def resume(self) -> None:
        """Continue a paused run."""
        with self._lock:
            self._refuse_unless("paused")
            self._begin()

    def stop(self) -> None:
        """End the run; its curves and its log stay, its state is dropped."""
        with self._lock:
            self._refuse_unless("training", "paused")
            if self.status == "paused":
                self._end("stopped", f"Stopped at step {self.step:,} of {self.steps:,}.")
            else:
                self.status = "stopping"

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing trains any more, or for so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _begin(self) -> None:
        self.message = f"Training {self.title}."
        self.status = "training"
        self._thread = threading.Thread(target=self._train, name="grokbook-live", daemon=True)
        self._thread.start()

    def _train(self) -> None:
        """Train until the end or until asked to stop; in the thread."""
        assert self._recipe is not None
        try:
            if self._trainer is None:
                # Not compiled: the first curves would appear late.
                self._trainer = Trainer(
                    self._recipe, compiled=False, on_log=lambda _, row: self._show(row)
                )
            trainer = self._trainer
            trainer.run_until(trainer.steps, pause=lambda: self._asked_to_stop(trainer.taken))
        except GrokbookError as error:
            self._end("failed", str(error))
        except Exception as error:  # of torch or the system: report it
            what = f"{type(error).__name__}: {first_line(error)}".rstrip(".")
            self._end("failed", f"Training failed with {what}.")
        else:
            self._conclude(trainer)

    def _conclude(self, trainer: Trainer) -> None:
        """Report how a run ended, or that it is paused."""
        self.step = steps = trainer.taken
        reached = f"at step {steps:,} of {self.steps:,}"
        if trainer.diverged:
            self._end("diverged", f"Diverged {reached}: the loss is not finite any more.")
        elif steps == trainer.steps:
            accuracy = f"{self._log[-1]['test_accuracy']:.1%}".replace("%", " %")
            took = f"{steps:,} steps in {trainer.seconds:,.0f} s"
            self._end("finished", f"Finished: {took}, test accuracy {accuracy}.")
        elif self.status == "pausing":
            self.message = f"Paused {reached}."
            self.status = "paused"
        else:
            self._end("stopped", f"Stopped {reached}.")

    def _show(self, row: dict[str, float]) -> None:
        self._log.append(row)
        self.rows = [*self.rows, *drawn_rows(pd.DataFrame([row]))]

    def _asked_to_stop(self, step: int) -> bool:
        if time.monotonic() - self._told > _TELL_SECONDS:
            self.step, self._told = step, time.monotonic()
        return self.status != "training"

    def _end(self, status: str, message: str) -> None:
        """Drop the state; the status is set last, when all else is in place."""
        with self._lock:
            self._trainer = None
            self.message = message
            self.status = status

    def _refuse_unless(self, *allowed: str) -> None:
        if self.status not in allowed:
            raise InputError(
                f"The run is {self.status}, which does not allow this; it must be"
                f" {' or '.join(allowed)}."
            )

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Handle a request from the page."""
        try:
            match content:
                case {"do": "start", "name": name, "seed": seed}:
                    self.start(name, seed)
                case {"do": "pause" | "resume" | "stop" as verb}:
                    getattr(self, verb)()
                case {"do": "greet"}:
                    self.send({"here": True})
        except GrokbookError as error:
            self.message = str(error)

    def _leave(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self.status = "stopping"
            self._thread.join(10)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/plain"] = (
                "Live training: start, pause and stop a run and watch its curves; run this cell in"
                f" a notebook to use it. Drawn before that: {self.title}."
            )
        return bundle


def train_live(
    runs: pd.DataFrame, preset: str = "quick", settings: Mapping[str, Any] | None = None
) -> LiveTraining:
    """Return buttons that start, pause and stop a run in this kernel, above its curves.

    Parameters
    ----------
    runs
        A run to draw before one is started, and on a page without a kernel: columns
        ``experiment``, ``seed`` and those of `COLUMNS`. If there are several, the first is drawn.
    preset
        Preset of the runs to start (`grokbook.experiments.named.experiment`).
    settings
        Settings that differ from the preset, as for `varied`.

    Raises
    ------
    ValueError
        If there is no row.
    InputError
        On an unknown preset, or settings that no experiment here accepts.

    Examples
    --------
    >>> run = pd.DataFrame({"experiment": "modadd-standard", "seed": 0, "step": [0, 10],
    ...     "train_accuracy": [0.1, 1], "test_accuracy": [0.1, 0.2], "weight_norm": [9.0, 8.0]})
    >>> live = train_live(run, preset="smoke")
    >>> live.title
    'modadd-standard, seed 0, recorded'
    >>> live.start("mnist-standard", seed=3)
    >>> live.wait()
    >>> live.title, live.status, live.step
    ('mnist-standard (smoke), seed 3', 'finished', 200)
    """
    if runs.empty:
        raise ValueError("Live training needs a run to draw at first, got an empty table.")
    for each in EXPERIMENTS:  # raises the errors of an unknown preset and wrong settings
        varied(experiment(each, preset), settings or {})
    name, seed = runs["experiment"].iloc[0], runs["seed"].iloc[0]
    run = runs[(runs["experiment"] == name) & (runs["seed"] == seed)]
    return LiveTraining(
        settings=settings,
        preset=preset,
        title=f"{name}, seed {seed}, recorded",
        steps=int(run["step"].max()),
        rows=drawn_rows(run),
    )


def varied(recipe: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """Return an experiment with changed settings; those that it lacks are ignored.

    Parameters
    ----------
    recipe
        An experiment.
    settings
        Values by name, of those in `VARIED`: p and train_fraction of modulo addition, lambda_1 and
        lambda_2 of perturbed training, and the weight decay of experiments that have one; a control
        without decay keeps none.

    Raises
    ------
    InputError
        On an unknown name, or a value that the experiment refuses.

    Examples
    --------
    >>> recipe = varied(experiment("modadd-standard", "quick"), {"p": 61, "lambda_1": 0.1})
    >>> recipe.dataset.p, recipe.dataset.train_points, recipe.strategy
    (61, 1488, Standard())
    """
    for name, value in settings.items():
        if name not in VARIED:
            raise InputError(f"{name} is not a setting to change; known are {', '.join(VARIED)}.")
        part = getattr(recipe, VARIED[name])
        if getattr(part, name, None):  # not if missing or, in a control, zero
            changed = dataclasses.replace(part, **{name: value})
            recipe = dataclasses.replace(recipe, **{VARIED[name]: changed})
    return recipe


def drawn_rows(log: pd.DataFrame) -> list[list[float]]:
    """Return the `COLUMNS` of a log by step, accuracies and norms in four digits.

    >>> drawn_rows(pd.DataFrame({"step": [5], "train_accuracy": 1.0, "test_accuracy": 1 / 3,
    ...     "weight_norm": 57.1234567}))
    [[5, 1.0, 0.3333, 57.1235]]
    """
    steps, *values = (log.sort_values("step")[column] for column in COLUMNS)
    columns = [steps.astype(int).tolist(), *(v.astype(float).round(4).tolist() for v in values)]
    return [list(row) for row in zip(*columns, strict=True)]


def _changes(recipe: Experiment, other: Experiment) -> list[str]:
    """Say which settings of `VARIED` another experiment has in place of this one's."""
    changes = []
    for name, part in VARIED.items():
        usual, value = (getattr(getattr(each, part), name, None) for each in (recipe, other))
        if value != usual:
            changes.append(f"{name} {value}")
    return changes
