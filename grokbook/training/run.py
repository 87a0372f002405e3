"""What a training leaves: :class:`Run`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Run:
    """What happened: the log, one row a logged step, and the manifest that says how it was made.

    Attributes
    ----------
    log : DataFrame
        Column ``step`` and one column a metric; NaN where a costly metric was not due.
    manifest : dict
        Experiment fields and id, status ("finished", "diverged" or "interrupted"), wall time,
        versions, machine. A run that was resumed has one entry under ``stretches`` for each time it
        was gone on with; the manifest's own versions and machine are those of the last, and
        ``git_dirty`` and ``compiled`` tell of all.
    weights : dict of str to Tensor, optional
        The network's parameters at the last step, on the CPU.
    """

    log: pd.DataFrame
    manifest: dict[str, Any]
    weights: dict[str, Tensor] | None = None
