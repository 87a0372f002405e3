"""Time a training step against plain implementations, side by side in one run.

    python benchmarks/step_time.py [--rounds 7] [--steps 10] [--device cpu]

Modulo addition, p = 113, 3830 pairs: our step (noise-free and perturbed) against the transformer
written in the usual way, all positions and all queries, in float64 and float32, with ``nn.Linear``
and with einsum over heads; and against TransformerLens's HookedTransformer where that is installed.
MNIST, batches of 200: our step against a DataLoader loop in float64, the way Omnigrok's notebook
trains. Variants take turns, a few steps each, for some rounds; printed are medians, the time of the
last row over that of each, GFLOP/s, and the share of the peak that one large float32 matrix product
reaches on the same machine in the same run.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from grokbook import experiment
from grokbook.experiments import Experiment
from grokbook.provenance import cpu_name
from grokbook.seeding import generator
from grokbook.steps import Batches, Objective, Optimizer
from grokbook.strategies import TrainingState


@dataclass
class Variant:
    name: str
    step: Callable[[], object]
    flop: float | None = None  # of the matrix products of one step, forward and backward


def ours(name: str, device: str) -> Callable[[], object]:
    """One step of `train(experiment)`, without the log."""
    recipe: Experiment = experiment(name)
    split = recipe.dataset.load().to(device)
    model = recipe.build_model(split.train_x.shape[1], split.classes).to(device)
    optimizer, batches = Optimizer(recipe, [model]), Batches(recipe, split)
    objective = Objective(recipe, [model], "auto")

    @torch.no_grad()
    def accuracy() -> float:
        return float((model(split.train_x).argmax(1) == split.train_y).double().mean())

    state = TrainingState(0, generator(0, "noise", device), accuracy)

    def step() -> None:
        x, y = batches.next()
        noise = recipe.strategy.noise(state, model.noise_shape(x), optimizer.parameters[0])
        losses = objective([(x, y)], [noise])
        losses.tolist()
        optimizer.step(losses.sum(), state.step)
        state.step += 1

    return step


class PlainTransformer(nn.Module):
    """The same network the usual way: embeddings, three queries, causal mask, three MLP rows."""

    def __init__(self, dtype: torch.dtype, p: int = 113, d: int = 128, mlp: int = 512) -> None:
        super().__init__()
        self.tokens = nn.Embedding(p + 1, d, dtype=dtype)
        self.positions = nn.Parameter(torch.randn(3, d, dtype=dtype) / d**0.5)
        self.query, self.key, self.value, self.output = (
            nn.Linear(d, d, bias=False, dtype=dtype) for _ in range(4)
        )
        self.mlp_in, self.mlp_out = (nn.Linear(a, b, dtype=dtype) for a, b in ((d, mlp), (mlp, d)))
        self.unembed = nn.Linear(d, p, bias=False, dtype=dtype)
        self.register_buffer("mask", torch.ones(3, 3, dtype=torch.bool).triu(1))

    def forward(self, tokens: Tensor, noise: Tensor | None = None) -> Tensor:
        stream = self.tokens(tokens) + self.positions  # (n, 3, d)
        if noise is not None:
            stream = stream + noise
        n, _, d = stream.shape
        q, k, v = (
            layer(stream).view(n, 3, 4, d // 4).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = (q @ k.transpose(2, 3) / (d // 4) ** 0.5).masked_fill(self.mask, -torch.inf)
        attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, 3, d)
        stream = stream + self.output(attended)
        stream = stream + self.mlp_out(torch.relu(self.mlp_in(stream)))
        return self.unembed(stream)


class EinsumTransformer(nn.Module):
    """The same network with weights a head and einsum throughout, as interpretability code has it.

    Layout of weights and order of contractions are those described for the network of Nanda et al.
    (2023): keys, queries and values (head, d_head, d_model), everything at all positions.
    """

    def __init__(self, dtype: torch.dtype, p: int = 113, d: int = 128, mlp: int = 512) -> None:
        super().__init__()

        def normal(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, dtype=dtype) / d**0.5)

        self.embed, self.position, self.unembed = normal(d, p + 1), normal(3, d), normal(d, p)
        self.key, self.query, self.value = (normal(4, d // 4, d) for _ in range(3))
        self.output, self.mlp_in, self.mlp_out = normal(d, d), normal(mlp, d), normal(d, mlp)
        self.bias_in, self.bias_out = (nn.Parameter(torch.zeros(k, dtype=dtype)) for k in (mlp, d))
        self.register_buffer("mask", torch.tril(torch.ones(3, 3, dtype=dtype)))

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


def plain(
    dtype: torch.dtype,
    device: str,
    sigma: float = 0.0,
    network: type[PlainTransformer | EinsumTransformer] = PlainTransformer,
) -> Callable[[], object]:
    split = experiment("modadd-standard").dataset.load().to(device)
    equals = torch.full((len(split.train_x), 1), 113, device=device)
    tokens, y = torch.cat((split.train_x, equals), 1), split.train_y
    model = network(dtype).to(device)
    return _plain_loop(lambda: model(tokens, _noise(sigma, tokens, dtype))[:, -1], model, y)


def _noise(sigma: float, tokens: Tensor, dtype: torch.dtype) -> Tensor | None:
    if not sigma:
        return None
    return sigma * torch.randn(*tokens.shape, 128, dtype=dtype, device=tokens.device)


def _plain_loop(logits: Callable[[], Tensor], model: nn.Module, y: Tensor) -> Callable[[], object]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))

    def step() -> None:
        loss = nn.functional.cross_entropy(logits().double(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def transformer_lens(device: str) -> Callable[[], object] | None:
    try:
        from transformer_lens import HookedTransformer, HookedTransformerConfig
    except ImportError:
        return None
    split = experiment("modadd-standard").dataset.load().to(device)
    equals = torch.full((len(split.train_x), 1), 113, device=device)
    tokens = torch.cat((split.train_x, equals), 1)
    model = HookedTransformer(
        HookedTransformerConfig(
            n_layers=1, n_heads=4, d_model=128, d_head=32, d_mlp=512, act_fn="relu",
            normalization_type=None, d_vocab=114, d_vocab_out=113, n_ctx=3, init_weights=True,
            device=device, seed=0,
        )
    )  # fmt: skip
    return _plain_loop(lambda: model(tokens)[:, -1], model, split.train_y)


def data_loader(device: str) -> Callable[[], object]:
    """Omnigrok's way: float64, a shuffling DataLoader, nn.MSELoss on one-hot rows."""
    split = experiment("mnist-standard").dataset.load().to(device)
    data = TensorDataset(split.train_x.double(), split.train_y)
    loader = DataLoader(data, batch_size=200, shuffle=True)
    widths = (784, 200, 200, 10)
    layers = [nn.Linear(a, b, dtype=torch.float64) for a, b in itertools.pairwise(widths)]
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2]).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    one_hots = torch.eye(10, dtype=torch.float64, device=device)
    criterion = nn.MSELoss()

    def forever():  # type: ignore[no-untyped-def]
        while True:
            yield from loader

    batches = forever()

    def step() -> None:
        x, y = next(batches)
        optimizer.zero_grad()
        criterion(model(x), one_hots[y]).backward()
        optimizer.step()

    return step


