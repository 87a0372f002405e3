"""League of ways to grok sooner: each is tuned as long as AdamW, then runs on other seeds.

Rules are in ``rules/league.toml``. In the table an arm is a method's name for the tuned runs;
"adamw as published" for those at the published settings; "adamw, lr 0.001, weight_decay 1" for one
configuration of the tuning; "adamw at p = 113" and "adamw on division" for confirmation. Runs that
depend on an outcome are planned once it is known: methods with an own strength are tuned at AdamW's
best learning rate and decay, the best of its twelve configurations represents a method, and the
best four methods are confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from grokbook.experiments.schema import Experiment
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.grokfast import GrokfastEMA, GrokfastMA
from grokbook.optimizers.muon import Muon
from grokbook.optimizers.norm_clamp import NormClamp
from grokbook.optimizers.orthogonal_gradient import OrthogonalGradient
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.jacobian import JacobianRegularized
from grokbook.strategies.perturbation import Perturbed
from grokbook.studies.norm import initial_norm
from grokbook.studies.study import Planned, Study
from grokbook.studies.workhorse import workhorse
from grokbook.tasks.division import ModularDivision

Config = dict[str, float]
"""Settings of a method by name, such as ``{"lr": 1e-3, "weight_decay": 1.0}``."""

AT_ADAMWS_BEST = ("perturbed", "abelian", "grokalign", "grokfast-ema", "grokfast-ma", "muon")
"""Methods whose grid takes a learning rate from AdamW's best."""


def recipe(
    method: str,
    seed: int,
    config: Mapping[str, float],
    task: str = "",
    limit: int | None = None,
) -> Experiment:
    """Return the experiment of a run of a method.

    Parameters
    ----------
    method : str
        An arm of the rules.
    seed : int
        Of split, initial weights and noise.
    config : mapping
        Its settings: ``lr`` and ``weight_decay``, and the method's own in the rules' grid.
    task : str
        "" for the workhorse, else one of the rules' ``confirm.tasks``.
    limit : int, optional
        Steps; by default those of the study, or those of the rules for a confirming task.
    """
    rules = STUDY.rules
    setting = rules["setting"] | (rules["confirm"] if task == "at p = 113" else {})
    usual = rules["confirm"]["limit"] if task else STUDY.limit(method)
    base = workhorse(setting, seed, limit=usual if limit is None else limit)
    optimizer, model = base.optimizer, base.model
    assert isinstance(optimizer, AdamW) and isinstance(model, TransformerConfig)
    if task == "on division":
        division = ModularDivision(setting["p"], setting["train_fraction"], seed)
        base = replace(base, dataset=division)
    adamw = replace(optimizer, lr=config["lr"], weight_decay=config.get("weight_decay", 0.0))
    base = replace(base, optimizer=adamw)
    match method:
        case "adamw":
            return base
        case "perturbed":
            noise = Perturbed(lambda_1=1.25 * config["strength"], lambda_2=config["strength"])
            return replace(base, strategy=noise)
        case "abelian":
            return replace(base, strategy=AbelianRegularized(config["strength"]))
        case "mirrored":
            return replace(base, strategy=MirrorAugmented())
        case "built-in":
            return replace(base, model=replace(model, shared_positions=True))
        case "grokfast-ema":
            slow_part = GrokfastEMA(config["alpha"], config["strength"])
            return replace(base, optimizer=Chain((slow_part,), adamw))
        case "grokfast-ma":
            mean = GrokfastMA(int(config["window"]), config["strength"])
            return replace(base, optimizer=Chain((mean,), adamw))
        case "orthograd":
            across = Chain((OrthogonalGradient(),), adamw)
            return replace(base, optimizer=across, loss="stablemax")
        case "muon":
            muon = Muon(
                lr=config["lr"], weight_decay=config["weight_decay"], adamw_lr=config["adamw_lr"],
                adamw_betas=adamw.betas, warmup_steps=adamw.warmup_steps,
            )  # fmt: skip
            return replace(base, optimizer=muon)
        case "grokalign":
            return replace(base, strategy=JacobianRegularized(config["strength"]))
        case "clamp":
            radius = config["radius"] * initial_norm(base)
            return replace(base, optimizer=Chain((), adamw, NormClamp(radius)))
    raise AssertionError(f"{method} has no recipe")


def grid(method: str, adamws_best: Config | None) -> list[Config] | None:
    """Return the twelve configurations of a method; None while AdamW's best is unknown.

    Parameters
    ----------
    method : str
        An arm of the rules.
    adamws_best : dict, optional
        AdamW's best learning rate and decay.
    """
    tuning = STUDY.rules["tuning"]
    own = tuning["own"].get(method, tuning["grid"])
    axes = {name: _points(values) for name, values in own.items()}
    found = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    if method not in AT_ADAMWS_BEST:
        return found
    if adamws_best is None:
        return None
    if method == "muon":
        return [config | {"adamw_lr": adamws_best["lr"]} for config in found]
    return [adamws_best | config for config in found]


def _points(values: Any) -> list[float]:
    """Return the points of an axis: a list, or a number of points at equal ratios."""
    if isinstance(values, list):
        return values
    ends = np.geomspace(values["from"], values["to"], values["points"])
    return [float(f"{value:.3g}") for value in ends]


