import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook import Experiment, InputError, RunError, experiment, train
from grokbook._support.atomic_files import write_atomically, write_together
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.losses import mse
from grokbook.training.checkpoints import read_checkpoint

CHEAP = Measurements(("accuracy", "norms"))


def cheap(name: str, steps: int = 40, points: int = 8, **changes: object) -> Experiment:
    base = experiment(name, "smoke")
    return replace(
        base, steps=steps, log=LogSchedule("linear", points), measurements=CHEAP, **changes
    )


def test_training_is_plain_pytorch_training() -> None:
    """The whole loop of the MNIST task, written out once more in the usual way."""
    recipe = cheap("mnist-standard", dtype="float64")
    split = recipe.dataset.load()
    model = recipe.build_model(64, 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    from grokbook._support.seeding import generator

    shuffle = generator(0, "batches")
    losses, done = [], 0
    while done < 40:
        order = torch.randperm(200, generator=shuffle)
        for start in range(0, 200, 50):
            if done % 5 == 0:
                losses.append(mse(model(split.train_x), split.train_y).item())
            chosen = order[start : start + 50]
            optimizer.zero_grad()
            mse(model(split.train_x[chosen]), split.train_y[chosen]).backward()
            optimizer.step()
            done += 1
    ours = train(recipe).log["train_loss"].to_numpy()[:-1]
    np.testing.assert_allclose(ours, losses, rtol=1e-9)


def test_warm_up_is_linear_and_decay_is_decoupled() -> None:
    """With a zero gradient only the decays act: their products are known in closed form."""
    from grokbook.optimizers.optimizer import Optimizer

    settings = AdamW(lr=0.1, weight_decay=0.5, l1_decay=0.0, warmup_steps=4)
    model = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.ones_(model.weight)
    optimizer = Optimizer(settings, [model])
    expected = 1.0
    for step in range(6):
        optimizer.step((0 * model.weight).sum(), step)
        expected *= 1 - 0.1 * min(1, (step + 1) / 4) * 0.5
        assert model.weight.item() == pytest.approx(expected, rel=1e-12)


def test_l1_decay_shrinks_by_a_constant_and_stops_at_zero() -> None:
    from grokbook.optimizers.optimizer import Optimizer

    settings = AdamW(lr=0.1, weight_decay=0.0, l1_decay=2.0)
    model = torch.nn.Linear(2, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.5, -0.3]], dtype=torch.float64))
    optimizer = Optimizer(settings, [model])
    for step, expected in enumerate([(0.3, -0.1), (0.1, 0.0), (0.0, 0.0)]):
        optimizer.step((0 * model.weight).sum(), step)
        assert model.weight[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_every_logged_step_is_there_and_nothing_else() -> None:
    recipe = experiment("mnist-standard", "smoke")
    run = train(recipe)
    due = recipe.log.steps(recipe.steps)
    assert run.log["step"].tolist() == due
    dear = run.log["sharpness"].notna()
    assert run.log["step"][dear].tolist() == recipe.log.dear_steps(recipe.steps)
    assert run.log[["train_loss", "test_loss", "weight_norm"]].notna().all().all()
    assert run.manifest["status"] == "finished" and run.manifest["steps"] == recipe.steps
    assert Experiment.from_dict(run.manifest["experiment"]) == recipe


def test_stopping_early_keeps_the_schedule() -> None:
    recipe = cheap("modadd-standard")
    whole, part = train(recipe).log, train(recipe, until=12).log
    pd.testing.assert_frame_equal(whole[whole["step"] <= 12], part, check_exact=True)


def test_measuring_more_changes_no_result() -> None:
    """Metrics draw from streams of their own."""
    recipe = cheap("modadd-perturbed")
    more = replace(recipe, measurements=experiment("modadd-perturbed", "smoke").measurements)
    columns = ["step", "train_loss", "test_accuracy", "weight_norm"]
    pd.testing.assert_frame_equal(
        train(recipe).log[columns], train(more).log[columns], check_exact=True
    )


# One process trains and is killed at some moment; another goes on.
_VICTIM = """
import json, sys, time, torch
from pathlib import Path
from grokbook import Experiment, train
torch.set_num_threads(1)
recipe = Experiment.from_dict(json.loads(sys.argv[1]))
print("ready", flush=True)
limit = int(sys.argv[3]) if len(sys.argv) > 3 else recipe.steps
wait = lambda step: step >= limit and time.sleep(600)
train(recipe, checkpoint=Path(sys.argv[2]), checkpoint_seconds=0.0, stop=wait)
"""


@pytest.fixture
def one_thread():  # type: ignore[no-untyped-def]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["mnist-perturbed", "modadd-perturbed", "modadd-abelian"])
def test_kill_9_at_any_moment_then_resume_gives_the_same_bits(
    name: str, tmp_path: Path, one_thread: None
) -> None:
    recipe = cheap(name, steps=400, points=40)
    whole = train(recipe).log
    checkpoint = tmp_path / "run.checkpoint"
    rng = np.random.default_rng(len(name))
    for limit in (150, 300, 399):  # where it waits, so that no kill comes too late
        victim = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _VICTIM, json.dumps(recipe.to_dict()),
             str(checkpoint), str(limit)],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert victim.stdout is not None and victim.stdout.readline() == b"ready\n"
        while not checkpoint.exists() and victim.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.1))
        victim.send_signal(signal.SIGKILL)
        assert victim.wait() == -signal.SIGKILL
    assert 0 < read_checkpoint(checkpoint)["step"] < 400
    resumed = train(recipe, checkpoint=checkpoint).log
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)


