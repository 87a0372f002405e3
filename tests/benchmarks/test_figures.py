import numpy as np
import pytest
from benchmark_records import SLOPES, record

from grokbook import EXPERIMENTS
from grokbook.benchmarks import tables
from grokbook.benchmarks.figures import scaling, step_times
from grokbook.benchmarks.record import PACKAGE
from grokbook.figures.style import png, svg


def drawn_scaling():
    name = "modadd-standard"
    slopes = tables.scaling_slopes(record()).loc[name]
    return scaling(tables.scaling_table(record(), name), slopes)


@pytest.mark.parametrize("draw", [lambda: step_times(tables.step_table(record())), drawn_scaling])
def test_same_data_same_bytes(draw):
    assert svg(draw()) == svg(draw()) and png(draw()) == png(draw())


def test_step_times_are_those_of_the_table():
    table = tables.step_table(record())
    figure = step_times(table)
    assert [axes.get_title("left") for axes in figure.axes] == list(EXPERIMENTS)
    for axes in figure.axes:
        group = table.loc[axes.get_title("left")]
        assert [float(line.get_xdata()[0]) for line in axes.lines] == group["ms"].tolist()
        assert [text.get_text() for text in axes.get_yticklabels()] == list(group.index)
        assert [text.get_text() for text in axes.texts] == ["3.0 ×", "1.0 ×", "0.6 ×"]
    assert f"{PACKAGE} 40.0 ms (3.0)" in figure.get_label()


def test_scaling_draws_every_quantity_and_names_its_slope():
    figure = drawn_scaling()
    for axes, which in zip(figure.axes, (0, 1), strict=True):
        assert axes.get_xscale() == axes.get_yscale() == "log"
        for line, (time, memory) in zip(axes.lines, SLOPES.values(), strict=True):
            exponent = (time, memory)[which]
            x, y = np.log(line.get_xdata()), np.log(line.get_ydata())
            np.testing.assert_allclose(np.diff(y), exponent * np.diff(x))
            assert line.get_label().endswith(f"slope {exponent:.2f}")
    assert "modulus p 59 to 113, from 10.0 to 36.7 milliseconds, slope 2.00" in figure.get_label()
