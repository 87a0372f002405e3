"""Ideas for a faster step that the package does not use, each measured against the package.

Each computes the same losses and gradients as the package's step from the same weights (bfloat16
up to its rounding), which ``tests/benchmarks`` compares.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import joblib
import torch
from torch import Tensor, nn

from grokbook.benchmarks.package import training
from grokbook.benchmarks.record import PACKAGE
from grokbook.benchmarks.timing import WARM_UP, in_turns, summary
from grokbook.experiments.named import EXPERIMENTS, experiment
from grokbook.experiments.schema import Experiment
from grokbook.models.transformer import Transformer
from grokbook.strategies.base import Criterion, Forward, Strategy, TrainingState
from grokbook.strategies.commutativity import AbelianRegularized
from grokbook.strategies.perturbation import Perturbed
from grokbook.training.trainer import Trainer


class MergedHead(Transformer):
    """W_out·W_U formed first: the hidden layer maps to p classes directly, not to d and then p."""

    def _head(self, residual: Tensor) -> Tensor:
        hidden = torch.relu(residual @ self.mlp_in + self.mlp_in_bias)
        direct = (residual + self.mlp_out_bias) @ self.unembedding
        return direct + hidden @ (self.mlp_out @ self.unembedding)


class HiddenByToken(Transformer):
    """The output map and the hidden layer once per token, position and head, not once per pair.

    The residual stream at "=" is a sum of such rows, each times a weight of the attention; so is
    the hidden layer before its ReLU.
    """

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        assert noise is None
        p, heads, d = self.p, self.heads, self.embedding.shape[1]
        tokens = torch.cat(  # (2p + 1, d)
            (
                self.embedding[:p] + self.position[0],
                self.embedding[:p] + self.position[1],
                self.embedding[p:] + self.position[2],
            )
        )
        key, value = (weight.view(d, heads, -1) for weight in (self.key, self.value))
        query = (tokens[-1] @ self.query).view(heads, -1)
        scores = tokens @ torch.einsum("he,dhe->dh", query, key) / math.sqrt(d // heads)
        place = torch.stack((x[:, 0], p + x[:, 1], torch.full_like(x[:, 0], 2 * p)), dim=1)
        weights = nn.functional.embedding(place, scores).softmax(dim=1)  # (n, 3, heads)
        read = torch.einsum("td,dhe->the", tokens, value)
        written = torch.einsum("the,hed->thd", read, self.output.view(heads, -1, d))
        rows = written.reshape(-1, d)
        of_heads = heads * place.unsqueeze(2) + torch.arange(heads, device=x.device)

        def summed(table: Tensor) -> Tensor:
            chosen, times = of_heads.flatten(1), weights.flatten(1)
            return nn.functional.embedding_bag(chosen, table, per_sample_weights=times, mode="sum")

        hidden = summed(rows @ self.mlp_in) + (tokens[-1] @ self.mlp_in + self.mlp_in_bias)
        residual = summed(rows) + tokens[-1]
        after = residual + torch.relu(hidden) @ self.mlp_out + self.mlp_out_bias
        return after @ self.unembedding


class PointwiseAttention(Transformer):
    """The products of each pair's three tokens as sums of pointwise products."""

    def first_layer(self, inputs: Tensor) -> Tensor:
        n, _, d = inputs.shape
        last, tokens = inputs[:, 2], inputs.unsqueeze(1)  # (n, 1, 3, d)
        query = (last @ self.query).view(n, self.heads, -1)
        key, value = (weight.view(d, self.heads, -1) for weight in (self.key, self.value))
        reader = torch.einsum("nhe,dhe->nhd", query, key)
        scores = (reader.unsqueeze(2) * tokens).sum(3) / math.sqrt(d // self.heads)
        mixed = (scores.softmax(dim=-1).unsqueeze(3) * tokens).sum(2)
        heads = torch.einsum("nhd,dhe->nhe", mixed, value)
        return last + heads.reshape(n, d) @ self.output


class Bfloat16Products(Transformer):
    """Matrix products in bfloat16, weights and losses as before."""

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x, noise)


