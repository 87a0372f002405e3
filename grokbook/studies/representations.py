"""Study of representations: whether standard and perturbed training end at different ones.

Rules are in ``rules/representations.toml``. Two trainings of a seed are compared with each other,
and standard training with that of the next seed: two seeds of one training differ, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from grokbook import metrics
from grokbook.experiments.schema import Experiment
from grokbook.models.base import Network
from grokbook.models.transformer import Transformer
from grokbook.strategies.perturbation import Perturbed
from grokbook.studies.study import Study, row_of, seed_by_seed, watched
from grokbook.studies.workhorse import workhorse
from grokbook.tasks.modular import ModularAddition


def recipe(arm: str, seed: int) -> Experiment:
    """Return the experiment of a row's first network: standard training of the workhorse."""
    return workhorse(STUDY.rules["setting"], seed, limit=STUDY.limit(arm))


def perturbed(base: Experiment) -> Experiment:
    """Return the same experiment under noise of the rules' strength."""
    strength = STUDY.rules["setting"]["lambda_2"]
    return replace(base, strategy=Perturbed(lambda_1=1.25 * strength, lambda_2=strength))


def run_one(recipe: Experiment, column: str, level: float, limit: int, tail: int) -> dict[str, Any]:
    """Train a row's three networks and return its row.

    The arguments are those of :func:`grokbook.studies.study.run_one`.

    Returns
    -------
    dict
        As there, of standard training, with ``<reading>_trainings`` and ``<reading>_seeds``, how
        alike the two trainings and the two seeds are, and ``grokked``, how many of the three
        networks reached the endpoint.
    """
    others = (perturbed(recipe), _next_seed(recipe))
    found = [watched(each, column, level, limit, tail) for each in (recipe, *others)]
    first, *rest = (run.network for run, _ in found)
    row = row_of(*found[0])
    for name, other in zip(("trainings", "seeds"), rest, strict=True):
        for reading, value in alike(first, other).items():
            row[f"{reading}_{name}"] = value
    return row | {"grokked": sum(bool(reached) for _, reached in found)}


def _next_seed(recipe: Experiment) -> Experiment:
    pairs, seed = recipe.dataset, recipe.seed + 1
    assert isinstance(pairs, ModularAddition)
    return replace(recipe, seed=seed, dataset=replace(pairs, seed=seed))


def alike(first: Network, second: Network) -> dict[str, float]:
    """Return how alike two transformers on pairs are, by reading: 1 if they are the same.

    Parameters
    ----------
    first, second
        Networks of the same modulus.
    """
    assert isinstance(first, Transformer) and isinstance(second, Transformer)
    numbers = torch.arange(first.p)
    pairs = torch.cartesian_prod(numbers, numbers)
    with torch.no_grad():
        features = [each.first_layer(each.inputs(pairs)) for each in (first, second)]
    spectra = [metrics.embedding_spectrum(each.embedding[: each.p]) for each in (first, second)]
    return {
        "cka": metrics.linear_cka(*features),
        "frequencies": metrics.spectral_overlap(*spectra),
    }


STUDY: Study = Study("representations", lambda _: seed_by_seed(STUDY.rules, recipe), run_one)
