"""A training stepped by hand is the one that `train` takes, and says what it cannot do."""

import dataclasses
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch

from grokbook import (
    CONTROLS,
    EXPERIMENTS,
    Experiment,
    InputError,
    RunError,
    Trainer,
    experiment,
    train,
)
from grokbook._support.errors import CheckpointError
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.training.loop import train_together
from grokbook.training.step import COMPILED_STEPS


def cheap(name: str, seed: int = 0, **changes: object) -> Experiment:
    base = experiment(name, "smoke", seed)
    usual = {"steps": 40, "log": LogSchedule("linear", 8), "measurements": Measurements()}
    return dataclasses.replace(base, **usual | changes)  # type: ignore[arg-type]


def same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> bool:
    return found.keys() == wanted.keys() and all(torch.equal(found[k], wanted[k]) for k in wanted)


@pytest.mark.parametrize("name", [*EXPERIMENTS, *CONTROLS])
def test_however_one_stops_on_the_way_the_bits_are_those_of_train(name: str) -> None:
    recipe = cheap(name)
    whole, trainer = train(recipe), Trainer(recipe)
    for until in (0, 3, 3, 10, 23, 40):
        trainer.run_until(until)
        trainer.measure()
    (run,) = trainer.runs()
    pd.testing.assert_frame_equal(run.log, whole.log, check_exact=True)
    pd.testing.assert_frame_equal(trainer.log, whole.log, check_exact=True)
    assert same(run.weights, whole.weights) and run.manifest["status"] == "finished"
    assert trainer.network is trainer.networks[0]


def test_single_steps_log_nothing_and_train_the_same() -> None:
    recipe = cheap("mnist-perturbed")
    trainer = Trainer(recipe)
    losses = [float(trainer.step()) for _ in range(40)]
    assert trainer.taken == 40 and trainer.log.empty and len(set(losses)) == 40
    assert same(dict(trainer.network.state_dict()), train(recipe).weights)


def test_what_is_measured_now_is_what_is_logged_then_and_is_not_in_the_log() -> None:
    recipe = cheap("modadd-perturbed", measurements=experiment("modadd-perturbed", "smoke").
                   measurements)  # fmt: skip
    trainer = Trainer(recipe)
    trainer.run_until(20)
    row, rows = trainer.measure(), len(trainer.log)
    assert row[["seed", "step"]].to_numpy().tolist() == [[0, 20]]
    logged = train(recipe, until=20).log.tail(1).reset_index(drop=True)
    pd.testing.assert_frame_equal(row.drop(columns="seed"), logged, check_exact=True)
    fewer = trainer.measure(["norms"])
    assert "weight_norm" in fewer and "sharpness" not in fewer and len(trainer.log) == rows
    with pytest.raises(InputError, match="groups has 'weights'"):
        trainer.measure(["weights"])


def test_several_seeds(tmp_path: Path) -> None:
    recipes = [cheap("modadd-abelian", seed) for seed in (0, 1)]
    whole = train_together(recipes)
    trainer = Trainer(recipes)
    trainer.run_until(17)
    assert trainer.measure()["seed"].tolist() == [0, 1] and len(trainer.networks) == 2
    for read in (lambda: trainer.network, lambda: trainer.log):
        with pytest.raises(InputError, match="There are 2 seeds in training"):
            read()
    paths = tmp_path / "0", tmp_path / "1"
    trainer.save(*paths)
    other = Trainer(recipes)
    other.restore(*paths)
    assert other.taken == 17
    other.run_until(40)
    for ours, theirs in zip(other.runs(), whole, strict=True):
        pd.testing.assert_frame_equal(ours.log, theirs.log, check_exact=True)
        assert same(ours.weights, theirs.weights)
    with pytest.raises(InputError, match="There are 2 seeds and 1 paths"):
        trainer.save(paths[0])


def test_saved_and_restored_goes_back_and_tells_its_rows_again(tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    trainer = Trainer(cheap("mnist-perturbed"), on_log=lambda _, row: rows.append(row))
    trainer.run_until(13)
    trainer.save(tmp_path / "here")
    before, seconds = trainer.log, trainer.seconds
    trainer.run_until(30)
    rows.clear()
    trainer.restore(tmp_path / "here")
    assert trainer.taken == 13
    assert seconds <= trainer.seconds < seconds + 1
    pd.testing.assert_frame_equal(trainer.log, before, check_exact=True)
    pd.testing.assert_frame_equal(pd.DataFrame(rows), before, check_exact=True)
    trainer.run_until(40)
    pd.testing.assert_frame_equal(trainer.log, train(cheap("mnist-perturbed")).log)


def test_a_seed_that_diverged_does_not_keep_the_others_from_going_on(tmp_path: Path) -> None:
    recipes = [cheap("mnist-standard", seed) for seed in (0, 1)]
    trainer = Trainer(recipes)
    trainer.run_until(5)
    trainer.seeds[0].diverged = True
    trainer.run_until(12)
    trainer.save(tmp_path / "0", tmp_path / "1")
    other = Trainer(recipes)
    other.restore(tmp_path / "0", tmp_path / "1")
    assert other.taken == 12 and [seed.state.step for seed in other.seeds] == [5, 12]


def one_sentence(caught: pytest.ExceptionInfo) -> str:
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".")
    return message