@dataclass(frozen=True, eq=False, kw_only=True)
class DistinctPairs(AbelianRegularized):
    """Each pair computed once, even if both it and its mirror image are training pairs.

    ``pairs`` are the distinct pairs among the training pairs and their mirror images; ``place`` is
    the index in it of each of these 2n pairs.
    """

    pairs: Tensor
    place: Tensor

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        logits, mirrored = nn.functional.embedding(self.place, model(self.pairs)).chunk(2)
        law = (logits.double() - mirrored.double()).square().mean()
        return criterion(logits, y) + self.coefficient * law


class NoiseOfTheFirstStep(Perturbed):
    """Noise drawn once: the upper limit of the gain from a cheaper source of noise."""

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        if "drawn" not in state.memory:
            drawn = super().noise(state, shape, like)
            assert drawn is not None
            state.memory["drawn"] = drawn
        return state.memory["drawn"]


@dataclass(frozen=True)
class Idea:
    """A replacement for the package's network or strategy, and its experiments."""

    name: str
    experiment: str
    network: type[Transformer] | None = None
    strategy: Callable[[Experiment], Strategy] | None = None

    def training(self, recipe: Experiment, compiled: bool) -> Trainer:
        """Training of ``recipe`` in this way."""
        if self.strategy is not None:
            recipe = dataclasses.replace(recipe, strategy=self.strategy(recipe))  # type: ignore[arg-type]
        return training([recipe], compiled, self.network)


def _distinct_pairs(recipe: Experiment) -> Strategy:
    assert isinstance(recipe.strategy, AbelianRegularized)
    x = recipe.dataset.load().train_x
    pairs, place = torch.unique(torch.cat((x, x.flip(1))), dim=0, return_inverse=True)
    return DistinctPairs(coefficient=recipe.strategy.coefficient, pairs=pairs, place=place)


def _noise_once(recipe: Experiment) -> Strategy:
    assert isinstance(recipe.strategy, Perturbed)
    return NoiseOfTheFirstStep(**dataclasses.asdict(recipe.strategy))


IDEAS = (
    Idea("merged head", "modadd-standard", network=MergedHead),
    Idea("hidden layer by token", "modadd-standard", network=HiddenByToken),
    Idea("bfloat16 products", "modadd-standard", network=Bfloat16Products),
    Idea("pointwise attention", "modadd-perturbed", network=PointwiseAttention),
    Idea("noise drawn once", "modadd-perturbed", strategy=_noise_once),
    Idea("distinct pairs", "modadd-abelian", strategy=_distinct_pairs),
)


def measure(rounds: int) -> list[dict[str, Any]]:
    """Rows of the table ``ideas``: the package and every idea, compiled and not."""
    rows = []
    for name in EXPERIMENTS:
        recipe = experiment(name)
        ideas = [Idea(PACKAGE, name), *(idea for idea in IDEAS if idea.experiment == name)]
        steps = {
            (idea.name, compiled): idea.training(recipe, compiled).step
            for idea in ideas
            for compiled in (True, False)
        }
        rows += [
            {"experiment": name, "idea": idea, "compiled": compiled, **summary(taken)}
            for (idea, compiled), taken in in_turns(steps, rounds).items()
        ]
    return rows


def measure_processes(rounds: int) -> list[dict[str, Any]]:
    """Rows of the table ``processes``: one process with all cores, and one process per core."""
    cores = joblib.cpu_count()  # that this process may use
    return [
        {
            "experiment": name,
            "processes": processes,
            "threads": cores // processes,
            "ms": milliseconds_of_all(experiment(name), processes, cores // processes, rounds),
        }
        for name in EXPERIMENTS
        for processes in (1, cores)
    ]


def milliseconds_of_all(recipe: Experiment, processes: int, threads: int, seconds: float) -> float:
    """Milliseconds per step of several processes at once, each training its own run."""
    context = get_context("spawn")
    start, rates = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_train_for, args=(recipe, threads, seconds, start, rates))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    total = sum(rates.get(timeout=600) for _ in workers)
    for worker in workers:
        worker.join()
    return 1e3 / total


def _train_for(recipe: Experiment, threads: int, seconds: float, start: Any, rates: Any) -> None:
    """Report the steps per second of one process; all start counting at the same time."""
    torch.set_num_threads(threads)
    trainer = training([recipe])
    for _ in range(WARM_UP):
        trainer.step()
    start.wait(timeout=600)
    began, taken = time.perf_counter(), 0
    while time.perf_counter() - began < seconds and trainer.taken < trainer.steps:
        trainer.step()
        taken += 1
    rates.put(taken / (time.perf_counter() - began))
