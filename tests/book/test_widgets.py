"""The widgets of the built book, moved as a reader without a mouse and a network moves them."""

import re
from math import inf

import pytest
from browsing import HTML, MODES, Reader

from grokbook.theory import corollary_3_3 as corollary
from grokbook.widgets.predicted_accuracy import PAPER, RANGES

pytestmark = pytest.mark.pages

PAGE = HTML / "3_1_predicted_accuracy.html"
WITH_WIDGETS = sorted(
    page.name for page in HTML.glob("*.html") if "jupyter.widget-view+json" in page.read_text()
)
NAMES = {
    "a": "a: height",
    "b": "b: fall per decade",
    "L": "L: Lipschitz constant",
    "mu": "μ: variance of P",
}


@pytest.fixture
def reader(browser):
    assert PAGE.is_file(), "the book is not built: run `make book` first"
    reader = Reader(browser, PAGE)
    yield reader
    assert not reader.outside and not reader.failed and not reader.errors
    reader.context.close()


class Explorer:
    """What a reader finds on the page of the predicted accuracy."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.page = reader, reader.page
        self.root = self.page.locator(".predicted-accuracy")

    def slider(self, name: str):
        return self.page.get_by_role("slider", name=NAMES[name])

    def value(self, name: str) -> float:
        return float(self.slider(name).get_attribute("aria-valuetext"))

    def curve(self) -> str:
        self.reader.frame()
        return self.root.locator(".curve.predicted").first.get_attribute("d")

    def tiles(self) -> list[str]:
        """The predicted steps of 10, 50 and 90 %, and the error."""
        self.reader.frame()
        return self.root.locator(".tile strong").all_inner_texts()

    def drawing(self) -> str:
        """The accessible name of the main drawing."""
        self.reader.frame()
        return self.root.get_by_role("img").first.get_attribute("aria-label")

    def press(self, name: str) -> None:
        self.root.get_by_role("button", name=name).press("Enter")


@pytest.fixture
def explorer(reader):
    return Explorer(reader)


def steps(**parameters) -> list[str]:
    """What the tiles should say, for b > 0."""
    found = [corollary.steps_at_accuracy(q, **{**PAPER, **parameters}) for q in (0.1, 0.5, 0.9)]
    return ["never" if t == inf else "before 1" if t < 1 else f"{t:,.0f}" for t in found]


def test_the_page_starts_with_the_papers_curve(explorer):
    assert {name: explorer.value(name) for name in NAMES} == PAPER
    assert explorer.tiles()[:3] == steps() == ["4,930", "6,643", "6,916"]
    assert "10, 50 and 90 %: 4,930, 6,643, 6,916." in explorer.drawing()


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("a", "ArrowLeft", 1924.0), ("b", "ArrowRight", 501.0), ("L", "ArrowRight", 0.55)],
)
def test_a_key_on_a_slider_moves_the_curve(explorer, name, key, value):
    before, drawing = explorer.curve(), explorer.drawing()
    explorer.slider(name).press(key)
    assert explorer.value(name) == value
    assert explorer.curve() != before
    assert explorer.tiles()[:3] == steps(**{name: value})
    assert explorer.drawing() != drawing, "who hears the page learns of it"


def test_the_logarithmic_slider_moves_the_curve(explorer):
    before = explorer.curve()
    explorer.slider("mu").press("ArrowRight")
    assert explorer.value("mu") == pytest.approx(10**-1.98, rel=1e-2)
    assert explorer.curve() != before
    assert explorer.tiles()[:3] == steps(mu=10**-1.98)


@pytest.mark.parametrize(
    ("name", "key", "tiles"),
    [
        ("a", "Home", ["before 1"] * 3),
        ("b", "Home", ["never"] * 3),
        ("L", "Home", steps(L=0)),
        ("mu", "Home", steps(mu=1e-6)),
        ("mu", "End", steps(mu=1)),
    ],
)
def test_at_their_ends_the_curve_stays_defined(explorer, name, key, tiles):
    explorer.slider(name).press(key)
    low, high = RANGES[name]
    assert explorer.value(name) == pytest.approx(low if key == "Home" else high, rel=1e-2)
    assert "NaN" not in explorer.curve() and "Infinity" not in explorer.curve()
    assert explorer.tiles()[:3] == tiles


def test_the_fit_and_the_way_back(explorer):
    start = explorer.curve()
    explorer.press("Least-squares fit")
    fitted = {name: explorer.value(name) for name in NAMES}
    assert explorer.curve() != start and fitted["L"] == 0.5 and fitted != PAPER
    error = explorer.root.locator(".tile").last.inner_text()
    found = re.search(r"RMS error, .+\s+([\d.]+)\s+of the fit ([\d.]+)", error).groups()
    assert found[0] == found[1], "what Python computed is what the browser draws"
    explorer.press("The paper’s values")
    assert {name: explorer.value(name) for name in NAMES} == PAPER
    assert explorer.curve() == start


def test_each_seed_can_be_compared_with(explorer):
    choice = explorer.root.get_by_role("combobox", name="Runs to fit and to compare with")
    labels = choice.locator("option").all_inner_texts()
    runs = explorer.root.locator(".curve.measured")
    assert len(labels) == (1 if runs.count() == 1 else 1 + runs.count())
    for label in labels[1:]:
        choice.select_option(label)
        assert label in explorer.drawing()
        assert explorer.root.locator(".curve.pale").count() == runs.count() - 1


def test_the_same_curve_with_other_parameters(explorer):
    """Twice a, b and L and a quarter of mu: the curve stays, the premise's end moves."""
    before, premise = explorer.tiles(), explorer.root.locator(".remark:not([role])").first
    said = premise.inner_text()
    for name, value in (("a", 3850), ("b", 1000), ("L", 1)):
        explorer.slider(name).fill(str(value))
    explorer.slider("mu").fill("-2.6")  # the slider's nearest to log10(0.0025)
    for old, new in zip(before[:3], explorer.tiles()[:3], strict=True):
        old, new = (float(text.replace(",", "")) for text in (old, new))
        assert new == pytest.approx(old, rel=2e-3)
    assert premise.inner_text() != said
    end = corollary.feasible_until(3830, 113, 3850, 1000)
    assert f"from step {end:,.0f} on" in premise.inner_text()


