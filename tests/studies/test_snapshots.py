"""Snapshots show the networks of the recorded training, and a whole log is compared on the way."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook import InputError, RunError, RunKey, RunStore, Trainer, experiment
from grokbook.experiments.schema import Measurements
from grokbook.store.retraining import agreement, verify_whole
from grokbook.studies import snapshots

NAMES = ("modadd-perturbed", "mnist-standard")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one small custom run a task, and its snapshots."""
    folder = tmp_path_factory.mktemp("runs")
    for name in NAMES:
        RunStore(folder).record(RunKey("custom", name, 0), recipe(name))
        snapshots.record(name, "custom", root=folder)
    return folder


def recipe(name: str):
    small = experiment(name, "smoke")
    return dataclasses.replace(small, steps=60, measurements=Measurements())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_the_network_at_that_step(root: Path, name: str) -> None:
    kept = snapshots.load(name, "custom", root=root)
    log = RunStore(root).load(RunKey("custom", name, 0)).log
    assert kept["step"].tolist() == snapshots.steps_to_keep(log)
    trainer, places = Trainer(recipe(name)), (0, len(kept["step"]) // 2, len(kept["step"]) - 1)
    split = trainer.seeds[0].split
    for place in places:
        trainer.run_until(int(kept["step"][place]))
        if name.startswith("modadd"):
            answers, weights = kept["predictions"][place], trainer.network.embedding[:13]
            pairs = split.test_x
            wanted = trainer.network(pairs).argmax(1)
            found = torch.from_numpy(answers.astype(np.int64))[pairs[:, 0], pairs[:, 1]]
        else:
            wanted = trainer.network(split.test_x[:1000]).argmax(1)
            found = torch.from_numpy(kept["predictions"][place].astype(np.int64))
            weights = trainer.network.first_weight[:16]
        assert torch.equal(found, wanted)
        largest = float(weights.abs().max())
        np.testing.assert_allclose(
            kept["weights"][place], weights.detach().numpy(), atol=largest / 250
        )
    assert kept["weights"].dtype == np.float32 and kept["predictions"].dtype == np.uint8


def test_the_manifest_tells_of_the_log_and_how_it_was_made(root: Path) -> None:
    path = root / "snapshots" / "modadd-perturbed-custom-0.json"
    manifest = json.loads(path.read_text())
    assert manifest["log"] == {"parts": None, "identical": True}
    assert manifest["id"] == recipe("modadd-perturbed").id
    assert {"git_commit", "torch", "cpu", "seconds", "data_sha256"} <= manifest.keys()
    assert len(RunStore(root).recorded()) == len(NAMES), "snapshots are no run"


def test_missing_and_damaged_snapshots_are_one_sentence(root: Path) -> None:
    with pytest.raises(RunError, match=r"no record of snapshots of .*; make it with") as caught:
        snapshots.load("modadd-standard", "smoke", root=root)
    assert "\n" not in str(caught.value)
    path = root / "snapshots" / "mnist-standard-custom-0.npz"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(RunError, match=r"is damaged .*SHA-256"):
        snapshots.load("mnist-standard", "custom", root=root)
    path.write_bytes(content)


def test_paper_sizes_fit_into_the_budget() -> None:
    """Incompressible embeddings and answers that only slowly become regular: the worst there is."""
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 113, (60, 113, 113)).astype(np.uint8)
    answers[30:] = answers[30]
    weights = np.clip(rng.normal(0, 40, (60, 113, 128)), -127, 127).astype(np.int8)
    from io import BytesIO

    buffer = BytesIO()
    np.savez_compressed(buffer, predictions=answers, weights=weights)
    assert len(buffer.getvalue()) < 1.5e6


def test_steps_are_dense_where_the_accuracies_move() -> None:
    step = np.arange(0, 15001, 50)
    log = pd.DataFrame({
        "step": step,
        "train_accuracy": 1 / (1 + np.exp(-(step - 200) / 40.0)),
        "test_accuracy": 1 / (1 + np.exp(-(step - 9000) / 200.0)),
    })  # fmt: skip
    steps = np.array(snapshots.steps_to_keep(log))
    assert 50 <= len(steps) <= 60 and steps[0] == 0 and steps[-1] == 15000
    assert ((steps > 8000) & (steps < 10000)).sum() > 12
    assert np.diff(steps).max() <= 700
    assert snapshots.steps_to_keep(log.head(3)) == [0, 50, 100]
    assert snapshots.steps_to_keep(log.assign(test_accuracy=np.nan))[-1] == 15000


def test_a_whole_log_is_compared_and_an_edited_value_is_told(root: Path, tmp_path: Path) -> None:
    key = RunKey("custom", "modadd-perturbed", 0)
    table = verify_whole(key, root=root)
    assert (table["identical"] == table["steps"]).all() and table["parts"].isna().all()
    assert (table["largest"] == 0).all() and {"weight_norm", "test_loss"} <= {*table.index}
    log = RunStore(root).load(key).log
    other = log.copy()
    other.loc[3, "weight_norm"] *= 1.1
    other.loc[5, "test_loss"] = np.nan
    found = agreement(log, other)
    assert found.loc["weight_norm", "parts"] == log["step"][3]
    assert found.loc["weight_norm", "largest"] == pytest.approx(0.1)
    assert found.loc["test_loss", ["parts", "largest"]].tolist() == [log["step"][5], np.inf]
    with pytest.raises(RunError, match="There is no record"):
        verify_whole(RunKey("custom", "none", 0), root=root)
    with pytest.raises(InputError, match="seed is -1"):
        snapshots.load("modadd-standard", seed=-1, root=root)


def test_until_a_step_the_snapshots_are_those_of_the_whole_run(root: Path, tmp_path: Path) -> None:
    name = NAMES[0]
    RunStore(tmp_path).record(RunKey("custom", name, 0), recipe(name))
    snapshots.record(name, "custom", root=tmp_path, until=33)
    part, whole = (snapshots.load(name, "custom", root=each) for each in (tmp_path, root))
    log = RunStore(root).load(RunKey("custom", name, 0)).log
    assert part["step"].tolist() == snapshots.steps_to_keep(log[log["step"] <= 33])
    both = sorted(set(part["step"].tolist()) & set(whole["step"].tolist()))
    assert len(both) > 1
    for step in both:
        first, second = (each["step"].tolist().index(step) for each in (part, whole))
        assert np.array_equal(part["predictions"][first], whole["predictions"][second])


def test_trainings_on_pairs_that_do_not_grok_are_looked_at_to_their_end(tmp_path: Path) -> None:
    names = ("modadd-standard", "modadd-perturbed", "modadd-abelian")
    for name in names:
        RunStore(tmp_path).record(RunKey("custom", name, 0), recipe(name))
    made = snapshots.record_pairs("custom", root=tmp_path)
    assert [path.name for path in made] == [f"{name}-custom-0.npz" for name in names]
    for name in names:  # none of these small runs groks
        assert snapshots.load(name, "custom", root=tmp_path)["step"][-1] == 60
