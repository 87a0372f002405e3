"""Step-by-step training: :class:`Trainer`, for one experiment or several seeds of it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
from torch import Tensor

from grokbook._support.errors import CheckpointError, InputError, RunError
from grokbook._support.provenance import provenance
from grokbook._support.validation import whole
from grokbook.experiments.schema import Experiment, Measurements
from grokbook.models.base import Network
from grokbook.optimizers.optimizer import Optimizer
from grokbook.tasks.base import reseeded
from grokbook.training.devices import find_device, seeds_that_fit
from grokbook.training.interrupts import held_interrupts
from grokbook.training.run import Run
from grokbook.training.seed_state import SeedState
from grokbook.training.step import Objective


class Trainer:
    """A training that you step yourself; :func:`grokbook.train` runs one to its end.

    The same experiment takes the same steps, to the last bit, however often you stop on the way.

    Parameters
    ----------
    experiments : Experiment or sequence of Experiment
        What to train. Several that are equal except for their seeds train together: all parameters
        of the same name are one tensor with the seeds as first axis, and a step is one batched
        forward and backward pass (`torch.func.vmap`) and one optimiser step. Each has its own data,
        initial weights, batches and noise, and agrees with the same seed trained alone up to
        rounding.
    device : str
        "auto" (the first GPU if there is one, else the CPU), or a torch device name.
    compiled : bool or "auto"
        Use ``torch.compile``; "auto" compiles if it pays. Without a C++ compiler the run is the
        same but slower, and a message says so once.
    keep_weights_at : sequence of int
        Steps whose weights the run keeps in addition to the last.
    on_log : callable, optional
        Called with the index of the seed and a copy of each new row of its log; :meth:`restore`
        calls it with the rows in the checkpoint.

    Attributes
    ----------
    seeds : list of SeedState
        The state of each seed: network, data, batches, log.
    taken, steps : int
        Number of steps taken, and number of steps of the experiment.
    whole : bool
        Whether the state is that between two steps; False after an error or a second Ctrl-C within
        a step.

    Raises
    ------
    InputError
        If the experiments differ in more than their seeds, or there is none; if there is no such
        device, or it has too little memory; if a step of ``keep_weights_at`` is outside the run.

    Examples
    --------
    >>> from grokbook import experiment
    >>> trainer = Trainer(experiment("modadd-standard", "smoke"))
    >>> trainer.run_until(39)
    >>> loss = trainer.step()
    >>> trainer.taken, trainer.network.embedding.shape
    (40, torch.Size([14, 16]))
    >>> trainer.log["step"].tolist()
    [0, 10, 20, 30]
    """

    def __init__(
        self,
        experiments: Experiment | Sequence[Experiment],
        *,
        device: str = "auto",
        compiled: bool | Literal["auto"] = "auto",
        keep_weights_at: Sequence[int] = (),
        on_log: Callable[[int, dict[str, float]], None] | None = None,
    ) -> None:
        several = [experiments] if isinstance(experiments, Experiment) else list(experiments)
        _require_alike(several)
        first = several[0]
        self.steps = first.steps
        self.keep_weights_at = frozenset(_of_the_run(step, self.steps) for step in keep_weights_at)
        self.device = find_device(device)
        self._made_by = provenance(self.device)  # now: the checkout may change before the end
        if self.device.type == "cuda" and len(several) > 1:
            _require_memory(several, self.device)
        self.seeds = [SeedState.begin(experiment, self.device) for experiment in several]
        self.optimizer = Optimizer(first.optimizer, self.networks)
        self.objective = Objective(first, self.networks, compiled)
        self.on_log = on_log
        self.taken, self.whole = 0, True
        self._seconds = 0.0
        self._since: float | None = None
        # The host work of each seed, draws and spectra, can use a separate core.
        several_cores = self.device.type == "cuda" and len(self.seeds) > 1
        self._each = ThreadPoolExecutor(len(self.seeds)).map if several_cores else map
        self._due = set(first.log.steps(first.steps))
        self._dear = set(first.log.dear_steps(first.steps))
        self._keep_weights()

    @property
    def networks(self) -> list[Network]:
        """The network of each seed; training changes them in place, so copy one to keep it."""
        return [seed.model for seed in self.seeds]

    @property
    def network(self) -> Network:
        """The network being trained. Training changes it in place: copy it to keep it.

        Raises
        ------
        InputError
            If several seeds train: :attr:`networks` has one for each.
        """
        return self._only("network").model

    @property
    def log(self) -> pd.DataFrame:
        """The log so far, as :attr:`grokbook.training.run.Run.log`; one seed as :attr:`network`."""
        return self._only("log").table()

    @property
    def diverged(self) -> bool:
        """Whether the loss of no seed is finite any more, so that no further step is taken."""
        return all(seed.diverged for seed in self.seeds)

    @property
    def seconds(self) -> float:
        """Wall time of all steps and logging, without the time between calls."""
        return self._seconds + (0.0 if self._since is None else time.perf_counter() - self._since)

    def measure(self, groups: Sequence[str] | None = None) -> pd.DataFrame:
        """Measure the networks as they are now, without logging.

        Parameters
        ----------
        groups : sequence of str, optional
            Groups of ``grokbook.experiments.schema.GROUPS``, by default those of the experiment,
            including the costly ones.

        Returns
        -------
        DataFrame
            One row per seed: ``seed``, ``step`` and one column per metric.
        """
        rows = []
        for seed in self.seeds:
            recipe = seed.experiment
            if groups is not None:
                chosen = dataclasses.replace(recipe.measurements, groups=tuple(groups))
                recipe = dataclasses.replace(recipe, measurements=chosen)
            row = dataclasses.replace(seed.measure, experiment=recipe)(self.taken, dear=True)
            rows.append({"seed": recipe.seed, "step": self.taken, **row})
        return pd.DataFrame(rows)

    def losses(self) -> Tensor:
        """Draw the next batch of each seed and return its loss, float64 ``(seeds,)``."""
        batches = [seed.batches.next() for seed in self.seeds]
        noises = self._each(SeedState.noise, self.seeds, [x for x, _ in batches])
        return self.objective(batches, list(noises))

    def step(self) -> Tensor:
        """Take one step without logging; :meth:`run_until` logs.

        Returns
        -------
        Tensor
            The training loss of each seed's batch before the step, float64 ``(seeds,)``.

        Raises
        ------
        InputError
            If all steps of the experiment are taken, or training has diverged.
        RunError
            If the previous step was cut off in the middle.
        """
        self._require_room()
        with self._clock():
            self.whole = False
            losses = self.losses()
            # Reading a loss from a GPU waits for it, so only logged steps check it.
            if self.device.type == "cpu":
                for seed, loss in zip(self.seeds, losses.tolist(), strict=True):
                    seed.diverged |= not math.isfinite(loss)
            if not self.diverged:  # otherwise nothing changes any more
                self.optimizer.step(losses.sum(), self.taken)
                self.taken += 1
                for seed in self.seeds:
                    seed.state.step += not seed.diverged
                self._keep_weights()
            self.whole = True
        return losses.detach()

    def run_until(self, step: int, *, pause: Callable[[], bool] | None = None) -> None:
        """Train up to the step ``step`` and log what is due on the way.

        It ends earlier if training diverges. Ctrl-C waits for the end of a step.

        Parameters
        ----------
        step : int
            Number of steps taken at the end, at most that of the experiment. Steps are never
            undone.
        pause : callable, optional
            Called before every step, after logging what is due; if it returns True, training stops
            there.

        Raises
        ------
        InputError
            If ``step`` is beyond the end.
        """
        last = _of_the_run(step, self.steps)
        with self._clock(), held_interrupts() as let_interrupt:
            while True:
                self.log_due()
                if self.taken >= last or self.diverged or (pause is not None and pause()):
                    return
                let_interrupt()
                self.step()

    def log_due(self) -> None:
        """Measure and log the present step if it is due and not logged yet."""
        if self.taken not in self._due:
            return
        dear = self.taken in self._dear
        logged = list(self._each(lambda seed: seed.measure_once(dear=dear), self.seeds))
        for place, seed in enumerate(self.seeds):
            if logged[place] and self.on_log is not None:
                self.on_log(place, dict(seed.log[-1]))

    def save(self, *paths: Path) -> None:
        """Write the whole state, one checkpoint per seed.

        Raises
        ------
        InputError
            If there are not as many paths as seeds.
        RunError
            If one cannot be written, or the state is not that between two steps.
        """
        self._require_paths(paths)
        self._require_whole()
        for place, (seed, path) in enumerate(zip(self.seeds, paths, strict=True)):
            seed.save(Path(path), self.optimizer.state(place), self._stretch, self.seconds)

    def restore(self, *paths: Path) -> None:
        """Return to the state at a call of :meth:`save`, with its log and kept weights.

        Raises
        ------
        InputError
            If there are not as many paths as seeds.
        CheckpointError
            If one is damaged, belongs to another experiment, or lacks weights to be kept.
        RunError
            If they are at different steps.
        """
        self._require_paths(paths)
        pairs = list(zip(self.seeds, map(Path, paths), strict=True))
        found = [seed.read(path, self.optimizer) for seed, path in pairs]
        moving = [content for content in found if not content["diverged"]]
        if len({content["step"] for content in moving}) > 1:
            raise RunError(
                f"The checkpoints are at steps {', '.join(str(c['step']) for c in moving)};"
                " only seeds at the same step can be trained together."
            )
        for content, path in zip(found, paths, strict=True):
            lost = {k for k in self.keep_weights_at if k <= content["step"]} - {*content["kept"]}
            if lost:
                raise CheckpointError(
                    f"{path} is at step {content['step']} and has no weights of step {min(lost)};"
                    " remove it, or train with `--again`, to keep them."
                )
        for seed, content in zip(self.seeds, found, strict=True):
            seed.restore(content)
        self.optimizer.restore([content["optimizer"] for content in found])
        self._seconds = found[0]["seconds"]
        self.taken, self.whole = max(content["step"] for content in found), True
        if self.on_log is not None:
            for place, seed in enumerate(self.seeds):
                for row in seed.log:
                    self.on_log(place, dict(row))

    def runs(self, status: str | None = None) -> list[Run]:
        """Return the result so far, one run per seed.

        Parameters
        ----------
        status : str, optional
            Status in the manifests of runs that did not diverge; by default "finished" at the last
            step, else "interrupted".
        """
        status = status or ("finished" if self.taken == self.steps else "interrupted")
        return [seed.finish(status, self._stretch, self.seconds) for seed in self.seeds]

    @contextmanager
    def _clock(self) -> Iterator[None]:
        """Count the time within the block; nested blocks count once."""
        if self._since is not None:
            yield
            return
        self._since = time.perf_counter()
        try:
            yield
        finally:
            self._seconds, self._since = self.seconds, None

    @property
    def _stretch(self) -> dict[str, object]:
        """Describe how the current stretch of steps is made."""
        return self._made_by | {"compiled": self.objective.is_compiled}

    def _keep_weights(self) -> None:
        if self.taken in self.keep_weights_at:
            for seed in self.seeds:
                if not seed.diverged:
                    seed.kept[self.taken] = seed.weights(torch.device("cpu"))

    def _only(self, what: str) -> SeedState:
        if len(self.seeds) > 1:
            raise InputError(
                f"There are {len(self.seeds)} seeds in training, so there is no one {what};"
                " `networks` and `seeds` have one of each."
            )
        return self.seeds[0]

    def _require_room(self) -> None:
        self._require_whole()
        if self.diverged:
            raise InputError(
                f"Training diverged at step {self.taken}: the loss is not finite any more, and no"
                " further step can be taken."
            )
        if self.taken >= self.steps:
            raise InputError(
                f"All {self.steps} steps of the experiment are taken; for more, give it more"
                " `steps`."
            )

    def _require_whole(self) -> None:
        if not self.whole:
            raise RunError(
                f"Step {self.taken + 1} was cut off in the middle; restore a checkpoint, or start"
                " with a new Trainer."
            )

    def _require_paths(self, paths: Sequence[Path]) -> None:
        if len(paths) != len(self.seeds):
            raise InputError(
                f"There are {len(self.seeds)} seeds and {len(paths)} paths; name one path per seed."
            )


def _of_the_run(step: int, steps: int) -> int:
    """Return a step of a run of ``steps`` steps; refuse one outside it."""
    number = whole("step", step, least=0)
    if number > steps:
        raise InputError(f"step is {step}, but the experiment ends at step {steps}.")
    return number


def _require_alike(experiments: Sequence[Experiment]) -> None:
    """Refuse experiments that differ in more than their seeds."""
    if not experiments:
        raise InputError("There is no experiment to train; name at least one seed.")

    def seedless(experiment: Experiment) -> Experiment:
        return dataclasses.replace(experiment, seed=0, dataset=reseeded(experiment.dataset, 0))

    for experiment in experiments:
        if seedless(experiment) != seedless(experiments[0]):
            raise InputError(
                f"Experiments {experiments[0].id} and {experiment.id} differ in more than their"
                " seeds; only seeds of one experiment can be trained together."
            )


def _require_memory(experiments: Sequence[Experiment], place: torch.device) -> None:
    """Refuse more seeds than fit into a GPU's memory, judged by one step of one seed."""
    torch.cuda.reset_peak_memory_stats(place)
    before = torch.cuda.memory_allocated(place)
    free, _ = torch.cuda.mem_get_info(place)
    quiet = dataclasses.replace(experiments[0], measurements=Measurements())
    Trainer(quiet, device=str(place)).run_until(1)
    fitting = seeds_that_fit(free, torch.cuda.max_memory_allocated(place) - before)
    if len(experiments) > fitting:
        raise InputError(
            f"{len(experiments)} seeds at once need more memory than {place} has free; about"
            f" {fitting} would fit."
        )