def test_beyond_the_end_there_is_no_step() -> None:
    trainer = Trainer(cheap("mnist-standard"))
    trainer.run_until(40)
    for act in (trainer.step, trainer.step):
        with pytest.raises(InputError, match="All 40 steps of the experiment are taken") as caught:
            act()
        one_sentence(caught)
    for step, words in ((41, "ends at step 40"), (-1, "at least 0"), (1.5, "an integer")):
        with pytest.raises(InputError, match=words) as caught:
            trainer.run_until(step)  # type: ignore[arg-type]
        one_sentence(caught)
    trainer.run_until(3)  # what is taken is not taken back
    assert trainer.taken == 40 and trainer.whole


def test_a_diverged_training_takes_no_step() -> None:
    recipe = cheap("mnist-standard")
    wild = dataclasses.replace(recipe, optimizer=dataclasses.replace(recipe.optimizer, lr=1e37))
    trainer = Trainer(wild)
    trainer.run_until(40)
    assert trainer.diverged and trainer.taken < 40
    with pytest.raises(InputError, match="Training diverged at step") as caught:
        trainer.step()
    one_sentence(caught)
    assert trainer.runs()[0].manifest["status"] == "diverged"


def test_a_step_cut_off_in_its_middle_is_not_gone_on_from(tmp_path: Path, ctrl_c: None) -> None:
    trainer = Trainer(cheap("mnist-standard"))
    trainer.run_until(5)
    trainer.save(tmp_path / "here")
    loss, trainer.losses = trainer.losses, lambda: signal.raise_signal(signal.SIGINT)  # type: ignore
    with pytest.raises(KeyboardInterrupt):
        trainer.step()
    trainer.losses = loss  # type: ignore[method-assign]
    assert not trainer.whole
    for act in (trainer.step, lambda: trainer.save(tmp_path / "there")):
        with pytest.raises(RunError, match="Step 6 was cut off in the middle") as caught:
            act()
        one_sentence(caught)
    trainer.restore(tmp_path / "here")
    trainer.run_until(40)
    pd.testing.assert_frame_equal(trainer.log, train(cheap("mnist-standard")).log)


def test_weights_are_kept_where_they_were_asked_for_through_a_resume(tmp_path: Path) -> None:
    recipe, path = cheap("modadd-perturbed"), tmp_path / "checkpoint"
    wanted = {}
    for step in (0, 7, 23):
        trainer = Trainer(recipe)
        trainer.run_until(step)
        wanted[step] = {name: w.clone() for name, w in trainer.network.state_dict().items()}
    train(recipe, until=15, checkpoint=path, keep_weights_at=(0, 7, 23))
    run = train(recipe, checkpoint=path, keep_weights_at=(0, 7, 23))
    assert run.manifest["weights_at"] == [0, 7, 23] == sorted(run.kept)
    for step, weights in wanted.items():
        assert same(run.weights_at(step), weights)
        assert same(dict(run.network_at(step).state_dict()), weights)
    pd.testing.assert_frame_equal(run.log, train(recipe).log, check_exact=True)
    with pytest.raises(RunError, match=r"of step 8 were not kept; .* steps 0, 7, 23 and 40\.$"):
        run.network_at(8)
    with pytest.raises(CheckpointError, match="is at step 40 and has no weights of step 9") as e:
        train(recipe, checkpoint=path, keep_weights_at=(7, 9))
    one_sentence(e)
    with pytest.raises(InputError, match="step is 41, but the experiment ends at step 40"):
        train(recipe, keep_weights_at=(41,))


def test_a_run_s_network_is_the_trained_one_and_is_built_once() -> None:
    recipe = cheap("mnist-standard")
    run, trainer = train(recipe), Trainer(recipe)
    trainer.run_until(40)
    x = recipe.dataset.load().test_x
    assert torch.equal(run.network(x), trainer.network(x))
    assert run.network is run.network and not run.network.training
    assert "weights_at" not in run.manifest
    with pytest.raises(RunError, match=r"kept are those of step 40\.$"):
        run.network_at(3)


def test_a_transformer_s_long_run_is_compiled_and_an_mlp_s_is_not() -> None:
    long = {"steps": COMPILED_STEPS}
    assert Trainer(cheap("modadd-standard", **long)).objective.is_compiled
    assert not Trainer(cheap("modadd-standard", steps=COMPILED_STEPS - 1)).objective.is_compiled
    assert not Trainer(cheap("mnist-standard", **long)).objective.is_compiled
