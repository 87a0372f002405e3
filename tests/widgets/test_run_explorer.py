"""The explorer of recorded runs: what it packs into the page, and what the page reads."""

import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from browsing import Reader, functions_of, saved_page

from grokbook.analysis.moments import median_moments
from grokbook.experiments.named import CONTROLS, EXPERIMENTS, task_of, training_of
from grokbook.figures.style import LABELS
from grokbook.store.reading import load_runs
from grokbook.tasks.images import Digits
from grokbook.tasks.modular import ModularAddition
from grokbook.widgets import recorded_runs_explorer
from grokbook.widgets import run_explorer as module
from grokbook.widgets._front_end import HERE
from grokbook.widgets.run_explorer import LEVELS, METRICS, Range, encode_runs

COLUMNS = [column for columns in METRICS.values() for column in columns]
MODADD_ONLY = [column for column in COLUMNS if "abelian" in column or "mirrored" in column]


def run(name: str, seed: int, last: int = 1000) -> pd.DataFrame:
    """A run that logs everything every 40 steps and the accuracies and norms every 10."""
    source = np.random.default_rng([seed, len(name)])
    steps = np.arange(0, last + 1, 10)
    rise = 1 / (1 + np.exp(-(steps - 400 - 60 * seed) / 30))
    table = {"seed": seed, "step": steps}
    for column in COLUMNS:
        if name.startswith("mnist") and column in MODADD_ONLY:
            continue
        noise = source.uniform(0.5, 1, len(steps))
        if "accuracy" in column:
            table[column] = rise * noise
        elif column == "sharpness":
            table[column] = 10 ** (6 * noise - 4)
        elif "difference" in column:
            table[column] = np.where(steps == 0, 0.0, noise)
        else:
            table[column] = 40 * noise
        if column not in ("train_accuracy", "test_accuracy", "weight_norm"):
            table[column] = np.where(steps % 40, np.nan, table[column])
    table["train_accuracy"] = np.where(steps < 100 + 10 * seed, rise, 1.0)
    table["test_accuracy"] = np.where(steps > 700 + 40 * seed, 1.0, rise * 0.7)
    return pd.DataFrame(table)


@pytest.fixture(scope="module")
def runs() -> dict[str, pd.DataFrame]:
    """Every experiment with five seeds and every control with three, as will be recorded."""
    seeds = dict.fromkeys(EXPERIMENTS, range(5)) | dict.fromkeys(CONTROLS, range(3))
    tables = {name: pd.concat([run(name, k) for k in own]) for name, own in seeds.items()}
    # A run whose test accuracy never stays high, one that never fits, one that ends early.
    never = tables["modadd-no-decay"]
    never.loc[:, "test_accuracy"] = 0.2
    early = tables["mnist-l1"]
    early.loc[early["seed"] == 1, "train_accuracy"] = 0.5
    stopped = tables["modadd-l1"]
    tables["modadd-l1"] = stopped[(stopped["seed"] != 2) | (stopped["step"] <= 500)]
    return tables


def decoded(catalogue, grids, values) -> dict[tuple[str, str, int, str], pd.Series]:
    """What `encode_runs` packed, by task, training, seed and column."""
    codes = np.frombuffer(values, "<u2").astype(float) / LEVELS
    curves = {}
    for task in catalogue:
        for training in task["trainings"]:
            for entry in training["runs"]:
                for metric in task["metrics"]:
                    column = metric["column"]
                    if column not in entry["curves"]:
                        continue
                    grid, place = entry["curves"][column]
                    share = codes[place : place + len(grids[grid])]
                    low, high = metric["low"], metric["high"]
                    if metric["ratios"]:
                        curve = low * (high / low) ** share
                    else:
                        curve = low + (high - low) * share
                    key = (task["task"], training["label"], entry["seed"], column)
                    curves[key] = pd.Series(curve, grids[grid])
    return curves


def keys(runs):
    """The key of `decoded` for each curve that was logged, with that curve."""
    for name, table in runs.items():
        training = training_of(name)
        label = module.TRAININGS.get(training, training)
        for seed, own in table.groupby("seed"):
            for column in COLUMNS:
                if column in own and own[column].notna().any():
                    key = (task_of(name).title, label, seed, column)
                    yield key, own.set_index("step")[column].dropna()


