import dataclasses

from grokbook import EXPERIMENTS, experiment
from grokbook.analysis.settings import IN_WORDS, every_field, main_settings


def of(task: str) -> dict:
    return {name: experiment(name, "paper") for name in EXPERIMENTS if name.startswith(task)}


def test_between_two_experiments_of_a_task_only_the_training_differs():
    for task in ("mnist", "modadd"):
        table = every_field(of(task))
        differ = [field for field in table.index if table.loc[field].nunique() > 1]
        assert differ and {field.split(".")[0] for field in differ} == {"strategy"}
        # so the words name all that differs, and no code
        assert not [row for row in main_settings(of(task)).index if "." in row or "_" in row]


def test_the_main_settings_are_those_of_the_fields():
    table = main_settings(of("mnist"))
    told = table["mnist-standard"]
    assert (told["learning rate"], told["weight decay"]) == ("0.001", "0.01")
    assert (told["steps"], told["batch size"]) == ("100,000", "200")
    assert told["widths of the hidden layers"] == "200, 200" and told["loss"] == "squared error"
    assert table.loc["training"].tolist() == ["standard", "perturbed"]
    assert table.loc["noise: λ₁"].tolist() == ["", "0.06"]
    modular = main_settings(of("modadd"))
    assert set(modular.loc["batch size"]) == {"all training points"}
    on_equals = IN_WORDS["strategy.noise_on_equals"]
    assert on_equals in modular.index and on_equals not in table.index, "an image has no such token"


def test_a_field_that_differs_is_named_even_without_words():
    one = experiment("modadd-standard", "smoke")
    log = dataclasses.replace(one.log, points=7)
    table = main_settings({"one": one, "other": dataclasses.replace(one, log=log)})
    assert table.loc["log.points"].tolist() == [str(one.log.points), "7"]
    assert (
        "log.dear_every" not in table.index and "log.dear_every" in every_field({"one": one}).index
    )


def test_every_words_are_those_of_a_field():
    known = set().union(*(every_field(of(task)).index for task in ("mnist", "modadd")))
    assert set(IN_WORDS) <= known
