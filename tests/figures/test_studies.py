import numpy as np
import pandas as pd
import pytest

from grokbook.figures.studies import delay_by_radius, first_passages, time_ratios
from grokbook.figures.style import png, svg


def arm(name: str, times: list[float], limit: int = 10_000) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": name,
            "seed": range(100, 100 + len(times)),
            "endpoint": [t if t <= limit else np.nan for t in times],
            "steps": [min(t + 1000, limit) for t in times],
        }
    )


TABLE = pd.concat(
    [
        arm("clamp-0.4", [500, 600, 700, 800, 900, 1000]),
        arm("clamp-0.8", [2000, 2200, 2500, 2600, 3000, 3100]),
        arm("clamp-1.2", [8000, 9000, 9500, 9900, 1e9, 1e9]),
    ]
)
RATIOS = pd.DataFrame(
    {"ratio": [0.7, 1.02], "low": [0.6, 0.97], "high": [0.82, 1.06]},
    index=pd.Index(["law to be learned", "law built in"], name="comparison"),
)


def test_the_share_that_has_grokked_ends_at_the_share_that_groks() -> None:
    figure = first_passages(TABLE, {"Norm": {"0.4": "clamp-0.4", "1.2": "clamp-1.2"}})
    low, high = figure.axes[0].lines
    assert np.max(low.get_ydata()) == 1 and np.max(high.get_ydata()) == pytest.approx(4 / 6)
    x, y = low.get_xdata(), low.get_ydata()
    assert np.all(np.diff(y) >= 0) and y[np.searchsorted(x, 750)] == pytest.approx(0.5)
    assert high.get_xdata()[-1] == 10_000
    assert "Norm, 1.2: 4 of 6 grok, half by step 9,700" in figure.get_label()


def test_ratios_are_drawn_with_their_intervals_in_order() -> None:
    figure = time_ratios(RATIOS, "steps with noise over steps without")
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == list(RATIOS.index)
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first row is the topmost"
    interval = axes.lines[1]
    assert tuple(interval.get_xdata()) == (0.6, 0.82)
    assert "law to be learned 0.70 (95 % interval 0.60 to 0.82)" in figure.get_label()


def test_networks_that_do_not_grok_are_crosses_at_their_limit() -> None:
    figure = delay_by_radius(TABLE, {0.4: "clamp-0.4", 1.2: "clamp-1.2"})
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "X"]
    assert [len(line.get_xdata()) for line in crosses] == [0, 2]
    assert set(crosses[1].get_ydata()) == {10_000}
    assert "4 of 6 grok, median step 9,700" in figure.get_label()


def test_same_data_same_bytes_in_any_order_of_rows() -> None:
    for draw in (
        lambda table: first_passages(table, {"Norm": {"0.4": "clamp-0.4"}}),
        lambda table: delay_by_radius(table, {0.4: "clamp-0.4", 0.8: "clamp-0.8"}),
    ):
        one, other = draw(TABLE), draw(TABLE.sample(frac=1, random_state=0))
        assert svg(one) == svg(other) and png(one) == png(other)