def label(method: str, config: Config) -> str:
    """Return the arm of one configuration of the tuning.

    >>> label("adamw", {"lr": 0.003, "weight_decay": 1.0})
    'adamw, lr 0.003, weight_decay 1'
    """
    return ", ".join([method, *(f"{name} {value:g}" for name, value in config.items())])


def plan(table: pd.DataFrame) -> list[Planned]:
    """Return the runs planned so far: the tuning, then what depends on it, in the rules' order."""
    rules, methods = STUDY.rules, list(STUDY.rules["arms"])
    wanted, tuned = [], {}
    adamws_best = best("adamw", grid("adamw", None), table)
    for method in methods:
        configs = grid(method, adamws_best)
        wanted += tuning(method, configs or [], table)
        if (found := best(method, configs, table)) is not None:
            tuned[method] = found
    if len(tuned) < len(methods):
        return wanted

    def test(seeds: list[int]) -> list[Planned]:
        return [
            Planned(method, seed, recipe(method, seed, tuned[method]))
            for seed in seeds
            for method in methods
        ]

    def published(seeds: list[int]) -> list[Planned]:
        settings = rules["published"]
        return [
            Planned(f"{method} as published", seed, recipe(method, seed, settings[method]))
            for seed in seeds
            for method in methods
        ]

    def confirm(task: str) -> list[Planned]:
        limit = rules["confirm"]["limit"]
        return [
            Planned(f"{method} {task}", seed, recipe(method, seed, tuned[method], task), limit)
            for seed in rules["confirm"]["seeds"]
            for method in confirmed(table, task)
        ]

    seeds, ten = rules["setting"]["seeds"], rules["confirm"]["chosen_by"]
    untuned = rules["setting"]["published_seeds"]
    half = len(untuned) // 2
    first, second = test(seeds[:ten]), test(seeds[ten:])
    at_large, on_division = (confirm(task) for task in rules["confirm"]["tasks"])
    return [
        *wanted, *first, *published(untuned[:half]), *on_division,
        *second, *published(untuned[half:]), *at_large,
    ]  # fmt: skip


def tuning(method: str, configs: list[Config], table: pd.DataFrame) -> list[Planned]:
    """Return the runs of a method's tuning that are planned so far.

    Parameters
    ----------
    method : str
        An arm of the rules.
    configs : list of dict
        Its twelve configurations; none while they are unknown.
    table : pandas.DataFrame
        Table of the study so far.
    """
    limit = STUDY.rules["tuning"]["limit"]
    first, *others = STUDY.rules["setting"]["tuning_seeds"]
    further = _going_on(method, configs, table)
    pairs = [(first, config) for config in configs]
    pairs += [(seed, config) for seed in others for config in further]
    return [
        Planned(
            label(method, config), seed, recipe(method, seed, config, limit=limit), limit, tail=0
        )
        for seed, config in pairs
    ]


def best(method: str, configs: list[Config] | None, table: pd.DataFrame) -> Config | None:
    """Return the configuration that the rules choose; None until its tuning is complete."""
    further = _going_on(method, configs or [], table)
    seeds = STUDY.rules["setting"]["tuning_seeds"]
    scores = [_score(method, config, seeds, table) for config in further]
    return None if not scores or np.isnan(scores).any() else further[int(np.argmin(scores))]


def _going_on(method: str, configs: list[Config], table: pd.DataFrame) -> list[Config]:
    """Return the best few by the first seed of the tuning; none until it has run all of them."""
    first = STUDY.rules["setting"]["tuning_seeds"][:1]
    scores = [_score(method, config, first, table) for config in configs]
    if not scores or np.isnan(scores).any():
        return []
    order = np.argsort(scores, kind="stable")[: STUDY.rules["tuning"]["goes_on"]]
    return [configs[place] for place in order]


def _score(method: str, config: Config, seeds: list[int], table: pd.DataFrame) -> float:
    """Return the mean log first passage of one configuration; NaN until all seeds have run.

    A run that does not grok counts as the log of the limit plus 1 minus its final accuracy.
    """
    runs = table[(table["arm"] == label(method, config)) & table["seed"].isin(seeds)]
    if len(runs) < len(seeds):
        return np.nan
    accuracy = runs[f"final_{STUDY.column(method)}"].fillna(0.0)
    late = np.log(STUDY.rules["tuning"]["limit"]) + 1 - accuracy
    return float(np.log(runs["endpoint"]).fillna(late).mean())


def confirmed(table: pd.DataFrame, task: str) -> list[str]:
    """Return AdamW and the best methods on the first seeds; none until all have run on them.

    The best have the smallest restricted mean time. On division, only methods that assume no law
    count.
    """
    rules = STUDY.rules
    seeds = rules["setting"]["seeds"][: rules["confirm"]["chosen_by"]]
    means = {}
    for method in rules["arms"]:
        runs = table[(table["arm"] == method) & table["seed"].isin(seeds)]
        if len(runs) < len(seeds):
            return []
        means[method] = float(runs["endpoint"].fillna(STUDY.limit(method)).mean())
    allowed = rules["confirm"]["law_free"] if task == "on division" else list(means)
    rivals = sorted(
        (method for method in means if method in allowed and method != "adamw"),
        key=lambda method: means[method],
    )
    return ["adamw", *rivals[: rules["confirm"]["best"]]]


STUDY = Study("league", plan)
