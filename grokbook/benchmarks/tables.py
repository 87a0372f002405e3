"""The tables of the recorded benchmark for readers, with ratios and slopes.

They are functions of the record alone; ``make bench`` prints those that the book shows.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grokbook._support.errors import InputError
from grokbook.benchmarks.record import (
    OWN,
    PACKAGE,
    PLAIN_MLP,
    PLAIN_TRANSFORMER,
    PRODUCT,
    Record,
)
from grokbook.experiments.named import CONTROLS, EXPERIMENTS, experiment
from grokbook.models.transformer import TransformerConfig
from grokbook.store.reading import load_manifests
from grokbook.studies.reproduce import everything
from grokbook.tasks.modular import ModularAddition


def slope(x: pd.Series, y: pd.Series) -> float:
    """Least-squares slope of log y against log x: the exponent b of y = a·xᵇ.

    Parameters
    ----------
    x, y : Series
        Positive, at least two different x.

    Raises
    ------
    InputError
        If a value is not positive, or there are fewer than two different x.

    Examples
    --------
    >>> import pandas as pd
    >>> round(slope(pd.Series([1, 2, 4]), pd.Series([3.0, 12.0, 48.0])), 6)
    2.0
    """
    if x.nunique() < 2 or not ((x > 0).all() and (y > 0).all()):
        raise InputError(
            f"A slope on logarithmic axes needs positive values at two places at least, not"
            f" {x.tolist()} and {y.tolist()}."
        )
    return float(np.polyfit(np.log(x.astype(float)), np.log(y.astype(float)), 1)[0])


def usual_way(name: str) -> str:
    """Return the implementation of a step that the package is compared with, by experiment."""
    transformer = isinstance(experiment(name).model, TransformerConfig)
    return PLAIN_TRANSFORMER if transformer else PLAIN_MLP


def step_table(record: Record) -> pd.DataFrame:
    """Return the step times: one row per experiment and implementation.

    Returns
    -------
    DataFrame
        ``ms`` and ``spread`` as recorded; ``ratio``, the usual way's time (:func:`usual_way`) over
        this one's; ``gflops``, GFLOP per second in the large matrix products; ``peak_share``, this
        rate over that of one large float32 product that took turns with the steps; ``ceiling``, the
        ratio of a step that consists of its large products only, at that rate. The last three are
        NaN if nothing is counted.
    """
    table = record.tables["steps"].set_index(["experiment", "way"])
    table["gflops"] = table["gflop"].astype(float) / table["ms"] * 1e3
    peaks = table["gflops"].xs(PRODUCT, level="way").to_dict()
    table = table.drop(PRODUCT, level="way")
    names = table.index.get_level_values("experiment")
    usual = {name: table.at[(name, usual_way(name)), "ms"] for name in names.unique()}
    table["ratio"] = names.map(usual) / table["ms"]
    table["peak_share"] = table["gflops"] / names.map(peaks)
    table["ceiling"] = table["ratio"] / table["peak_share"]
    return table[["ms", "spread", "ratio", "gflops", "peak_share", "ceiling"]]


def markdown_table(record: Record) -> str:
    """Return the package's rows of :func:`step_table` in Markdown, as in the README."""
    table = step_table(record)
    lines = [
        "| experiment | ms per step | the usual way | speed-up | share of the peak |",
        "|---|---:|---|---:|---:|",
    ]
    for name, row in table.xs(PACKAGE, level="way").iterrows():
        share = "" if np.isnan(row["peak_share"]) else f"{row['peak_share']:.0%}"
        lines.append(
            f"| {name} | {row['ms']:.1f} | {usual_way(str(name))} | {row['ratio']:.1f} | {share} |"
        )
    return "\n".join(lines)


def metric_table(record: Record) -> pd.DataFrame:
    """Return the times of metrics and of plain implementations, with their ``ratio``.

    ``difference`` is that of the two values; NaN for estimates, whose random probes differ.
    """
    table = record.tables["metrics"].set_index(["quantity", "plain_way"])
    return table.assign(
        ratio=table["plain_ms"] / table["ms"], difference=table["difference"].astype(float)
    )[["ms", "plain_ms", "ratio", "difference"]]


def logging_table(record: Record) -> pd.DataFrame:
    """Return the cost of the log of a run at the paper's length, by experiment.

    Returns
    -------
    DataFrame
        ``cheap_ms`` and ``full_ms``, milliseconds of a logged step without and with the costly
        metrics; ``cheap_points`` and ``full_points``, their numbers in a run; ``share``, the time
        of all of them over that of all training steps.
    """
    table = record.tables["logging"].set_index("experiment")
    steps = step_table(record)["ms"].xs(PACKAGE, level="way")
    recipes = {name: experiment(str(name)) for name in table.index}
    full = pd.Series({name: len(e.log.dear_steps(e.steps)) for name, e in recipes.items()})
    points = pd.Series({name: len(e.log.steps(e.steps)) for name, e in recipes.items()})
    taken = (points - full) * table["cheap_ms"] + full * table["full_ms"]
    training = pd.Series({name: e.steps * steps[name] for name, e in recipes.items()})
    return table.assign(
        cheap_points=points - full, full_points=full, share=taken / training
    ).rename_axis("experiment")


