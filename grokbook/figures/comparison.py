"""Comparisons of any recorded runs: accuracies, and when they generalise."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from grokbook._support.errors import InputError
from grokbook.analysis.by_seed import Times, at_end, half_right, last_steps, train_100
from grokbook.analysis.run_tables import as_runs
from grokbook.figures.style import CURVES, WIDTH, draw_seeds, finish, theme

MOST = len(CURVES)
"""Largest number of distinguishable curves in one figure."""


def comparison_figure(runs: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw train and test accuracy of several runs, one panel each, one curve per name.

    Parameters
    ----------
    runs
        By name, at most four: logs as :func:`grokbook.load_runs` returns them, or tables of your
        own training loop, as :func:`grokbook.as_runs` accepts them.

    Returns
    -------
    matplotlib.figure.Figure
        Median over seeds, single seeds thin; steps are logarithmic where the first logged one is
        below a thousandth of the last. Its label is its alternative text.

    Raises
    ------
    InputError
        If there are too many runs to distinguish, or a table is not one of runs.
    """
    runs = {name: as_runs(some, name) for name, some in runs.items()}
    if len(runs) > MOST:
        raise InputError(f"{len(runs)} runs cannot be told apart in a figure; name at most {MOST}.")
    with theme():
        figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
        panels = figure.subplots(2, sharex=True)
        for axes, column in zip(panels, ("train_accuracy", "test_accuracy"), strict=True):
            for (name, some), role in zip(runs.items(), CURVES, strict=False):
                shown = some[some["step"] > 0] if _logarithmic(runs) else some
                draw_seeds(axes, shown, column, 100, role, name)
            axes.set_title(f"{column.removesuffix('_accuracy')} accuracy".capitalize())
            axes.set_ylabel("accuracy (%)")
            axes.set_ylim(-3, 103)
        if _logarithmic(runs):
            panels[1].set_xscale("log")
        panels[1].set_xlabel("training step")
        handles, _ = panels[1].get_legend_handles_labels()
        figure.legend(handles=handles, loc="outside upper center", ncols=1)
        ends = {name: 100 * at_end(some, "test_accuracy").median() for name, some in runs.items()}
        words = [f"{name}: test accuracy {end:.3g} % at the end." for name, end in ends.items()]
        return finish(figure, " ".join(["Train and test accuracy against training steps.", *words]))


def comparison_table(runs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return when each of several runs fits and generalises, and its final accuracy.

    Parameters
    ----------
    runs
        As for :func:`comparison_figure`, any number.

    Returns
    -------
    DataFrame
        Text, one row per name: ``seeds``, ``steps``; ``train 100 %`` and ``test 50 %``, the first
        steps from which the accuracies stay there; ``test accuracy`` (%) at the end. Several seeds
        give the median and, in brackets, the range; "not" if the step is never reached.

    Raises
    ------
    InputError
        If a table is not one of runs.
    """
    runs = {name: as_runs(some, name) for name, some in runs.items()}
    rows = {
        name: {
            "seeds": ", ".join(map(str, sorted(some["seed"].unique()))),
            "steps": _range(last_steps(some).steps),
            "train 100 %": _when(train_100(some)),
            "test 50 %": _when(half_right(some)),
            "test accuracy": _range(100 * at_end(some, "test_accuracy")),
        }
        for name, some in runs.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")


def _logarithmic(runs: Mapping[str, pd.DataFrame]) -> bool:
    return any(
        some.loc[some["step"] > 0, "step"].min() < some["step"].max() / 1000
        for some in runs.values()
    )


def _when(times: Times) -> str:
    """Return steps by seed in words; a step never reached counts as later than all."""
    if times.censored.all():
        return "not"
    missing = int(times.censored.sum())
    return _range(times.came.dropna()) + (f", {missing} not" if missing else "")


def _range(values: pd.Series[float]) -> str:
    """Return the median and the range, if there is one, in words.

    >>> _range(pd.Series([1200.0, 1000.0, 1500.0])), _range(pd.Series([99.5]))
    ('1200 (1000 to 1500)', '99.5')
    """
    low, middle, high = (f"{value:.6g}" for value in values.quantile([0, 0.5, 1]))
    return middle if low == high else f"{middle} ({low} to {high})"
