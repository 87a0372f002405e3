"""An explorer's view in the address of its page: kept, taken, and refused in one sentence."""

import numpy as np
import pandas as pd
import pytest
from browsing import Reader, saved_page

from grokbook.tasks.modular import ModularAddition
from grokbook.widgets import (
    matrix_entropy_explorer,
    predicted_accuracy_explorer,
    recorded_runs_explorer,
    trained_networks_explorer,
)

pytestmark = pytest.mark.pages


def run(seed: int) -> pd.DataFrame:
    steps = [0, 10, 100, 1000, 2000]
    return pd.DataFrame(
        {
            "seed": seed,
            "step": steps,
            "train_accuracy": [0.1, 0.5, 1.0, 1.0, 1.0],
            "test_accuracy": [0.1, 0.1, 0.2, 0.6 + seed / 10, 1.0],
            "weight_norm": [3.0, 4.0, 3.5, 2.0, 1.5],
        }
    )


def snapshots_of(p: int) -> dict[str, np.ndarray]:
    source = np.random.default_rng(0)
    return {
        "step": np.array([0, 100, 400]),
        "predictions": source.integers(0, p, (3, p, p), dtype=np.uint8),
        "weights": source.normal(size=(3, p, 8)).astype(np.float32),
    }


RUNS = pd.concat([run(0), run(1)])
EXPLORERS = {
    "runs": lambda: recorded_runs_explorer(
        {name: RUNS for name in ("mnist-standard", "modadd-standard", "modadd-perturbed")}
    ),
    "prediction": lambda: predicted_accuracy_explorer(RUNS, n=50, outputs=13),
    "entropy": lambda: matrix_entropy_explorer("orthogonal pairs"),
    "network": lambda: trained_networks_explorer(
        {"standard": snapshots_of(13)}, ModularAddition(13, 0.5, 0)
    ),
}


class At:
    """A file with a part after # in its address."""

    def __init__(self, file, part: str) -> None:
        self.file, self.part = file, part

    def as_uri(self) -> str:
        return self.file.as_uri() + self.part


@pytest.fixture
def visit(browser, tmp_path):
    opened = []

    def visit(name: str, part: str = "") -> Reader:
        file = tmp_path / f"{name}.html"
        if not file.exists():
            file.write_text(saved_page([EXPLORERS[name]()]), encoding="utf-8")
        opened.append(Reader(browser, At(file, part)))
        return opened[-1]

    yield visit
    for reader in opened:
        assert not reader.outside and not reader.failed and not reader.errors
        reader.context.close()


def settled(reader: Reader) -> str:
    """The part after # once nothing is waiting to be written there."""
    reader.page.wait_for_timeout(400)
    return reader.page.evaluate("location.hash")


def shown(reader: Reader) -> list:
    """What a reader sees: ticked boxes, chosen options, sliders, and the drawings in words."""
    reader.frame()
    return reader.page.evaluate(
        """() => [
            [...document.querySelectorAll("input")].map((each) =>
                each.type === "range" ? each.ariaValueText : each.checked),
            [...document.querySelectorAll("select")].map((each) => each.selectedIndex),
            [...document.querySelectorAll("[role=img]")].map((each) => each.ariaLabel),
        ]"""
    )


def note(reader: Reader) -> str:
    alert = reader.page.locator("[role=alert]")
    return alert.inner_text() if alert.is_visible() else ""


def change(reader: Reader, name: str) -> None:
    page = reader.page
    if name == "runs":
        page.get_by_label("Modulo addition").check()
        page.get_by_label("perturbed").check()
        page.get_by_role("group", name="Seeds").get_by_label("0").uncheck()
        page.get_by_label("logarithmic steps").check()
    elif name == "prediction":
        page.get_by_role("slider", name="a: height").press("ArrowRight")
        page.get_by_role("slider", name="μ: variance of P").press("ArrowLeft")
        page.get_by_label("logarithmic steps").check()
        page.get_by_role("combobox").select_option("seed 1")
    elif name == "network":
        page.get_by_role("slider", name="Training step").press("ArrowLeft")
        page.get_by_role("spinbutton", name="b").fill("7")
    else:
        page.get_by_role("slider", name="α: order").press("ArrowRight")
        page.get_by_role("button", name="One point fewer").click()
        page.get_by_role("combobox", name="What W is").select_option("labels")


@pytest.mark.parametrize("name", EXPLORERS)
def test_a_view_is_sent(visit, name):
    first = visit(name)
    assert settled(first) == "", "what a page shows at first needs no address"
    begin = shown(first)
    change(first, name)
    part = settled(first)
    assert part.startswith(f"#view={name}&") and shown(first) != begin
    other = visit(name, part)
    assert shown(other) == shown(first) and note(other) == ""
    assert settled(other) == part


@pytest.mark.parametrize("name", EXPLORERS)
@pytest.mark.parametrize("part", ["#verdict", "#view=prediction", "#view=runs", "#view=entropy"])
def test_an_address_that_sets_nothing_changes_nothing(visit, name, part):
    reader = visit(name, part)
    assert shown(reader) == shown(visit(name)) and note(reader) == ""


@pytest.mark.parametrize(
    ("name", "part", "sentence"),
    [
        ("runs", "#view=runs&task=None", "task is “None”, but must be MNIST or Modulo addition"),
        ("runs", "#view=runs&task=MNIST&trainings=magic", "trainings is “magic”, but must be some"),
        ("runs", "#view=runs&seeds=0,0", "seeds is “0,0”, but must be some of 0, 1"),
        ("runs", "#view=runs&metrics=__proto__", "metrics is “__proto__”"),
        ("runs", "#view=runs&toString=1", "it sets “toString”, not task, trainings"),
        ("runs", "#task=MNIST", "view is “”, but must be runs, prediction, entropy or network"),
        ("network", "#view=network&step=401", "step is “401”, but must be a number from 0 to 400"),
        ("network", "#view=network&pair=1,13", "pair is “1,13”, but must be 2 to 2 numbers"),
        ("prediction", "#view=prediction&a=1e9", "a is “1e9”, but must be a number from -1000"),
        ("prediction", "#view=prediction&b=", "b is “”, but must be a number"),
        ("prediction", "#view=prediction&mu=NaN&a=1", "mu is “NaN”"),
        ("prediction", "#view=prediction&runs=<b>x</b>", "runs is “<b>x</b>”, but must be all 2"),
        ("entropy", "#view=entropy&z=1,2", "z, w and labels must be as many"),
        ("entropy", "#view=entropy&labels=0.5,0,0,0,0,0", "labels is “0.5,0,0,0,0,0”"),
        ("entropy", "#view=entropy&second=ball", "second is “ball”, but must be circle or labels"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(visit, name, part, sentence):
    reader = visit(name, part)
    told = note(reader)
    assert told.startswith("The page’s address was not used: ") and sentence in told
    assert told.count(". ") == 0 and told.endswith(".")
    assert shown(reader) == shown(visit(name)), "none of it is used"


def test_an_address_typed_into_an_open_page_is_followed(visit):
    reader = visit("prediction")
    reader.page.evaluate("location.hash = '#view=prediction&a=1000&b=300'")
    reader.frame()
    assert reader.page.get_by_role("slider", name="a: height").input_value() == "1000"
    reader.page.evaluate("location.hash = '#view=prediction&a=x'")
    reader.frame()
    assert note(reader)
    assert reader.page.get_by_role("slider", name="a: height").input_value() == "1000"
