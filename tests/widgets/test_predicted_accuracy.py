"""The explorer of Corollary 3.3: what it puts into the page, and its JavaScript beside theory."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from browsing import functions_of

from grokbook.theory import corollary_3_3 as corollary
from grokbook.widgets import predicted_accuracy as module
from grokbook.widgets import predicted_accuracy_explorer

PAPER = module.PAPER
# b > 0, b = 0, b < 0; a above, at and below 0; L above and below 1/2 and 0; mu to 0 and 0.
GRID = [
    dict(zip(("a", "b", "L", "mu"), values, strict=True))
    for values in product(
        (1925.0, 3.0, 0.0, -50.0),
        (500.0, 1.0, 0.0, -2.0),
        (0.5, 3.0, 0.2, 0.0),
        (0.01, 1.0, 1e-6, 0.0),
    )
]
STEPS = [0, 1, 2.5, 16, 100, 4930, 6642.75, 7000, 7079, 7080, 15_000, 10**9]


def run(seed: int, middle: float, **columns) -> pd.DataFrame:
    """A run that follows the corollary's own curve, its rise moved to `middle`."""
    steps = np.arange(0, 15_001, 250)
    accuracy = corollary.predicted_accuracy(steps, a=500 * math.log10(middle))
    table = {"seed": seed, "step": steps, "train_accuracy": 1.0, "test_accuracy": accuracy}
    return pd.DataFrame({**table, **columns})


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return pd.concat([run(0, 5000), run(3, 7000), run(4, 8000)])


def test_what_the_page_gets(runs):
    shuffled = runs.sample(frac=1, random_state=0)
    curves = module.measured_curves(shuffled)
    assert curves == module.measured_curves(runs)
    assert [curve["seed"] for curve in curves] == [0, 3, 4]
    assert curves[1]["steps"] == run(3, 7000)["step"].tolist()
    np.testing.assert_allclose(curves[1]["accuracy"], run(3, 7000)["test_accuracy"], atol=5e-5)


def test_comparisons_are_all_seeds_and_each(runs):
    everything, *single = module.comparisons(runs)
    assert everything["label"] == "all 3 seeds" and everything["seeds"] == [0, 3, 4]
    assert [each["label"] for each in single] == ["seed 0", "seed 3", "seed 4"]
    # The middle of three seeds; first logged steps from which the accuracy stays above.
    assert everything["reached"] == single[1]["reached"]
    for each, middle in zip(single, (5000, 7000, 8000), strict=True):
        a = 500 * math.log10(middle)
        exact = [corollary.steps_at_accuracy(q, a=a) for q in (0.1, 0.5, 0.9)]
        assert each["reached"] == [250 * math.ceil(step / 250) for step in exact]


def test_fits_are_those_of_the_theory(runs):
    everything, single, *_ = module.comparisons(runs)
    logged = runs[runs["step"] >= 1]
    for comparison, data in ((everything, logged), (single, logged[logged["seed"] == 0])):
        fit = corollary.fit_predicted_accuracy(data["step"], data["test_accuracy"])
        found = comparison["fit"]
        assert found["parameters"]["L"] == fit.L == 0.5
        curve = corollary.predicted_accuracy(STEPS, **found["parameters"])
        best = corollary.predicted_accuracy(STEPS, fit.a, fit.b, fit.L, fit.mu)
        np.testing.assert_allclose(curve, best, atol=2e-4)  # six digits of the parameters
        assert found["error"] == pytest.approx(fit.root_mean_square_error, abs=1e-5)
    assert single["fit"]["error"] < 1e-3 < everything["fit"]["error"]
    # Runs that follow the paper's curve at another step: its own numbers are found.
    a = 500 * math.log10(5000)
    assert single["fit"]["parameters"] == pytest.approx({**PAPER, "a": a}, rel=1e-4)


def test_runs_that_never_rise_have_neither_moments_nor_a_fit(runs):
    flat = pd.concat([run(0, 5000), run(1, 1, test_accuracy=0.05)])
    both, _, never = module.comparisons(flat)
    assert never["reached"] == [None, None, None]
    assert both["reached"] == [None, None, None], "half of the seeds never get there"
    assert never["fit"] is None, "a curve that is 5 % everywhere needs a mu of the hundreds"
    short = run(0, 5000).head(4)
    assert module.comparisons(short)[0]["fit"] is None, "three steps after step 0"


def test_controls_reach_the_corollarys_ends(runs):
    explorer = predicted_accuracy_explorer(runs, n=3830, outputs=113)
    controls, drawing = explorer.children
    a, b, L, mu = controls.children
    assert [control.value for control in (a, b, L, mu)] == list(PAPER.values())
    assert [getattr(drawing, name) for name in PAPER] == list(PAPER.values())
    assert a.min < 0 and b.min == L.min == 0 and mu.base**mu.min == pytest.approx(1e-6)
    needed = drawing.needed
    assert 10 ** ((1925 - needed) / 500) == pytest.approx(corollary.feasible_until(3830, 113))