def test_resuming_at_every_single_step_gives_the_same_bits(tmp_path: Path) -> None:
    """Mid-epoch, between two refreshes of σ, on a logged step and off one: `until` stops there."""
    recipe = cheap("mnist-perturbed", steps=23, points=7)
    whole = train(recipe).log
    checkpoint = tmp_path / "run.checkpoint"
    for step in range(1, 23):
        train(recipe, until=step, checkpoint=checkpoint, checkpoint_seconds=0.0)
        assert read_checkpoint(checkpoint)["step"] == step
    resumed = train(recipe, checkpoint=checkpoint).log
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)


def test_ctrl_c_leaves_a_resumable_state(tmp_path: Path, one_thread: None, ctrl_c: None) -> None:
    recipe = cheap("modadd-standard", steps=9000, points=3)
    checkpoint = tmp_path / "run.checkpoint"
    code = _VICTIM.replace("checkpoint_seconds=0.0", "checkpoint_seconds=1e9, progress=True")
    victim = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(recipe.to_dict()), str(checkpoint)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert victim.stdout is not None and victim.stdout.readline() == b"ready\n"
    assert victim.stderr is not None
    while b"step/s" not in victim.stderr.read(80):  # the bar moves: training has begun
        assert victim.poll() is None
    time.sleep(0.1)
    victim.send_signal(signal.SIGINT)
    _, errors = victim.communicate()
    assert victim.returncode != 0 and b"KeyboardInterrupt" in errors
    assert 0 < read_checkpoint(checkpoint)["step"] < 9000
    run = train(recipe, until=0, checkpoint=checkpoint)  # reads it, and its log so far
    assert run.log["step"].tolist() == [0]


def test_a_run_that_is_watched_and_stopped_and_resumed_has_the_same_bits(tmp_path: Path) -> None:
    """Stopped on a logged step, off one, and before the first; the observer spoils what it gets."""
    recipe = cheap("mnist-perturbed")
    whole = train(recipe).log
    checkpoint = tmp_path / "run.checkpoint"
    rows: list[dict[str, float]] = []

    def watch(row: dict[str, float]) -> None:
        rows.append(dict(row))
        row.clear()

    for last in (0, 10, 23, 40):
        rows.clear()
        run = train(recipe, checkpoint=checkpoint, on_log=watch, stop=lambda k, n=last: k >= n)
        assert run.manifest["steps"] == last
        assert run.manifest["status"] == ("interrupted" if last < 40 else "finished")
        pd.testing.assert_frame_equal(run.log, whole[whole["step"] <= last], check_exact=True)
        pd.testing.assert_frame_equal(pd.DataFrame(rows), run.log, check_exact=True)
        assert read_checkpoint(checkpoint)["step"] == last, "of the stop, or the end"


def test_a_diverging_run_stops_and_keeps_its_log() -> None:
    recipe = cheap("mnist-standard", steps=400, points=400, optimizer=AdamW(lr=1e37))
    run = train(recipe)
    assert run.manifest["status"] == "diverged"
    assert 0 < run.manifest["steps"] < 400
    assert run.log["step"].tolist() == list(range(run.manifest["steps"]))
    assert np.isfinite(run.log["train_loss"]).all()