def test_every_logged_value_of_every_run_is_there_to_the_stated_precision(runs):
    catalogue, grids, values = encode_runs(runs)
    found, logged = decoded(catalogue, grids, values), dict(keys(runs))
    assert found.keys() == logged.keys()
    assert sum(len(curve) for curve in found.values()) * 2 == len(values), "and nothing else"
    ranges = {
        (task["task"], metric["column"]): metric for task in catalogue for metric in task["metrics"]
    }
    for (task, *rest, column), curve in logged.items():
        packed = found[(task, *rest, column)]
        assert packed.index.tolist() == curve.index.tolist()
        low, high, ratios = (ranges[task, column][key] for key in ("low", "high", "ratios"))
        assert ratios == (column == "sharpness")
        error = np.abs(packed - curve)
        if ratios:
            assert (error <= ((high / low) ** (1 / (2 * LEVELS)) - 1) * curve * (1 + 1e-6)).all()
        else:
            assert (error <= (high - low) / (2 * LEVELS) * (1 + 1e-6)).all()


def test_a_hundred_percent_stays_a_hundred_percent(runs):
    curves = decoded(*encode_runs(runs))
    full = [curve for (*_, column), curve in curves.items() if column == "train_accuracy"]
    assert sum((curve == 1).any() for curve in full) == len(full) - 1, "all but the unfitted run"


def test_moments_are_those_of_the_runs(runs):
    catalogue, *_ = encode_runs(runs)
    found = {
        (task["task"], training["label"], entry["seed"]): (entry["train_100"], entry["grokked"])
        for task in catalogue
        for training in task["trainings"]
        for entry in training["runs"]
    }
    assert found["Modulo addition", "standard", 3] == (130.0, 830.0)
    assert found["Modulo addition", "no decay", 0] == (100.0, None)
    assert found["MNIST", "ℓ₁ decay", 1] == (None, 750.0)
    assert found["Modulo addition", "ℓ₁ decay", 2] == (120.0, None)
    assert len(found) == sum(table["seed"].nunique() for table in runs.values()) == 43
    thresholds = {task["task"]: task["threshold"] for task in catalogue}
    assert thresholds == {"MNIST": 0.8, "Modulo addition": 0.99}


def test_the_page_stays_small():
    """With five seeds of every experiment and three of every control, as long as the recorded."""
    tables = {}
    for name in (*EXPERIMENTS, *CONTROLS):
        recorded = load_runs(f"{name.partition('-')[0]}-standard", "paper", [0])
        seeds = range(5) if name in EXPERIMENTS else range(3)
        tables[name] = pd.concat([recorded.assign(seed=seed) for seed in seeds])
    assert len(saved_page([recorded_runs_explorer(tables)])) < 600_000


def test_ranges():
    assert Range.of(np.array([2.0, 199.0]), False) == Range(2.0, 199.0, False)
    assert Range.of(np.array([2.0, 201.0]), False) == Range(2.0, 201.0, True)
    assert Range.of(np.array([-2.0, 2000.0]), False).logarithmic is False
    assert Range.of(np.array([0.2, 0.7]), True) == Range(0.0, 1.0, False)
    assert Range(5.0, 5.0, False).encode(np.array([5.0, 5.0])).tolist() == [0, 0]
    assert Range(1.0, 10.0**4, True).encode(np.array([1.0, 100.0, 10.0**4]))[1] in (32767, 32768)


def test_values_that_are_not_finite_have_no_step():
    table = run("modadd-standard", 0)
    table.loc[table["step"] == 40, "sharpness"] = math.inf
    table.loc[table["step"] == 80, "weight_norm"] = math.nan
    curves = decoded(*encode_runs({"modadd-standard": table}))
    by_column = {column: curve for (*_, column), curve in curves.items()}
    assert 40 not in by_column["sharpness"].index and 80 in by_column["sharpness"].index
    assert 80 not in by_column["weight_norm"].index


def test_metrics_have_the_figures_names(runs):
    catalogue, *_ = encode_runs(runs)
    mnist, modadd = catalogue
    assert {m["column"]: m["label"] for m in modadd["metrics"]} == {c: LABELS[c] for c in COLUMNS}
    assert [m["column"] for m in mnist["metrics"]] == [c for c in COLUMNS if c not in MODADD_ONLY]
    labels = [training["label"] for training in modadd["trainings"]]
    assert labels == [
        "standard", "perturbed", "abelian degrok", "no decay", "ℓ₁ decay",
        "pairs and mirror images",
    ]  # fmt: skip


