import re

import pytest
import torch

from grokbook import experiment
from grokbook.figures.diagrams import networks, split_of_pairs
from grokbook.figures.page import on_page
from grokbook.figures.style import ROLES, svg
from grokbook.models.mlp import MLPConfig
from grokbook.models.transformer import TransformerConfig
from grokbook.tasks.modular import ModularAddition


def words(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_widths_are_those_of_the_networks():
    mlp = MLPConfig(hidden=(17, 19, 23))
    figure = networks(mlp, 64, 7, TransformerConfig(d=32, heads=2, mlp=96), 31)
    told = " ".join(words(figure))
    for part in ("64 pixels", "17 ReLU", "19 ReLU", "23 ReLU", "7 logits"):
        assert part in told
    for part in ("3 × 32", "2 heads", "96 ReLU", "31 logits"):
        assert part in told.replace("\n", " ")
    alt = figure.get_label()
    assert "64 pixels" in alt and "17 and 19 and 23 ReLU" in alt and "2 heads" in alt


def test_the_papers_networks_stand_side_by_side_where_there_is_room():
    mnist, modadd = experiment("mnist-standard"), experiment("modadd-standard")
    page = on_page(networks(mnist.model, 784, 10, modadd.model, modadd.dataset.p))
    assert 'class="grokbook-figure wide"' in page and page.count("<svg") == 2


@pytest.fixture
def task():
    return ModularAddition(p=11, train_fraction=0.3)


def test_every_pair_is_drawn_as_what_it_is(task):
    figure = split_of_pairs(task, (1, 7))
    training = torch.zeros(11, 11, dtype=torch.bool)
    training[tuple(task.load().train_x.T)] = True
    cells = {
        (round(cell.get_x() + 0.42), round(cell.get_y() + 0.42)): cell
        for cell in figure.axes[0].patches
    }
    assert len(cells) == 121
    for (a, b), cell in cells.items():
        filled = cell.get_facecolor()[3] > 0
        assert filled == bool(training[a, b])
        assert bool(cell.get_hatch()) == bool(training[b, a] and not training[a, b])
    hatched = sum(bool(cell.get_hatch()) for cell in cells.values())
    alt = figure.get_label()
    assert f"{int(training.sum())} training pairs" in alt and f"{hatched} test pairs whose" in alt


def test_a_pair_that_is_not_mirrored_is_refused(task):
    with pytest.raises(ValueError, match=r"pair is \(7, 1\), but must be a training pair"):
        split_of_pairs(task, (7, 1))


def test_every_colour_is_a_role(task):
    """So that the drawings are right in dark mode: no other colour is left in the SVG."""
    mnist, modadd = experiment("mnist-standard"), experiment("modadd-standard")
    drawn = networks(mnist.model, 784, 10, modadd.model, 113)
    for figure in (drawn, split_of_pairs(task, (1, 7))):
        text = svg(figure)
        for colour in re.findall(r"#[0-9a-f]{6}", re.sub(r"var\([^)]*\)", "", text)):
            assert colour in ("#000000",), colour
        assert f"var(--grokbook-test-accuracy, {ROLES['test_accuracy'].light})" in text
