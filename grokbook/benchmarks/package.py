"""The package's own training step, as `grokbook.training.loop.train_together` takes it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor

from grokbook._support.seeding import generator
from grokbook.experiments.schema import Experiment
from grokbook.models.base import Network
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adamw import Optimizer
from grokbook.strategies.base import TrainingState
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.perturbation import Perturbed
from grokbook.training.seed_state import accuracy_on_training_set
from grokbook.training.step import Batches, Objective


class Training:
    """Seeds of one experiment in training: every call is one step, without log or checkpoint.

    ``network``, a subclass of the experiment's, computes in its place with the same weights.
    """

    def __init__(
        self,
        recipes: Sequence[Experiment],
        compiled: bool | Literal["auto"] = "auto",
        network: type[Network] | None = None,
    ) -> None:
        self.splits = [recipe.dataset.load() for recipe in recipes]
        self.models = [
            recipe.build_model(split.train_x.shape[1], split.classes)
            for recipe, split in zip(recipes, self.splits, strict=True)
        ]
        if network is not None:
            for model in self.models:
                model.__class__ = network
        self.strategies = [recipe.strategy for recipe in recipes]
        self.batches = [
            Batches(recipe, split) for recipe, split in zip(recipes, self.splits, strict=True)
        ]
        self.optimizer = Optimizer(recipes[0].optimizer, self.models)
        self.objective = Objective(recipes[0], self.models, compiled)
        self.states = [
            TrainingState(
                0, generator(recipe.seed, "noise"), partial(accuracy_on_training_set, model, split)
            )
            for recipe, model, split in zip(recipes, self.models, self.splits, strict=True)
        ]

    def losses(self) -> Tensor:
        """The loss of each seed on its next batch, ``(seeds,)``."""
        batches = [each.next() for each in self.batches]
        noises = [
            strategy.noise(state, model.noise_shape(x), next(model.parameters()))
            for strategy, state, model, (x, _) in zip(
                self.strategies, self.states, self.models, batches, strict=True
            )
        ]
        return self.objective(batches, noises)

    def __call__(self) -> None:
        losses = self.losses()
        losses.tolist()  # `train` looks at every loss
        self.optimizer.step(losses.sum(), self.states[0].step)
        for state in self.states:
            state.step += 1

    def held(self) -> int:
        """Bytes that lie there between steps: weights, Adam's two averages, training data."""
        weights = sum(weight.nbytes for weight in self.optimizer.parameters)
        return 3 * weights + sum(s.train_x.nbytes + s.train_y.nbytes for s in self.splits)


def gflop(recipe: Experiment) -> float:
    """GFLOP of the large matrix products of one step of the transformer, forward and backward.

    Noise-free, a pair passes the output map, the MLP and the unembedding; what is computed once a
    token is left out. With noise, query, key and value maps are applied to every pair too.
    """
    assert isinstance(recipe.model, TransformerConfig)
    d, mlp, p = recipe.model.d, recipe.model.mlp, recipe.dataset.p  # type: ignore[union-attr]
    rows = recipe.dataset.train_points * (
        2 if isinstance(recipe.strategy, AbelianRegularized | MirrorAugmented) else 1
    )
    maps = 4 if isinstance(recipe.strategy, Perturbed) else 1
    # Backward takes twice the forward products: one for the weights, one for the inputs.
    return 3 * 2 * rows * d * (maps * d + 2 * mlp + p) / 1e9
