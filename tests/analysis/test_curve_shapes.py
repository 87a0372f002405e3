"""Each curve is the best at its own rise, whatever its place and width."""

import numpy as np
import pandas as pd
import pytest

from grokbook.analysis.curve_shapes import SHAPES, shape_errors
from grokbook.theory import corollary_3_3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("place", "width"), [(3.5, 0.05), (3.9, 0.01), (2.5, 0.2)])
def test_the_curve_that_made_the_rise_fits_it(shape: str, place: float, width: float) -> None:
    steps = np.r_[np.arange(0, 300, 10), np.arange(300, 15_001, 50)]
    accuracy = np.zeros(len(steps))
    accuracy[1:] = SHAPES[shape]((np.log10(steps[1:]) - place) / width)
    run = pd.DataFrame({"seed": 0, "step": steps, "test_accuracy": accuracy})
    errors = shape_errors(run).loc[0]
    assert errors[shape] < 1e-4 and errors.idxmin() == shape


def test_the_corollary_s_shape_is_the_corollary_s() -> None:
    steps = np.arange(50, 15_001, 50)
    a, b = 1925.0, 500.0
    # 2L + max(a - b log t, 0) = 1 + max(-z, 0) at width 1/b and place a/b.
    z = (np.log10(steps) - a / b) * b
    assert SHAPES["Corollary 3.3"](z) == pytest.approx(
        corollary_3_3.predicted_accuracy(steps, a, b), abs=1e-12
    )
