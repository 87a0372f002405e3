"""Random instances of every inequality, which show how tight each bound is.

Representations follow the hard cases of the proofs: generic, nearly equal rows, nearly one-hot rows
(as in an interpolating network), very unequal columns. They are then perturbed a little or a lot,
in all entries or a few, to the opposite or to an orthogonal direction. Networks are tanh networks
of one hidden layer; we solve for the readout, so they interpolate.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics.spectra import unit_features
from grokbook.theory import (
    interpolation,
    lemma_3_1,
    lemma_5_7,
    lemma_5_8,
    lemma_5_10,
    lemma_5_11,
    theorem_5_9,
    theorem_5_12,
    von_neumann,
)


@dataclass(frozen=True)
class InterpolatingNetwork:
    """f(x) = W2 tanh(W1 x + b1) + b2 in float64, with f(x_i) = onehot(y_i) at all its inputs.

    Shapes: W1 (width, d), b1 (width,), W2 (K, width), b2 (K,), inputs (n, d), labels (n,).
    """

    W1: Tensor
    b1: Tensor
    W2: Tensor
    b2: Tensor
    inputs: Tensor
    labels: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the outputs (n, K) at inputs (n, d)."""
        return torch.tanh(x @ self.W1.T + self.b1) @ self.W2.T + self.b2

    def backward_jacobians(self) -> Tensor:
        """Return derivatives of the outputs by the first layer's pre-activations, (n, K, width)."""
        hidden = torch.tanh(self.inputs @ self.W1.T + self.b1)
        return self.W2 * (1 - hidden.square())[:, None, :]

    def lemma_3_1(self) -> lemma_3_1.Lemma31:
        """Both sides of Lemma 3.1, from the closed forms of all gradients."""
        squares = self.backward_jacobians().square().sum(dim=(1, 2))  # (n,)
        lengths = self.inputs.norm(dim=1)
        first_layer = float((squares * lengths.square()).mean())
        return lemma_3_1.both_sides(
            jacobian_frobenius_sq=float(
                (self.backward_jacobians() @ self.W1).square().sum(dim=(1, 2)).mean()
            ),
            weight_norm=self.weight_norm(),
            sharpness=self.sharpness(),
            first_layer_norm=float(torch.linalg.matrix_norm(self.W1, 2)),
            first_layer_sharpness=first_layer,
            bias_sharpness=float(squares.mean()),
            min_input_norm=float(lengths.min()),
        )

    def per_sample(self) -> tuple[Tensor, Tensor]:
        """Both sides, (n,) each, of Lemma 3.1's bound for every sample."""
        backward = self.backward_jacobians()
        lengths = self.inputs.norm(dim=1)
        return lemma_3_1.per_sample(
            (backward @ self.W1).norm(dim=(1, 2)),
            backward.norm(dim=(1, 2)) * lengths,
            lengths,
            float(torch.linalg.matrix_norm(self.W1, 2)),
        )

    def lipschitz(self) -> float:
        """Return a Lipschitz constant of the gradient, 4/(3 sqrt 3) ||W2|| ||W1|| max ||w_k||.

        |tanh''| is at most 4/(3 sqrt 3); w_k are the rows of W1, the other norms are spectral.
        """
        first, readout = (torch.linalg.matrix_norm(W, 2) for W in (self.W1, self.W2))
        return 4 / (3 * math.sqrt(3)) * float(readout * first * self.W1.norm(dim=1).max())

    def weight_norm(self) -> float:
        """||W||_F over weights and biases."""
        parts = (self.W1, self.b1, self.W2, self.b2)
        return math.sqrt(sum(float(part.square().sum()) for part in parts))

    def sharpness(self) -> float:
        """Trace of the Hessian of the squared loss, (1/n) sum_i ||grad_W f(x_i)||_F^2."""
        hidden = torch.tanh(self.inputs @ self.W1.T + self.b1)
        first = self.backward_jacobians().square().sum(dim=(1, 2)) * (
            self.inputs.square().sum(dim=1) + 1
        )
        readout = len(self.b2) * (hidden.square().sum(dim=1) + 1)
        return float((first + readout).mean())


def interpolating_network(
    n: int, d: int, width: int, outputs: int, generator: torch.Generator, scale: float = 1.0
) -> InterpolatingNetwork:
    """Return a random tanh network through n random points, with the smallest readout that fits.

    Parameters
    ----------
    n, d, width, outputs
        Numbers of points, input dimensions, hidden units (at least n, so that it can fit) and
        classes.
    generator
        Draws points, labels and the first layer.
    scale
        Size of the first layer's weights.

    Raises
    ------
    InputError
        If the width is below n, or the points drawn cannot be fitted to 1e-6.
    """
    if width < n:
        raise InputError(f"width is {width}, but must be at least n = {n} to interpolate.")

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    inputs, labels = normal(n, d), torch.randint(outputs, (n,), generator=generator)
    W1, b1 = scale * normal(width, d) / math.sqrt(d), scale * normal(width)
    features = torch.cat((torch.tanh(inputs @ W1.T + b1), torch.ones(n, 1).double()), dim=1)
    targets = torch.nn.functional.one_hot(labels, outputs).to(torch.float64)
    readout = (torch.linalg.pinv(features) @ targets).T  # (K, width + 1)
    network = InterpolatingNetwork(W1, b1, readout[:, :-1], readout[:, -1], inputs, labels)
    error = float((network(inputs) - targets).abs().max())
    if error > 1e-6:
        raise InputError(f"The network misses a target by {error}, but must fit to 1e-6.")
    return network