def peak(device: str) -> float:
    """GFLOP/s of one large float32 product: (4096 x 2048) (2048 x 4096)."""
    a, b = (torch.randn(4096, 2048, device=device), torch.randn(2048, 4096, device=device))
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        a @ b
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return 2 * 4096 * 4096 * 2048 / min(seconds) / 1e9


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def compare(variants: list[Variant], rounds: int, steps: int, device: str) -> dict[str, float]:
    """Median milliseconds a step by name; variants take turns so that drift hits all alike."""
    for variant in variants:
        for _ in range(3):  # compile, warm caches
            variant.step()
    times: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            for _ in range(steps):
                began = time.perf_counter()
                variant.step()
                _wait(device)
                times[variant.name].append(time.perf_counter() - began)
    return {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()}


def report(title: str, variants: list[Variant], medians: dict[str, float], top: float) -> None:
    reference = medians[variants[-1].name]
    print(f"\n### {title}\n")
    print("| step | ms | plain / this | GFLOP/s | share of peak |")
    print("|---|---:|---:|---:|---:|")
    for variant in variants:
        ms = medians[variant.name]
        rate = f"{variant.flop / ms / 1e6:.0f}" if variant.flop else ""
        share = f"{100 * variant.flop / ms / 1e6 / top:.0f} %" if variant.flop else ""
        print(f"| {variant.name} | {ms:.2f} | {reference / ms:.1f} | {rate} | {share} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = options.device
    name = torch.cuda.get_device_name() if device.startswith("cuda") else cpu_name()
    top = peak(device)
    print(
        f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__};"
        f" peak {top:.0f} GFLOP/s (float32 product, best of 5)"
    )
    n, d, mlp, p = 3830, 128, 512, 113
    product = 2 * n * d  # FLOP of n rows by one column of d
    head = product * (2 * mlp + p)
    # Backward takes twice the forward products: one for the weights, one for the inputs.
    clean = [
        Variant("grokbook, noise-free", ours("modadd-standard", device), 3 * (product * d + head)),
        Variant("plain, float64", plain(torch.float64, device)),
        Variant("plain, einsum, float32", plain(torch.float32, device, 0.0, EinsumTransformer)),
    ]
    lens = transformer_lens(device)
    if lens is not None:
        clean.append(Variant("TransformerLens, float32", lens))
    clean.append(Variant("plain, float32", plain(torch.float32, device)))
    medians = compare(clean, options.rounds, options.steps, device)
    report("Modulo addition, standard training", clean, medians, top)
    noisy = [
        Variant(
            "grokbook, perturbed", ours("modadd-perturbed", device), 3 * (4 * product * d + head)
        ),
        Variant("plain, einsum, float32", plain(torch.float32, device, 0.4, EinsumTransformer)),
        Variant("plain, float32", plain(torch.float32, device, 0.4)),
    ]
    medians = compare(noisy, options.rounds, options.steps, device)
    report("Modulo addition, perturbed training", noisy, medians, top)
    abelian = [Variant("grokbook, abelian", ours("modadd-abelian", device))]
    mnist = [
        Variant("grokbook, standard", ours("mnist-standard", device)),
        Variant("grokbook, perturbed", ours("mnist-perturbed", device)),
        Variant("DataLoader loop, float64", data_loader(device)),
    ]
    medians = compare(mnist, options.rounds, 10 * options.steps, device)
    report("MNIST, batches of 200", mnist, medians, top)
    medians = compare(abelian, options.rounds, options.steps, device)
    report("Modulo addition, abelian regularisation", abelian, medians, top)


if __name__ == "__main__":
    main()