def test_readers_of_text_get_one_sentence(runs):
    bundle = predicted_accuracy_explorer(runs)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Interactive drawing of Corollary 3.3")
    assert "3 runs" in bundle["text/plain"] and bundle["text/plain"].endswith(".")
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_empty_table_is_refused(runs):
    with pytest.raises(ValueError, match="at least one logged step"):
        predicted_accuracy_explorer(runs.head(0))


@pytest.fixture(scope="module")
def script(browser):
    """The functions of the widget's module, in a browser."""
    with functions_of(module.PredictedAccuracy, browser) as page:
        yield page


@pytest.mark.pages
def test_error_function(script):
    x = [-7, -3, -0.1, 0, 1e-12, 1e-3, 0.3, 1, 2, 2.9, 3.1, 4, 5.9, 6.1, 40]
    found = script.evaluate("(x) => x.map(widget.erf)", x)
    np.testing.assert_allclose(found, [math.erf(value) for value in x], rtol=1e-14)


@pytest.mark.pages
def test_curve_is_that_of_the_theory(script):
    found = script.evaluate(
        "([steps, grid]) => grid.map((p) => steps.map((t) => widget.predictedAccuracy(t, p)))",
        [STEPS, GRID],
    )
    expected = [corollary.predicted_accuracy(STEPS, **parameters) for parameters in GRID]
    assert np.isfinite(found).all() and len(np.unique(expected)) > 400
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.pages
def test_steps_at_accuracy_are_those_of_the_theory(script):
    levels = [0.01, 0.1, 0.5, 0.9, 0.999]
    grid = [p for p in GRID if p["b"] > 0 and p["mu"] > 0]
    found = script.evaluate(
        """([levels, grid]) => grid.map((p) => levels.map((q) => {
            const t = widget.stepAtAccuracy(q, p);
            return t === Infinity ? "never" : t;
        }))""",
        [levels, grid],
    )
    for parameters, row in zip(grid, found, strict=True):
        for q, step in zip(levels, row, strict=True):
            exact = corollary.steps_at_accuracy(q, **parameters)
            if math.isinf(exact):
                assert step == "never"
            else:
                # A difference of 1e-15 in the radius is one of b-fold size in the exponent.
                assert step == pytest.approx(exact, rel=1e-9, abs=1e-300)
    t50 = script.evaluate("(p) => widget.stepAtAccuracy(0.5, p)", PAPER)
    assert round(t50, 2) == 6642.75


@pytest.mark.pages
def test_steps_at_accuracy_of_a_curve_that_does_not_rise(script):
    falling = {"a": 3.0, "b": -2.0, "L": 0.5, "mu": 0.1}
    step = "([q, p]) => String(widget.stepAtAccuracy(q, p))"
    last = float(script.evaluate(step, [0.2, falling]))
    assert float(corollary.predicted_accuracy(last, **falling)) == pytest.approx(0.2)
    assert corollary.predicted_accuracy(last + 1, **falling) < 0.2, "until then, not from then on"
    assert script.evaluate(step, [0.999, falling]) == "0", "above the plateau: at no step"
    constant = {**falling, "b": 0.0}
    level = float(corollary.predicted_accuracy(1, **constant))
    assert script.evaluate(step, [level - 0.01, constant]) == "0"
    assert script.evaluate(step, [level + 0.01, constant]) == "Infinity"


@pytest.mark.pages
@pytest.mark.parametrize("a", [1925.0, 100.0])
def test_impossible_steps_are_those_of_the_theory(script, a):
    needed = 2 * math.sqrt(3830 * 113)
    impossible = "([p, needed]) => widget.impossibleSteps(p, needed).map(String)"
    start, end = script.evaluate(impossible, [{"a": a, "b": 500}, needed])
    assert float(start) == pytest.approx(corollary.feasible_until(3830, 113, a))
    assert end == "Infinity"
    start, end = script.evaluate(impossible, [{"a": a, "b": -500}, needed])
    assert start == "0" and math.log10(float(end)) == pytest.approx((needed - a) / 500)
    always = ["Infinity"] * 2 if a > needed else ["0", "Infinity"]
    assert script.evaluate(impossible, [{"a": a, "b": 0}, needed]) == always


@pytest.mark.pages
def test_root_mean_square_is_that_of_the_fit(script, runs):
    curves = module.measured_curves(runs)
    fit = module.comparisons(runs)[0]["fit"]
    error = "([runs, p]) => widget.rootMeanSquare(runs, p)"
    found = script.evaluate(error, [curves, fit["parameters"]])
    assert found == pytest.approx(fit["error"], abs=2e-5)
    logged = runs[runs["step"] >= 1]
    difference = corollary.predicted_accuracy(logged["step"]) - logged["test_accuracy"]
    expected = math.sqrt(float((difference**2).mean()))
    assert script.evaluate(error, [curves, PAPER]) == pytest.approx(expected, abs=2e-5)
