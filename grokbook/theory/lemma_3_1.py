"""Lemma 3.1: weight norm and sharpness bound the input Jacobian.

Printed: if W* interpolates, (1/n) sum_i ||grad_x f(x_i, W*)||_F^2 <= ||W*||_F^2 S(W*) / min_i
||x_i||^2, with S the trace of the Hessian of the loss (1/2n) sum_i ||f(x_i) - onehot(y_i)||^2. The
idea is due to Ma & Ying (2021): the input and the first layer's weights enter f through one product
W_1 x, so a gradient with respect to one gives the gradient with respect to the other.

It needs f = F(W_1 x + b_1, W_2) with a dense first layer (no weight sharing, no skip connection),
f twice differentiable in W at W*, exactly this loss, and no zero input. The chain rule then gives,
for every sample and without interpolation,
||grad_x f(x_i)||_F <= ||W_1||_2 ||grad_{W_1} f(x_i)||_F / ||x_i||,
and so the two averaged forms below, in which the spectral norm of W_1 replaces the Frobenius norm
of all weights and one layer's block of the trace replaces the whole trace.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import non_negative, positive


@dataclass(frozen=True)
class Lemma31:
    """Both sides of Lemma 3.1; every field after `left` is an upper bound on it.

    Attributes
    ----------
    left
        (1/n) sum_i ||grad_x f(x_i)||_F^2.
    printed
        ||W||_F^2 S / min_i ||x_i||^2.
    first_layer
        ||W_1||_2^2 S_{W_1} / min_i ||x_i||^2.
    bias
        ||W_1||_2^2 S_{b_1}, or None for a first layer without bias.
    """

    left: float
    printed: float
    first_layer: float
    bias: float | None

    def as_columns(self) -> dict[str, float]:
        """Return the sides under their names in a recorded run."""
        columns = {
            "jacobian_frobenius_sq": self.left,
            "lemma_3_1_printed": self.printed,
            "lemma_3_1_first_layer": self.first_layer,
        }
        if self.bias is not None:
            columns["lemma_3_1_bias"] = self.bias
        return columns


def both_sides(
    *,
    jacobian_frobenius_sq: float,
    weight_norm: float,
    sharpness: float,
    first_layer_norm: float,
    first_layer_sharpness: float,
    min_input_norm: float,
    bias_sharpness: float | None = None,
) -> Lemma31:
    """Both sides of Lemma 3.1 (paper, section 3.1), printed and sharpened.

    Parameters
    ----------
    jacobian_frobenius_sq
        Mean over the training inputs of ||grad_x f(x_i)||_F^2.
    weight_norm
        ||W||_F, over all parameters.
    sharpness
        S, the trace of the Hessian of (1/2n) sum_i ||f(x_i) - onehot(y_i)||^2 over all
        parameters. (For the loss of `torch.nn.MSELoss`, which averages over the K outputs, S is
        K/2 times the trace.)
    first_layer_norm
        ||W_1||_2, the largest singular value of the first layer's weight matrix.
    first_layer_sharpness, bias_sharpness
        S_{W_1} and S_{b_1}, the parts of the trace that belong to the first layer's weights and
        bias; leave out the second if there is no bias.
    min_input_norm
        min_i ||x_i||, above 0.

    Raises
    ------
    InputError
        If `min_input_norm` is not above 0, or a norm is negative.

    Examples
    --------
    For f = Wx with one input of length 1, the printed bound is off by the number of outputs only
    if the weights have rank one; the spectral one is then met:

    >>> sides = both_sides(jacobian_frobenius_sq=1.0, weight_norm=1.0, sharpness=2.0,
    ...                    first_layer_norm=1.0, first_layer_sharpness=2.0, min_input_norm=1.0)
    >>> sides.left, sides.printed, sides.first_layer
    (1.0, 2.0, 2.0)
    """
    positive("min_input_norm", min_input_norm)
    non_negative("jacobian_frobenius_sq", jacobian_frobenius_sq)
    non_negative("weight_norm", weight_norm)
    non_negative("first_layer_norm", first_layer_norm)
    return Lemma31(
        left=jacobian_frobenius_sq,
        printed=weight_norm**2 * sharpness / min_input_norm**2,
        first_layer=first_layer_norm**2 * first_layer_sharpness / min_input_norm**2,
        bias=None if bias_sharpness is None else first_layer_norm**2 * bias_sharpness,
    )


def per_sample(
    jacobian_norms: Tensor,
    first_layer_gradient_norms: Tensor,
    input_norms: Tensor,
    first_layer_norm: float,
) -> tuple[Tensor, Tensor]:
    """Both sides of the bound for each sample, which needs no interpolation.

    ||grad_x f(x_i)||_F <= ||W_1||_2 ||grad_{W_1} f(x_i)||_F / ||x_i||.

    Parameters
    ----------
    jacobian_norms, first_layer_gradient_norms, input_norms
        (n,) tensors of ||grad_x f(x_i)||_F, ||grad_{W_1} f(x_i)||_F and ||x_i||.
    first_layer_norm
        ||W_1||_2.

    Returns
    -------
    The left and the right sides, float64 tensors of shape (n,).

    Raises
    ------
    InputError
        If the shapes differ or an input has length zero.
    """
    if not jacobian_norms.shape == first_layer_gradient_norms.shape == input_norms.shape:
        raise InputError(
            f"The norms have shapes {tuple(jacobian_norms.shape)}, "
            f"{tuple(first_layer_gradient_norms.shape)} and {tuple(input_norms.shape)}, "
            "but each must have one entry per sample."
        )
    non_negative("first_layer_norm", first_layer_norm)
    positive("The smallest input norm", float(input_norms.min()))
    gradients = first_layer_gradient_norms.to(torch.float64)
    right = first_layer_norm * gradients / input_norms.to(torch.float64)
    return jacobian_norms.to(torch.float64), right
