"""The small network on which the studies train hundreds of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grokbook.experiments.schema import Experiment, LogSchedule, Measurements
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.base import Standard
from grokbook.tasks.modular import ModularAddition


def workhorse(
    setting: Mapping[str, Any], seed: int, *, limit: int, train_fraction: float | None = None
) -> Experiment:
    """Return standard training of a study's setting, for ``limit`` steps.

    Parameters
    ----------
    setting : mapping
        The table ``setting`` of the study's rules: ``p``, ``d``, ``mlp``, ``lr``, ``log_every``
        and, if not given here, ``train_fraction``.
    seed : int
        Of split, initial weights and noise.
    """
    share = setting["train_fraction"] if train_fraction is None else train_fraction
    return Experiment(
        dataset=ModularAddition(setting["p"], share, seed),
        model=TransformerConfig(d=setting["d"], mlp=setting["mlp"]),
        strategy=Standard(),
        loss="cross_entropy",
        optimizer=AdamW(lr=setting["lr"], weight_decay=1.0, betas=(0.9, 0.98), warmup_steps=10),
        steps=limit,
        log=LogSchedule("linear", points=limit // setting["log_every"]),
        measurements=Measurements(("accuracy", "norms", "commutativity")),
        seed=seed,
    )
