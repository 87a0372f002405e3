"""The explorer of matrix entropy: its JavaScript beside grokbook.metrics."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from browsing import Reader, functions_of, saved_page

from grokbook import metrics
from grokbook.widgets import matrix_entropy as module
from grokbook.widgets import matrix_entropy_explorer
from grokbook.widgets.matrix_entropy import ARRANGEMENTS, NOISE, information_of_points

ALPHAS = [0.2, 0.5, 0.95, 1 - 1e-6, 1 - 1e-12, 1.0, 1 + 1e-9, 1.05, 1.1, 2.0, 3.0, 4.0]
SIGMAS = [0.0, 0.01, 0.3, 1.0]
RANDOM = np.random.default_rng(5)
POINTS = {
    **ARRANGEMENTS,
    "one place for all": {"z": [200] * 8, "w": [17] * 8},
    "nearly one place": {"z": [40, 41, 40, 40.001], "w": [10, 10.01, 11, 10]},
    "opposite and repeated": {"z": [0, 180, 0, 90, 270], "w": [90, 90, 270, 270, 90]},
    "one label": {"z": [0, 30, 60], "labels": [2, 2, 2]},
    "own labels": {"z": [10, 100, 140], "labels": [0, 1, 2]},
    "two points": {"z": [0, 1], "w": [5, 95]},
    "anywhere": {"z": RANDOM.uniform(0, 360, 8).tolist(), "w": RANDOM.uniform(0, 360, 8).tolist()},
    "anywhere, labels": {"z": RANDOM.uniform(0, 360, 7).tolist(), "labels": [0, 1, 2, 0, 1, 0, 0]},
}


def points(name: str) -> dict:
    return {key: value for key, value in POINTS[name].items() if key != "alpha"}


def four(information) -> np.ndarray:
    """Entropies of Z, of W and of both, and information, one row an order."""
    parts = (information.entropy_1, information.entropy_2, information.joint_entropy)
    return np.stack([*parts, information.mutual_information], axis=1)


@pytest.mark.parametrize("name", POINTS)
def test_points_are_those_of_the_gram_matrices(name):
    """`information_of_points` at no noise, from cosines of angles and from equal labels."""
    z, w, labels = (POINTS[name].get(key) for key in ("z", "w", "labels"))
    cosines = [np.cos(np.deg2rad(np.subtract.outer(a, a))) for a in (z, w) if a is not None]
    if labels is not None:
        cosines.append(np.equal.outer(labels, labels).astype(float))
    R1, R2 = (torch.from_numpy(R) for R in cosines)
    alphas = [0.5, 1.0, 2.0, 4.0]  # at 0.2 a Gram matrix's rounding shows
    found = information_of_points(**points(name), alpha=alphas)
    np.testing.assert_allclose(found.entropy_1, metrics.matrix_entropy(R1, alphas), atol=2e-6)
    np.testing.assert_allclose(found.entropy_2, metrics.matrix_entropy(R2, alphas), atol=2e-6)
    expected = metrics.matrix_mutual_information(R1, R2, alphas)
    np.testing.assert_allclose(found.mutual_information, expected, atol=5e-6)


def test_noise_moves_circles_and_not_labels():
    z, sigma = ARRANGEMENTS["two clusters and their labels"]["z"], 0.3
    radians = np.deg2rad(z)
    moved = np.stack([np.cos(radians), np.sin(radians)], axis=1) + sigma * NOISE[0][: len(z)]
    labels = [0, 0, 1, 1, 2, 2]
    found = information_of_points(z, labels=labels, alpha=2.0, sigma=sigma)
    expected = metrics.representation_entropy(torch.from_numpy(moved), 2.0)
    assert float(found.entropy_1) == pytest.approx(float(expected))
    assert float(found.entropy_2) == pytest.approx(math.log(3))
    both = information_of_points(z, z, sigma=sigma)
    assert float(both.entropy_1) != pytest.approx(float(both.entropy_2)), "noise of its own"


def test_what_the_arrangements_show():
    def H(name, alpha=1.0):
        return information_of_points(**points(name), alpha=alpha)

    assert float(H("all equal").entropy_1) == pytest.approx(0, abs=1e-12)
    assert float(H("opposite points").entropy_1) == pytest.approx(0, abs=1e-12)
    pairs = H("orthogonal pairs", [0.2, 1.0, 4.0])
    np.testing.assert_allclose(four(pairs), math.log(2))
    np.testing.assert_allclose(H("evenly spread", [0.2, 4.0]).entropy_1, math.log(2))
    independent = H("orthogonal pairs, independent")
    assert float(independent.joint_entropy) == pytest.approx(2 * math.log(2))
    assert float(independent.mutual_information) == pytest.approx(0, abs=1e-12)
    negative = H("negative information", [1.0, 2.0]).mutual_information
    assert negative[0] > 0.05 and negative[1] < -0.05


def test_negative_information_by_hand():
    """Four points, cos 40° = c, cos 80° = d: tr R² of each, and of their product."""
    c, d = math.cos(math.radians(40)), math.cos(math.radians(80))
    each = 4 + 2 * (d**2 + 1 + 4 * c**2)
    both = 4 + 2 * (d**2 + d**2 + 4 * c**4)
    expected = 2 * -math.log(each / 16) + math.log(both / 16)
    found = information_of_points(**points("negative information"), alpha=2.0)
    assert float(found.mutual_information) == pytest.approx(expected) and expected < 0


def test_input_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="not both"):
        information_of_points([0, 1])
    with pytest.raises(ValueError, match="not both"):
        information_of_points([0, 1], [0, 1], [0, 1])
    with pytest.raises(ValueError, match="Z has 2 points and W has 3"):
        information_of_points([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="no arrangement 'circle'; known are 'two clusters"):
        matrix_entropy_explorer("circle")


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_the_explorer_starts_with_an_arrangement(name):
    controls, drawing = matrix_entropy_explorer(name).children
    alpha, sigma = controls.children
    assert alpha.value == drawing.alpha == ARRANGEMENTS[name].get("alpha", 1.0)
    assert sigma.value == drawing.sigma == 0
    assert drawing.z == ARRANGEMENTS[name]["z"]
    assert drawing.second == ("circle" if "w" in ARRANGEMENTS[name] else "labels")
    assert len(drawing.z) == len(drawing.w) == len(drawing.labels)
    assert [each["name"] for each in drawing.arrangements] == list(ARRANGEMENTS)
    for each in drawing.arrangements:
        assert module.POINTS[0] <= len(each["z"]) <= module.POINTS[1] <= NOISE.shape[1]
        assert set(each["labels"]) <= set(range(module.CLASSES))


def test_the_order_slider_goes_through_one():
    alpha = matrix_entropy_explorer().children[0].children[0]
    steps = (1 - alpha.min) / alpha.step
    assert steps == pytest.approx(round(steps)) and (alpha.min, alpha.max) == (0.2, 4.0)


def test_readers_of_text_get_one_sentence():
    bundle = matrix_entropy_explorer()._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Interactive drawing of matrix entropy")
    assert bundle["text/plain"].endswith(".") and "\n" not in bundle["text/plain"]


@pytest.fixture(scope="module")
def script(browser):
    """The functions of the widget's module, in a browser."""
    with functions_of(module.MatrixEntropy, browser) as page:
        yield page


