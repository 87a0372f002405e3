"""The result of a training: :class:`Run`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from torch import Tensor

from grokbook._support.errors import RunError, first_line
from grokbook.experiments.schema import Experiment
from grokbook.models.base import Network


@dataclass(frozen=True, eq=False)
class Run:
    """The result of a training: a log with one row per logged step, and the manifest of its making.

    Attributes
    ----------
    log : DataFrame
        Column ``step`` and one column per metric; NaN where a costly metric was not due.
    manifest : dict
        Experiment fields and id, status ("finished", "diverged" or "interrupted"), wall time,
        versions, machine. A resumed run has one entry under ``stretches`` for each part; the
        manifest's own versions and machine are those of the last part, while ``git_dirty`` and
        ``compiled`` cover all. ``weights_at`` names the steps whose weights were kept on request,
        if any.
    weights : dict of str to Tensor, optional
        The network's parameters at the last step, on the CPU. None for a run read from disk:
        :meth:`network_at` reads its weights when they are needed.
    kept : mapping of int to dict of str to Tensor
        The parameters at the requested steps, by step.
    read_weights : callable, optional
        For a run read from disk: reads the parameters at a step, or at the last step for None.
    """

    log: pd.DataFrame
    manifest: dict[str, Any]
    weights: dict[str, Tensor] | None = None
    kept: Mapping[int, dict[str, Tensor]] = field(default_factory=dict)
    read_weights: Callable[[int | None], dict[str, Tensor]] | None = None
    experiment: Experiment | None = None

    def recipe(self) -> Experiment:
        """Return the experiment that was trained.

        Raises
        ------
        RunError
            If the run was read from disk and has classes or fields that this package does not have.
        """
        if self.experiment is not None:
            return self.experiment
        try:
            return Experiment.from_dict(self.manifest["experiment"])
        except KeyError as error:
            what = f"the class {error.args[0]!r}"
        except TypeError as error:  # a field that a class lacks, or has no default for
            what = f"these fields ({first_line(error)})"
        raise RunError(
            f"Experiment {self.manifest['id']} cannot be built: grokbook does not know {what}; only"
            " experiments of its own classes and fields can be."
        )

    @cached_property
    def network(self) -> Network:
        """The trained network, on the CPU, ready to evaluate; built on first use.

        Raises
        ------
        RunError
            As :meth:`network_at`.
        """
        return self.network_at(None)

    def network_at(self, step: int | None) -> Network:
        """Return a network with the weights of a step, on the CPU, ready to evaluate.

        Parameters
        ----------
        step : int, optional
            The last step, which is the default, or one whose weights were kept.

        Raises
        ------
        RunError
            If the weights of this step were not kept, are missing or are damaged, or the experiment
            has classes that this package does not have.
        """
        weights = self.weights_at(step)
        recipe = self.recipe()
        network = recipe.network(recipe.load())
        network.load_state_dict(weights)
        return network.eval()

    def weights_at(self, step: int | None = None) -> dict[str, Tensor]:
        """Return the parameters at a step; as :meth:`network_at`."""
        kept = self.manifest.get("weights_at", [])
        last = self.manifest["steps"]
        if step not in (None, last, *kept):
            raise RunError(
                f"The weights of step {step} were not kept; kept are those of"
                f" {_listed([*(k for k in kept if k != last), last])}."
            )
        chosen = None if step == last else step
        if self.read_weights is not None:
            return self.read_weights(chosen)
        found = self.weights if chosen is None else self.kept[chosen]
        if found is None:
            raise RunError(f"The weights of experiment {self.manifest['id']} are not available.")
        return found


def _listed(steps: list[int]) -> str:
    *most, last = (str(step) for step in steps)
    return f"steps {', '.join(most)} and {last}" if most else f"step {last}"
