"""The lower bound of interpolation on ||W||^2 S, and so the limit on Theorem 3.2's radius.

Section 3.1 of the paper assumes no limit on the fall of ||W*||_F^2 S(W*) in training. It cannot
fall below the number of classes. For a readout f = U h + b the gradient of output k with respect to
row k of (U, b) is (h, 1), so S >= K mean(||h_i||^2 + 1), while ||f(x_i)|| = ||onehot|| = 1 needs
||(U, b)||^2 (||h_i||^2 + 1) >= 1. Their product is ||W||^2 S >= K; without a bias drop the two
ones.

A ReLU net of D layers without biases satisfies more: f is homogeneous of degree one in each
layer, <W_l, grad_{W_l} f_y> = f_y = 1, so S_l >= 1/||W_l||^2 for each layer below the readout and
S_D >= K/||W_D||^2; Cauchy-Schwarz gives ||W||^2 S >= (D - 1 + sqrt(K))^2.
"""

import math

from grokbook._support.validation import positive, whole


def smallest_norm_times_sharpness(outputs: int, relu_depth: int | None = None) -> float:
    """Return the least value of ||W||_F^2 S(W) over interpolating networks with an affine readout.

    Parameters
    ----------
    outputs
        K, the number of classes.
    relu_depth
        D, the number of layers, if the network is a ReLU net without biases, for which a larger
        value holds.

    Returns
    -------
    K, or (D - 1 + sqrt(K))^2 where a depth is given.

    Examples
    --------
    >>> smallest_norm_times_sharpness(10)
    10.0
    >>> smallest_norm_times_sharpness(9, relu_depth=3)
    25.0
    """
    whole("outputs", outputs, least=1)
    if relu_depth is None:
        return float(outputs)
    whole("relu_depth", relu_depth, least=1)
    return (relu_depth - 1 + math.sqrt(outputs)) ** 2


def largest_epsilon(
    n: int, outputs: int, min_input_norm: float = 1.0, relu_depth: int | None = None
) -> float:
    """Return the largest radius of Theorem 3.2 for interpolating networks with an affine readout.

    min_i ||x_i|| / (2 sqrt(n B)), with B = `smallest_norm_times_sharpness`, and at most 1: the
    value of epsilon(W*) at L = 0 and the smallest possible ||W*||^2 S(W*).

    Examples
    --------
    Inputs of length 1, 1000 training points and 10 classes leave at most a two-hundredth:

    >>> largest_epsilon(1000, 10)
    0.005
    """
    whole("n", n, least=1)
    positive("min_input_norm", min_input_norm)
    product = smallest_norm_times_sharpness(outputs, relu_depth)
    return min(1.0, min_input_norm / (2 * math.sqrt(n * product)))