@pytest.mark.pages
@pytest.mark.parametrize("name", POINTS)
def test_entropies_are_those_of_the_metrics(script, name):
    cases = [(sigma, alpha) for sigma, alpha in product(SIGMAS, ALPHAS)]
    found = script.evaluate(
        """([{ z, w, labels }, noise, classes, cases]) => cases.map(([sigma, alpha]) => {
            const first = widget.onCircle(z, sigma, noise[0]);
            const second = w
                ? widget.onCircle(w, sigma, noise[1])
                : widget.oneHot(labels, classes);
            const all = widget.information(widget.spectra(first, second), alpha);
            return [all.z, all.w, all.joint, all.shared];
        })""",
        [points(name), NOISE.tolist(), module.CLASSES, cases],
    )
    for sigma in SIGMAS:
        rows = [row for row, case in zip(found, cases, strict=True) if case[0] == sigma]
        expected = four(information_of_points(**points(name), alpha=ALPHAS, sigma=sigma))
        np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-7)


@pytest.mark.pages
def test_spectra_are_those_of_gram_matrices(script):
    """Of any shape, also where features repeat, vanish, or span widely different lengths."""
    matrices = [
        RANDOM.normal(size=(5, 3)),
        RANDOM.normal(size=(3, 7)),
        np.ones((4, 2)),
        np.vstack([np.zeros((2, 3)), np.eye(3)]),
        RANDOM.normal(size=(6, 4)) * np.logspace(-5, 5, 6)[:, None],
        np.eye(6)[[0, 1, 1, 2, 5, 5]],
    ]
    for Z in matrices:
        found = script.evaluate("(Z) => widget.spectrum(widget.unit(Z))", Z.tolist())
        expected = metrics.feature_spectrum(torch.from_numpy(Z))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.pages
def test_small_eigenvalues_are_right(script):
    """Two vectors 1e-6 apart: from the Gram matrix the small one would have no digits."""
    angles = [0, math.degrees(1e-6)]
    expression = "(z) => widget.spectrum(widget.unit(widget.onCircle(z, 0, [[0, 0], [0, 0]])))"
    _, small = script.evaluate(expression, angles)
    assert small == pytest.approx(2.5e-13, rel=1e-6)  # (1 - cos 1e-6) / 2


