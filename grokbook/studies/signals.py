"""Early signals of the study of prediction, from a network and its curves so far.

:func:`measure` returns signals of the network at one step, :func:`derived` those that need several
steps or the training loss of every step. Equal runs give equal signals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from grokbook import metrics
from grokbook._support.seeding import generator
from grokbook.experiments.schema import Experiment
from grokbook.models.transformer import Transformer
from grokbook.strategies.losses import criterion
from grokbook.tasks.base import Split

RATE_STEPS = 20
"""Number of steps for the rate of the weight norm."""


DEAR = ("sharpness", "perturbation_error", "input_jacobian", "local_complexity")
"""Signals that cost more than all others together and are measured less often."""


def measure(
    recipe: Experiment,
    model: Transformer,
    split: Split,
    settings: Mapping[str, Any],
    step: int,
    *,
    dear: bool = True,
) -> dict[str, float]:
    """Measure every signal that depends on the network at one step only.

    Parameters
    ----------
    recipe : Experiment
        Experiment of the run; its seed sets the noise, its loss is measured.
    model, split
        The network and its data.
    settings : mapping
        Table ``measurement`` of the study's rules.
    step : int
        Step of the network; it sets the noise.
    dear : bool
        Whether to measure those in ``DEAR``, which are NaN otherwise.

    Returns
    -------
    dict
        By signal, in the order of the rules; ``test_loss`` is the only one that reads test labels.
    """
    loss = criterion(recipe.loss)
    x, y = split.train_x, split.train_y

    def of(logits: Tensor, pairs: Tensor, labels: Tensor) -> float:
        return float(loss(logits[pairs[:, 0], pairs[:, 1]], labels))

    with torch.no_grad():
        inputs = model.inputs(x)
        numbers = torch.arange(model.p, device=x.device)
        table = model(torch.cartesian_prod(numbers, numbers)).unflatten(0, (model.p, model.p))
    information = [
        metrics.perturbed_information(
            model.first_layer, model.logits, inputs, sigma, 1.0, settings["information_batch"],
            generator=_noise(recipe, f"information {step}"),
        )
        for sigma in (0.0, settings["information_sigma"])
    ]  # fmt: skip
    clean, moved = information
    keys = metrics.key_frequencies(table, settings["frequencies"])
    return {
        "mid": abs(float(moved.mutual_information - clean.mutual_information)),
        "ed": abs(float(moved.entropy_2 - clean.entropy_2)),
        "weight_norm": metrics.weight_norm(model, 2),
        "train_loss": of(table, x, y),
        "gradient_norm": metrics.gradient_norm(model, loss, x, y),
        **dict.fromkeys(DEAR, math.nan),
        **(_dear(recipe, model, split, settings, step) if dear else {}),
        "restricted_loss": of(metrics.restricted_logits(table, keys), x, y),
        "excluded_loss": of(metrics.excluded_logits(table, keys), x, y),
        "spectral_entropy": metrics.embedding_entropy(model.embedding[: model.p]),
        "test_loss": of(table, split.test_x, split.test_y),
    }  # fmt: skip


def _dear(
    recipe: Experiment, model: Transformer, split: Split, settings: Mapping[str, Any], step: int
) -> dict[str, float]:
    loss, x, y = criterion(recipe.loss), split.train_x, split.train_y
    with torch.no_grad():
        inputs = model.inputs(x)
    order = torch.randperm(len(x), generator=_noise(recipe, "sample"))
    few = inputs[order[: settings["samples"]].to(inputs.device)]
    return {
        "sharpness": metrics.hutchinson_sharpness(
            model, loss, x, y, settings["probes"],
            generator=_noise(recipe, f"sharpness {step}"),
        ).estimate,
        "perturbation_error": metrics.perturbation_error(
            model.logits, inputs, settings["error_sigma"],
            generator=_noise(recipe, f"error {step}"),
        ),
        "input_jacobian": float(
            metrics.input_jacobian(model.logits, few).double().square().sum(dim=(1, 2)).mean()
        ),
        "local_complexity": metrics.local_complexity(
            lambda rows: model.first_layer(rows) @ model.mlp_in + model.mlp_in_bias,
            few, settings["radius"], settings["directions"],
            generator=_noise(recipe, "directions"),
        ),
    }  # fmt: skip


def _noise(recipe: Experiment, purpose: str) -> torch.Generator:
    return generator(recipe.seed, f"signals {purpose}")


def derived(
    step: int,
    steps: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    losses: Sequence[float],
    norms: Sequence[float],
) -> dict[str, float]:
    """Return the signals that need the curves up to a step.

    Parameters
    ----------
    step : int
        The moment.
    steps, curves
        Measured steps, and the values of :func:`measure` there by signal.
    losses, norms
        Training loss and weight norm of every step from 0 on.

    Returns
    -------
    dict
        ``mid_or_ed``, ``weight_norm_rate``, ``hjorth_mobility`` and ``hjorth_activity``; NaN until
        there are enough steps.

    Examples
    --------
    >>> curves = {"mid": [1.0, 2.0, 1.5], "ed": [1.0, 1.0, 1.0]}
    >>> derived(2, [0, 1, 2], curves, [3.0, 2.0, 1.0], [1.0, 1.0, 1.0])["mid_or_ed"]
    0.75
    """
    seen = sum(each <= step for each in steps)
    so_far = torch.tensor(losses[: step + 1], dtype=torch.float64)
    rate = math.nan
    if step >= RATE_STEPS:
        before = norms[step - RATE_STEPS]
        rate = (norms[step] - before) / before
    return {
        "mid_or_ed": min(small_or_falling(curves[name][:seen]) for name in ("mid", "ed")),
        "weight_norm_rate": rate,
        "hjorth_mobility": metrics.hjorth_mobility(so_far) if step >= 2 else math.nan,
        "hjorth_activity": metrics.hjorth_activity(so_far) if step >= 1 else math.nan,
    }


def small_or_falling(values: Sequence[float]) -> float:
    """Return how far a curve is from being small or falling sharply: 0 if it does either.

    This is the smaller of the last value and of one minus the steepest fall from a value to the
    next, both relative to the largest value. A curve that is never above 0 is small.

    Examples
    --------
    >>> small_or_falling([1.0, 2.0, 2.0]), small_or_falling([1.0, 2.0, 0.5, 2.0])
    (1.0, 0.25)
    """
    largest = max(values)
    if largest <= 0:
        return 0.0
    steepest = max((a - b for a, b in pairwise(values)), default=0.0)
    return min(values[-1] / largest, 1 - max(steepest, 0.0) / largest)
