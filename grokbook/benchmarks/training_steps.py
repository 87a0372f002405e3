"""A training step of each of the paper's experiments against the usual implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from grokbook.benchmarks.baselines import (
    EinsumTransformer,
    LensTransformer,
    PlainTransformer,
    TransformerLike,
    mlp_steps,
    transformer_steps,
)
from grokbook.benchmarks.package import gflop, training
from grokbook.benchmarks.record import LENS, PACKAGE, PLAIN_MLP, PLAIN_TRANSFORMER, PRODUCT
from grokbook.benchmarks.timing import in_turns, summary
from grokbook.experiments.named import EXPERIMENTS, experiment
from grokbook.experiments.schema import Experiment
from grokbook.models.transformer import TransformerConfig

SIDE = 4096, 2048  # (4096 x 2048) (2048 x 4096): large enough to be at the processor's limit
TRANSFORMERS: dict[str, tuple[TransformerLike, torch.dtype]] = {
    PLAIN_TRANSFORMER: (PlainTransformer, torch.float32),
    "plain PyTorch, float64": (PlainTransformer, torch.float64),
    "einsum over heads, float32": (EinsumTransformer, torch.float32),
}
MLPS = {PLAIN_MLP: torch.float64, "DataLoader loop, float32": torch.float32}


def ways(recipe: Experiment) -> dict[str, Callable[[], Any]]:
    """One step of the experiment in every available implementation, by name."""
    found: dict[str, Callable[[], Any]] = {PACKAGE: training([recipe]).step}
    if not isinstance(recipe.model, TransformerConfig):
        return found | {name: mlp_steps(recipe, dtype) for name, dtype in MLPS.items()}
    for name, (kind, dtype) in TRANSFORMERS.items():
        found[name] = transformer_steps(recipe, kind, dtype)
    if lens_version():
        found[LENS] = transformer_steps(recipe, LensTransformer, torch.float32)
    return found


def lens_version() -> str | None:
    """Version of TransformerLens; None if it is not installed or has no `HookedTransformer`."""
    from importlib.metadata import version

    try:
        from transformer_lens import HookedTransformer  # noqa: F401
    except ImportError:
        return None
    return version("transformer-lens")


def product() -> Callable[[], torch.Tensor]:
    """One large float32 matrix product, which measures the peak of the processor."""
    a, b = torch.randn(SIDE), torch.randn(SIDE[::-1])
    return lambda: a @ b


def measure(rounds: int) -> list[dict[str, Any]]:
    """Rows of the table ``steps``; if arithmetic is counted, the large product takes turns."""
    rows = []
    for name in EXPERIMENTS:
        recipe = experiment(name)
        functions, counted = ways(recipe), {}
        if isinstance(recipe.model, TransformerConfig):
            functions[PRODUCT] = product()
            counted = {PACKAGE: gflop(recipe), PRODUCT: 2 * SIDE[0] * SIDE[1] * SIDE[0] / 1e9}
        rows += [
            {"experiment": name, "way": way, **summary(taken), "gflop": counted.get(way)}
            for way, taken in in_turns(functions, rounds).items()
        ]
    return rows
