"""The network that trains in the page, on a small page of its own, in a browser."""

import json
import re

import pytest
from browsing import ASSETS, Reader, saved_page

from grokbook.widgets import train_in_the_page
from grokbook.widgets.in_page_training import (
    InPageTraining,
    hidden_units,
    reference_moments,
    references,
)

READY = "Ready at step 0."
SMALL = "training=standard&p=23&share=80&lr=0.003&decay=1&seed=0"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "page.html"
    style = f'<link rel="stylesheet" href="{(ASSETS / "figures.css").as_uri()}">'
    file.write_text(saved_page([train_in_the_page()]) + style, encoding="utf-8")
    return file


class Trainer:
    """What a reader finds on the page."""

    def __init__(self, browser, file, mode="light", address=SMALL, before=""):
        self.reader = Reader.__new__(Reader)
        file = _At(file, address)
        if before:
            browser = _Prepared(browser, before)
        self.reader.__init__(browser, file, mode)
        self.page = self.reader.page
        self.root = self.page.locator(".in-page-training")

    def message(self) -> str:
        return self.root.locator(".message").inner_text()

    def wait(self, condition: str) -> None:
        self.page.wait_for_function(condition, timeout=120_000)

    def wait_for_message(self, start: str) -> None:
        self.page.wait_for_function(
            "start => document.querySelector('.message').textContent.startsWith(start)",
            arg=start,
            timeout=120_000,
        )

    def wait_for_step(self, least: int) -> None:
        self.page.wait_for_function(
            """least => {
                const text = document.querySelector(".tile.step strong").textContent;
                return text !== "–" && Number(text.replace(/[^0-9]/g, "")) >= least;
            }""",
            arg=least,
            timeout=120_000,
        )

    def button(self, name: str):
        return self.root.get_by_role("button", name=name)

    def tile(self, name: str) -> str:
        return self.root.locator(f".tile.{name} strong").inner_text()

    def close(self) -> None:
        assert not self.reader.outside and not self.reader.failed and not self.reader.errors
        self.reader.context.close()


class _At:
    """A file whose address has a part after #."""

    def __init__(self, file, address):
        self.file, self.address = file, address

    def as_uri(self):
        return f"{self.file.as_uri()}#{self.address}"


class _Prepared:
    """A browser whose pages run a script first."""

    def __init__(self, browser, script):
        self.browser, self.script = browser, script

    def new_context(self, **settings):
        context = self.browser.new_context(**settings)
        context.add_init_script(self.script)
        return context


@pytest.fixture
def open_page(browser, page_file):
    opened = []

    def open_it(**settings):
        opened.append(Trainer(browser, page_file, **settings))
        return opened[-1]

    yield open_it
    for trainer in opened:
        trainer.close()


@pytest.fixture(scope="module")
def functions(browser):
    page = browser.new_page()
    page.evaluate(
        """async (sources) => {
            globalThis.recipe = await import(URL.createObjectURL(
                new Blob([sources], { type: "text/javascript" })));
        }""",
        _source("training_recipe.js"),
    )
    yield page
    page.close()


def _source(name):
    from grokbook.widgets._front_end import HERE

    return (HERE / name).read_text(encoding="utf-8")


def test_an_address_gives_back_what_was_written(functions):
    recipe = {
        "training": "perturbed", "p": 59, "share": 40, "lr": 0.001, "decay": 0.7,
        "l1": 0.25, "l2": 0.1, "coefficient": 100, "seed": 12,
    }  # fmt: skip
    found = functions.evaluate("r => recipe.readAddress(recipe.writeAddress(r))", recipe)
    assert found == {"recipe": recipe, "sentence": ""}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#p=7", "modulus p is “7”, but must be a whole number from 23 to 113"),
        ("#p=23.5", "modulus p is “23.5”, but must be a whole number from 23 to 113"),
        ("#p=", "modulus p is “”"),
        ("#lr=7", "learning rate is “7”, but must be one of 0.0001"),
        ("#share=NaN", "share of pairs for training is “NaN”, but must be a multiple of 5"),
        ("#training=__proto__", "training is “__proto__”, but must be standard, perturbed,"),
        ("#q=1", "there is no setting “q”"),
        ("#decay=1e99&seed=-1", "weight decay is “1e99”, but must be a number from 0 to 5; seed"),
        ("#what-to-try", ""),
        ("", ""),
    ],
)
def test_a_tampered_address_is_one_sentence(functions, address, said):
    found = functions.evaluate("a => recipe.readAddress(a)", address)
    defaults = functions.evaluate("recipe.DEFAULTS")
    assert found["recipe"] == defaults
    assert said in found["sentence"] and bool(said) == bool(found["sentence"])
    assert "\n" not in found["sentence"] and found["sentence"].count(". ") == 0


def test_both_languages_have_the_same_hidden_units(functions):
    for p in range(23, 114):
        assert functions.evaluate("p => recipe.hiddenUnits(p)", p) == hidden_units(p)


def test_curves_of_the_python_engine_are_those_of_the_offered_recipes():
    assert {(run["p"], run["training"]) for run in references()} <= {
        (p, training) for p in (31, 59)
        for training in ("standard", "perturbed", "abelian", "mirrored")
    }  # fmt: skip
    moments = reference_moments()
    assert len(moments) == len(references()) >= 4
    first = moments.loc[(31, 50, "standard")]
    assert re.fullmatch(r"\d,\d{3}", first["test accuracy 95 % at step"])


def test_it_says_what_it_is_where_no_browser_shows_it():
    bundle = InPageTraining()._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"].startswith("Here a one-layer transformer trains")