def test_a_run_that_diverged_is_still_so_after_a_resume(tmp_path: Path) -> None:
    recipe = cheap("mnist-standard", steps=400, points=400, optimizer=AdamW(lr=1e37))
    whole = train(recipe, checkpoint=tmp_path / "run.checkpoint")
    again = train(recipe, checkpoint=tmp_path / "run.checkpoint")
    assert again.manifest["status"] == "diverged"
    assert again.manifest["steps"] == whole.manifest["steps"]
    pd.testing.assert_frame_equal(again.log, whole.log, check_exact=True)


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_one_sentence(
    tmp_path: Path, full_disk
) -> None:
    recipe, checkpoint = cheap("mnist-standard"), tmp_path / "run.checkpoint"
    train(recipe, until=5, checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    with full_disk():
        with pytest.raises(RunError, match=r"could not be written \(File too large\)") as caught:
            train(recipe, checkpoint=checkpoint, checkpoint_seconds=0.0)
        # The one at the end is not worth the run.
        assert train(recipe, checkpoint=checkpoint).manifest["steps"] == 40
    assert "\n" not in str(caught.value)
    assert checkpoint.read_bytes() == before and list(tmp_path.iterdir()) == [checkpoint]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_refused(content: bytes | None, tmp_path: Path) -> None:
    recipe = cheap("mnist-standard")
    checkpoint = tmp_path / "run.checkpoint"
    train(recipe, until=5, checkpoint=checkpoint, checkpoint_seconds=0.0)
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(RunError, match=r"not a readable checkpoint; remove it.*over\.$") as caught:
        train(recipe, checkpoint=checkpoint)
    assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)


def test_another_experiment_s_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.checkpoint"
    recipe = cheap("mnist-standard")
    train(recipe, until=5, checkpoint=checkpoint, checkpoint_seconds=0.0)
    with pytest.raises(RunError, match="settings have changed"):
        train(dataclasses.replace(recipe, seed=1), checkpoint=checkpoint)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match="no device 'abacus'"):
        train(cheap("mnist-standard"), device="abacus")


def test_compiled_and_eager_runs_agree() -> None:
    """Same arithmetic up to rounding."""
    recipe = cheap("modadd-abelian", steps=10, points=2, dtype="float64")
    fast, slow = train(recipe, compiled=True), train(recipe, compiled=False)
    assert fast.manifest["compiled"] and not slow.manifest["compiled"]
    pd.testing.assert_frame_equal(fast.log, slow.log, rtol=1e-8)


def test_without_a_compiler_the_run_is_the_same_and_says_so_once(tmp_path: Path) -> None:
    recipe = cheap("modadd-standard", steps=10, points=2)
    code = """
import json, sys, warnings
from grokbook import Experiment, train
recipe = Experiment.from_dict(json.loads(sys.argv[1]))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    run = train(recipe, compiled=True)
said = [str(w.message) for w in caught if "goes on without" in str(w.message)]
print(json.dumps([said, run.manifest["compiled"], run.log["train_loss"].tolist()]))
"""
    environment = {
        **os.environ, "CXX": "/nonexistent/c++", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(recipe.to_dict())],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, compiled, losses = json.loads(done.stdout.splitlines()[-1])
    assert len(said) == 1 and "slower" in said[0] and not compiled
    np.testing.assert_allclose(losses, train(recipe).log["train_loss"], rtol=1e-6)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, lambda file: file.write(b"old"))

    def fail(file) -> None:  # type: ignore[no-untyped-def]
        file.write(b"half of the n")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_rename_leaves_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="not permitted"):
        write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("before", [{}, {"a": b"old"}, {"b": b"old"}, {"a": b"old", "b": b"old"}])
@pytest.mark.parametrize("nth", range(1, 6))
def test_files_that_belong_together_are_written_both_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, bytes], nth: int
) -> None:
    """Whichever rename fails: of two old files moved aside, or of two new ones put in place."""
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    rename, calls = os.replace, iter(range(1, 100))

    def fail(*paths: Path) -> None:
        if next(calls) == nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(*paths)

    monkeypatch.setattr(os, "replace", fail)
    new = {"a": b"new", "b": b"new"}
    try:
        write_together({tmp_path / name: content for name, content in new.items()})
        wanted = new
        assert nth > len(before) + 2
    except OSError:
        wanted = before
        assert nth <= len(before) + 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == wanted
