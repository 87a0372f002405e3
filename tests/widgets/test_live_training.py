"""Live training: the Python object without a browser, and its JavaScript without a kernel."""

import dataclasses
import math
import threading
import time

import numpy as np
import pandas as pd
import pytest
from browsing import MODES, Reader, saved_page
from jupyter_client.manager import start_new_kernel

from grokbook import InputError, experiment, train
from grokbook.tasks.modular import ModularAddition
from grokbook.widgets import train_live
from grokbook.widgets.live_training import LiveTraining, drawn_rows

NAME = "modadd-standard"


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    """What `train` logs of the run that the tests start, every metric included."""
    return train(experiment(NAME, "smoke", 1)).log


@pytest.fixture(scope="module")
def log(whole) -> pd.DataFrame:
    """The columns that a live run measures."""
    return whole.loc[:, :"norm_unembedding"]


@pytest.fixture(scope="module")
def recorded(whole) -> pd.DataFrame:
    return whole.assign(experiment=NAME, seed=1)


@pytest.fixture
def live(recorded) -> LiveTraining:
    return train_live(recorded, preset="smoke")


def at_row(live: LiveTraining, count: int, do) -> None:
    """Do something, in the thread that trains, when so many rows are drawn."""
    live.observe(lambda change: do() if len(change["new"]) == count else None, "rows")


def receive(live: LiveTraining, **content) -> None:
    """What the kernel does with a message from the page."""
    live._handle_custom_msg(content, [])


def test_before_a_start_the_given_run_is_drawn(live, log):
    assert (live.status, live.title) == ("idle", f"{NAME}, seed 1, recorded")
    assert live.steps == 200 and live.rows == drawn_rows(log) and live.log.empty
    steps, train_accuracy, test_accuracy, norm = np.array(live.rows).T
    np.testing.assert_array_equal(steps, log["step"])
    np.testing.assert_allclose(train_accuracy, log["train_accuracy"], atol=5e-5)
    np.testing.assert_allclose(test_accuracy, log["test_accuracy"], atol=5e-5)
    np.testing.assert_allclose(norm, log["weight_norm"], atol=5e-5)


def test_of_several_runs_the_first_is_drawn(recorded):
    other = recorded.assign(seed=2, test_accuracy=0.5)
    assert train_live(pd.concat([recorded, other])).rows == drawn_rows(recorded)


def test_a_run_has_the_bits_of_train_and_leaves_the_kernel_free(live, log):
    threads = []
    at_row(live, 3, lambda: threads.append(threading.current_thread()))
    live.start(NAME, 1)
    assert live.status == "training" and live.message == f"Training {live.title}."
    live.wait()
    assert threads and threads[0] is not threading.main_thread()
    pd.testing.assert_frame_equal(live.log, log, check_exact=True)
    assert live.rows == drawn_rows(log) and live.step == 200
    accuracy = f"{log['test_accuracy'].iloc[-1]:.1%}".replace("%", " %")
    assert live.status == "finished"
    assert live.message.startswith("Finished: 200 steps in ")
    assert live.message.endswith(f"test accuracy {accuracy}.")


def test_paused_and_resumed_it_has_the_same_bits(live, log):
    paused_at = []
    for count in (3, 7):
        at_row(live, count, live.pause)
    live.start(NAME, 1)
    for _ in range(2):
        live.wait()
        assert live.status == "paused" and 0 < live.step < 200
        assert live.message == f"Paused at step {live.step} of 200."
        paused_at.append((live.step, len(live.rows)))
        pd.testing.assert_frame_equal(live.log, log[log["step"] <= live.step], check_exact=True)
        time.sleep(0.02)
        assert live.step == paused_at[-1][0], "nothing trains while it is paused"
        live.resume()
    live.wait()
    assert paused_at == [(log["step"][2], 3), (log["step"][6], 7)]
    assert live.status == "finished"
    pd.testing.assert_frame_equal(live.log, log, check_exact=True)