def scaling_table(record: Record, name: str = "modadd-standard") -> pd.DataFrame:
    """Return time and memory of a step of one experiment against the varied sizes.

    Returns
    -------
    DataFrame
        ``varied`` (``p``, ``d``, ``n`` or ``seeds``), ``value``, ``relative``: the value over the
        paper's (over 1 for seeds), ``ms`` and ``mebibytes``.

    Raises
    ------
    InputError
        If there is no such experiment in the record.
    """
    table = record.tables["scaling"]
    known = list(table.loc[table["varied"] == "p", "experiment"].unique())
    if name not in known:
        raise InputError(f"Scaling of {name!r} is not recorded, only that of {', '.join(known)}.")
    table = table[table["experiment"] == name].reset_index(drop=True)
    paper = experiment(name)
    assert isinstance(paper.dataset, ModularAddition) and isinstance(paper.model, TransformerConfig)
    sizes = {"p": paper.dataset.p, "d": paper.model.d, "n": paper.dataset.train_points, "seeds": 1}
    table["relative"] = table["value"] / table["varied"].map(sizes)
    return table[["varied", "value", "relative", "ms", "mebibytes"]]


def scaling_slopes(record: Record) -> pd.DataFrame:
    """Return how time and memory of a step grow: the slopes on logarithmic axes.

    Returns
    -------
    DataFrame
        One row per experiment and varied size (``p``, ``d``, ``n`` or ``seeds``): ``smallest``
        and ``largest`` value, and the :func:`slope` of ``time``, ``memory`` and ``products`` (the
        arithmetic of the large matrix products; NaN where it is not counted).
    """
    rows = {}
    for key, group in record.tables["scaling"].groupby(["experiment", "varied"], sort=False):
        value = group["value"]
        rows[key] = {
            "smallest": value.min(),
            "largest": value.max(),
            "time": slope(value, group["ms"]),
            "memory": slope(value, group["mebibytes"]),
            "products": slope(value, group["gflop"]) if group["gflop"].notna().all() else np.nan,
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(["experiment", "varied"]).astype({"smallest": int, "largest": int})


def together_table(record: Record) -> pd.DataFrame:
    """Return the gain from training seeds together over one after the other, by experiment.

    Returns
    -------
    DataFrame
        One column per number of seeds: the time of that many steps alone over that of one step of
        all together; above 1, together is faster.
    """
    table = record.tables["scaling"]
    table = table[table["varied"] == "seeds"]
    ms = table.pivot(index="experiment", columns="value", values="ms")
    counts = [count for count in map(int, ms.columns) if count > 1]
    ratios = {count: count * ms[1] / ms[count] for count in counts}
    return pd.DataFrame(ratios).loc[list(table["experiment"].unique())]


def idea_table(record: Record) -> pd.DataFrame:
    """Return the gain from each idea: the package's time over the idea's, above 1 if faster.

    Returns
    -------
    DataFrame
        One row per idea and experiment; columns ``compiled`` and ``eager``, each against the
        package run in the same way.
    """
    routes = _idea_times(record)
    ideas = routes.drop(PACKAGE, level="idea")
    return routes.xs(PACKAGE, level="idea").reindex(ideas.index, level="experiment") / ideas


def setting_table(record: Record) -> pd.DataFrame:
    """Return the gain from other settings of the libraries below torch.

    Returns
    -------
    DataFrame
        One row per setting, one column per experiment: the time of a step under torch's own
        settings over that under these, above 1 if these are faster.
    """
    table = record.tables["settings"]
    settings, names = table["setting"].unique(), table["experiment"].unique()
    times = table.pivot(index="setting", columns="experiment", values="ms").loc[settings, names]
    return (times.loc[OWN] / times).drop(OWN)


def arrangement_table(record: Record) -> pd.DataFrame:
    """Return the gain from the package's own choices on this machine, by experiment.

    Returns
    -------
    DataFrame
        ``compiled``: the time of an eager step over that of a compiled one; ``process_a_core``: the
        time of a step in one process with a thread per core over that of a step when as many
        processes of one thread train at once. Above 1, the compiled step and the many processes are
        faster.
    """
    steps = _idea_times(record).xs(PACKAGE, level="idea")
    runs = record.tables["processes"].groupby("experiment", sort=False)["ms"]
    return pd.DataFrame(
        {
            "compiled": steps["eager"] / steps["compiled"],
            "process_a_core": runs.first() / runs.last(),
        }
    ).loc[record.tables["processes"]["experiment"].unique()]


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of this module for printing: rounded text, empty where there is no value.

    >>> table = pd.DataFrame({"ms": [1234.5678, 0.5], "share": [0.123, float("nan")]})
    >>> as_text(table).to_dict("list")
    {'ms': ['1,234.57', '0.50'], 'share': ['12 %', '']}
    """
    text = {column: [_written(str(column), value) for value in table[column]] for column in table}
    return pd.DataFrame(text, index=table.index)


def _written(column: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    form = _FORMS.get(column, "{:,}" if isinstance(value, int) else "{:,.2f}")
    return form.format(100 * value if "%" in form else value)


_FORMS = {
    **dict.fromkeys(("spread", "peak_share", "share"), "{:.0f} %"),
    **dict.fromkeys(("plain_ms", "cheap_ms", "full_ms", "gflops"), "{:,.0f}"),
    **dict.fromkeys(("ratio", "ceiling", "minutes", "hours", "alone"), "{:,.1f}"),
    "ms": "{:,.2f}",
    "difference": "{:.0e}",
}
"""Formats by column; elsewhere integers are unchanged and other numbers have two decimals."""


def _idea_times(record: Record) -> pd.DataFrame:
    """Milliseconds by idea and experiment; columns ``compiled`` and ``eager``."""
    table = record.tables["ideas"].astype({"compiled": bool})
    routes = table["compiled"].map({True: "compiled", False: "eager"})
    times = table.assign(route=routes).set_index(["idea", "experiment", "route"])["ms"]
    order = pd.MultiIndex.from_frame(table[["idea", "experiment"]].drop_duplicates())
    return times.unstack("route").loc[order]


def whole_runs(preset: str = "paper", root: Path | None = None) -> pd.DataFrame:
    """Return the times of runs that one process trained on a CPU, and of the whole book.

    Parameters
    ----------
    preset : {"paper", "quick", "smoke"}
        Missing runs of the presets ``quick`` and ``smoke`` are recorded on the spot.
    root : Path, optional
        The store's folder.

    Returns
    -------
    DataFrame
        By experiment and control: ``steps`` of a run; the number ``recorded``; the number of
        ``threads``; ``minutes`` per run (median of the recorded ones, NaN if none); ``runs`` of the
        book (`grokbook.studies.reproduce.everything`); and their ``hours``, one after the other.

    Raises
    ------
    RunError
        As :func:`grokbook.store.reading.load_manifests`.
    """
    wanted = [key.name for key, _ in everything(preset) if key.preset == preset]
    rows = {}
    for name in (*EXPERIMENTS, *CONTROLS):
        manifests = [each for each in load_manifests(name, preset, root=root) if not _gpus(each)]
        minutes = _median_minutes(manifests)
        rows[name] = {
            "steps": max((each["steps"] for each in manifests), default=0),
            "recorded": len(manifests),
            "threads": ", ".join(sorted({str(each["threads"]) for each in manifests})),
            "minutes": minutes,
            "runs": wanted.count(name),
            "hours": wanted.count(name) * minutes / 60,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")


def gpu_runs(preset: str = "paper", root: Path | None = None) -> pd.DataFrame:
    """Return the times of recorded runs that a GPU trained, several seeds together.

    Parameters
    ----------
    preset, root
        As for :func:`whole_runs`.

    Returns
    -------
    DataFrame
        One row for the seeds of an experiment that trained together from their first step to their
        last: ``experiment``, ``device``, the number of ``seeds``, ``minutes`` of all together, and
        ``alone``, the median minutes of one seed on a CPU. Empty if there are none.
    """
    rows = []
    for name in (*EXPERIMENTS, *CONTROLS):
        manifests = load_manifests(name, preset, root=root)
        alone = _median_minutes([each for each in manifests if not _gpus(each)])
        crowds: dict[tuple[str, float], int] = {}
        for each in manifests:
            if each["device"] in _gpus(each) and len(each.get("stretches", [each])) == 1:
                crowd = each["device"], each["seconds"]
                crowds[crowd] = crowds.get(crowd, 0) + 1
        rows += [
            (name, device, seeds, seconds / 60, alone)
            for (device, seconds), seeds in crowds.items()
        ]
    columns = ["experiment", "device", "seeds", "minutes", "alone"]
    return pd.DataFrame(rows, columns=columns).set_index("experiment")


def _median_minutes(manifests: Sequence[dict[str, Any]]) -> float:
    """Median wall time of runs, NaN if there are none."""
    seconds = [each["seconds"] for each in manifests]
    return statistics.median(seconds) / 60 if seconds else np.nan


def _gpus(manifest: dict[str, Any]) -> set[str]:
    """GPUs used in a run."""
    stretches = manifest.get("stretches", [manifest])
    return {each["device"] for each in stretches} - {"cpu"}
