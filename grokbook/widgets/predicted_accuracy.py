"""Corollary 3.3's curve with movable parameters, over the measured accuracies."""

import math
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import pandas as pd
import traitlets

from grokbook.analysis.moments import moments
from grokbook.theory.corollary_3_3 import fit_predicted_accuracy
from grokbook.theory.interpolation import smallest_norm_times_sharpness
from grokbook.widgets._front_end import Explorer, script, slider, style

PAPER = {"a": 1925.0, "b": 500.0, "L": 0.5, "mu": 0.01}
"""The parameters of the paper's Figure 3."""

RANGES = {"a": (-1000.0, 5000.0), "b": (0.0, 1500.0), "L": (0.0, 3.0), "mu": (1e-6, 1.0)}
"""Ranges of the sliders; the ends are the corollary's degenerate cases."""

LEVELS = (0.1, 0.5, 0.9)


class PredictedAccuracy(anywidget.AnyWidget):
    """The drawing; its parameters are those of `grokbook.theory.predicted_accuracy`."""

    _esm = script("predicted_accuracy.js")
    _css = style("plot.css", "predicted_accuracy.css")

    a = traitlets.Float(PAPER["a"]).tag(sync=True)
    b = traitlets.Float(PAPER["b"]).tag(sync=True)
    L = traitlets.Float(PAPER["L"]).tag(sync=True)
    mu = traitlets.Float(PAPER["mu"]).tag(sync=True)
    logarithmic = traitlets.Bool(False).tag(sync=True)  # the step axis

    paper = traitlets.Dict(PAPER).tag(sync=True)
    ranges = traitlets.Dict({name: list(ends) for name, ends in RANGES.items()}).tag(sync=True)
    needed = traitlets.Float().tag(sync=True)  # what a - b log10 t is for an interpolating network
    runs: traitlets.List[Any] = traitlets.List().tag(sync=True)  # see `measured_curves`
    comparisons: traitlets.List[Any] = traitlets.List().tag(sync=True)  # see `comparisons`


def predicted_accuracy_explorer(
    runs: pd.DataFrame, n: int = 3830, outputs: int = 113
) -> ipywidgets.Widget:
    """Return the explorer of Corollary 3.3: four sliders, the curve, and its error on the runs.

    Parameters
    ----------
    runs
        Runs of ``modadd-standard``, columns ``seed``, ``step``, ``train_accuracy`` and
        ``test_accuracy``.
    n, outputs
        Number of training points and of classes, which determine the steps at which the premise
        cannot hold (`grokbook.theory.corollary_3_3.feasible_until`).

    Returns
    -------
    ipywidgets.Widget
        The browser computes the curve. The least-squares fits of its button are computed here by
        `grokbook.theory.corollary_3_3.fit_predicted_accuracy`, which fixes L = 1/2.

    Raises
    ------
    ValueError
        If there is no row.

    Examples
    --------
    >>> run = pd.DataFrame({"seed": 0, "step": [0, 10, 20], "train_accuracy": 1.0,
    ...     "test_accuracy": [0.1, 0.4, 0.9]})
    >>> controls, drawing = predicted_accuracy_explorer(run, n=50, outputs=13).children
    >>> [slider.description for slider in controls.children]
    ['a: height', 'b: fall per decade', 'L: Lipschitz constant', 'μ: variance of P']
    """
    if runs.empty:
        raise ValueError("The explorer needs at least one logged step, got an empty table.")
    drawing = PredictedAccuracy(
        runs=measured_curves(runs),
        comparisons=comparisons(runs),
        needed=2 * math.sqrt(n * smallest_norm_times_sharpness(outputs)),
    )
    controls = {
        "a": _slider("a", "a: height", 1, ".1f"),
        "b": _slider("b", "b: fall per decade", 1, ".1f"),
        "L": _slider("L", "L: Lipschitz constant", 0.05, ".2f"),
        "mu": slider(
            ipywidgets.FloatLogSlider,
            "μ: variance of P",
            min=math.log10(RANGES["mu"][0]),
            max=math.log10(RANGES["mu"][1]),
            step=0.02,
            value=PAPER["mu"],
            readout_format=".3g",
        ),
    }
    for name, control in controls.items():
        ipywidgets.jslink((control, "value"), (drawing, name))
    seeds = runs["seed"].nunique()
    return Explorer(
        "Interactive drawing of Corollary 3.3: four sliders move the predicted accuracy over the"
        f" measured accuracy of {seeds} run{'s' if seeds > 1 else ''}; run this cell, or open the"
        " book's page, to move them.",
        list(controls.values()),
        drawing,
    )


def measured_curves(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the test accuracy of each run, in four digits, as lists for the page.

    >>> measured_curves(pd.DataFrame({"seed": 3, "step": [10, 0], "test_accuracy": [0.65432, 0]}))
    [{'seed': 3, 'steps': [0, 10], 'accuracy': [0.0, 0.6543]}]
    """
    return [
        {
            "seed": int(str(seed)),
            "steps": run["step"].astype(int).tolist(),
            "accuracy": run["test_accuracy"].astype(float).round(4).tolist(),
        }
        for seed, run in _logged(runs).groupby("seed")
    ]


def comparisons(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the choices to compare the curve with: all runs at once, and each of several.

    Parameters
    ----------
    runs
        As `predicted_accuracy_explorer`.

    Returns
    -------
    list of dict
        ``label`` and ``seeds``; ``reached``, the steps from which the accuracy stays above 10, 50
        and 90 % (the median over seeds; None where half of them never get there); and ``fit``, its
        ``parameters`` and root mean square ``error``, or None where the least-squares fit lies
        outside the sliders' ranges or fewer than four steps were logged.
    """
    logged = _logged(runs)
    seeds = [int(seed) for seed in sorted(logged["seed"].unique())]
    groups = {f"seed {seed}": [seed] for seed in seeds}
    if len(seeds) > 1:
        groups = {f"all {len(seeds)} seeds": seeds, **groups}
    times = moments(runs, LEVELS)
    rows: list[dict[str, Any]] = []
    for label, group in groups.items():
        reached = times.loc[group, [f"test_{100 * level:g}" for level in LEVELS]]
        # A seed that never gets there counts as later than all others.
        steps = reached.fillna(math.inf).median()
        rows.append(
            {
                "label": label,
                "seeds": group,
                "reached": [float(step) if np.isfinite(step) else None for step in steps],
                "fit": _fit(logged[logged["seed"].isin(group)]),
            }
        )
    return rows


def _slider(name: str, description: str, step: float, readout_format: str) -> ipywidgets.Widget:
    low, high = RANGES[name]
    return slider(
        ipywidgets.FloatSlider,
        description,
        min=low,
        max=high,
        step=step,
        value=PAPER[name],
        readout_format=readout_format,
    )


def _fit(runs: pd.DataFrame) -> dict[str, Any] | None:
    logged = runs[runs["step"] >= 1]
    if len(logged) < 4:
        return None
    fit = fit_predicted_accuracy(logged["step"], logged["test_accuracy"])
    # Six digits: more would differ from machine to machine.
    parameters = {name: float(f"{getattr(fit, name):.6g}") for name in PAPER}
    if not all(low <= parameters[name] <= high for name, (low, high) in RANGES.items()):
        return None
    return {"parameters": parameters, "error": round(fit.root_mean_square_error, 5)}


def _logged(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.dropna(subset=["test_accuracy"]).sort_values(["seed", "step"])