def test_input_that_makes_no_sense_is_refused(runs):
    table = runs["mnist-standard"]
    with pytest.raises(ValueError, match="at least one run"):
        recorded_runs_explorer({})
    with pytest.raises(ValueError, match="at least one run"):
        recorded_runs_explorer({"mnist-standard": table.head(0)})
    with pytest.raises(ValueError, match="no experiment 'cifar-standard'"):
        recorded_runs_explorer({"cifar-standard": table})


def test_runs_of_your_own_are_labelled_by_their_names(runs):
    table = runs["modadd-standard"]
    both = {"modadd-standard": table, "my loop": table}
    with pytest.raises(ValueError, match="no experiment 'my loop'"):
        recorded_runs_explorer(both)
    drawing = recorded_runs_explorer(both, own_task=ModularAddition(97, 0.4)).children[1]
    assert [each["task"] for each in drawing.catalogue] == ["Modulo addition"]
    assert drawing.trainings == ["standard", "my loop"]
    other = recorded_runs_explorer({"theirs": table}, own_task=Digits()).children[1]
    assert (other.task, other.trainings) == (Digits().title, ["theirs"])
    assert other.catalogue[0]["threshold"] == Digits().grokked


def test_readers_of_text_get_one_sentence(runs):
    bundle = recorded_runs_explorer(runs)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Interactive drawing of 43 recorded runs: choose task")
    assert bundle["text/plain"].endswith(".") and "\n" not in bundle["text/plain"]


def test_the_same_runs_give_the_same_page(runs):
    shuffled = {name: table.sample(frac=1, random_state=1) for name, table in runs.items()}
    assert encode_runs(shuffled) == encode_runs(runs)


@pytest.fixture
def reader(browser, tmp_path, runs):
    file = tmp_path / "page.html"
    file.write_text(saved_page([recorded_runs_explorer(runs)]), encoding="utf-8")
    reader = Reader(browser, file)
    yield reader
    assert not reader.outside and not reader.failed and not reader.errors
    reader.context.close()


def test_every_training_of_a_task_has_colour_and_dashes_of_its_own():
    sheet = (HERE / "run_explorer.css").read_text(encoding="utf-8")
    rules = re.findall(r"^\.run-explorer \.training-(\d) \{([^}]*)\}", sheet, re.MULTILINE)
    assert [int(place) for place, _ in rules] == list(range(len(rules)))
    assert len({rule for _, rule in rules}) == len(rules)
    assert f"training-${{k % {len(rules)}}}" in module.RunExplorer._esm
    most = Counter(task_of(name).title for name in EXPERIMENTS | CONTROLS)
    assert max(most.values()) <= len(rules)


@pytest.fixture
def script(browser):
    """The functions of the widget's module, in a browser."""
    with functions_of(module.RunExplorer, browser) as page:
        yield page


@pytest.mark.pages
def test_the_page_unpacks_what_was_packed(script, runs):
    catalogue, grids, values = encode_runs(runs)
    found = script.evaluate(
        """([catalogue, grids, values]) => {
            const bytes = new DataView(new Uint8Array(values).buffer);
            return catalogue.flatMap((task) => task.trainings.flatMap((training) =>
                training.runs.flatMap((run) => task.metrics.map((metric) => {
                    const curve = widget.curveOf(run, metric, grids, bytes);
                    const key = [task.task, training.label, run.seed, metric.column];
                    return [key, curve?.steps ?? null, curve?.values ?? null];
                }))));
        }""",
        [catalogue, grids, list(values)],
    )
    expected = decoded(catalogue, grids, values)
    logged = {tuple(key): (steps, curve) for key, steps, curve in found if steps is not None}
    assert logged.keys() == expected.keys()
    for key, (steps, curve) in logged.items():
        assert steps == expected[key].index.tolist()
        np.testing.assert_allclose(curve, expected[key], rtol=1e-12)


@pytest.mark.pages
def test_summary_is_the_median_and_range_over_seeds(script):
    curves = [
        {"steps": [0, 10, 20], "values": [1, 5, 9]},
        {"steps": [0, 10, 30], "values": [3, 2, 8]},
        {"steps": [0, 10], "values": [7, 4]},
    ]
    tables = [pd.Series(each["values"], each["steps"]) for each in curves]
    table = pd.concat(tables, axis=1).sort_index()
    found = script.evaluate("(curves) => widget.summary(curves)", curves)
    assert found["steps"] == table.index.tolist()
    assert found["values"] == table.median(axis=1).tolist()
    assert found["low"] == table.min(axis=1).tolist()
    assert found["high"] == table.max(axis=1).tolist()