def representations(n: int, d: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random (n, d) outputs and perturbed outputs, not normalised, of a random kind (see above)."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    def choice(count: int) -> int:
        return int(torch.randint(count, (1,), generator=generator))

    rows = normal(n, d)
    shape = choice(4)
    if shape == 1:
        rows = normal(1, d) + 10 ** (-4 * uniform(1)) * rows
    elif shape == 2:
        classes = torch.randint(d, (n,), generator=generator)
        rows = torch.nn.functional.one_hot(classes, d) + 10 ** (-1 - 3 * uniform(1)) * rows
    elif shape == 3:
        rows = rows * 10 ** torch.linspace(0, -4, d, dtype=torch.float64)
    noise = 10 ** (-4 + 4.7 * uniform(1)) * rows.norm(dim=1, keepdim=True) * normal(n, d)
    kind = choice(4)
    if kind == 1:
        noise = noise * (uniform(n, d) < 1 / 3)
    moved = rows + noise
    turned = uniform(n, 1) < 1 / 2
    if kind == 2:
        moved = torch.where(turned, -rows, moved)
    elif kind == 3 and d > 1:
        # Swapping two coordinates and one sign makes a vector orthogonal in that plane.
        orthogonal = torch.zeros_like(rows)
        orthogonal[:, 0], orthogonal[:, 1] = -rows[:, 1], rows[:, 0]
        moved = torch.where(turned, orthogonal + 1e-9 * noise, moved)
    scale = 10 ** (1 - 6 * uniform(1))  # no effect on directions, but on the printed theorems
    return scale * rows, scale * moved


def tightness(draws: int, generator: torch.Generator) -> pd.DataFrame:
    """Left side divided by bound, for every form of every inequality over random instances.

    Parameters
    ----------
    draws
        Number of instances of each statement.
    generator
        Draws them; equal generators give equal tables.

    Returns
    -------
    One row per instance and form: statement ("Lemma 5.8"), form ("sine"), left, bound and ratio
    (left / bound, and 0 where left is at most 1e-12, a rounding error). A ratio above 1 refutes
    the form.

    Examples
    --------
    >>> table = tightness(3, torch.Generator().manual_seed(0))
    >>> list(table.columns)
    ['statement', 'form', 'left', 'bound', 'ratio']
    """
    rows: list[dict[str, object]] = []

    def record(statement: str, sides: Any) -> None:
        fields = asdict(sides)
        left = fields.pop("left")
        for form, bound in fields.items():
            rows.append(_row(statement, form, left, bound))

    for _ in range(draws):
        n = int(torch.randint(2, 13, (1,), generator=generator))
        d1, d2 = (int(size) for size in torch.randint(1, 7, (2,), generator=generator))
        f1, f1_prime = representations(n, d1, generator)
        f2, f2_prime = representations(n, d2, generator)
        z1, z1_prime, z2, z2_prime = map(unit_features, (f1, f1_prime, f2, f2_prime))

        record("Lemma 5.7", lemma_5_7.both_sides(z1[0], z1[1], z1_prime[0], z1_prime[1]))
        record("Lemma 5.8", lemma_5_8.both_sides(z1, z1_prime))
        record("Theorem 5.9", theorem_5_9.both_sides(f1, f1_prime))
        numbers = (2 * torch.rand(4, generator=generator, dtype=torch.float64) - 1).tolist()
        record("Lemma 5.10", lemma_5_10.both_sides(*numbers))
        record("Lemma 5.11", lemma_5_11.both_sides(z1, z2, z1_prime, z2_prime))
        record("Theorem 5.12", theorem_5_12.both_sides(f1, f2, f1_prime, f2_prime))
        record("H₁", von_neumann.entropy_bounds(z1, z1_prime))
        record("I₁", von_neumann.mutual_information_bounds(z1, z2, z1_prime, z2_prime))

        outputs = int(torch.randint(2, 6, (1,), generator=generator))
        scale = float(10 ** (1.5 * torch.rand(1, generator=generator) - 0.5))
        network = interpolating_network(n, d1 + 1, 4 * n, outputs, generator, scale)
        record("Lemma 3.1", network.lemma_3_1())
        left, right = network.per_sample()
        worst = int((left / right).argmax())
        rows.append(_row("Lemma 3.1", "per_sample", float(left[worst]), float(right[worst])))
        least = interpolation.smallest_norm_times_sharpness(outputs)
        product = network.weight_norm() ** 2 * network.sharpness()
        rows.append(_row("Interpolation", "norm_times_sharpness", least, product))
    return pd.DataFrame(rows)


def _row(statement: str, form: str, left: float, bound: float) -> dict[str, object]:
    # A left side of rounding errors says nothing about an equally small bound.
    ratio = 0.0 if left <= 1e-12 else left / bound if bound > 0 else math.inf
    return {"statement": statement, "form": form, "left": left, "bound": bound, "ratio": ratio}
