"""Theorem 5.12: robustness bounds the mutual information difference MID at alpha = 2.

Printed (under the title of an "entropy" difference): MID(f, sigma, 2) <= 16 E sum_i
(||f(x_i + Delta_i, W) - f(x_i, W)|| + ||f(x_i + Delta_i, W_1) - f(x_i, W_1)||). False even at
interpolation: W_1 -> c W_1, W_2 -> W_2/c leaves the network and MID unchanged and scales the first
layer's term by c.

Repaired: with the constant 4 sqrt(2)/sqrt(n), and each term divided by ||f(x_i, W)|| or
||f(x_i, W_1)|| and cut off at 1. It follows from the sine form of Lemma 5.11, as Theorem 5.9
follows from that of Lemma 5.8.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics.spectra import unit_features
from grokbook.theory._representations import gram_norm, hadamard_gram
from grokbook.theory.theorem_5_9 import clean_and_draws, mean_movement, mean_relative_movement


@dataclass(frozen=True)
class Theorem512:
    """Both sides; `repaired` bounds `left`, `printed` need not."""

    left: float
    printed: float
    repaired: float


def both_sides(
    hidden: Tensor, outputs: Tensor, perturbed_hidden: Tensor, perturbed_outputs: Tensor
) -> Theorem512:
    """Both sides of Theorem 5.12, the expectation taken over the given draws.

    Parameters
    ----------
    hidden, outputs
        (n, d) first-layer outputs f(x_i, W_1) and (n, K) outputs f(x_i, W).
    perturbed_hidden, perturbed_outputs
        (draws, n, d) and (draws, n, K), the same at x_i + Delta_i; or without the first axis.

    Returns
    -------
    |mean I_2(Delta) - I_2(0)|, the printed and the repaired bound.

    Raises
    ------
    InputError
        If the shapes do not fit.
    """
    hidden, hidden_draws = clean_and_draws(hidden, perturbed_hidden)
    outputs, output_draws = clean_and_draws(outputs, perturbed_outputs)
    if len(hidden) != len(outputs) or len(hidden_draws) != len(output_draws):
        raise InputError(
            f"The first layer has {len(hidden)} samples and {len(hidden_draws)} draws, the output "
            f"{len(outputs)} and {len(output_draws)}, but both must have as many."
        )
    information = _second_order_information(hidden, outputs)
    changes = [
        _second_order_information(*draw) - information
        for draw in zip(hidden_draws, output_draws, strict=True)
    ]
    moved = mean_movement(outputs, output_draws) + mean_movement(hidden, hidden_draws)
    relative = mean_relative_movement(outputs, output_draws)
    relative += mean_relative_movement(hidden, hidden_draws)
    return Theorem512(
        left=abs(sum(changes) / len(changes)),
        printed=16 * moved,
        repaired=4 * math.sqrt(2 / len(outputs)) * relative,
    )


def _second_order_information(hidden: Tensor, outputs: Tensor) -> float:
    """I_2 of the normalised representations, by Proposition 5.5."""
    first, second = unit_features(hidden), unit_features(outputs)
    joint = hadamard_gram(first, second).norm()
    ratio = torch.log(joint) - torch.log(gram_norm(first)) - torch.log(gram_norm(second))
    return 2 * (math.log(len(first)) + float(ratio))