@pytest.mark.pages
def test_median_of_moments_is_that_of_the_figures(script, runs):
    catalogue, *_ = encode_runs(runs)
    modadd = next(task for task in catalogue if task["task"] == "Modulo addition")
    for training, name in zip(modadd["trainings"], [n for n in runs if "modadd" in n], strict=True):
        medians = median_moments(runs[name], [0.99])
        for key, moment in (("train_100", "train_100"), ("grokked", "test_99")):
            steps = [entry[key] for entry in training["runs"]]
            found = script.evaluate("(steps) => widget.medianStep(steps)", steps)
            expected = medians[moment]
            assert found == (None if math.isnan(expected) else expected), (name, key)
    some = "widget.medianStep([null, 30, null, 10])"
    assert script.evaluate(some) is None, "half of them never"
    assert script.evaluate("widget.medianStep([null, 30, 20, 10])") == 25


@pytest.mark.pages
def test_small_helpers(script):
    nearest = "([steps, t]) => widget.nearest(steps, t)"
    steps = [0, 10, 30]
    assert [script.evaluate(nearest, [steps, t]) for t in (-5, 4, 6, 21, 99)] == [0, 0, 1, 2, 2]
    assert script.evaluate("widget.listed([0, 1, 2, 4, 6, 7])") == "0–2, 4, 6–7"
    written = [["0.98765", True], ["12345.6", False], ["1.5", False], ["0.0000321", False]]
    texts = script.evaluate("(all) => all.map(([v, share]) => widget.written(+v, share))", written)
    assert texts == ["98.8", "12,346", "1.50", "3.2 × 10⁻⁵"]


