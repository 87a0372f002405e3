"""The package's own training step, that of :class:`grokbook.training.trainer.Trainer`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from grokbook.experiments.schema import Experiment
from grokbook.models.base import Network
from grokbook.models.transformer import TransformerConfig
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.perturbation import Perturbed
from grokbook.training.trainer import Trainer


def training(
    recipes: Sequence[Experiment],
    compiled: bool | Literal["auto"] = "auto",
    network: type[Network] | None = None,
) -> Trainer:
    """Seeds of one experiment in training on the CPU; every call of its ``step`` is timed.

    ``network``, a subclass of the experiment's network, replaces it with the same weights.
    """
    trainer = Trainer(recipes, device="cpu", compiled=compiled)
    if network is not None:
        for each in trainer.networks:
            each.__class__ = network
    return trainer


def held(trainer: Trainer) -> int:
    """Bytes held between steps: weights, Adam's two averages, training data."""
    weights = sum(weight.nbytes for weight in trainer.optimizer.parameters)
    splits = [seed.split for seed in trainer.seeds]
    return 3 * weights + sum(s.train_x.nbytes + s.train_y.nbytes for s in splits)


def gflop(recipe: Experiment) -> float:
    """GFLOP of the large matrix products of one step of the transformer, forward and backward.

    Without noise, each pair passes the output map, the MLP and the unembedding; products computed
    once per token are left out. With noise, query, key and value maps are also applied to every
    pair.
    """
    assert isinstance(recipe.model, TransformerConfig)
    d, mlp, p = recipe.model.d, recipe.model.mlp, recipe.dataset.p  # type: ignore[union-attr]
    rows = recipe.dataset.train_points * (
        2 if isinstance(recipe.strategy, AbelianRegularized | MirrorAugmented) else 1
    )
    maps = 4 if isinstance(recipe.strategy, Perturbed) else 1
    # Backward takes twice the forward products: one for the weights, one for the inputs.
    return 3 * 2 * rows * d * (maps * d + 2 * mlp + p) / 1e9
