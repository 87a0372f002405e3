"""A GPU trains the run that the CPU trains, up to rounding, and the same bits every time."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import torch

from grokbook import (
    CONTROLS,
    EXPERIMENTS,
    Experiment,
    InputError,
    Standard,
    Trainer,
    experiment,
    train,
)
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.optimizers.adam import Adam
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.grokfast import GrokfastEMA, GrokfastMA
from grokbook.optimizers.muon import Muon
from grokbook.optimizers.norm_clamp import NormClamp
from grokbook.optimizers.orthogonal_gradient import OrthogonalGradient
from grokbook.optimizers.sgd import SGD
from grokbook.store.verification import compared
from grokbook.strategies.jacobian import JacobianRegularized
from grokbook.training.loop import train_together

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")

NAMES = [*EXPERIMENTS, *CONTROLS]


def short(name: str, seed: int = 0, **changes: object) -> Experiment:
    base = experiment(name, "smoke", seed)
    usual = {"steps": 20, "log": LogSchedule("linear", 4)}
    return dataclasses.replace(base, **usual | changes)  # type: ignore[arg-type]


def require_agreement(cpu: pd.DataFrame, gpu: pd.DataFrame) -> None:
    table = compared(cpu, gpu)
    assert len(cpu) == len(gpu) and table["agrees"].all(), table[~table["agrees"]].to_string()


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_agrees_with_the_cpu_after_ten_steps(name: str) -> None:
    recipe = short(name)
    logs = [train(recipe, until=10, device=device).log for device in ("cpu", "cuda")]
    require_agreement(*logs)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bits_at_every_call(name: str) -> None:
    recipe = short(name)
    first, second = (train(recipe, device="cuda") for _ in range(2))
    pd.testing.assert_frame_equal(first.log, second.log, check_exact=True)
    assert all(torch.equal(first.weights[key], second.weights[key]) for key in first.weights)


@pytest.mark.parametrize("name", NAMES)
def test_stopped_and_resumed_the_bits_are_the_same(name: str, tmp_path: Path) -> None:
    recipe = short(name)
    whole, path = train(recipe, device="cuda"), tmp_path / "checkpoint"
    train(recipe, device="cuda", checkpoint=path, stop=lambda step: step == 7)
    resumed = train(recipe, device="cuda", checkpoint=path)
    pd.testing.assert_frame_equal(resumed.log, whole.log, check_exact=True)


@pytest.mark.parametrize("name", ["modadd-perturbed", "mnist-perturbed"])
@pytest.mark.parametrize("there_and_back", [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_checkpoint_goes_on_on_another_device(
    name: str, there_and_back: tuple[str, str], tmp_path: Path
) -> None:
    recipe, path = short(name), tmp_path / "checkpoint"
    first, second = there_and_back
    train(recipe, device=first, checkpoint=path, stop=lambda step: step == 5)
    moved = train(recipe, device=second, checkpoint=path, until=10)
    require_agreement(train(recipe, until=10, device="cpu").log, moved.log)
    devices = [stretch["device"] for stretch in moved.manifest["stretches"]]
    assert len(devices) == 2 and devices.count("cpu") == 1


@pytest.mark.parametrize("name", NAMES)
def test_seeds_together_agree_with_each_alone(name: str) -> None:
    recipes = [short(name, seed) for seed in (0, 1, 2)]
    together = train_together(recipes, device="cuda", until=10)
    for recipe, run in zip(recipes, together, strict=True):
        require_agreement(train(recipe, until=10, device="cuda").log, run.log)
    again = train_together(recipes, device="cuda", until=10)
    for one, other in zip(together, again, strict=True):
        pd.testing.assert_frame_equal(one.log, other.log, check_exact=True)


OPTIMIZERS = {
    "adamw and l1": AdamW(warmup_steps=4, l1_decay=0.5),
    "adam": Adam(weight_decay=0.01),
    "sgd": SGD(weight_decay=1e-3),
    "muon": Muon(),
    "all": Chain((GrokfastEMA(), OrthogonalGradient(), GrokfastMA(3)), Muon(), NormClamp()),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("seeds", [1, 2])
def test_every_optimiser(name: str, seeds: int) -> None:
    recipes = [
        short("modadd-standard", seed, optimizer=OPTIMIZERS[name], measurements=Measurements())
        for seed in range(seeds)
    ]
    cpu, gpu = (train_together(recipes, device=device, until=10) for device in ("cpu", "cuda"))
    for one, other in zip(cpu, gpu, strict=True):
        require_agreement(one.log, other.log)


@pytest.mark.parametrize("strategy", [Standard(), JacobianRegularized(0.1, projections=2)])
@pytest.mark.parametrize("compiled", [False, True])
def test_compiled_or_not(strategy: object, compiled: bool) -> None:
    if compiled and not getattr(strategy, "compilable", True):
        pytest.skip("it stays eager")
    recipe = short("modadd-standard", strategy=strategy, measurements=Measurements())
    run = train(recipe, device="cuda", until=10, compiled=compiled)
    assert run.manifest["compiled"] is compiled
    require_agreement(train(recipe, device="cpu", until=10, compiled=False).log, run.log)


def test_more_seeds_than_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = [short("modadd-standard", seed) for seed in range(3)]
    assert Trainer(recipes, device="cuda").device.type == "cuda"
    _, total = torch.cuda.mem_get_info()
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (1, total))
    with pytest.raises(InputError, match="3 seeds at once need more memory than cuda"):
        Trainer(recipes, device="cuda")
