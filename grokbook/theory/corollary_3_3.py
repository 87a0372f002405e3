"""Corollary 3.3: a curve of test accuracy against training steps, and whether it can apply.

Under Theorem 3.2's assumptions with L >= 1/2, ||x_i|| = 1 and
||W*||_F^2 S(W*) = max^2{a - b log10 t, 0} / (4n), the paper gets test accuracy at least
P(1 / (2L + max{a - b log10 t, 0})), and with the half-normal P draws its Figure 3. The substitution
is right, but the premise is not: interpolation forces ||W||^2 S >= K (see `interpolation`), so the
maximum must stay above 2 sqrt(nK), which `feasible_until` turns into a last step.

Of the four parameters a, b, L and mu (a variance) only three shape the curve: for any c > 0 the
values (ca, cb, cL, mu/c^2) give the same curve as long as 2L >= 1 on both sides, and a curve with
2L < 1, which epsilon's minimum with 1 cuts off, is the one with L = 1/2 and a + 2L - 1 for a. So a
fit may fix L = 1/2 and loses nothing. If the plateau is 1 to the precision of the data, a + 2L and
the kink at a = b log10 t cannot be separated either, and only two numbers are visible: the curve is
erf(1 / (sqrt(2 mu) (a + 2L - b log10 t))). A smaller mu then gives the same curve with larger a and
b, and a fit of three numbers diverges along this direction. So a fit also holds mu at the paper's
value unless the data show a plateau below 1.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from grokbook._support.errors import InputError
from grokbook._support.validation import non_negative, positive, whole
from grokbook.theory.interpolation import smallest_norm_times_sharpness
from grokbook.theory.neighbouring_probability import half_normal_radius

PAPER_MU = 0.01
"""The paper's mu. At L = 1/2 the plateau lies 2e-23 below 1.

