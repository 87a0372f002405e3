"""Times of the metrics beside the plain ways to the same values, in one run.

    python benchmarks/metrics.py [--threads 1] [--repeats 3]

Sizes are the paper's: modulo addition has 3830 training pairs and 113 logits, MNIST 1000 images, a
first layer of 200 and 10 logits. Features and weights are random: times do not depend on them. A
plain way forms the n x n Gram matrices and takes their eigenvalues. Each time is the least of the
repeats, the two ways taking turns; a row stops the run if its two values differ.
"""

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from grokbook.losses import cross_entropy
from grokbook.metrics import (
    feature_spectrum,
    hadamard_spectrum,
    hutchinson_sharpness,
    mlp_sharpness,
    representation_entropy,
    representation_mutual_information,
)
from grokbook.metrics.spectra import unit_features
from grokbook.models import MLP, Transformer


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gram(Z: Tensor) -> Tensor:
    U = unit_features(Z)
    return U @ U.T


def naive_entropy(R: Tensor) -> float:
    """H_1 by all n eigenvalues."""
    eigenvalues = torch.linalg.eigvalsh(R / len(R)).clamp(min=0)
    return -float(torch.xlogy(eigenvalues, eigenvalues).sum())


def entropy_of(eigenvalues: Tensor) -> float:
    return -float(torch.xlogy(eigenvalues, eigenvalues).sum())


def race(
    ours: Callable[[], float], plain: Callable[[], float], repeats: int
) -> tuple[list[float], list[float]]:
    """Least times of both, and their values."""
    times, values = [float("inf")] * 2, [0.0] * 2
    for _ in range(repeats):
        for which, function in enumerate((ours, plain)):
            start = time.perf_counter()
            values[which] = function()
            times[which] = min(times[which], time.perf_counter() - start)
    return times, values


def double_backward_trace(model: torch.nn.Module, loss: Tensor, probes: int) -> float:
    """Mean of v^T H v by one double backward pass a probe, in plain autograd."""
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    source, total = generator(), 0.0
    for _ in range(probes):
        v = [2.0 * torch.randint(2, p.shape, generator=source) - 1 for p in parameters]
        Hv = torch.autograd.grad(gradients, parameters, v, retain_graph=True)
        total += sum(float((a * b).sum()) for a, b in zip(v, Hv, strict=True))
    return total / probes


def rows() -> list[tuple[str, str, Callable[[], float], Callable[[], float], float]]:
    """Name, plain way, both functions, and by how much their values may differ."""
    normal = generator()
    logits = torch.randn(3830, 113, generator=normal)
    first = torch.relu(torch.randn(3830, 200, generator=normal))
    second = torch.randn(3830, 10, generator=normal)
    images = torch.rand(1000, 784, generator=normal)
    targets = torch.nn.functional.one_hot(torch.arange(1000) % 10).float()
    mlp = MLP(generator=normal)
    transformer = Transformer(generator=normal)
    pairs = torch.cartesian_prod(torch.arange(113), torch.arange(113))[:3830]
    sums = pairs.sum(dim=1) % 113

    def half_squared(prediction: Tensor, y: Tensor) -> Tensor:
        return (prediction - y).square().sum() / (2 * len(y))

    def probes(model: torch.nn.Module, loss, x: Tensor, y: Tensor, count: int) -> float:
        return hutchinson_sharpness(model, loss, x, y, count, generator=generator()).estimate

    never = float("inf")  # estimates from different probes differ
    return [
        (
            "entropy, n=3830, d=113",
            "n x n eigenvalues",
            lambda: float(representation_entropy(logits)),
            lambda: naive_entropy(gram(logits)),
            1e-9,
        ),
        (
            "Hadamard term, n=3830, 200 x 10",
            "n x n eigenvalues",
            lambda: entropy_of(hadamard_spectrum(first, second)),
            lambda: naive_entropy(gram(first) * gram(second)),
            1e-9,
        ),
        (
            "I_1, n=3830, 200 x 10",
            "n x n eigenvalues, 3 times",
            lambda: float(representation_mutual_information(first, second)),
            lambda: (
                naive_entropy(gram(first))
                + naive_entropy(gram(second))
                - naive_entropy(gram(first) * gram(second))
            ),
            1e-9,
        ),
        (
            "I_2, n=3830, 200 x 10",
            "Khatri-Rao spectra",
            lambda: float(representation_mutual_information(first, second, alpha=2.0)),
            lambda: sum(
                sign * float(spectrum.square().sum().log())
                for sign, spectrum in (
                    (-1, feature_spectrum(first)),
                    (-1, feature_spectrum(second)),
                    (1, hadamard_spectrum(first, second)),
                )
            ),
            1e-9,
        ),
        (
            "exact sharpness, MLP, 1000 images",
            "10 Hutchinson probes",
            lambda: mlp_sharpness(mlp, images).total,
            lambda: probes(mlp, half_squared, images, targets, 10),
            never,
        ),
        (
            "8 probes, transformer, 3830 pairs",
            "plain double backward",
            lambda: probes(transformer, cross_entropy, pairs, sums, 8),
            lambda: double_backward_trace(transformer, cross_entropy(transformer(pairs), sums), 8),
            never,
        ),
    ]


def cpu() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{cpu()}, {options.threads} thread(s), torch {torch.__version__}")
    print(
        f"{'quantity':36}{'seconds':>10}   {'plain way':28}{'seconds':>10}{'ratio':>9}{'gap':>11}"
    )
    for name, way, ours, plain, allowed in rows():
        (fast, slow), (a, b) = race(ours, plain, options.repeats)
        gap = "estimate" if allowed == float("inf") else f"{abs(a - b):.1e}"
        print(f"{name:36}{fast:10.4f}   {way:28}{slow:10.4f}{slow / fast:9.1f}{gap:>11}")
        if abs(a - b) > allowed:
            raise SystemExit(f"{name}: {a} and {b} differ by more than {allowed}.")


if __name__ == "__main__":
    main()
