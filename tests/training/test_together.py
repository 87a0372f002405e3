"""Several seeds at once: each run as if it had been alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grokbook import CONTROLS, EXPERIMENTS, Experiment, experiment, train
from grokbook._support.errors import InputError, RunError
from grokbook.experiments.schema import Measurements
from grokbook.training.checkpoints import read_checkpoint
from grokbook.training.devices import seeds_that_fit
from grokbook.training.loop import train_together

CHEAP = Measurements(("accuracy", "norms"))


def seeds(name: str, count: int = 3, **changes: object) -> list[Experiment]:
    return [
        replace(experiment(name, "smoke", seed), **{"steps": 100, "measurements": CHEAP} | changes)
        for seed in range(count)
    ]


@pytest.mark.parametrize("name", [*EXPERIMENTS, *CONTROLS])
def test_each_seed_s_run_is_its_run_alone(name: str) -> None:
    """In float64, so that what differs is the arithmetic and not its rounding."""
    recipes = seeds(name, dtype="float64")
    for recipe, run in zip(recipes, train_together(recipes, device="cpu"), strict=True):
        alone = train(recipe, device="cpu")
        pd.testing.assert_frame_equal(run.log, alone.log, rtol=1e-9, atol=1e-12)
        for field in ("id", "status", "steps", "data_sha256", "compiled", "experiment"):
            assert run.manifest[field] == alone.manifest[field]


@pytest.mark.parametrize("name", ["mnist-perturbed", "modadd-abelian"])
def test_in_float32_they_agree_to_1e_5(name: str) -> None:
    recipes = seeds(name)
    columns = ["train_loss", "test_loss", "weight_norm", "weight_norm_l1", "logit_scale"]
    for recipe, run in zip(recipes, train_together(recipes, device="cpu"), strict=True):
        np.testing.assert_allclose(run.log[columns], train(recipe).log[columns], rtol=1e-5)


def test_costly_metrics_are_those_of_each_seed_s_own_network() -> None:
    recipes = [
        replace(experiment("modadd-perturbed", "smoke", seed), steps=40, dtype="float64")
        for seed in (0, 1)
    ]
    for recipe, run in zip(recipes, train_together(recipes, device="cpu"), strict=True):
        pd.testing.assert_frame_equal(run.log, train(recipe).log, rtol=1e-7, atol=1e-10)


def test_seeds_do_not_touch_one_another() -> None:
    """A seed whose weights explode leaves the others' bits alone."""
    recipes = seeds("mnist-standard")
    first, second, third = train_together(recipes, device="cpu")
    pair = train_together(recipes[:2], device="cpu")
    np.testing.assert_allclose(first.log, pair[0].log, rtol=1e-6)
    assert not np.allclose(first.log["train_loss"], third.log["train_loss"])
    assert second.manifest["experiment"]["seed"] == 1


@pytest.mark.parametrize("name", ["mnist-perturbed", "modadd-abelian"])
def test_resumed_together_or_alone(name: str, tmp_path: Path) -> None:
    recipes = seeds(name, dtype="float64")
    whole = train_together(recipes, device="cpu")
    paths = [tmp_path / f"{seed}.checkpoint" for seed in range(3)]
    train_together(recipes, device="cpu", until=57, checkpoints=paths, checkpoint_seconds=0.0)
    kept = [path.read_bytes() for path in paths]
    together = train_together(recipes, device="cpu", checkpoints=paths)
    for path, content in zip(paths, kept, strict=True):
        path.write_bytes(content)
    for recipe, path, first, second in zip(recipes, paths, whole, together, strict=True):
        pd.testing.assert_frame_equal(first.log, second.log, rtol=1e-9, atol=1e-12)
        assert read_checkpoint(path)["step"] == 57
        alone = train(recipe, device="cpu", checkpoint=path)
        pd.testing.assert_frame_equal(first.log, alone.log, rtol=1e-9, atol=1e-12)


def test_a_checkpoint_of_many_is_no_larger_than_one_of_one(tmp_path: Path) -> None:
    many = [tmp_path / f"{seed}.checkpoint" for seed in range(4)]
    (one, *_), every = [tmp_path / "one"], seeds("mnist-standard", 4)
    train(every[0], until=5, checkpoint=one, checkpoint_seconds=0.0)
    train_together(every, until=5, checkpoints=many, checkpoint_seconds=0.0)
    for path in many:
        assert path.stat().st_size < 1.05 * one.stat().st_size


def test_checkpoints_at_different_steps_are_refused(tmp_path: Path) -> None:
    recipes = seeds("mnist-standard", 2)
    paths = [tmp_path / "0", tmp_path / "1"]
    for recipe, path, until in zip(recipes, paths, (10, 20), strict=True):
        train(recipe, until=until, checkpoint=path, checkpoint_seconds=0.0)
    with pytest.raises(RunError, match=r"at steps 10, 20; only seeds at the same step"):
        train_together(recipes, checkpoints=paths)


def test_a_diverging_seed_stops_and_the_others_go_on() -> None:
    recipes = seeds("mnist-standard", 2)
    hot = [replace(r, optimizer=replace(r.optimizer, lr=1e30)) for r in recipes]
    for together, recipe in zip(train_together(hot, device="cpu"), hot, strict=True):
        alone = train(recipe)
        assert together.manifest["status"] == alone.manifest["status"] == "diverged"
        assert together.manifest["steps"] == alone.manifest["steps"]


def test_other_experiments_are_refused() -> None:
    first, second = seeds("mnist-standard", 2)
    with pytest.raises(InputError, match="differ in more than their seeds"):
        train_together([first, replace(second, steps=99)])
    with pytest.raises(InputError, match="no experiment to train"):
        train_together([])


def test_how_many_fit() -> None:
    assert seeds_that_fit(10**9, 10**8) == 9
    assert seeds_that_fit(10**8, 10**9) == 0
