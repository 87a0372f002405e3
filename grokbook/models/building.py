"""Building a network from settings and data, and checks of a user's own network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError, first_line
from grokbook._support.validation import shown
from grokbook.models.base import DataShape, ModelConfig, Network
from grokbook.models.modules import ModuleNetwork


def shape_of(train_x: Tensor, test_x: Tensor, classes: int, *, tokens: bool) -> DataShape:
    """Return the data shape that a network is built for; set ``tokens`` for token data."""
    if not tokens:
        return DataShape(train_x.flatten(1).shape[1], classes)
    largest = max(int(x.max()) for x in (train_x, test_x) if x.numel())
    # A token that no sample has, such as 0 under division, counts if it is a label.
    return DataShape(train_x.shape[1], classes, max(largest + 1, classes))


def network_of(
    config: ModelConfig, data: DataShape, *, generator: torch.Generator, dtype: torch.dtype
) -> Network:
    """Build a network; a plain module that reads images is wrapped as one.

    Raises
    ------
    InputError
        If ``build`` returns no module, or a plain one for tokens.
    """
    seed = generator.initial_seed() % 2**63
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        built = config.build(data, generator=generator, dtype=dtype)
    name = type(config).__name__
    if not isinstance(built, nn.Module):
        raise InputError(f"{name}.build returned {shown(built)}, but must return an nn.Module.")
    if isinstance(built, Network):
        return built.to(dtype)
    if data.tokens is not None:
        raise InputError(
            f"{name}.build returned a {type(built).__name__}, but the data are tokens; return"
            " ModuleNetwork(module, embedding=NAME) or ModuleNetwork(module, one_hot=data.tokens)."
        )
    return ModuleNetwork(built).to(dtype)


@torch.no_grad()
def require_fit(network: Network, name: str, x: Tensor, classes: int) -> None:
    """Refuse a network whose logits for a few samples make training impossible.

    Parameters
    ----------
    network : Network
        On the CPU.
    name : str
        Name of the settings that it was built from.
    x : Tensor
        Some training samples.
    classes : int
        Number of labels.

    Raises
    ------
    InputError
        If the network cannot read the samples; if its logits are not ``(n, K)`` with at least one
        column per label; if no logit is finite; if a second call or the continuous input gives
        other logits; if it has layers that draw from the global generator or keep statistics.
    """
    for layer, module in network.named_modules():
        if isinstance(module, nn.modules.dropout._DropoutNd | nn.modules.batchnorm._NormBase):
            raise InputError(
                f"{name} has {type(module).__name__} ({layer}), which would change a resumed"
                " run; networks without dropout and running statistics are allowed."
            )
    try:
        logits, again = network(x), network(x)
    except InputError:
        raise
    except Exception as error:  # a user's own module may raise anything
        raise InputError(
            f"{name} cannot read samples of shape {tuple(x.shape)} and type {x.dtype}"
            f" ({first_line(error)})."
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(x):
        what = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else shown(logits)
        raise InputError(f"{name} returned {what}, but must return logits ({len(x)}, K).")
    if logits.shape[1] < classes:
        raise InputError(
            f"{name} returned {logits.shape[1]} logits, but the task has {classes} labels; at least"
            " as many are needed."
        )
    if not logits.isfinite().any():
        raise InputError(
            f"{name} returned no finite logit for the first training samples, only"
            f" {float(logits[0, 0])} and the like; change the initial weights or the layers."
        )
    if not torch.equal(logits, again):
        raise InputError(
            f"{name} returned other logits when it was called again; it draws from the global"
            " generator, which would change a resumed run."
        )
    other = network.logits(network.inputs(x))
    if not torch.allclose(other, logits, rtol=1e-4, atol=1e-4, equal_nan=True):
        raise InputError(
            f"{name} returned other logits from the continuous input than from the data; it must"
            " read them only through the module named as embedding."
        )
