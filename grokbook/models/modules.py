"""Any ``nn.Module`` as a network of the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.models.base import Network


class ModuleNetwork(Network):
    """A user's own module, with the continuous input and the first layer that metrics need.

    For images, the continuous input is the image. For tokens, it is their one-hot vectors side by
    side, which the module reads in place of the tokens, or the output of the submodule named by
    ``embedding``. The module may then read the tokens through that submodule only.

    Parameters
    ----------
    module : nn.Module
        Data -> logits ``(n, K)``.
    embedding : str
        Name of the submodule that embeds the tokens, such as "embed".
    one_hot : int
        How many different tokens there are, if the module reads one-hot vectors, ``(n, length ·
        one_hot)``.
    first_layer : str
        Name of the submodule whose output is f(·, W₁). The metrics of sections 5 and 6 need it.

    Examples
    --------
    >>> network = ModuleNetwork(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)),
    ...                         first_layer="1")
    >>> x = torch.rand(5, 4)
    >>> network(x).shape, network.first_layer(network.inputs(x)).shape
    (torch.Size([5, 2]), torch.Size([5, 3]))
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        embedding: str = "",
        one_hot: int = 0,
        first_layer: str = "",
    ) -> None:
        super().__init__()
        if embedding and one_hot:
            raise InputError("embedding and one_hot are both given, but only one can be read.")
        self.module, self.one_hot = module, one_hot
        self.embedding, self.first = embedding, first_layer
        names = dict(module.named_modules())
        for field, name in (("embedding", embedding), ("first_layer", first_layer)):
            if name and name not in names:
                known = ", ".join(key for key in names if key)
                raise InputError(
                    f"{field} is {name!r}, but {type(module).__name__} has no such module; it has"
                    f" {known or 'none'}."
                )

    def inputs(self, x: Tensor) -> Tensor:
        """Return the continuous input of data ``x``, one row per sample."""
        if self.embedding:
            return self.module.get_submodule(self.embedding)(x)
        kind = next(self.module.parameters()).dtype
        if not self.one_hot or x.is_floating_point():
            return x.to(kind)
        every = torch.arange(self.one_hot, device=x.device)
        return (x.unsqueeze(-1) == every).flatten(1).to(kind)

    def first_layer(self, inputs: Tensor) -> Tensor:
        """f(·, W₁): output of the module of that name, flattened, ``(n, width)``."""
        if not self.first:
            raise InputError(
                f"{type(self.module).__name__} has no first layer, which this metric needs; build"
                " it as ModuleNetwork(module, first_layer=NAME)."
            )
        found: list[Tensor] = []
        with _hooked(self.module.get_submodule(self.first), lambda out: found.append(out)):
            self.logits(inputs)
        return found[-1].flatten(1)

    def other_first_layer(self, inputs: Tensor) -> Tensor:
        """Return the continuous input, one row per sample."""
        return inputs.flatten(1)

    def logits(self, inputs: Tensor) -> Tensor:
        """f(·, W): continuous input -> logits ``(n, K)``."""
        if not self.embedding:
            return self.module(inputs)
        tokens = torch.zeros(self._tokens_of(inputs), dtype=torch.int64, device=inputs.device)
        with _hooked(self.module.get_submodule(self.embedding), lambda _: inputs):
            return self.module(tokens)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Logits of data x, with ``noise`` added to the continuous input if given."""
        if self.embedding and noise is None:
            return self.module(x)
        inputs = self.inputs(x)
        return self.logits(inputs if noise is None else inputs + noise)

    def noise_shape(self, x: Tensor) -> tuple[int, ...]:
        """Shape of the continuous input of ``x``."""
        with torch.no_grad():
            return (len(x), *self.inputs(x[:1]).shape[1:])

    def _tokens_of(self, inputs: Tensor) -> tuple[int, ...]:
        """Shape of the tokens that ``inputs`` embeds: its shape without the last axis."""
        return tuple(inputs.shape[:-1])


@contextmanager
def _hooked(module: nn.Module, seen: Callable[[Tensor], Any]) -> Iterator[None]:
    """Pass a module's output to a function within the block; a tensor it returns replaces it."""
    handle = module.register_forward_hook(lambda _, __, out: seen(out))
    try:
        yield
    finally:
        handle.remove()