@pytest.mark.pages
def test_gram_matrix(script):
    z = [0.0, 60.0, 180.0]
    expression = "(z) => widget.gram(widget.onCircle(z, 0, z.map(() => [0, 0])))"
    found = script.evaluate(expression, z)
    expected = [[1, 0.5, -1], [0.5, 1, -0.5], [-1, -0.5, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-15)


class Explorer:
    """What a reader finds on the page of matrix entropy."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.page = reader, reader.page
        self.root = self.page.locator(".matrix-entropy")

    def slider(self, name: str):
        return self.page.get_by_role("slider", name=name, exact=True)

    def tiles(self) -> dict[str, tuple[float, str]]:
        """By name the value and what stands below it."""
        self.reader.frame()
        texts = [tile.inner_text().split("\n") for tile in self.root.locator(".tile").all()]
        return {name: (float(value.replace("−", "-")), small) for name, value, small in texts}

    def values(self) -> list[float]:
        return [value for value, _ in self.tiles().values()]

    def choose(self, name: str) -> None:
        self.root.get_by_role("combobox", name="Arrangement").select_option(name)
        self.reader.frame()

    def curves(self) -> list[str]:
        self.reader.frame()
        return [line.get_attribute("d") for line in self.root.locator(".panel .curve").all()]


def expected(alpha=1.0, sigma=0.0, **given) -> list[float]:
    """What the tiles should say."""
    clean, noisy = (
        four(information_of_points(**given, alpha=[alpha], sigma=s))[0] for s in (0.0, sigma)
    )
    change = np.abs(noisy - clean)
    return [*clean, change[0], change[3]]


@pytest.fixture
def explorer(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(saved_page([matrix_entropy_explorer()]), encoding="utf-8")
    reader = Reader(browser, file)
    yield Explorer(reader)
    assert not reader.outside and not reader.failed and not reader.errors
    reader.context.close()


@pytest.mark.pages
@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_tiles_of_every_arrangement(explorer, name):
    if name != "two clusters and their labels":
        explorer.choose(name)
    order = ARRANGEMENTS[name].get("alpha", 1.0)
    assert explorer.values() == pytest.approx(expected(order, **points(name)), abs=5.1e-4)
    assert float(explorer.slider("α: order").get_attribute("aria-valuetext")) == order
    words = explorer.root.get_by_role("status").inner_text()
    assert ("information is negative" in words) == (name == "negative information")


@pytest.mark.pages
def test_sliders_move_values_and_curves(explorer):
    given = points("two clusters and their labels")
    before = explorer.curves()
    explorer.slider("σ: noise").fill("0.3")
    assert explorer.values() == pytest.approx(expected(1.0, 0.3, **given), abs=5.1e-4)
    noisy = information_of_points(**given, sigma=0.3)
    assert explorer.tiles()["I(Z; W)"][1] == f"noisy {float(noisy.mutual_information):.3f}"
    moved = explorer.curves()
    assert moved[0] != before[0], "entropy of Z against α"
    assert moved[4:] == before[4:], "all is against σ"
    explorer.slider("α: order").press("End")
    assert explorer.values() == pytest.approx(expected(4.0, 0.3, **given), abs=5.1e-4)
    assert explorer.curves()[:4] == moved[:4] and explorer.curves()[4:] != moved[4:]
    explorer.slider("α: order").press("Home")
    assert explorer.values() == pytest.approx(expected(0.2, 0.3, **given), abs=5.1e-4)
    assert not [d for d in explorer.curves() if "NaN" in d or "Infinity" in d]


@pytest.mark.pages
def test_the_slider_meets_order_one(explorer):
    alpha = explorer.slider("α: order")
    at_one = explorer.values()
    alpha.press("ArrowRight")
    assert alpha.get_attribute("aria-valuetext") == "1.05" and explorer.values() != at_one
    alpha.press("ArrowLeft")
    assert alpha.get_attribute("aria-valuetext") == "1.00" and explorer.values() == at_one


@pytest.mark.pages
def test_points_turn_by_key(explorer):
    explorer.choose("orthogonal pairs")
    point = explorer.slider("Z, point 2")
    assert point.get_attribute("aria-valuetext") == "90 degrees"
    for key in ("ArrowLeft", "PageUp", "ArrowDown", "ArrowDown"):
        point.press(key)
        explorer.reader.frame()
    assert point.get_attribute("aria-valuenow") == "104"
    z, w = [0, 104, 0, 90, 0, 90], [0, 90] * 3
    assert explorer.values() == pytest.approx(expected(z=z, w=w), abs=5.1e-4)
    chosen = explorer.root.get_by_role("combobox", name="Arrangement")
    assert chosen.evaluate("(node) => node.selectedOptions[0].text") == "your own"
    point.press("Home")
    explorer.slider("W, point 1").press("ArrowRight")
    explorer.reader.frame()
    assert point.get_attribute("aria-valuenow") == "0"
    assert explorer.slider("W, point 1").get_attribute("aria-valuenow") == "359"


@pytest.mark.pages
def test_points_are_dragged(explorer):
    explorer.choose("evenly spread")
    point = explorer.slider("Z, point 1")
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    dial = explorer.root.locator(".dial").first.bounding_box()
    mouse = explorer.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(dial["x"] + dial["width"] / 2, dial["y"] + 5, steps=3)
    mouse.up()
    explorer.reader.frame()
    assert point.get_attribute("aria-valuenow") == "90"
    given = {"z": [90, *ARRANGEMENTS["evenly spread"]["z"][1:]]}
    labels = ARRANGEMENTS["evenly spread"]["labels"]
    assert explorer.values() == pytest.approx(expected(labels=labels, **given), abs=5.1e-4)
    mouse.move(dial["x"], dial["y"])
    explorer.reader.frame()
    assert point.get_attribute("aria-valuenow") == "90", "let go"


@pytest.mark.pages
def test_labels_change_by_key(explorer):
    button = explorer.root.get_by_role("button", name="W, point 3: class A; change to B")
    button.press("Enter")
    given = {"z": ARRANGEMENTS["two clusters and their labels"]["z"], "labels": [0, 0, 1, 1, 1, 1]}
    assert explorer.values() == pytest.approx(expected(**given), abs=5.1e-4)
    focused = explorer.page.evaluate("() => document.activeElement.getAttribute('aria-label')")
    assert focused == "W, point 3: class B; change to C"


@pytest.mark.pages
def test_points_come_and_go(explorer):
    more = explorer.root.get_by_role("button", name="One point more")
    fewer = explorer.root.get_by_role("button", name="One point fewer")
    for count in (7, 8):
        more.press("Enter")
        explorer.reader.frame()
        assert explorer.root.locator(".count").inner_text() == f"{count} points"
    assert (
        more.is_disabled() and explorer.root.locator(".dial").first.locator("g.handle").count() == 8
    )
    assert explorer.root.locator(".heat td").count() == 8 * 8 + 1
    for count in range(7, 1, -1):
        fewer.press("Enter")
        explorer.reader.frame()
        assert explorer.root.locator(".count").inner_text() == f"{count} points"
    assert fewer.is_disabled()
    given = {"z": [20, 30], "labels": [0, 0]}
    assert explorer.values() == pytest.approx(expected(**given), abs=5.1e-4)


@pytest.mark.pages
def test_gram_matrix_and_spectrum_of_each(explorer):
    explorer.choose("orthogonal pairs, independent")

    def cells():
        return [cell.inner_text() for cell in explorer.root.locator(".heat tbody td").all()]

    def bars():
        rows = explorer.root.locator(".spectrum li:not(.rest) > span:first-child").all()
        return [row.inner_text() for row in rows]

    assert cells() == ["1.00", "0.00", "1.00", "0.00", "0.00", "1.00", "0.00", "1.00"] * 2
    assert bars() == ["0.500", "0.500"]
    explorer.root.get_by_label("Z ∘ W", exact=True).check()
    explorer.reader.frame()
    assert cells() == ["1.00" if i == j else "0.00" for i, j in product(range(4), repeat=2)]
    assert bars() == ["0.250"] * 4
    assert explorer.root.locator("caption").inner_text() == "Gram matrix of Z ∘ W"


@pytest.mark.pages
def test_strokes_on_the_bars_are_named_and_come_with_noise(explorer):
    strokes = explorer.root.locator(".spectrum .before")
    title = explorer.root.locator("p", has_text="Its eigenvalues")
    assert strokes.count() == 0 and "stroke" not in title.inner_text()
    bars = explorer.root.locator(".spectrum .bar").count()
    explorer.slider("σ: noise").fill("0.3")
    explorer.reader.frame()
    assert strokes.count() == bars and "strokes: without noise" in title.inner_text()


@pytest.mark.pages
def test_what_w_is(explorer):
    second = explorer.root.get_by_role("combobox", name="What W is")
    assert explorer.slider("W, point 1").count() == 0 or explorer.slider("W, point 1").is_hidden()
    second.select_option("circle")
    explorer.reader.frame()
    assert explorer.slider("W, point 1").is_visible()
    z = ARRANGEMENTS["two clusters and their labels"]["z"]
    assert explorer.values() == pytest.approx(expected(z=z, w=z), abs=5.1e-4)
    explorer.choose("all equal")
    assert second.input_value() == "circle" and explorer.values()[0] == 0
    assert "-0" not in explorer.root.inner_text() and "−0.00 " not in explorer.root.inner_text()
