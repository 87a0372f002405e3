"""Random instances shared by the tests of `grokbook.metrics` and `grokbook.theory`.

Plain functions build one instance from a seeded generator; hypothesis only draws the sizes,
the kind and the seed, so that a failing example names everything needed to rebuild it. Features
are float64 with one sample a row. Besides generic Gaussian features there are the shapes on which
spectral code and the paper's bounds are strained: near-duplicate rows (almost rank one), nearly
one-hot rows (what an interpolating network gives), widely spread column scales (ill-conditioned),
and perturbations that are tiny, large, confined to a few entries, or turn a row to its opposite or
to an orthogonal direction.
"""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

MODES = ("gaussian", "near-duplicate", "near-one-hot", "ill-conditioned")
PERTURBATIONS = ("full", "sparse", "antipodal", "orthogonal")


def unit(features: Tensor) -> Tensor:
    """Rows scaled to length one; rows must not be zero."""
    return features / features.norm(dim=1, keepdim=True)


def feature_matrix(n: int, d: int, mode: str, generator: torch.Generator) -> Tensor:
    """An (n, d) float64 matrix without zero rows, of one of the `MODES`."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    if mode == "gaussian":
        return normal(n, d)
    if mode == "near-duplicate":
        spread = 10 ** (-6 * torch.rand(1, generator=generator, dtype=torch.float64))
        return normal(1, d) + spread * normal(n, d)
    if mode == "near-one-hot":
        classes = torch.randint(d, (n,), generator=generator)
        spread = 10 ** (-1 - 5 * torch.rand(1, generator=generator, dtype=torch.float64))
        one_hot = torch.nn.functional.one_hot(classes, d).to(torch.float64)
        return one_hot + spread * normal(n, d)
    if mode == "ill-conditioned":
        scales = 10 ** torch.linspace(0, -6, d, dtype=torch.float64)
        return normal(n, d) * scales
    raise ValueError(f"mode is {mode!r}, but must be one of {', '.join(MODES)}.")


def perturb(features: Tensor, scale: float, kind: str, generator: torch.Generator) -> Tensor:
    """The features moved by about `scale` times each row's length, in one of the `PERTURBATIONS`.

    "full" moves every entry; "sparse" moves about a third of the rows, in one entry each;
    "antipodal" and "orthogonal" turn about half of the rows to the opposite or to an orthogonal
    direction (in one dimension, where nothing is orthogonal, to the opposite) and move the others
    as "full" does.
    """
    n, d = features.shape
    lengths = features.norm(dim=1, keepdim=True)
    noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
    moved = features + scale * lengths * noise
    if kind == "full":
        return moved
    if kind == "sparse":
        columns = torch.randint(d, (n,), generator=generator)
        mask = torch.nn.functional.one_hot(columns, d).to(torch.float64)
        mask = mask * (torch.rand(n, 1, generator=generator) < 1 / 3)
        return features + scale * lengths * noise * mask
    turned = torch.rand(n, 1, generator=generator) < 1 / 2
    if kind == "antipodal" or (kind == "orthogonal" and d == 1):
        return torch.where(turned, -features, moved)
    if kind == "orthogonal":
        directions = features / lengths
        rest = noise - (noise * directions).sum(dim=1, keepdim=True) * directions
        return torch.where(turned, lengths * unit(rest), moved)
    raise ValueError(f"kind is {kind!r}, but must be one of {', '.join(PERTURBATIONS)}.")


@dataclass(frozen=True)
class Instance:
    """Features (n, d) and their perturbed twin, with what they were built from."""

    features: Tensor
    perturbed: Tensor
    mode: str
    kind: str
    scale: float
    seed: int

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.features.shape[0]

    @property
    def d(self) -> int:
        """Number of feature dimensions."""
        return self.features.shape[1]

    @property
    def unit(self) -> Tensor:
        """The features with rows of length one."""
        return unit(self.features)

    @property
    def unit_perturbed(self) -> Tensor:
        """The perturbed features with rows of length one."""
        return unit(self.perturbed)

    @property
    def gram(self) -> Tensor:
        """The (n, n) Gram matrix of the normalised features."""
        return self.unit @ self.unit.T

    @property
    def gram_perturbed(self) -> Tensor:
        """The (n, n) Gram matrix of the normalised perturbed features."""
        return self.unit_perturbed @ self.unit_perturbed.T


def instance(n: int, d: int, mode: str, kind: str, scale: float, seed: int) -> Instance:
    """Build one instance; equal arguments give equal instances."""
    generator = torch.Generator().manual_seed(seed)
    features = feature_matrix(n, d, mode, generator)
    return Instance(features, perturb(features, scale, kind, generator), mode, kind, scale, seed)


samples = st.integers(2, 12)
dimensions = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)
scales = st.floats(-4.0, 0.7).map(lambda exponent: 10.0**exponent)


@st.composite
def instances(draw: st.DrawFn, n: int | None = None) -> Instance:
    """One instance, of `n` samples if given."""
    return instance(
        draw(samples) if n is None else n,
        draw(dimensions),
        draw(st.sampled_from(MODES)),
        draw(st.sampled_from(PERTURBATIONS)),
        draw(scales),
        draw(seeds),
    )


@st.composite
def layer_pairs(draw: st.DrawFn) -> tuple[Instance, Instance]:
    """Two instances over the same samples: a first layer and the logits."""
    n = draw(samples)
    return draw(instances(n=n)), draw(instances(n=n))
