"""The same networks and objectives written in the usual ways.

Each transformer takes the package's weights, so it computes the same function, but at all three
positions, for all three queries, and for every token of every pair. ``tests/benchmarks`` compares
losses and gradients.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from grokbook.experiments.schema import Experiment
from grokbook.models.mlp import MLP
from grokbook.models.transformer import Transformer
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.base import Strategy
from grokbook.strategies.commutativity import AbelianRegularized
from grokbook.strategies.perturbation import Perturbed

Sizes = tuple[int, int, int, int]
"""p, d, heads, width of the MLP."""


class PlainTransformer(nn.Module):
    """`nn.Linear` throughout: embeddings, three queries, causal mask, three rows of the MLP."""

    def __init__(self, sizes: Sizes, dtype: torch.dtype) -> None:
        super().__init__()
        p, d, self.heads, mlp = sizes
        self.tokens = nn.Embedding(p + 1, d, dtype=dtype)
        self.positions = nn.Parameter(torch.empty(3, d, dtype=dtype))
        self.query, self.key, self.value, self.output = (
            nn.Linear(d, d, bias=False, dtype=dtype) for _ in range(4)
        )
        self.mlp_in, self.mlp_out = (nn.Linear(a, b, dtype=dtype) for a, b in ((d, mlp), (mlp, d)))
        self.unembed = nn.Linear(d, p, bias=False, dtype=dtype)
        mask = torch.ones(3, 3, dtype=torch.bool).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    @staticmethod
    def renamed(package: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
        """The package's weights, or their gradients, in the names and layout of this network."""
        return {
            "tokens.weight": package["embedding"],
            "positions": package["position"],
            **{f"{name}.weight": package[name].T for name in ("query", "key", "value", "output")},
            **{f"{name}.weight": package[name].T for name in ("mlp_in", "mlp_out")},
            **{f"{name}.bias": package[f"{name}_bias"] for name in ("mlp_in", "mlp_out")},
            "unembed.weight": package["unembedding"].T,
        }

    def forward(self, tokens: Tensor, noise: Tensor | None = None) -> Tensor:
        stream = self.tokens(tokens) + self.positions  # (n, 3, d)
        if noise is not None:
            stream = stream + noise
        n, _, d = stream.shape
        q, k, v = (
            layer(stream).view(n, 3, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = q @ k.transpose(2, 3) / (d // self.heads) ** 0.5  # (n, heads, 3, 3)
        weights = scores.masked_fill(self.mask, -torch.inf).softmax(-1)
        stream = stream + self.output((weights @ v).transpose(1, 2).reshape(n, 3, d))
        stream = stream + self.mlp_out(torch.relu(self.mlp_in(stream)))
        return self.unembed(stream)  # (n, 3, p)


class EinsumTransformer(nn.Module):
    """Weights per head and einsum throughout, as in interpretability code.

    Layout of weights and order of contractions are those described for the network of Nanda et al.
    (2023): keys, queries and values (head, d_head, d_model), everything at all positions.
    """

    mask: Tensor

    def __init__(self, sizes: Sizes, dtype: torch.dtype) -> None:
        super().__init__()
        p, d, heads, mlp = sizes

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, dtype=dtype))

        self.embed, self.position, self.unembed = weight(d, p + 1), weight(3, d), weight(d, p)
        self.key, self.query, self.value = (weight(heads, d // heads, d) for _ in range(3))
        self.output, self.mlp_in, self.mlp_out = weight(d, d), weight(mlp, d), weight(d, mlp)
        self.bias_in, self.bias_out = weight(mlp), weight(d)
        mask = torch.tril(torch.ones(3, 3, dtype=dtype))
        self.register_buffer("mask", mask, persistent=False)

    @staticmethod
    def renamed(package: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
        """As :meth:`PlainTransformer.renamed`."""
        by_head = {
            name: package[name].T.unflatten(0, (heads, -1)) for name in ("key", "query", "value")
        }
        return {
            "embed": package["embedding"].T,
            "position": package["position"],
            **by_head,
            **{name: package[name].T for name in ("output", "mlp_in", "mlp_out")},
            "bias_in": package["mlp_in_bias"],
            "bias_out": package["mlp_out_bias"],
            "unembed": package["unembedding"],
        }

    def forward(self, tokens: Tensor, noise: Tensor | None = None) -> Tensor:
        stream = torch.einsum("dbp->bpd", self.embed[:, tokens]) + self.position
        if noise is not None:
            stream = stream + noise
        k, q, v = (
            torch.einsum("ihd,bpd->biph", weight, stream)
            for weight in (self.key, self.query, self.value)
        )
        scores = torch.einsum("biph,biqh->biqp", k, q)
        masked = torch.tril(scores) - 1e10 * (1 - self.mask)
        weights = (masked / k.shape[-1] ** 0.5).softmax(-1)
        mixed = torch.einsum("biph,biqp->biqh", v, weights)  # (b, head, query, d_head)
        flat = mixed.transpose(1, 2).flatten(2)
        stream = stream + torch.einsum("df,bqf->bqd", self.output, flat)
        hidden = torch.relu(torch.einsum("md,bpd->bpm", self.mlp_in, stream) + self.bias_in)
        stream = stream + torch.einsum("dm,bpm->bpd", self.mlp_out, hidden) + self.bias_out
        return stream @ self.unembed


class LensTransformer(nn.Module):
    """TransformerLens's `HookedTransformer`, noise added by a hook; ImportError without it."""

    def __init__(self, sizes: Sizes, dtype: torch.dtype) -> None:
        from transformer_lens import HookedTransformer, HookedTransformerConfig  # up to version 3

        super().__init__()
        p, d, heads, mlp = sizes
        self.lens = HookedTransformer(
            HookedTransformerConfig(
                n_layers=1, n_heads=heads, d_model=d, d_head=d // heads, d_mlp=mlp, act_fn="relu",
                normalization_type=None, d_vocab=p + 1, d_vocab_out=p, n_ctx=3, device="cpu",
                seed=0, dtype=dtype,
            )
        )  # fmt: skip
        for name, parameter in self.lens.named_parameters():
            if name.split(".")[-1] in ("b_Q", "b_K", "b_V", "b_O", "b_U"):  # not in our network
                parameter.requires_grad_(False).zero_()

    @staticmethod
    def renamed(package: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
        """As :meth:`PlainTransformer.renamed`."""
        block = "lens.blocks.0"
        by_head = {
            f"{block}.attn.W_{letter}": package[name].unflatten(1, (heads, -1)).transpose(0, 1)
            for letter, name in (("Q", "query"), ("K", "key"), ("V", "value"))
        }
        return {
            "lens.embed.W_E": package["embedding"],
            "lens.pos_embed.W_pos": package["position"],
            **by_head,
            f"{block}.attn.W_O": package["output"].unflatten(0, (heads, -1)),
            f"{block}.mlp.W_in": package["mlp_in"],
            f"{block}.mlp.b_in": package["mlp_in_bias"],
            f"{block}.mlp.W_out": package["mlp_out"],
            f"{block}.mlp.b_out": package["mlp_out_bias"],
            "lens.unembed.W_U": package["unembedding"],
        }

    def forward(self, tokens: Tensor, noise: Tensor | None = None) -> Tensor:
        if noise is None:
            return self.lens(tokens)
        hook = ("blocks.0.hook_resid_pre", lambda stream, hook: stream + noise)
        return self.lens.run_with_hooks(tokens, fwd_hooks=[hook])


TransformerLike = type[PlainTransformer | EinsumTransformer | LensTransformer]


def same_network(kind: TransformerLike, model: Transformer, dtype: torch.dtype) -> nn.Module:
    """A network of this kind with the weights of the package's ``model``."""
    d, mlp = model.mlp_in.shape
    network = kind((model.p, d, model.heads, mlp), dtype)
    weights = kind.renamed({k: w.detach() for k, w in model.named_parameters()}, model.heads)
    unknown = network.load_state_dict(weights, strict=False).unexpected_keys
    assert not unknown, unknown
    return network


def with_equals(pairs: Tensor, p: int) -> Tensor:
    """Pairs ``(n, 2)`` -> tokens a, b, "=", ``(n, 3)``."""
    return torch.cat((pairs, pairs.new_full((len(pairs), 1), p)), dim=1)


def transformer_loss(
    network: nn.Module, strategy: Strategy, tokens: Tensor, y: Tensor, noise: Tensor | None
) -> Tensor:
    """The strategy's loss on tokens ``(n, 3)``, read at the last position."""
    if isinstance(strategy, AbelianRegularized):
        both = torch.cat((tokens, tokens[:, [1, 0, 2]]))
        logits, mirrored = network(both)[:, -1].double().chunk(2)
        law = nn.functional.mse_loss(logits, mirrored)
        return nn.functional.cross_entropy(logits, y) + strategy.coefficient * law
    return nn.functional.cross_entropy(network(tokens, noise)[:, -1].double(), y)


def transformer_steps(
    recipe: Experiment, kind: TransformerLike, dtype: torch.dtype
) -> Callable[[], None]:
    """Training of a transformer of this kind; every call is one step."""
    split, strategy = recipe.dataset.load(), recipe.strategy
    model = recipe.build_model(split.train_x.shape[1], split.classes)
    assert isinstance(model, Transformer)
    network = same_network(kind, model, dtype)
    tokens = with_equals(split.train_x, model.p)
    shape = model.noise_shape(split.train_x)

    def loss() -> Tensor:
        noise = None
        if isinstance(strategy, Perturbed):
            noise = strategy.lambda_2 * torch.randn(shape, dtype=dtype)
        return transformer_loss(network, strategy, tokens, split.train_y, noise)

    return _steps(recipe, network, loss)


def same_mlp(model: MLP, dtype: torch.dtype) -> nn.Sequential:
    """An `nn.Sequential` with the weights of the package's MLP."""
    layers: list[nn.Module] = []
    for linear in model.linear_layers():
        copy = nn.Linear(linear.in_features, linear.out_features, dtype=dtype)
        copy.load_state_dict(linear.state_dict())
        layers += [copy, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mlp_loss(network: nn.Module, x: Tensor, y: Tensor, noise: Tensor | None) -> Tensor:
    """`nn.MSELoss` on one-hot rows."""
    logits = network(x if noise is None else x + noise)
    one_hots = torch.eye(logits.shape[1], dtype=logits.dtype)
    return nn.MSELoss()(logits, one_hots[y])


def mlp_steps(recipe: Experiment, dtype: torch.dtype) -> Callable[[], None]:
    """Omnigrok's way to train on MNIST, there in float64: a shuffling DataLoader, `nn.MSELoss`."""
    split, strategy = recipe.dataset.load(), recipe.strategy
    model = recipe.build_model(split.train_x.shape[1], split.classes)
    assert isinstance(model, MLP)
    network = same_mlp(model, dtype)
    data = TensorDataset(split.train_x.to(dtype), split.train_y)
    batches = _forever(DataLoader(data, batch_size=recipe.batch_size, shuffle=True))

    def loss() -> Tensor:
        x, y = next(batches)
        noise = None
        if isinstance(strategy, Perturbed):
            noise = strategy.lambda_2 * torch.randn_like(x)
        return mlp_loss(network, x, y, noise)

    return _steps(recipe, network, loss)


def _forever(loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
    return itertools.chain.from_iterable(itertools.repeat(loader))


def _steps(
    recipe: Experiment, network: nn.Module, loss: Callable[[], Tensor]
) -> Callable[[], None]:
    settings = recipe.optimizer
    assert isinstance(settings, AdamW)
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        betas=settings.betas,
    )

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step