class Explorer:
    """What a reader finds on the page of the runs."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.page = reader, reader.page
        self.root = self.page.locator(".run-explorer")

    def press(self, group: str, *labels: str) -> None:
        for label in labels:
            fieldset = self.root.get_by_role("group", name=group, exact=True)
            fieldset.get_by_label(label, exact=True).press("Space")
        self.reader.frame()

    def names(self) -> list[str]:
        return self.root.locator("section strong").all_inner_texts()

    def curves(self, panel: int = 0) -> list[str]:
        """Classes of the curves of one panel, without legends."""
        lines = self.root.locator("section").nth(panel).locator(".panel .curve").all()
        return [line.get_attribute("class").removeprefix("curve ") for line in lines]

    def drawing(self, panel: int = 0) -> str:
        section = self.root.locator("section").nth(panel)
        return section.get_by_role("img").get_attribute("aria-label")

    def status(self) -> str:
        return self.root.get_by_role("status").inner_text()


@pytest.fixture
def explorer(reader):
    return Explorer(reader)


TEST = "test accuracy, train accuracy dotted (%)"


@pytest.mark.pages
def test_the_page_starts_with_the_first_task(explorer):
    assert explorer.status() == ("MNIST, 10 runs: standard (seeds 0–4), perturbed (seeds 0–4).")
    assert explorer.names() == [TEST, "weight norm ‖W‖₂"]
    one = ["single"] * 5
    expected = [f"training-{k} {kind}".strip() for k in (0, 1) for kind in [*one, "beside", ""]]
    assert explorer.curves() == expected
    assert "Standard from" in explorer.drawing()
    assert explorer.root.get_by_label("logarithmic steps").is_checked(), "as in the figures"


@pytest.mark.pages
def test_trainings_metrics_seeds_and_task_change_the_curves(explorer):
    explorer.press("Trainings", "ℓ₁ decay")
    assert explorer.curves(1).count("training-3 single") == 3
    assert "ℓ₁ decay (seeds 0–2)" in explorer.status()
    explorer.press("Seeds", "0", "1", "2", "3")
    assert "ℓ₁ decay (none of these seeds)" in explorer.status()
    assert explorer.curves(1) == ["training-0", "training-1"], "one seed is its own median"
    explorer.press("Accuracy", "train accuracy")
    assert explorer.names()[0] == "test accuracy (%)"
    explorer.press("Weights and robustness", "sharpness Tr ∇²L", "weight norm ‖W‖₂")
    explorer.press("Information", "MID (nats)")
    assert explorer.names() == ["test accuracy (%)", "sharpness Tr ∇²L", "MID (nats)"]
    explorer.page.get_by_label("Modulo addition").check()
    explorer.reader.frame()
    assert explorer.names() == ["test accuracy (%)", "sharpness Tr ∇²L", "MID (nats)"]
    assert explorer.status().startswith("Modulo addition, 2 runs: standard (seed 4), perturbed")
    assert not explorer.root.get_by_label("logarithmic steps").is_checked()


@pytest.mark.pages
def test_choosing_nothing_says_so_and_can_be_undone(explorer):
    before = explorer.drawing()
    norm = ("Weights and robustness", "weight norm ‖W‖₂")
    for word, choices in {
        "training": [("Trainings", "standard", "perturbed")],
        "metric": [norm, ("Accuracy", "train accuracy", "test accuracy")],
        "seed": [("Seeds", "0", "1", "2", "3", "4")],
    }.items():
        for choice in choices:
            explorer.press(*choice)
        assert explorer.status() == f"No {word} is chosen."
        assert explorer.root.locator(".stack").is_hidden()
        for choice in choices:
            explorer.press(*choice)
    assert explorer.drawing() == before and explorer.root.locator(".stack").is_visible()


@pytest.mark.pages
def test_values_are_read_by_key_and_by_pointer(explorer, runs):
    slider = explorer.page.get_by_role("slider", name="Training step to read at")
    assert explorer.root.locator(".cursor circle").count() == 0
    slider.press("End")
    last = runs["mnist-standard"].query("step == 1000")
    median, low, high = (
        100 * getattr(last["test_accuracy"], f)() for f in ("median", "min", "max")
    )
    said = slider.get_attribute("aria-valuetext")
    assert said.startswith("Step 1,000. Test accuracy, train accuracy dotted (%): standard ")
    assert f"standard {median:.1f}, seeds {low:.1f} to {high:.1f}, train 100.0; perturbed" in said
    first = explorer.root.locator(".legend > *").first.inner_text()
    assert f"{median:.1f}" in first and "at step 1,000" in explorer.root.inner_text()
    assert explorer.root.locator(".cursor circle").count() == 4, "two trainings, two panels"
    for _ in range(4):
        slider.press("PageDown")
    middle = slider.get_attribute("aria-valuetext")
    assert middle != said and "step 1,000" not in explorer.root.locator(".reading").inner_text()
    box = slider.bounding_box()
    explorer.page.mouse.move(box["x"] + 1, box["y"] + box["height"] - 60)
    assert "Step 10;" in explorer.root.locator(".reading").inner_text()


@pytest.mark.pages
def test_moments_are_told_and_drawn(explorer):
    explorer.page.get_by_label("Modulo addition").check()
    explorer.press("Trainings", "no decay")
    rows = explorer.root.locator(".moment").all_inner_texts()
    assert [" ".join(row.split()) for row in rows] == [
        "standard train 100 % at 120, test 99 % from 790",
        "perturbed train 100 % at 120, test 99 % from 790",
        "no decay train 100 % at 110, test not above 99 % to stay",
    ]
    assert explorer.root.locator(".moment circle.train").count() == 3
    assert explorer.root.locator(".moment circle.test").count() == 2
    assert explorer.root.locator(".panel .line").count() == 6, "train 100 % in both panels"
    slider = explorer.page.get_by_role("slider", name="Training step to read at")
    assert "no decay: train 100 % at 110" in slider.get_attribute("aria-description")


@pytest.mark.pages
def test_axes_can_be_logarithmic(explorer):
    shape = explorer.root.locator(".panel .curve").first
    before = shape.get_attribute("d")
    explorer.root.get_by_label("logarithmic steps").press("Space")
    explorer.reader.frame()
    assert shape.get_attribute("d") != before
    explorer.press("Weights and robustness", "sharpness Tr ∇²L")
    explorer.press("Information", "MID (nats)")
    box = explorer.root.get_by_label("sharpness Tr ∇²L: logarithmic values")
    assert box.is_checked(), "as in Figure 2"
    curve = explorer.root.locator("section").nth(2).locator(".panel .curve").first
    before = curve.get_attribute("d")
    box.press("Space")
    explorer.reader.frame()
    assert curve.get_attribute("d") != before and "NaN" not in curve.get_attribute("d")
    hidden = explorer.root.get_by_label("MID (nats): logarithmic values")
    assert hidden.is_hidden(), "it is zero at the first step"
    drawn = [line.get_attribute("d") for line in explorer.root.locator(".panel path").all()]
    assert not [d for d in drawn if "NaN" in d or "Infinity" in d]
