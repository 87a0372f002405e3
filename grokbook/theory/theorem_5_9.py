"""Theorem 5.9: robustness bounds the entropy difference ED at alpha = 2.

Printed: ED(f, sigma, 2) <= 8 E sum_i ||f(x_i + Delta_i) - f(x_i)||. False: Lemma 5.8 is about the
normalised z = f/||f||, and f -> c f with c -> 0 makes the right side vanish and leaves ED
unchanged. It holds where ||f(x_i)|| >= 1 for all i, so at interpolation.

Repaired: ED <= (2 sqrt(2)/sqrt(n)) E sum_i min{1, ||f(x_i + Delta_i) - f(x_i)|| / ||f(x_i)||},
from Lemma 5.8's sine form: f(x_i + Delta_i) cannot be closer to f(x_i) than the line through it,
which is at distance ||f(x_i)|| sin(theta_i). It holds for every single draw of the noise, so also
for any average over draws.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics.spectra import unit_features
from grokbook.theory._representations import gram_norm


@dataclass(frozen=True)
class Theorem59:
    """Both sides; `repaired` bounds `left`, `printed` need not."""

    left: float
    printed: float
    repaired: float


def both_sides(outputs: Tensor, perturbed_outputs: Tensor) -> Theorem59:
    """Both sides of Theorem 5.9, the expectation taken over the given draws.

    Parameters
    ----------
    outputs
        (n, K) outputs f(x_i, W), of any length; a zero row counts as a fixed unit vector.
    perturbed_outputs
        (draws, n, K) outputs f(x_i + Delta_i, W), or (n, K) for a single draw.

    Returns
    -------
    |mean H_2(G(Delta)) - H_2(G(0))|, 8 mean sum_i ||difference||, and the repaired bound.

    Raises
    ------
    InputError
        If the shapes do not fit.
    """
    clean, draws = clean_and_draws(outputs, perturbed_outputs)
    n = len(clean)
    norm = gram_norm(unit_features(clean))
    changes = [
        2 * float(torch.log1p((gram_norm(unit_features(draw)) - norm) / norm)) for draw in draws
    ]
    return Theorem59(
        left=abs(sum(changes) / len(changes)),
        printed=8 * mean_movement(clean, draws),
        repaired=2 * math.sqrt(2 / n) * mean_relative_movement(clean, draws),
    )


def clean_and_draws(outputs: Tensor, perturbed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the outputs (n, K) and the perturbed outputs (draws, n, K), checked, in float64."""
    draws = perturbed.unsqueeze(0) if perturbed.ndim == 2 else perturbed
    if outputs.ndim != 2 or draws.ndim != 3 or draws.shape[1:] != outputs.shape or len(draws) == 0:
        raise InputError(
            f"The outputs have shapes {tuple(outputs.shape)} and {tuple(perturbed.shape)}, "
            "but must be (n, K) and (draws, n, K)."
        )
    return outputs.to(torch.float64), draws.to(torch.float64)


def mean_movement(clean: Tensor, draws: Tensor) -> float:
    """Return the mean over the draws of sum_i ||f(x_i + Delta_i) - f(x_i)||."""
    return float((draws - clean).norm(dim=2).sum(dim=1).mean())


def mean_relative_movement(clean: Tensor, draws: Tensor) -> float:
    """Return the same with each term divided by ||f(x_i)||, and at most 1 (so 1 where f(x_i) = 0).

    Where f(x_i) and f(x_i + Delta_i) are both zero nothing has moved, and the term is 0.
    """
    moved = (draws - clean).norm(dim=2)  # (draws, n)
    relative = torch.where(moved > 0, moved / clean.norm(dim=1), moved)
    return float(relative.clamp(max=1.0).sum(dim=1).mean())
