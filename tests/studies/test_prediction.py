"""The study of prediction: twins on random labels, moments at their steps, and when a run ends."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from grokbook.analysis.prediction import moments, scores
from grokbook.experiments.schema import Experiment
from grokbook.optimizers.adamw import AdamW
from grokbook.studies import prediction
from grokbook.studies.study import Study, record
from grokbook.studies.tables import load_study
from grokbook.tasks.random_labels import RandomLabels
from grokbook.training.trainer import Trainer

RULES = prediction.STUDY.rules


class Tiny(Study):
    """The study's own rules, with networks that take a second."""

    @property
    def rules(self) -> dict:  # type: ignore[override]
        short = {"p": 7, "d": 8, "mlp": 16, "limit": 60, "tail": 5, "log_every": 5}
        measured = {
            "moments": [5, 10], "every_step_until": 4, "dense_until": 10, "samples": 5,
            "information_batch": 10, "directions": 3, "frequencies": 2,
        }  # fmt: skip
        return RULES | {
            "setting": RULES["setting"] | short | {"seeds": [90], "random_labels_after": 7},
            "measurement": RULES["measurement"] | measured,
        }


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Tiny:
    study = Tiny("prediction", prediction.plan, prediction.run_one)
    monkeypatch.setattr(prediction, "STUDY", study)
    return study


def test_every_setting_with_true_labels_has_a_twin_with_random_ones() -> None:
    arms = list(RULES["arms"])
    for arm in arms:
        if not arm.startswith("grok-"):
            continue
        true, random = prediction.recipe(arm, 100), prediction.recipe(f"random-{arm[5:]}", 100)
        assert isinstance(random.dataset, RandomLabels) and random.dataset.task == true.dataset
        assert (random.optimizer, random.model, random.seed) == (
            true.optimizer, true.model, true.seed,
        )  # fmt: skip
        assert isinstance(true.optimizer, AdamW)
        share, rate = true.dataset.train_fraction, true.optimizer.lr  # type: ignore[union-attr]
        words = RULES["arms"][arm]
        assert f"{100 * share:g} %" in words and f"decay {true.optimizer.weight_decay:g}" in words
        assert f"{rate:.0e}".replace("e-0", "e-") in words
    halves = [RULES["statistic"][f"{name}_seeds"] for name in ("choosing", "held_out")]
    assert sorted(halves[0] + halves[1]) == RULES["setting"]["seeds"]


def test_a_moment_holds_what_was_measured_at_that_very_step(tiny: Tiny) -> None:
    recipe = prediction.recipe("grok-40", 90)
    row = prediction.run_one(recipe, "test_accuracy", 2.0, 60, 5)
    assert row["status"] == "censored" and row["steps"] == 60
    assert row["look_step"][:7] == [0, 1, 2, 3, 4, 5, 10]
    for moment in ("5", "10"):
        at = row["look_step"].index(int(moment))
        assert row[f"mid_at_{moment}"] == row["look_mid"][at]
        assert math.isfinite(row[f"sharpness_at_{moment}"])
        assert row[f"train_loss_at_{moment}"] == pytest.approx(row["early_loss"][int(moment)])
    assert len(row["early_loss"]) == 11
    trainer = Trainer(recipe, compiled=False)
    losses = [float(trainer.step()) for _ in range(11)]
    assert row["early_loss"] == pytest.approx(losses, rel=1e-5)


def quick(recipe: Experiment) -> Experiment:
    assert isinstance(recipe.optimizer, AdamW)
    return replace(recipe, optimizer=replace(recipe.optimizer, lr=0.03))


def test_training_accuracy_100_is_the_first_step_of_it(tiny: Tiny) -> None:
    recipe = quick(prediction.recipe("few-10", 90))
    row = prediction.run_one(recipe, "test_accuracy", 2.0, 60, 5)
    trainer = Trainer(recipe, compiled=False)
    split, first = trainer.seeds[0].split, math.nan
    for step in range(60):
        right = trainer.network(split.train_x).argmax(dim=1) == split.train_y
        if bool(right.all()):
            first = float(step)
            break
        trainer.step()
    assert row["train_100"] == first and int(first) in row["look_step"]
    assert row["spectral_entropy_at_train_100"] > 0


def test_random_labels_end_soon_after_the_last_moment_and_others_at_the_tail(tiny: Tiny) -> None:
    few = quick(prediction.recipe("few-10", 90))
    row = prediction.run_one(
        replace(few, dataset=RandomLabels(few.dataset, 90)),  # type: ignore[arg-type]
        *("test_accuracy", 2.0, 60, 5),
    )
    assert row["steps"] == max(10, row["train_100"]) + 7 < 60
    row = prediction.run_one(prediction.recipe("grok-40", 90), "train_accuracy", 0.01, 60, 5)
    assert row["status"] == "reached" and row["steps"] >= row["endpoint"] + 5


def test_its_rows_are_scored(tiny: Tiny, tmp_path: Path) -> None:
    arms = ["grok-40", "random-40"]
    assert len(list(record(tiny, root=tmp_path, arms=arms))) == 4
    table = load_study("prediction", tmp_path)
    found = scores(table, tiny.rules)
    assert len(found) == len(RULES["signals"]) * len(moments(tiny.rules))
