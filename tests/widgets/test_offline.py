"""book/assets/widgets.js: every widget it knows, drawn from saved state, without a kernel."""

import anywidget
import ipywidgets as w
import pytest
import traitlets
from browsing import Reader, saved_page

pytestmark = pytest.mark.pages


class Echo(anywidget.AnyWidget):
    """Writes its number, its bytes and whether it is offline; a button adds one."""

    _esm = """
    export default () => ({ render({ model, el, offline }) {
        const [text, button] = [document.createElement("p"), document.createElement("button")];
        const bytes = model.get("data");
        const write = () => {
            text.textContent = `${model.get("number")} ${bytes.getUint8(1)} ${offline}`;
        };
        button.textContent = "add";
        button.onclick = () => model.set("number", model.get("number") + 1);
        model.on("change:number change:other", write);
        write();
        el.append(text, button);
    } });
    """
    _css = ".echo { color: rgb(1, 2, 3); }"
    number = traitlets.Int(3).tag(sync=True)
    data = traitlets.Bytes(b"\x07\x2a").tag(sync=True)


@pytest.fixture
def page(browser, tmp_path):
    """Open a page with these widgets from disk; at the end, all went well but what was expected."""
    opened = []

    def open_page(*widgets: w.Widget, error: str = "nothing"):
        file = tmp_path / "page.html"
        file.write_text(saved_page(widgets), encoding="utf-8")
        opened.append((Reader(browser, file), error))
        return opened[-1][0].page

    yield open_page
    for reader, error in opened:
        assert not [message for message in reader.errors if error not in message]
        assert not reader.outside and not reader.failed
        reader.context.close()


def test_sliders(page):
    float_slider = w.FloatSlider(value=0.5, min=-1, max=2, step=0.25, description="size")
    int_slider = w.IntSlider(value=3, min=0, max=10, description="count")
    log_slider = w.FloatLogSlider(value=0.01, min=-6, max=0, step=0.5, description="spread")
    shown = page(w.VBox([float_slider, int_slider, log_slider]))
    for name, keys, value in (
        ("size", ["ArrowRight", "End", "ArrowLeft"], "1.75"),
        ("count", ["Home", "ArrowUp"], "1"),
        ("spread", ["ArrowLeft"], "0.00316"),
    ):
        slider = shown.get_by_role("slider", name=name)
        slider.focus()
        for key in keys:
            shown.keyboard.press(key)
        assert slider.get_attribute("aria-valuetext") == value
        assert shown.locator("label", has=slider).inner_text().split() == [name, value]


def test_links_work_both_ways_and_one_way(page):
    both, other = (
        w.IntSlider(value=1, description="both"),
        w.IntSlider(value=7, description="other"),
    )
    source = w.IntSlider(value=2, description="source")
    target = w.IntSlider(value=9, description="target")
    w.jslink((both, "value"), (other, "value"))
    w.jsdlink((source, "value"), (target, "value"))
    shown = page(w.VBox([both, other, source, target]))

    def values() -> list[str]:
        return [slider.input_value() for slider in shown.get_by_role("slider").all()]

    assert values() == ["1", "1", "2", "2"]
    for name in ("other", "target"):
        shown.get_by_role("slider", name=name).press("ArrowRight")
    assert values() == ["2", "2", "2", "3"]
    shown.get_by_role("slider", name="source").press("End")
    assert values() == ["2", "2", "100", "100"]


def test_choices(page):
    one = w.Dropdown(options=["red", "green", "blue"], value="green", description="colour")
    same = w.ToggleButtons(options=["rot", "grün", "blau"], description="Farbe")
    w.jslink((one, "index"), (same, "index"))
    several = w.SelectMultiple(options=["a", "b", "c"], value=["b"], description="letters")
    tick = w.Checkbox(value=True, description="tick", indent=False)
    shown = page(w.HBox([one, same, several, tick]))
    group = shown.get_by_role("group", name="Farbe")
    assert group.get_by_label("grün").is_checked()
    shown.get_by_role("combobox", name="colour").select_option("blue")
    assert group.get_by_label("blau").is_checked()
    group.get_by_label("blau").press("ArrowUp")
    assert shown.get_by_role("combobox", name="colour").input_value() == "1"
    letters = shown.get_by_role("group", name="letters")
    letters.get_by_label("c").check()
    ticked = [letters.get_by_label(name).is_checked() for name in "abc"]
    assert ticked == [False, True, True]
    tick = shown.get_by_role("checkbox", name="tick")
    tick.press("Space")
    assert not tick.is_checked()


def test_text_and_what_needs_a_kernel(page):
    shown = page(
        w.Label("plain <b>"),
        w.HTML("<b>bold</b>", layout=w.Layout(border_top="3px solid red")),
        w.Button(description="Start"),
        w.VBox([w.Text("typed"), w.Label("after")]),
    )
    assert shown.get_by_text("plain <b>", exact=True).is_visible()
    assert shown.locator("b").inner_text() == "bold"
    html = shown.locator("[data-kind=HTML]")
    assert html.evaluate("(node) => getComputedStyle(node).borderTopWidth") == "3px"
    assert shown.get_by_role("button", name="Start").is_disabled()
    assert "needs a live kernel" in shown.locator("[data-kind=Button]").inner_text()
    sentence = "This Text needs a live kernel: open the notebook to use it."
    assert shown.locator("[data-kind=Text]").inner_text() == sentence
    assert shown.get_by_text("after").is_visible(), "what stands beside it is drawn"


def test_anywidget_and_its_links(page):
    echo, slider = Echo(), w.IntSlider(value=5, description="number")
    w.jslink((slider, "value"), (echo, "number"))
    second = Echo(number=8)
    shown = page(w.VBox([slider, echo]), second)

    def texts() -> list[str]:
        return shown.locator("p").all_inner_texts()

    assert texts() == ["5 42 true", "8 42 true"]
    shown.get_by_role("slider").press("ArrowRight")
    assert texts()[0] == "6 42 true"
    shown.get_by_role("button", name="add").first.click()
    assert texts() == ["7 42 true", "8 42 true"]
    assert shown.get_by_role("slider").input_value() == "7"
    assert shown.locator("style").count() == 1, "one style for two of a kind"


class Broken(anywidget.AnyWidget):
    _esm = "export default { render() { throw new Error('no such thing'); } };"


def test_a_broken_module_is_one_sentence(page):
    shown = page(w.VBox([Broken()]), w.Label("still here"), error="no such thing")
    assert shown.get_by_text("could not be drawn: no such thing").is_visible()
    assert shown.get_by_text("still here").is_visible()
