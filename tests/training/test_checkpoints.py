"""What a training that was cut off leaves behind: whole, or refused."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook import Experiment, InputError, experiment, train
from grokbook._support.errors import CheckpointError
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.optimizers import optimizer as stepping
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.perturbation import Perturbed
from grokbook.training import trainer
from grokbook.training.checkpoints import read_checkpoint, step_reached, write_checkpoint
from grokbook.training.loop import train_together


def cheap(name: str, **changes: object) -> Experiment:
    base = experiment(name, "smoke")
    base = replace(base, steps=40, log=LogSchedule("linear", 8))
    return replace(base, measurements=Measurements(("accuracy", "norms")), **changes)


@dataclass(frozen=True)
class Interrupting(Perturbed):
    """Perturbed training in which Ctrl-C comes in the middle of one step."""

    def noise(self, state, shape, like):  # type: ignore[no-untyped-def]
        drawn = super().noise(state, shape, like)
        press("noise", state.step)
        return drawn

    def loss(self, model, x, y, noise, criterion):  # type: ignore[no-untyped-def]
        value = super().loss(model, x, y, noise, criterion)
        press("loss", None)
        return value


_PRESSES: dict[str, list[int]] = {"noise": [], "loss": [], "weights": []}
_CALLS = {"loss": 0, "weights": 0}


def press(where: str, step: int | None) -> None:
    """Press Ctrl-C if it is time to, once."""
    if step is None:
        step = _CALLS[where]
        _CALLS[where] += 1
    if step in _PRESSES[where]:
        _PRESSES[where].remove(step)
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def pressing(ctrl_c: None, monkeypatch: pytest.MonkeyPatch):
    """Set where Ctrl-C comes; after the weights moved, too, before the step is counted."""
    real = stepping.Optimizer.step

    def step(self, loss, taken):  # type: ignore[no-untyped-def]
        real(self, loss, taken)
        press("weights", None)

    monkeypatch.setattr(stepping.Optimizer, "step", step)
    yield _PRESSES
    for where in _PRESSES:
        _PRESSES[where].clear()
    _CALLS.update(loss=0, weights=0)


@pytest.mark.parametrize("where", ["noise", "loss", "weights"])
@pytest.mark.parametrize("step", [0, 3, 5, 10, 17, 39])
def test_ctrl_c_within_a_step_waits_for_its_end(
    where: str, step: int, tmp_path: Path, pressing: dict[str, list[int]]
) -> None:
    recipe = cheap("mnist-perturbed", strategy=Interrupting(0.06, 0.03))
    whole = train(recipe, compiled=False).log
    _CALLS.update(loss=0, weights=0)
    checkpoint = tmp_path / "run.checkpoint"
    pressing[where].append(step)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, checkpoint=checkpoint, compiled=False)
    assert read_checkpoint(checkpoint)["step"] == step + 1
    resumed = train(recipe, checkpoint=checkpoint, compiled=False)
    pd.testing.assert_frame_equal(resumed.log, whole, check_exact=True)


@pytest.mark.parametrize("l1", [0.0, 1.0])
def test_ctrl_c_of_several_seeds_and_of_l1_decay(
    l1: float, tmp_path: Path, pressing: dict[str, list[int]]
) -> None:
    settings = AdamW(weight_decay=0.05, l1_decay=l1)
    recipes = [cheap("mnist-perturbed", seed=seed, optimizer=settings) for seed in (0, 1)]
    whole = train_together(recipes)
    _CALLS.update(loss=0, weights=0)
    paths = [tmp_path / f"{seed}.checkpoint" for seed in (0, 1)]
    pressing["weights"].append(12)
    with pytest.raises(KeyboardInterrupt):
        train_together(recipes, checkpoints=paths)
    assert [step_reached(path) for path in paths] == [13, 13]
    for ours, theirs in zip(train_together(recipes, checkpoints=paths), whole, strict=True):
        pd.testing.assert_frame_equal(ours.log, theirs.log, check_exact=True)


def test_a_second_ctrl_c_does_not_wait_and_saves_nothing_half_done(
    tmp_path: Path, pressing: dict[str, list[int]]
) -> None:
    recipe = cheap("mnist-perturbed", strategy=Interrupting(0.06, 0.03))
    checkpoint = tmp_path / "run.checkpoint"
    pressing["noise"].append(7)
    pressing["loss"].append(7)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, checkpoint=checkpoint, compiled=False)
    assert not checkpoint.exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sixty_flipped_bits_are_all_seen(tmp_path: Path) -> None:
    recipe, checkpoint = cheap("modadd-perturbed"), tmp_path / "run.checkpoint"
    train(recipe, until=20, checkpoint=checkpoint)
    whole = checkpoint.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 8 * len(whole), size=60).tolist():
        spoiled = bytearray(whole)
        spoiled[place // 8] ^= 1 << place % 8
        checkpoint.write_bytes(spoiled)
        with pytest.raises(CheckpointError, match=r"not a readable checkpoint; .* over\.$"):
            train(recipe, checkpoint=checkpoint)
        assert step_reached(checkpoint) == 0


def _edit(name: str, value: object) -> Callable[[dict], None]:
    return lambda content: content.update({name: value})


def _longer_average(content: dict) -> None:
    content["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3)


def _other_shape(content: dict) -> None:
    name = next(iter(content["model"]))
    content["model"][name] = torch.zeros(1)


def _shuffled_log(content: dict) -> None:
    content["log"].reverse()


def _text_in_log(content: dict) -> None:
    content["log"][0]["train_loss"] = "low"


@pytest.mark.parametrize(
    "edit",
    [
        *(_edit("step", step) for step in (float("nan"), 41, -1, "5", True)),
        *(_edit("seconds", seconds) for seconds in (float("inf"), None)),
        *(_edit("log", log) for log in ({}, [{}], [{"step": 0.0}], [1])),
        _edit("noise", torch.zeros(3, dtype=torch.uint8)),
        _edit("batches", (torch.zeros(3, dtype=torch.uint8), torch.zeros(0), 0)),
        *(_edit("optimizer", state) for state in ({}, {"state": {}, "param_groups": [{}]})),
        *(_longer_average, _other_shape, _shuffled_log, _text_in_log),
        *(lambda content, name=name: content.pop(name) for name in ("model", "memory", "id")),
    ],
)
def test_an_edited_checkpoint_is_refused_whole(edit: Callable, tmp_path: Path) -> None:
    """With a fresh checksum over it, too: what it holds has to fit this experiment."""
    recipe, checkpoint = cheap("mnist-perturbed"), tmp_path / "run.checkpoint"
    train(recipe, until=20, checkpoint=checkpoint)
    content = read_checkpoint(checkpoint)
    edit(content)
    write_checkpoint(checkpoint, content)
    with pytest.raises(CheckpointError, match=r"not a readable checkpoint; .* over\.$"):
        train(recipe, checkpoint=checkpoint)


def test_every_stretch_of_a_resumed_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """199 of 200 steps by edited code, the last by clean code: the manifest is not clean."""

    real = trainer.provenance
    recipe, checkpoint = cheap("mnist-standard"), tmp_path / "run.checkpoint"
    alone = train(recipe).manifest
    assert len(alone["stretches"]) == 1
    assert {key: alone[key] for key in ("git_commit", "threads", "compiled")}.items() <= (
        alone["stretches"][0].items()
    )
    monkeypatch.setattr(
        trainer, "provenance", lambda place: real(place) | {"git_dirty": True, "git_commit": "a"}
    )
    train(recipe, until=39, checkpoint=checkpoint)
    monkeypatch.setattr(
        trainer, "provenance", lambda place: real(place) | {"git_dirty": False, "git_commit": "b"}
    )
    manifest = train(recipe, checkpoint=checkpoint).manifest
    assert manifest["git_dirty"] and manifest["git_commit"] == "b"
    told = [(s["from_step"], s["to_step"], s["git_commit"]) for s in manifest["stretches"]]
    assert told == [(0, 39, "a"), (39, 40, "b")]
    # Asked once more, no step is taken and nothing is added.
    assert train(recipe, checkpoint=checkpoint).manifest["stretches"] == manifest["stretches"]


@dataclass(frozen=True)
class Remembering(Perturbed):
    """A strategy whose memory holds what only pickle could restore."""

    def noise(self, state, shape, like):  # type: ignore[no-untyped-def]
        state.memory["where"] = np.float64(state.step)
        return super().noise(state, shape, like)


def test_a_memory_that_cannot_be_restored_is_refused_at_the_first_save(tmp_path: Path) -> None:
    recipe = cheap("mnist-perturbed", strategy=Remembering(0.06, 0.03))
    with pytest.raises(InputError, match=r"memory of Remembering holds .*float64.*'where'"):
        train(recipe, checkpoint=tmp_path / "run.checkpoint", checkpoint_seconds=0.0)


def test_compiled_is_what_happened_not_what_was_asked() -> None:
    code = """
from dataclasses import replace
from grokbook import experiment, train
recipe = replace(experiment("modadd-standard", "smoke"), steps=3)
print(train(recipe, compiled=True).manifest["compiled"])
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"TORCH_COMPILE_DISABLE": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["False"]


@pytest.mark.slow
def test_the_tenth_compiled_shape_of_a_process_is_compiled_too() -> None:
    from grokbook.tasks.modular import ModularAddition

    for p in (5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        recipe = cheap("modadd-standard", dataset=ModularAddition(p, 0.5))
        assert train(recipe, compiled=True, until=1).manifest["compiled"], p
