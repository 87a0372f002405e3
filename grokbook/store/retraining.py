"""Train a recorded run again to its end and compare the two logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from grokbook._support.errors import RunError
from grokbook.store.run_keys import RunKey
from grokbook.store.run_store import RunStore
from grokbook.store.verification import compared
from grokbook.training.run import Run
from grokbook.training.trainer import Trainer


def verify_whole(key: RunKey, *, root: Path | None = None, device: str = "auto") -> pd.DataFrame:
    """Train a recorded run again in the same way and compare the two logs.

    Parameters
    ----------
    key : RunKey
        The recorded run.
    root : Path, optional
        The store's folder.
    device : str
        As in :func:`grokbook.training.loop.train`.

    Returns
    -------
    DataFrame
        As :func:`agreement`.

    Raises
    ------
    RunError
        As :func:`retrain`.
    """
    recorded, fresh = retrain(key, root=root, device=device)
    return agreement(recorded.log, fresh.log)


def retrain(
    key: RunKey,
    look: Callable[[Trainer], None] | None = None,
    *,
    until: int | None = None,
    root: Path | None = None,
    device: str = "auto",
) -> tuple[Run, Run]:
    """Train a recorded run again, compiled if it was, and return both runs.

    Parameters
    ----------
    key : RunKey
        The recorded run.
    look : callable, optional
        Called with the trainer before the first step and after every step.
    until : int, optional
        The last step, by default that of the recorded run.
    root, device
        As in :func:`verify_whole`.

    Raises
    ------
    RunError
        If it is missing, damaged or stale, has a class or field that this package does not have, or
        the data now differ from the recorded run's.
    """
    recorded = RunStore(root).load(key)
    trainer = Trainer(
        recorded.recipe(), device=device, compiled=bool(recorded.manifest["compiled"])
    )
    if trainer.seeds[0].split.checksum() != recorded.manifest["data_sha256"]:
        raise RunError(f"The data of {key} are not those it was recorded from.")

    def watched() -> bool:
        if look is not None:
            look(trainer)
        return False

    last = int(recorded.manifest["steps"])
    trainer.run_until(last if until is None else min(until, last), pause=watched)
    watched()  # run_until calls it before every step, but not after the last
    (fresh,) = trainer.runs()
    return recorded, fresh


def agreement(recorded: pd.DataFrame, retrained: pd.DataFrame) -> pd.DataFrame:
    """Summarise for each metric how far two logs agree.

    Training amplifies differences in rounding: on another machine or with another number of
    threads, logs diverge at some step, and both are right. On the same machine and threads they
    have the same bits.

    Parameters
    ----------
    recorded, retrained : DataFrame
        Logs with the column ``step``.

    Returns
    -------
    DataFrame
        Indexed by ``metric``: ``steps`` compared; ``identical``, how many of them to the last bit;
        ``agree``, how many within the tolerances of :func:`grokbook.store.verification.verify`;
        ``parts``, the first step that does not agree (NaN: none); ``largest``, the largest
        difference, relative to the recorded value.

    Examples
    --------
    >>> log = pd.DataFrame({"step": [0, 10, 20], "weight_norm": [4.0, 2.0, 1.0]})
    >>> agreement(log, log.assign(weight_norm=[4.0, 2.001, 1.5])).loc["weight_norm"].tolist()
    [3.0, 1.0, 2.0, 20.0, 0.5]
    """
    both = sorted({*recorded["step"]} & {*retrained["step"]})
    old, new = (log[log["step"].isin(both)] for log in (recorded, retrained))
    table = compared(old, new)
    a, b = table["recorded"], table["retrained"]
    same = (a == b) | (a.isna() & b.isna())
    apart = (a - b).abs() / a.abs().where(a != 0, 1.0)
    table = table.assign(
        identical=same,
        parts=table["step"].where(~table["agrees"]),
        largest=apart.mask(same, 0.0).fillna(np.inf),
    )
    by_metric = table[table["metric"] != "step"].groupby("metric")
    return by_metric.agg(
        steps=("step", "size"),
        identical=("identical", "sum"),
        agree=("agrees", "sum"),
        parts=("parts", "min"),
        largest=("largest", "max"),
    )
