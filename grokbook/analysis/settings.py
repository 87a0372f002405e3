"""The settings of experiments side by side: every field, and the main ones in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from grokbook._support.dotted import dotted
from grokbook.experiments.schema import Experiment

IN_WORDS = {
    "dataset.train_points": "training images",
    "dataset.p": "modulus p",
    "dataset.train_fraction": "share of the pairs for training",
    "model.hidden": "widths of the hidden layers",
    "model.init_scale": "initial weights, times the usual ones",
    "model.layers": "layers",
    "model.d": "width d",
    "model.heads": "heads of attention",
    "model.mlp": "width of the MLP",
    "loss": "loss",
    "optimizer.lr": "learning rate",
    "optimizer.weight_decay": "weight decay",
    "steps": "steps",
    "batch_size": "batch size",
    "strategy.type": "training",
    "strategy.lambda_1": "noise: λ₁",
    "strategy.lambda_2": "noise: λ₂",
    "strategy.refresh": "noise: steps between two updates of σ",
    "strategy.noise_on_equals": 'noise: on the token "=", too',
    "strategy.noisy_accuracy": "noise: σ follows the accuracy under noise",
    "strategy.coefficient": "abelian degrok: coefficient of the law",
    "strategy.test_mirrors": "abelian degrok: the law asked of every training pair",
}
"""Words of the fields that a reader needs to know a training."""

_VALUES = {
    "mse": "squared error",
    "cross_entropy": "cross-entropy",
    "Standard": "standard",
    "Perturbed": "perturbed",
    "AbelianRegularized": "abelian degrok",
}
_OF_PAIRS = "strategy.noise_on_equals"  # an image has no token "="
_UNSAID = ("type", "measurements.groups")  # what an experiment is; a list longer than a cell


def every_field(experiments: Mapping[str, Experiment]) -> pd.DataFrame:
    """Return every field of experiments as text, as the code names it.

    Parameters
    ----------
    experiments
        Experiments by the names of their columns.

    Returns
    -------
    DataFrame
        Indexed by ``field``, such as ``optimizer.lr``, one column an experiment. It is empty where
        an experiment lacks a field that another has.
    """
    rows = {
        name: {field: _text(value) for field, value in dotted(each.to_dict()).items()}
        for name, each in experiments.items()
    }
    table = pd.DataFrame(rows).sort_index().drop(index=list(_UNSAID), errors="ignore")
    return table.fillna("").rename_axis("field")


def main_settings(experiments: Mapping[str, Experiment]) -> pd.DataFrame:
    """Return size, loss, rate, decay, steps and batch of experiments, and their training, in words.

    Parameters
    ----------
    experiments
        As in :func:`every_field`.

    Returns
    -------
    DataFrame
        Indexed by ``setting``: the fields of :data:`IN_WORDS` that mean something on the task of
        the experiments, and any other in which two of them differ, under its own name. A batch of
        the whole training set is "all training points".
    """
    table = every_field(experiments)
    differ = [field for field in table.index if table.loc[field].nunique() > 1]
    chosen = [field for field in IN_WORDS if field in table.index]
    if "dataset.p" not in table.index and _OF_PAIRS in chosen:
        chosen.remove(_OF_PAIRS)
    table = table.loc[[*chosen, *(field for field in differ if field not in IN_WORDS)]]
    if "batch_size" in table.index:
        table.loc["batch_size"] = table.loc["batch_size"].replace("None", "all training points")
    return table.replace(_VALUES).rename(index=IN_WORDS).rename_axis("setting")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