def test_logarithmic_steps(explorer):
    before = explorer.curve()
    explorer.root.get_by_label("logarithmic steps").press("Space")
    assert explorer.curve() != before
    ticks = explorer.root.locator("svg").first.locator("text").all_text_contents()
    assert {"1", "10", "100", "1,000", "10,000"} <= set(ticks) and "2,000" not in ticks
    explorer.root.get_by_label("logarithmic steps").press("Space")
    assert explorer.curve() == before


def test_the_curve_is_read_by_key_and_by_pointer(explorer):
    cursor = explorer.page.get_by_role("slider", name="Training step to read at")
    assert explorer.root.locator(".cursor circle").count() == 0
    cursor.press("End")
    reading = explorer.root.locator(".reading")
    last = reading.inner_text()
    assert last == cursor.get_attribute("aria-valuetext")
    t = int(re.match(r"Step ([\d,]+): r = ", last)[1].replace(",", ""))
    predicted = float(corollary.predicted_accuracy(t))
    assert f"predicted {predicted:.1%}".replace("%", " %") in last
    assert explorer.root.locator(".cursor circle").count() >= 4, "in all three drawings"
    cursor.press("PageDown")
    assert reading.inner_text() != last
    cursor.hover(position={"x": 1, "y": 50})
    early = int(re.match(r"Step ([\d,]+)", reading.inner_text())[1].replace(",", ""))
    assert early < 0.02 * t


def test_every_control_has_a_name_and_is_reached_by_tab(explorer):
    explorer.slider("a").focus()
    reached = []
    for _ in range(9):
        reached.append(
            explorer.page.evaluate(
                """() => {
                    const node = document.activeElement;
                    const label = node.labels?.[0]?.innerText ?? node.innerText;
                    return (node.getAttribute("aria-label") ?? label).trim();
                }"""
            )
        )
        explorer.page.keyboard.press("Tab")
    assert reached == [
        *NAMES.values(),
        "The paper’s values",
        "Least-squares fit",
        "Runs to fit and to compare with",
        "logarithmic steps",
        "Training step to read at",
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WITH_WIDGETS)
def test_widgets_are_whole_on_every_page(browser, name, mode):
    """Drawn, none of them empty or refused, and no wider than the window."""
    reader = Reader(browser, HTML / name, mode)
    views = reader.page.locator('script[type*="widget-view"] + .offline-widget')
    assert views.count() == reader.page.locator('script[type*="widget-view"]').count()
    assert all(box["height"] > 50 for box in (view.bounding_box() for view in views.all()))
    assert "could not be drawn" not in reader.page.locator("article").inner_text()
    assert reader.page.evaluate("() => document.documentElement.scrollWidth") <= MODES[mode]
    assert not reader.outside and not reader.failed and not reader.errors
    reader.context.close()