def test_rows_are_drawn_once_when_a_run_goes_on(live):
    lengths = []
    live.observe(lambda change: lengths.append(len(change["new"])), "rows")
    at_row(live, 4, live.pause)
    live.start(NAME, 1)
    live.wait()
    live.resume()
    live.wait()
    assert lengths == list(range(len(live.log) + 1))


def test_stopped_it_keeps_its_curves_and_makes_room_for_another(live, log):
    at_row(live, 3, live.stop)
    live.start(NAME, 1)
    live.wait()
    assert live.status == "stopped" and live.message == f"Stopped at step {log['step'][2]} of 200."
    assert len(live.rows) == len(live.log) == 3
    assert live._trainer is None
    live.unobserve_all("rows")
    live.start(NAME, 1)
    live.wait()
    pd.testing.assert_frame_equal(live.log, log, check_exact=True)


def test_stopped_while_paused(live):
    at_row(live, 3, live.pause)
    live.start(NAME, 1)
    live.wait()
    live.stop()
    assert live.status == "stopped" and live._trainer is None
    with pytest.raises(InputError, match="The run is stopped"):
        live.resume()


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda live: live.start("modmul", 0), "There is no experiment 'modmul'; known are"),
        (lambda live: live.start(NAME, -1), "seed is -1, but must be at least 0"),
        (lambda live: live.start(NAME, 0.5), "seed is 0.5, but must be a whole number"),
        (lambda live: live.pause(), "The run is idle"),
        (lambda live: live.resume(), "The run is idle"),
        (lambda live: live.stop(), "The run is idle"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(live, do, words):
    with pytest.raises(InputError) as caught:
        do(live)
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")
    assert live.status == "idle" and live.rows, "what was drawn stays"


def test_a_second_start_is_refused_while_one_trains(live):
    refusals = []

    def start_again() -> None:
        with pytest.raises(InputError) as caught:
            live.start(NAME, 2)
        refusals.append(str(caught.value))

    at_row(live, 2, start_again)
    live.start(NAME, 1)
    live.wait()
    assert len(refusals) == 1 and "The run is training" in refusals[0]
    assert live.status == "finished" and live.title.endswith("seed 1")


def test_messages_of_the_page_do_what_the_methods_do(live, log):
    answers = []
    live.send = answers.append
    receive(live, do="greet")
    assert answers == [{"here": True}]
    receive(live, do="start", name=NAME, seed=None)
    assert live.status == "idle" and live.message == "seed is None, but must be a whole number."
    receive(live, do="wait", seconds=9)
    receive(live, do="_leave")
    receive(live, something="else")
    assert live.status == "idle", "what it does not know it does not do"
    at_row(live, 3, lambda: receive(live, do="pause"))
    receive(live, do="start", name=NAME, seed=1)
    live.wait()
    assert live.status == "paused"
    receive(live, do="pause")
    assert live.message == "The run is paused, which does not allow this; it must be training."
    receive(live, do="resume")
    live.wait()
    pd.testing.assert_frame_equal(live.log, log, check_exact=True)


def test_missing_data_are_said_in_one_sentence(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("GROKBOOK_DATA", str(tmp_path))
    live = train_live(recorded, preset="quick")
    live.start("mnist-standard", 0)
    live.wait()
    assert live.status == "failed" and "there is no train-images-idx3-ubyte.gz" in live.message
    assert live.message.endswith(".") and "\n" not in live.message


def test_any_other_error_is_said_too(live, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("not enough\nby far")

    monkeypatch.setattr("grokbook.widgets.live_training.Trainer.run_until", fail)
    live.start(NAME, 1)
    live.wait()
    assert live.status == "failed"
    assert live.message == "Training failed with MemoryError: not enough."
    monkeypatch.undo()
    live.start(NAME, 1)
    live.wait()
    assert live.status == "finished", "the next run is as if nothing had been"


def test_a_diverging_run_says_so(live, monkeypatch):
    def diverge(trainer, *_, **__):
        trainer.taken, trainer.seeds[0].diverged = 12, True

    monkeypatch.setattr("grokbook.widgets.live_training.Trainer.run_until", diverge)
    live.start(NAME, 1)
    live.wait()
    assert live.status == "diverged" and live.step == 12
    assert live.message == "Diverged at step 12 of 200: the loss is not finite any more."


def test_what_cannot_be_made(recorded):
    with pytest.raises(ValueError, match="needs a run to draw"):
        train_live(recorded.head(0))
    with pytest.raises(InputError, match="There is no preset 'big'"):
        train_live(recorded, preset="big")


def test_runs_have_the_settings_of_the_reader(recorded):
    settings = {"p": 7, "train_fraction": 0.6, "weight_decay": 0.5, "lambda_1": 0.2}
    live = train_live(recorded, preset="smoke", settings=settings)
    name = "modadd-perturbed"
    live.start(name, 1)
    live.wait()
    usual = experiment(name, "smoke", 1)
    mine = dataclasses.replace(
        usual,
        dataset=ModularAddition(7, 0.6, 1),
        optimizer=dataclasses.replace(usual.optimizer, weight_decay=0.5),
        strategy=dataclasses.replace(usual.strategy, lambda_1=0.2),
    )
    assert live.recipe(name, 1) == mine
    expected = train(mine).log.loc[:, :"norm_unembedding"]
    pd.testing.assert_frame_equal(live.log, expected, check_exact=True)
    changes = "smoke, p 7, train_fraction 0.6, weight_decay 0.5, lambda_1 0.2"
    assert live.title == f"{name} ({changes}), seed 1"


def test_settings_leave_what_has_none_as_it_is(recorded):
    live = train_live(recorded, settings={"p": 61, "lambda_2": 0.1, "weight_decay": 0.5})
    assert live.recipe("modadd-no-decay").optimizer.weight_decay == 0
    assert live.recipe("mnist-standard").dataset == experiment("mnist-standard", "quick").dataset
    assert live.recipe("modadd-abelian").strategy == experiment("modadd-abelian").strategy


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"q": 3}, "q is not a setting to change; known are p, train_fraction, weight_decay"),
        ({"p": 1}, "p is 1, but must be at least 2"),
        ({"train_fraction": 1.5}, "train_fraction is 1.5, but must lie in (0, 1]"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0, but must be finite and at least 0"),
        ({"lambda_1": -0.1}, "lambda_1 is -0.1, but must be finite and at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(recorded, settings, words):
    with pytest.raises(InputError) as caught:
        train_live(recorded, settings=settings)
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")


def test_readers_of_text_get_one_sentence(live):
    data, _ = live._repr_mimebundle_()
    assert data["text/plain"].startswith("Live training: start, pause and stop")
    assert data["text/plain"].endswith(f"{live.title}.")
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_kernel_answers_while_it_trains():
    """In a real kernel: other cells run at once, and leaving does not wait for the run's end."""
    manager, client = start_new_kernel(kernel_name="python3")

    def ask(code: str) -> str:
        said = []
        reply = client.execute_interactive(
            code, timeout=60, output_hook=lambda m: said.append(m["content"].get("text", ""))
        )["content"]
        assert reply["status"] == "ok", reply
        return "".join(said).strip()

    try:
        ask(
            "import pandas as pd\nfrom grokbook.widgets import train_live\n"
            "run = pd.DataFrame({'experiment': 'a', 'seed': 0, 'step': [0], 'train_accuracy': 0.0,"
            " 'test_accuracy': 0.0, 'weight_norm': 1.0})\n"
            "live = train_live(run, preset='quick')\nlive.start('modadd-standard')"
        )
        steps, waits = [], []
        while len(waits) < 40 or steps[-1] == steps[0]:
            assert len(waits) < 1200, "it does not train"
            began = time.monotonic()
            steps.append(int(ask("print(live.step)")))
            waits.append(time.monotonic() - began)
            time.sleep(0.05)
        assert np.median(waits) < 0.5
        assert ask("print(live.status)") == "training"
        began = time.monotonic()
        manager.shutdown_kernel()
        assert time.monotonic() - began < 15
    finally:
        client.stop_channels()
        if manager.is_alive():
            manager.shutdown_kernel(now=True)


# The page ---------------------------------------------------------------------------------------


@pytest.mark.pages
@pytest.mark.parametrize("mode", MODES)
def test_a_page_without_a_kernel_says_so_and_draws_a_run(browser, tmp_path, live, mode):
    file = tmp_path / "page.html"
    file.write_text(saved_page([live]), encoding="utf-8")
    reader = Reader(browser, file, mode)
    root = reader.page.locator(".live-training")
    assert root.get_by_text("Training needs a kernel").is_visible()
    assert not root.get_by_role("button").count() and not root.get_by_role("progressbar").count()
    assert root.get_by_text(f"{NAME}, seed 1, recorded").is_visible()
    for name in ("train", "test", "norm"):
        points = root.locator(f".curve.{name}").get_attribute("d").count("L") + 1
        assert points == len(live.rows)
    assert not reader.outside and not reader.failed and not reader.errors
    reader.context.close()


FAKE = """
async ([source, values, offline]) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const { default: widget, ...functions } = await import(url);
    const listeners = {};
    globalThis.functions = functions;
    globalThis.sent = [];
    globalThis.fire = (event, ...given) => (listeners[event] ?? []).forEach((f) => f(...given));
    globalThis.model = {
        get: (name) => values[name],
        on: (event, listener) => (listeners[event] ??= []).push(listener),
        send: (message) => sent.push(message),
        set(changes) {
            Object.assign(values, changes);
            Object.keys(changes).forEach((name) => fire(`change:${name}`));
        },
    };
    const el = document.createElement("div");
    document.body.replaceChildren(el);
    widget.render({ model, el, offline });
}
"""
TRAITS = ("preset", "names", "status", "message", "step", "title", "steps", "rows")


class Page:
    """The widget in a browser, with the test as its kernel."""

    def __init__(self, browser, live) -> None:
        self.page = browser.new_page()
        self.page.clock.install()
        self.values = {name: getattr(live, name) for name in TRAITS}
        self.page.evaluate(FAKE, [LiveTraining._esm, self.values, None])
        self.page.clock.run_for(100)
        self.root = self.page.locator(".live-training")

    def button(self, name: str):
        return self.root.get_by_role("button", name=name)

    def sent(self) -> list:
        return self.page.evaluate("() => sent.splice(0)")

    def change(self, **values) -> None:
        self.page.evaluate("(values) => model.set(values)", values)
        self.page.clock.run_for(100)


@pytest.fixture
def shown(browser, live):
    page = Page(browser, live)
    yield page
    page.page.close()


@pytest.mark.pages
def test_buttons_ask_the_kernel(shown):
    assert shown.sent() == [{"do": "greet"}]
    shown.root.get_by_role("combobox", name="Experiment").select_option("mnist-standard")
    shown.root.get_by_role("spinbutton", name="seed").fill("7")
    shown.button("Stop").click(force=True)
    shown.button("Start").press("Enter")
    assert shown.sent() == [{"do": "start", "name": "mnist-standard", "seed": 7}]

    shown.change(status="training", step=1234, steps=6000, message="Training it.")
    assert shown.root.get_by_role("combobox", name="Experiment").is_disabled()
    assert shown.root.get_by_role("status").inner_text() == "Training it."
    assert shown.root.get_by_text("step 1,234 of 6,000").is_visible()
    bar = shown.root.get_by_role("progressbar", name="Steps trained")
    assert bar.evaluate("(bar) => bar.value / bar.max") == pytest.approx(1234 / 6000)
    shown.button("Pause").click()
    assert shown.sent() == [{"do": "pause"}]

    shown.change(status="pausing")
    assert shown.button("Pausing").get_attribute("aria-disabled") == "true"
    shown.button("Pausing").click(force=True)
    assert shown.sent() == []
    shown.change(status="paused")
    shown.button("Resume").click()
    shown.button("Stop").click()
    assert shown.sent() == [{"do": "resume"}, {"do": "stop"}]
    shown.change(status="stopped")
    assert shown.button("Start").get_attribute("aria-disabled") == "false"


@pytest.mark.pages
def test_the_keyboards_focus_stays_on_the_button(shown):
    shown.button("Start").focus()
    for status in ("training", "pausing", "paused", "training", "stopping", "stopped"):
        shown.change(status=status)
        assert shown.page.evaluate("() => document.activeElement.tagName") == "BUTTON"


@pytest.mark.pages
def test_curves_grow_with_the_log(shown, live):
    rows = live.rows
    shown.change(rows=rows[:3], title="a live run", steps=200)
    curve = shown.root.locator(".curve.test")
    short = curve.get_attribute("d")
    assert short.count("L") == 2
    drawing = shown.root.get_by_role("img").first.get_attribute("aria-label")
    assert "a live run" in drawing and f"Step {rows[2][0]}" in drawing
    shown.change(rows=rows[:4])
    assert curve.get_attribute("d").startswith(short), "the axis is the whole run's from the start"
    shown.change(rows=[])
    assert curve.count() == 0
    assert "Nothing is logged yet" in shown.root.get_by_role("img").last.get_attribute("aria-label")


@pytest.mark.pages
def test_the_curves_are_read_and_made_logarithmic(shown, live):
    cursor = shown.root.get_by_role("slider", name="Training step to read at")
    cursor.press("End")
    step, *accuracies, norm = live.rows[-1]
    train, test = (f"{100 * accuracy:.1f} %" for accuracy in accuracies)
    reading = shown.root.locator(".reading").inner_text()
    assert reading.startswith(f"Step {step}: train {train}, test {test}, weight norm {norm:.4g}")
    assert cursor.get_attribute("aria-valuetext") == reading
    assert shown.root.locator(".cursor circle").count() == 3
    shown.root.get_by_label("logarithmic steps").press("Space")
    shown.page.clock.run_for(100)
    points = shown.root.locator(".curve.test").get_attribute("d")
    assert points.count("L") == len(live.rows) - 2, "without step 0"
    assert "NaN" not in points and "Infinity" not in points


@pytest.mark.pages
def test_what_is_read_is_the_nearest_logged_row(shown):
    rows = [[0, 0.1], [10, 0.2], [30, 0.3]]
    nearest = "([rows, t]) => functions.nearest(rows, t)[0]"
    for t, step in ((-1, 0), (0, 0), (4.9, 0), (5.1, 10), (19, 10), (21, 30), (math.pi * 99, 30)):
        assert shown.page.evaluate(nearest, [rows, t]) == step


@pytest.mark.pages
def test_a_kernel_that_does_not_answer_is_missed_and_one_that_does_is_not(shown):
    """A notebook shown with saved widgets and no kernel; and a kernel that was busy."""
    sentence = shown.root.get_by_text("Training needs a kernel")
    assert sentence.is_hidden() and shown.button("Start").is_visible()
    shown.page.clock.run_for(6000)
    assert sentence.is_visible() and shown.button("Start").count() == 0
    shown.page.evaluate("() => fire('msg:custom', { here: true })")
    assert sentence.is_hidden() and shown.button("Start").is_visible()


@pytest.mark.pages
def test_an_answer_in_time_keeps_the_buttons(shown):
    shown.page.evaluate("() => fire('msg:custom', { here: true })")
    shown.page.clock.run_for(6000)
    assert shown.button("Start").is_visible()