Fixing mu loses no curve of a smaller mu: with s = sqrt(mu / PAPER_MU), the parameters
s (1 + a) - 1, s b and PAPER_MU give erf the same argument until that reaches 1 / sqrt(2 PAPER_MU),
and from there on both curves are 1 in double precision.
"""

VISIBLE = 1e-3
"""A plateau below 1 counts as visible if it lowers the root mean square error by this much."""


def predicted_radius(
    steps: ArrayLike, a: float = 1925.0, b: float = 500.0, L: float = 0.5
) -> np.ndarray:
    """Return the radius min{1, 1 / (2L + max{a - b log10 t, 0})} at each step.

    Parameters
    ----------
    steps
        Training steps t >= 0, any shape.
    a, b, L
        As in the corollary, L >= 0; without the minimum, L < 1/2 could give radii above 1, which
        Theorem 3.2 excludes.

    Returns
    -------
    float64 radii. At t = 0 the radius is 0 for b > 0 (the logarithm is minus infinity) and 1 or
    1/(2L) for b < 0. For b = 0 the radius is constant.
    """
    t = np.asarray(steps, dtype=np.float64)
    if not bool(np.all(t >= 0)):
        raise InputError(f"The smallest of the steps is {np.min(t)}, but steps must be at least 0.")
    for name, value in (("a", a), ("b", b)):
        if not math.isfinite(value):
            raise InputError(f"{name} is {value}, but must be finite.")
    non_negative("L", L)
    if b == 0:  # 0 * log10(0) would be NaN
        slope = np.full_like(t, max(a, 0.0))
    else:
        with np.errstate(divide="ignore"):
            slope = np.maximum(a - b * np.log10(t), 0.0)
    return 1 / np.maximum(2 * L + slope, 1.0)


def predicted_accuracy(
    steps: ArrayLike,
    a: float = 1925.0,
    b: float = 500.0,
    L: float = 0.5,
    mu: float = 0.01,
) -> np.ndarray:
    """Return the curve of Corollary 3.3 with the half-normal P; the defaults are those of Figure 3.

    Parameters
    ----------
    steps
        Training steps t >= 0, any shape.
    a, b
        Height and decline per decade of steps of the assumed 2 sqrt(n ||W||^2 S).
    L
        Lipschitz constant of the input gradient, at least 0.
    mu
        The variance of the normal behind P(r), at least 0. At mu = 0 the curve is the step from 0
        (radius 0) to 1.

    Returns
    -------
    float64 accuracies in [0, 1], of the shape of `steps`.

    Raises
    ------
    InputError
        For negative steps, L or mu, or a parameter that is not finite.

    Examples
    --------
    >>> predicted_accuracy([0, 1, 7000]).round(5).tolist()
    [0.0, 0.00414, 0.99624]
    """
    non_negative("mu", mu)
    radius = predicted_radius(steps, a, b, L)
    if mu == 0:
        return (radius > 0).astype(np.float64)
    return np.asarray(special.erf(radius / math.sqrt(2 * mu)))


def steps_at_accuracy(
    q: float,
    a: float = 1925.0,
    b: float = 500.0,
    L: float = 0.5,
    mu: float = 0.01,
) -> float:
    """Return the step (a real number) at which the predicted accuracy first reaches q.

    Parameters
    ----------
    q
        An accuracy between 0 and 1.
    a, b, L, mu
        As in `predicted_accuracy`, but b > 0 and mu > 0, so that the curve rises.

    Returns
    -------
    10^{(a + 2L - 1/r_q)/b} with r_q = sqrt(2 mu) erfinv(q), and infinity if q lies above the
    curve's plateau erf(min{1, 1/(2L)} / sqrt(2 mu)).

    Examples
    --------
    >>> round(steps_at_accuracy(0.5), 2)
    6642.75
    """
    positive("b", b)
    positive("mu", mu)
    non_negative("L", L)
    radius = half_normal_radius(q, mu)
    if radius > 1 / max(1.0, 2 * L):
        return math.inf
    if radius == 0:
        return 0.0
    return _power_of_ten((a + 2 * L - 1 / radius) / b)


def transition_width(
    b: float = 500.0, mu: float = 0.01, low: float = 0.1, high: float = 0.9
) -> float:
    """Decades of steps between the accuracies `low` and `high`: (1/r_low - 1/r_high)/b.

    It does not depend on a, nor on L if the plateau lies above `high`.

    Examples
    --------
    >>> round(transition_width(), 4)
    0.147
    """
    positive("b", b)
    positive("mu", mu)
    if not 0 < low < high < 1:
        raise InputError(f"low and high are {low} and {high}, but 0 < low < high < 1 is needed.")
    return (1 / half_normal_radius(low, mu) - 1 / half_normal_radius(high, mu)) / b


def feasible_until(
    n: int,
    outputs: int,
    a: float = 1925.0,
    b: float = 500.0,
    min_norm: float = 1.0,
    relu_depth: int | None = None,
) -> float:
    """Return the last step (a real number) at which an interpolating network can meet the premise.

    ||W||^2 S >= B, with B = K = `outputs` or the larger value for ReLU nets, needs
    a - b log10 t >= 2 sqrt(n B) / min_norm.

    Parameters
    ----------
    n, outputs
        Number of training points and of classes.
    a, b
        As in `predicted_accuracy`, b > 0.
    min_norm
        min_i ||x_i||, 1 in the corollary.
    relu_depth
        As in `interpolation.smallest_norm_times_sharpness`.

    Examples
    --------
    Modulo addition with p = 113, then MNIST with 1000 images:

    >>> round(feasible_until(3830, 113), 1), round(feasible_until(1000, 10))
    (16.5, 2818)
    """
    whole("n", n, least=1)
    positive("b", b)
    positive("min_norm", min_norm)
    product = smallest_norm_times_sharpness(outputs, relu_depth)
    return _power_of_ten((a - 2 * math.sqrt(n * product) / min_norm) / b)


def _power_of_ten(exponent: float) -> float:
    """10^exponent, infinite where it overflows."""
    with np.errstate(over="ignore"):
        return float(np.power(10.0, exponent))


@dataclass(frozen=True)
class FittedCurve:
    """Parameters of Corollary 3.3 fitted to measured accuracies, at the scale L = 1/2."""

    a: float
    b: float
    L: float
    mu: float
    root_mean_square_error: float


def fit_predicted_accuracy(steps: ArrayLike, accuracy: ArrayLike) -> FittedCurve:
    """Least-squares fit of the corollary's curve to a measured accuracy.

    The data do not determine all four parameters (see the top of this module). L = 1/2 sets their
    scale. `mu` is `PAPER_MU`, so that a and b compare with the paper's, unless a larger mu, with a
    plateau below 1, lowers the root mean square error by more than `VISIBLE`. The fit searches the
    rest from several starts, as the step of the plateau (at most ten times the last), the width
    and, in the second case, the height, because these are of order one.

    Parameters
    ----------
    steps, accuracy
        (m,) positive steps and accuracies in [0, 1], m >= 4.

    Returns
    -------
    The parameters with the smallest squared error found, and its root mean square.

    Raises
    ------
    InputError
        For fewer than four points, unequal lengths, steps below 1 or accuracies outside [0, 1].
    """
    t = np.asarray(steps, dtype=np.float64)
    y = np.asarray(accuracy, dtype=np.float64)
    if t.ndim != 1 or t.shape != y.shape or len(t) < 4:
        raise InputError(
            f"The steps and accuracies have shapes {t.shape} and {y.shape}, "
            "but must be two equally long sequences of at least 4 numbers."
        )
    if not bool(np.all(t >= 1)) or not bool(np.all((y >= 0) & (y <= 1))):
        raise InputError(
            f"Steps lie in [{t.min()}, {t.max()}] and accuracies in [{y.min()}, {y.max()}], "
            "but steps must be at least 1 and accuracies between 0 and 1."
        )
    decades = np.log10(t)

    smallest = math.log(2 * PAPER_MU) / 2  # of log_spread

    def gaps(shape: np.ndarray) -> np.ndarray:
        plateau_decade, log_width, log_spread = shape
        slope = np.exp(log_width) * np.maximum(plateau_decade - decades, 0.0)
        return np.asarray(special.erf(1 / (np.exp(log_spread) + slope)) - y)

    starts = [
        (start, width)
        for start in np.quantile(decades, (0.25, 0.5, 0.75, 0.95))
        for width in (0.0, 2.0, 4.0)
    ]
    low, high = (-np.inf, -np.inf, smallest), (decades.max() + 1, np.inf, np.inf)
    held = [
        optimize.least_squares(
            lambda shape: gaps(np.array([*shape, smallest])), x0=start, bounds=(low[:2], high[:2])
        )
        for start in starts
    ]
    best = min(held, key=lambda fit: fit.cost)
    shape, error = (*best.x, smallest), _root_mean_square(best.fun)
    if error > VISIBLE:  # otherwise no plateau can lower it by so much
        free = [
            optimize.least_squares(gaps, x0=(*start, spread), bounds=(low, high))
            for start in starts
            for spread in (-1.5, 0.0)
        ]
        best = min(free, key=lambda fit: fit.cost)
        if error - _root_mean_square(best.fun) > VISIBLE:
            shape, error = tuple(best.x), _root_mean_square(best.fun)
    plateau_decade, log_width, log_spread = map(float, shape)
    scale = math.exp(log_spread)  # sqrt(2 mu) at 2L = 1
    b = math.exp(log_width) / scale
    return FittedCurve(
        a=b * plateau_decade,
        b=b,
        L=0.5,
        mu=scale**2 / 2,
        root_mean_square_error=error,
    )


def _root_mean_square(gaps: np.ndarray) -> float:
    return float(np.sqrt(np.mean(gaps**2)))
