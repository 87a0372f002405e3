"""Corollary 3.3's curve: its regression table, its degenerate cases, and its premise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from grokbook.theory import corollary_3_3 as corollary

STEPS_AT = {
    0.01: 180.4,
    0.1: 4929.94,
    0.5: 6642.75,
    0.9: 6915.78,
    0.99: 6986.11,
    0.999: 7013.29,
}


@pytest.mark.parametrize(("q", "step"), STEPS_AT.items())
def test_steps_at_accuracy(q: float, step: float) -> None:
    digits = 1 if q == 0.01 else 2
    assert round(corollary.steps_at_accuracy(q), digits) == step
    assert float(corollary.predicted_accuracy(corollary.steps_at_accuracy(q))) == pytest.approx(q)


def test_accuracies_of_figure_3() -> None:
    first, late = corollary.predicted_accuracy([1, 7000])
    assert round(first, 7) == 0.0041427
    assert round(late, 5) == 0.99624


def test_mu_is_a_variance_and_not_a_standard_deviation() -> None:
    """Reading mu = 1/100 as the standard deviation would put the rise at half the steps."""
    assert round(corollary.steps_at_accuracy(0.5, mu=0.01**2), 2) == 3593.18


def test_width_in_decades_and_in_steps() -> None:
    assert round(corollary.transition_width(), 4) == 0.1470
    assert round(STEPS_AT[0.9] - STEPS_AT[0.1]) == 1986
    for a, L in ((100.0, 0.5), (1925.0, 2.0)):
        low, high = (corollary.steps_at_accuracy(q, a=a, L=L) for q in (0.1, 0.9))
        assert math.log10(high / low) == pytest.approx(corollary.transition_width())


def test_the_premise_fails_long_before_the_rise() -> None:
    modular = corollary.feasible_until(3830, 113)
    mnist = corollary.feasible_until(1000, 10)
    assert round(modular, 1) == 16.5
    assert round(mnist) == 2818
    at_most_modular, at_most_mnist = corollary.predicted_accuracy([modular, mnist])
    assert round(100 * at_most_modular, 3) == 0.606 and at_most_modular < 1 / 113
    assert round(100 * at_most_mnist, 2) == 3.97 and at_most_mnist < 1 / 10
    # From the zero of a - b log10 t on, the premise asks for ||W||^2 S = 0.
    assert round(10 ** (1925 / 500), 2) == 7079.46
    slope = 1 / corollary.predicted_radius([7079, 7080], L=0.0) - 0
    assert slope[0] >= 1 and slope[1] == 1


@settings(deadline=None)
@given(
    n=st.integers(1, 5000),
    outputs=st.integers(2, 120),
    a=st.floats(-100, 4000),
    b=st.floats(1, 1000),
    min_norm=st.floats(0.1, 10),
)
def test_feasible_until_meets_the_floor_exactly(n, outputs, a, b, min_norm) -> None:
    step = corollary.feasible_until(n, outputs, a, b, min_norm)
    if 1e-300 < step < math.inf:
        assumed = (a - b * math.log10(step)) * min_norm
        assert assumed**2 / (4 * n) == pytest.approx(outputs, rel=1e-6)


parameters = st.tuples(
    st.floats(-2000, 4000), st.floats(0.1, 2000), st.floats(0, 5), st.floats(1e-6, 10)
)


@settings(deadline=None)
@given(parameters=parameters, q=st.floats(0, 1))
def test_the_inverse_inverts(parameters, q) -> None:
    a, b, L, mu = parameters
    step = corollary.steps_at_accuracy(q, a, b, L, mu)
    plateau = float(corollary.predicted_accuracy(math.inf, a, b, L, mu))
    if math.isinf(step):
        assert q >= plateau * (1 - 1e-12) or (a + 2 * L) / b > 300
    elif step > 1e-300:
        assert float(corollary.predicted_accuracy(step, a, b, L, mu)) == pytest.approx(
            q, rel=1e-6, abs=1e-9
        )


@settings(deadline=None)
@given(parameters=parameters)
def test_the_curve_rises_and_stays_a_probability(parameters) -> None:
    a, b, L, mu = parameters
    curve = corollary.predicted_accuracy(np.arange(0, 15_001, 50), a, b, L, mu)
    assert curve[0] == 0
    assert bool(np.all(np.diff(curve) >= -1e-15)) and bool(np.all((curve >= 0) & (curve <= 1)))


@settings(deadline=None)
@given(parameters=parameters, factor=st.floats(0.5, 20))
def test_three_parameters_shape_the_curve(parameters, factor) -> None:
    a, b, L, mu = parameters
    steps = np.geomspace(1, 15_000, 50)
    curve = corollary.predicted_accuracy(steps, a, b, L, mu)
    if L < 0.5:
        same = corollary.predicted_accuracy(steps, a + 2 * L - 1, b, 0.5, mu)
    elif factor * L >= 0.5:
        same = corollary.predicted_accuracy(
            steps, factor * a, factor * b, factor * L, mu / factor**2
        )
    else:
        same = curve
    np.testing.assert_allclose(same, curve, rtol=1e-6, atol=1e-12)


def test_degenerate_parameters() -> None:
    accuracy = corollary.predicted_accuracy
    full = math.erf(1 / math.sqrt(0.02))
    assert float(accuracy(0)) == 0
    # The minimum with 1 is needed below L = 1/2; at L = 0 and past the zero the radius is 1.
    assert float(accuracy(10_000, L=0.2)) == pytest.approx(full)
    assert float(accuracy(10_000, L=0.0)) == pytest.approx(full)
    assert corollary.predicted_radius([10_000], L=0.0).tolist() == [1.0]
    assert corollary.predicted_radius([10_000], L=2.0).tolist() == [0.25]
    # b = 0 is constant, also at t = 0, and b < 0 falls.
    assert np.ptp(accuracy([0, 1, 10, 1e9], b=0.0)) == 0
    falling = accuracy([0, 1, 10, 1e9], a=-1.0, b=-3.0, mu=1.0)
    assert bool(np.all(np.diff(falling) <= 0)) and falling[0] == pytest.approx(
        math.erf(1 / math.sqrt(2))
    )
    # a <= 0 < b: the plateau from the first step on.
    assert np.ptp(accuracy([1, 2, 3000], a=-5.0)) == 0
    # No spread: a step function of the radius.
    assert accuracy([0, 1], mu=0.0).tolist() == [0.0, 1.0]
    assert accuracy(np.ones((2, 3))).shape == (2, 3)
    assert corollary.steps_at_accuracy(0.0) == 0
    assert corollary.steps_at_accuracy(0.5, L=100.0) == math.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": [-1]}, "smallest of the steps is -1"),
        ({"steps": [math.nan]}, "smallest of the steps is nan"),
        ({"steps": [1], "L": -1}, "L is -1"),
        ({"steps": [1], "mu": -1}, "mu is -1"),
        ({"steps": [1], "a": math.nan}, "a is nan"),
        ({"steps": [1], "b": math.inf}, "b is inf"),
    ],
)
def test_bad_arguments_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        corollary.predicted_accuracy(**arguments)


def test_the_inverse_needs_a_rising_curve() -> None:
    with pytest.raises(ValueError, match="b is 0"):
        corollary.steps_at_accuracy(0.5, b=0)
    with pytest.raises(ValueError, match="b is -5"):
        corollary.feasible_until(10, 2, b=-5)
    with pytest.raises(ValueError, match="low and high"):
        corollary.transition_width(low=0.9, high=0.1)


@pytest.mark.parametrize(
    "truth",
    [(1925.0, 500.0, 0.5, 0.01), (900.0, 250.0, 3.0, 0.02), (60.0, 20.0, 0.5, 1.0)],
)
def test_fit_finds_a_curve_of_the_family_again(truth) -> None:
    steps = np.arange(50, 15_001, 50)
    measured = corollary.predicted_accuracy(steps, *truth)
    fit = corollary.fit_predicted_accuracy(steps, measured)
    fitted = corollary.predicted_accuracy(steps, fit.a, fit.b, fit.L, fit.mu)
    np.testing.assert_allclose(fitted, measured, atol=1e-6)
    assert fit.root_mean_square_error <= 1e-7


def test_fit_of_noisy_accuracies_finds_the_middle_of_the_rise() -> None:
    steps = np.arange(50, 15_001, 50)
    noise = np.random.default_rng(0).normal(scale=0.02, size=len(steps))
    measured = np.clip(corollary.predicted_accuracy(steps) + noise, 0, 1)
    fit = corollary.fit_predicted_accuracy(steps, measured)
    middle = corollary.steps_at_accuracy(0.5, fit.a, fit.b, fit.L, fit.mu)
    assert middle == pytest.approx(6642.75, rel=0.01)
    assert fit.root_mean_square_error < 0.02


def test_a_smaller_mu_draws_no_other_curve() -> None:
    """Why a fit may hold mu: what `PAPER_MU` says, for a mu far below it."""
    steps = np.geomspace(1, 15_000, 500)
    a, b, mu = 3e6, 8e5, 1e-9
    s = math.sqrt(mu / corollary.PAPER_MU)
    np.testing.assert_allclose(
        corollary.predicted_accuracy(steps, s * (1 + a) - 1, s * b, 0.5, corollary.PAPER_MU),
        corollary.predicted_accuracy(steps, a, b, 0.5, mu),
        rtol=1e-9,
    )


def test_fit_stays_where_it_can_be_compared_with_the_paper_s() -> None:
    """Runs have a pause and then rise to 1: three free numbers end at a = 1e17, mu = 1e-31."""
    steps = np.arange(50, 15_001, 50)
    decades = np.log10(steps)
    rise = corollary.predicted_accuracy(steps, 530.0, 133.0)
    measured = np.where(steps < 7000, np.minimum(rise, 0.3), rise)
    fit = corollary.fit_predicted_accuracy(steps, measured)
    assert (fit.L, fit.mu) == (0.5, pytest.approx(corollary.PAPER_MU))
    assert 100 < fit.a < 1000 and 25 < fit.b < 250
    # Nor is any curve on a grid closer, whatever its mu.
    errors = [
        np.sqrt(np.mean((special.erf(1 / (s + w * np.maximum(p - decades, 0))) - measured) ** 2))
        for s in (1e-8, 0.01, 0.1, 0.2, 0.4)
        for w in np.linspace(1, 40, 79)
        for p in np.linspace(3.8, 4.05, 51)
    ]
    assert fit.root_mean_square_error <= min(errors) + corollary.VISIBLE


def test_fit_takes_a_plateau_below_1_where_it_is_plain() -> None:
    steps = np.arange(50, 15_001, 50)
    for mu, height in ((0.5, 0.8427), (0.08, 0.9996)):
        measured = corollary.predicted_accuracy(steps, 120.0, 32.0, mu=mu)
        assert measured[-1] == pytest.approx(height, abs=1e-4)
        fit = corollary.fit_predicted_accuracy(steps, measured)
        assert fit.mu == pytest.approx(mu if height < 0.99 else corollary.PAPER_MU)
        assert fit.root_mean_square_error < corollary.VISIBLE


def test_fit_of_a_jump_and_of_accuracies_that_stay_low() -> None:
    steps = np.arange(50, 15_001, 50)
    jump = corollary.fit_predicted_accuracy(steps, steps > 7000)
    assert jump.root_mean_square_error < 0.05 and math.isfinite(jump.a) and math.isfinite(jump.b)
    flat = corollary.fit_predicted_accuracy(steps, np.full(len(steps), 0.01))
    np.testing.assert_allclose(
        corollary.predicted_accuracy(steps, flat.a, flat.b, flat.L, flat.mu), 0.01, atol=1e-6
    )


def test_fit_refuses_what_it_cannot_fit() -> None:
    with pytest.raises(ValueError, match="shapes"):
        corollary.fit_predicted_accuracy([1, 2, 3], [0, 1, 1])
    with pytest.raises(ValueError, match="Steps lie in"):
        corollary.fit_predicted_accuracy([0, 1, 2, 3], [0, 0, 1, 1])
    with pytest.raises(ValueError, match="Steps lie in"):
        corollary.fit_predicted_accuracy([1, 2, 3, 4], [0, 0, 1, 1.5])
