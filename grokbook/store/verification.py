"""Re-train the first steps of a recorded run and compare the logs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from grokbook._support.errors import InputError, RunError
from grokbook.store.run_keys import RunKey
from grokbook.store.run_store import RunStore
from grokbook.training.loop import train

# Tolerances of `verify`: relative, and absolute by the prefix of a column's name. They allow for
# other machines, thread counts and compilers, which round differently: at step 10 of runs recorded
# on a GPU and re-trained on a CPU, logit distances and information were up to 1.4e-3 apart.
RELATIVE_TOLERANCE = 2e-3
RELATIVE_TOLERANCES = {
    # A few ReLUs near 0 switch: compiled and uncompiled weights 3e-7 apart gave 2.3e-3 at step 10.
    "sharpness": 5e-3,
    # The spread of four probes: rounding is small relative to each probe, not to their differences.
    "sharpness_standard_error": 5e-2,
}
ABSOLUTE_TOLERANCES = {
    "train_accuracy": 5e-3,
    "test_accuracy": 5e-3,
    "abelian_accuracy": 5e-3,
    "mutual_information_difference": 1e-4,
    "entropy_difference": 1e-4,
}
ABSOLUTE_TOLERANCE = 1e-6


def verify(
    key: RunKey, steps: int = 10, *, root: Path | None = None, device: str = "auto"
) -> pd.DataFrame:
    """Re-train the first steps of a recorded run and compare every logged metric.

    Parameters
    ----------
    key : RunKey
        The recorded run.
    steps : int
        Number of steps to re-train. More steps check more log points, but training amplifies
        differences in rounding: a transformer compiled on one thread and not compiled on two can
        differ by more than the tolerance after twenty steps.
    root : Path, optional
        The store's folder.
    device : str
        As in :func:`grokbook.training.loop.train`.

    Returns
    -------
    DataFrame
        One row per logged step and metric: ``step``, ``metric``, ``recorded``, ``retrained``,
        ``agrees``: |difference| ≤ relative tolerance · |recorded| + absolute tolerance
        (``RELATIVE_TOLERANCES`` and ``ABSOLUTE_TOLERANCES`` by metric, ``RELATIVE_TOLERANCE`` and
        ``ABSOLUTE_TOLERANCE`` for the rest).

    Raises
    ------
    InputError
        If ``steps`` is below 0.
    RunError
        As :meth:`grokbook.store.run_store.RunStore.load`; also if the run has a class or field that
        this package does not have, or the data now differ from the recorded run's.
    """
    if steps < 0:
        raise InputError(f"steps is {steps}, but must be at least 0.")
    recorded = RunStore(root).load(key)
    fresh = train(recorded.recipe(), until=steps, device=device, compiled=False)
    if fresh.manifest["data_sha256"] != recorded.manifest["data_sha256"]:
        raise RunError(f"The data of {key} are not those it was recorded from.")
    return compared(recorded.log, fresh.log)


def compared(recorded: pd.DataFrame, retrained: pd.DataFrame) -> pd.DataFrame:
    """Compare two logs step by step and metric by metric; a table as :func:`verify` returns."""
    rows = []
    for (_, old), (_, new) in zip(recorded.iterrows(), retrained.iterrows(), strict=False):
        for metric in sorted(set(old.index) | set(new.index)):
            a, b = float(old.get(metric, np.nan)), float(new.get(metric, np.nan))
            both_absent = np.isnan(a) and np.isnan(b)
            absolute = ABSOLUTE_TOLERANCE
            for start, tolerance in ABSOLUTE_TOLERANCES.items():
                if metric.startswith(start):
                    absolute = tolerance
            relative = RELATIVE_TOLERANCES.get(metric, RELATIVE_TOLERANCE)
            # Equal infinities have no difference.
            agrees = both_absent or a == b or abs(a - b) <= relative * abs(a) + absolute
            rows.append((int(old["step"]), metric, a, b, bool(agrees)))
    return pd.DataFrame(rows, columns=["step", "metric", "recorded", "retrained", "agrees"])