def test_it_trains_pauses_steps_and_begins_anew(open_page):
    trainer = open_page()
    trainer.wait_for_message(READY)
    trainer.wait_for_step(0)
    before = float(trainer.tile("train").split()[0])
    trainer.button("Start").click()
    trainer.wait_for_step(100)
    assert trainer.page.evaluate("document.activeElement.textContent") == "Pause"
    trainer.button("Pause").click()
    trainer.wait("document.querySelector('.buttons button').textContent === 'Start'")
    trainer.page.wait_for_timeout(300)
    assert float(trainer.tile("train").split()[0]) > before + 50
    assert trainer.tile("information") != "–" and trainer.tile("entropy") != "–"

    taken = int(trainer.tile("step").replace(",", ""))
    trainer.button("One step").click()
    trainer.wait_for_step(taken + 1)
    assert int(trainer.tile("step").replace(",", "")) == taken + 1

    words = trainer.root.locator(".words")
    trainer.root.get_by_role("spinbutton", name="a", exact=True).fill("7")
    trainer.root.get_by_role("spinbutton", name="b", exact=True).fill("20")
    assert "7 + 20 = " in words.inner_text() and "20 + 7 = " in words.inner_text()
    trainer.root.get_by_role("spinbutton", name="b", exact=True).fill("23")
    assert words.inner_text() == "Type two whole numbers from 0 to 22."
    label = trainer.root.locator("canvas").get_attribute("aria-label")
    assert re.search(r"23 × 23 answers at step \d+: training pairs \d+ of 423 right", label)

    assert trainer.root.get_by_role("slider", name="modulus p").is_disabled()
    trainer.button("Reset").click()
    trainer.wait("document.querySelector('.tile.step strong').textContent === '0'")
    assert trainer.root.get_by_role("slider", name="modulus p").is_enabled()


def test_what_changes_on_the_way_is_marked(open_page):
    trainer = open_page(address="training=perturbed&p=23&share=80&l1=0.5&l2=0.4")
    trainer.wait_for_message(READY)
    trainer.wait_for_step(0)
    trainer.button("Start").click()
    trainer.wait_for_step(40)
    slider = trainer.root.get_by_role("slider", name="noise λ₂")
    slider.focus()
    trainer.page.keyboard.press("ArrowLeft")
    trainer.wait("document.querySelectorAll('.line.change').length >= 4")
    trainer.button("Pause").click()
    label = trainer.root.locator(".panel svg").first.get_attribute("aria-label")
    assert re.search(r"At step \d+ noise λ₂ set to 0\.35", label)
    assert "l2=0.35" in trainer.page.evaluate("location.hash")


def test_a_diverging_setting_is_named_and_the_last_good_state_kept(open_page):
    trainer = open_page(address="training=standard&p=23&share=80&lr=1&decay=5&seed=0")
    trainer.wait_for_message(READY)
    trainer.wait_for_step(0)
    trainer.button("Start").click()
    trainer.wait_for_message("The loss is not a number (NaN) after step ")
    said = re.search(r"back at step ([\d,]+), the last good one", trainer.message())
    trainer.page.wait_for_timeout(500)
    assert said and trainer.tile("step") == said[1]
    assert trainer.button("Start").is_visible()
    assert "NaN" not in trainer.root.locator(".tiles").inner_text()


def test_a_hidden_page_pauses(open_page):
    trainer = open_page()
    trainer.wait_for_message(READY)
    trainer.wait_for_step(0)
    trainer.button("Start").click()
    trainer.wait_for_step(20)
    trainer.page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    trainer.wait_for_message("Paused, because the page was hidden")
    trainer.wait("document.querySelector('.buttons button').textContent === 'Start'")
    trainer.page.wait_for_timeout(300)
    step = trainer.tile("step")
    trainer.page.wait_for_timeout(500)
    assert trainer.tile("step") == step


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("WebAssembly.validate = () => false;", "This browser has no WebAssembly SIMD"),
        ("delete globalThis.WebAssembly;", "This browser has no WebAssembly SIMD"),
        ("globalThis.Worker = undefined;", "This browser lets the page start no worker"),
        (
            "globalThis.Worker = class { constructor() { throw new Error('refused'); } };",
            "This browser lets the page start no worker",
        ),
    ],
)
def test_what_a_browser_lacks_is_one_sentence(open_page, before, said):
    trainer = open_page(before=before)
    trainer.wait_for_message(said)
    assert trainer.button("Start").is_disabled()


def test_a_wrong_address_is_told_on_the_page(open_page):
    trainer = open_page(address="p=7")
    trainer.wait_for_message("In the page’s address modulus p is “7”")
    trainer.wait_for_step(0)
    assert trainer.root.get_by_role("slider", name="modulus p").input_value() == "31"
    trainer.page.evaluate("location.hash = '#p=29&share=80'")
    trainer.wait_for_message(READY)
    assert trainer.root.get_by_role("slider", name="modulus p").input_value() == "29"


def test_a_phone_scrolls_in_one_direction_and_every_control_has_a_name(open_page):
    trainer = open_page(mode="phone")
    trainer.wait_for_message(READY)
    trainer.wait_for_step(0)
    width = trainer.page.evaluate("document.documentElement.scrollWidth")
    assert width <= trainer.page.viewport_size["width"]
    nameless = trainer.page.evaluate(
        """() => [...document.querySelectorAll(".in-page-training :is(input, select, button)")]
            .filter((node) => !node.ariaLabel && !node.textContent.trim() && !node.labels?.length)
            .map((node) => node.outerHTML)"""
    )
    assert not nameless


def test_the_widget_carries_the_kernel_and_no_host():
    widget = train_in_the_page()
    assert widget.kernel[:4] == b"\0asm"
    assert json.dumps(widget.references)
    assert not re.search(r"https?://(?!www\.w3\.org)", widget._esm + widget.worker)
