import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from grokbook.analysis.moments import moments, norm_decay
from grokbook.figures import figure_1
from grokbook.figures.page import MIME, FigureOnPage, show
from grokbook.figures.section_1 import initial_scale
from grokbook.figures.style import LABELS, png, svg

SVG = "{http://www.w3.org/2000/svg}"


def sigmoid_run(seed: int, end: int, middle: float) -> pd.DataFrame:
    steps = np.unique(np.r_[0, np.geomspace(1, end, 60).astype(int)])
    return pd.DataFrame(
        {
            "experiment": "drawn-by-hand",
            "seed": seed,
            "step": steps,
            "train_accuracy": np.minimum(1, 0.1 + steps / (0.02 * end)),
            "test_accuracy": 0.1 + 0.9 / (1 + np.exp(-(steps - middle) / (0.01 * end))),
            "weight_norm": 10 + 90 * np.exp(-steps / middle),
        }
    )


@pytest.fixture
def mnist():
    return sigmoid_run(0, 100_000, 30_000)


@pytest.fixture
def modadd():
    return pd.concat([sigmoid_run(seed, 15_000, 7_000 + 500 * seed) for seed in range(3)])


def test_same_data_same_bytes(mnist, modadd):
    first, second = figure_1(mnist, modadd), figure_1(mnist.copy(), modadd.copy())
    assert svg(first) == svg(second) == svg(first)
    assert png(first) == png(second)


def test_row_order_does_not_matter(mnist, modadd):
    shuffled = modadd.sample(frac=1, random_state=1)
    assert svg(figure_1(mnist, modadd)) == svg(figure_1(mnist, shuffled))


def test_other_data_other_drawing(mnist, modadd):
    higher = mnist.assign(weight_norm=mnist["weight_norm"] + 1)
    assert svg(figure_1(mnist, modadd)) != svg(figure_1(higher, modadd))


def test_the_curves_drawn_are_the_data(mnist, modadd):
    panel_a, panel_b, norm_a, norm_b = figure_1(mnist, modadd).axes
    drawn = {line.get_label(): line for line in panel_a.lines}
    shown = mnist[mnist["step"] > 0]  # a logarithmic axis has no 0
    np.testing.assert_array_equal(drawn["test accuracy"].get_xdata(), shown["step"])
    np.testing.assert_allclose(drawn["test accuracy"].get_ydata(), 100 * shown["test_accuracy"])
    np.testing.assert_array_equal(norm_a.lines[-1].get_ydata(), shown["weight_norm"])
    drawn = {line.get_label(): line for line in panel_b.lines}
    median = modadd.groupby("step")["test_accuracy"].median()
    np.testing.assert_allclose(drawn["test accuracy"].get_ydata(), 100 * median)
    assert panel_a.get_xscale() == "log" and panel_b.get_xscale() == "linear"
    assert len(norm_b.collections) == 1, "several seeds have a band"
    assert not norm_a.collections, "one seed has none"


def test_steps_at_which_a_metric_was_not_logged_leave_no_gap(mnist, modadd):
    sparse = mnist.copy()
    sparse.loc[sparse.index[1::2], "weight_norm"] = np.nan
    norm = figure_1(sparse, modadd).axes[2].lines[-1].get_ydata()
    assert np.isfinite(norm).all() and len(norm) == sparse["weight_norm"].notna().iloc[1:].sum()


def test_marked_moments_are_those_of_the_data(mnist, modadd):
    panel = figure_1(mnist, modadd).axes[1]
    times = moments(modadd, (0.5, 0.99)).median().drop("norm_peak")
    labels = {text.get_text(): text.xy[0] for text in panel.texts}
    assert labels == {
        "train 100 %": times["train_100"],
        "test 50 %": times["test_50"],
        "test 99 %": times["test_99"],
    }


def test_run_that_never_generalises_is_drawn_without_that_moment(mnist, modadd):
    flat = mnist.assign(test_accuracy=0.1)
    figure = figure_1(flat, modadd)
    assert [text.get_text() for text in figure.axes[0].texts] == ["train 100 %"]
    assert "test accuracy stays above 80 % from no step of the run" in figure.get_label()


def test_svg_is_well_formed_scalable_labelled_and_follows_the_page(mnist, modadd):
    figure = figure_1(mnist, modadd)
    root = ElementTree.fromstring(svg(figure))
    assert root.tag == f"{SVG}svg" and root.get("role") == "img"
    assert root.get("aria-label") == figure.get_label()
    assert root.get("viewBox") and root.get("width") is None
    assert not list(root.iter(f"{SVG}style")), "a style sheet here would speak to the whole page"
    colours = re.findall(r"(?<!, )#[0-9a-f]{6}\b", svg(figure))
    assert not colours, "every colour is a role's"
    written = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    drawn = {LABELS[name] for name in ("train_accuracy", "test_accuracy", "weight_norm")}
    assert drawn <= written, "text stays text"
    referred = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", svg(figure)))
    assert {node.get("id") for node in root.iter() if node.get("id")} == referred


def test_notebook_output_has_alt_text_in_every_form(mnist, modadd, capsys):
    formatter = pytest.importorskip("IPython.core.displaypub")
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    published = []
    shell.display_pub = formatter.CapturingDisplayPublisher()
    figure = figure_1(mnist, modadd)
    show(figure)
    published = shell.display_pub.outputs
    InteractiveShell.clear_instance()
    (output,) = published
    assert output["data"]["text/plain"] == figure.get_label()
    assert output["metadata"]["image/png"]["alt"] == figure.get_label()
    drawn = output["data"][MIME]
    assert drawn.startswith(svg(figure, "narrow")) and drawn.count("<svg") == 2


def test_figure_without_alt_text_is_refused(mnist, modadd):
    figure = figure_1(mnist, modadd)
    figure.set_label("")
    with pytest.raises(ValueError, match="no alternative text"):
        show(figure)


def test_the_page_takes_only_our_figures():
    class Data:
        mime_type, string = MIME, "<svg></svg>"

    (node,) = FigureOnPage.handle_mime(None, Data, inline=False)
    assert node.astext() == Data.string and node["format"] == "html"
    Data.mime_type = "image/svg+xml"
    assert FigureOnPage.handle_mime(None, Data, inline=False) is None


def test_norm_decay_of_an_exponential(mnist):
    table = norm_decay(mnist).loc[0]
    step = moments(mnist, (0.5,)).loc[0, "test_50"]
    assert table["peak"] == 100 and table["end"] == mnist["weight_norm"].iloc[-1]
    assert table["at_test_50"] == pytest.approx(10 + 90 * np.exp(-step / 30_000))
    assert table["fallen"] == pytest.approx((100 - table["at_test_50"]) / (100 - table["end"]))


def test_norm_decay_without_a_rise_or_a_fall_is_nan(mnist):
    assert np.isnan(norm_decay(mnist.assign(test_accuracy=0.1)).loc[0, "fallen"])
    assert np.isnan(norm_decay(mnist.assign(weight_norm=1.0)).loc[0, "fallen"])


def test_initial_scales_are_compared_on_one_axis(mnist):
    sooner = mnist.assign(test_accuracy=np.minimum(1, 2 * mnist["test_accuracy"]))
    (axes,) = initial_scale(mnist, sooner).axes
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    shown = sooner[sooner["step"] > 0]
    np.testing.assert_allclose(drawn["α = 1"], 100 * shown["test_accuracy"])
    assert axes.get_xscale() == "log"
