"""Runs in processes and on a real Dask cluster, whose workers are killed."""

import gc
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook import RunKey, RunStore, experiment, train
from grokbook._support.errors import InputError, RunError
from grokbook.store.workers import record_all
from grokbook.training.checkpoints import step_reached


def wanted(steps: int, seeds: tuple[int, ...]) -> list[tuple[RunKey, object]]:
    return [
        (
            RunKey("custom", "long", seed),
            replace(experiment("mnist-standard", "smoke", seed), steps=steps),
        )
        for seed in seeds
    ]


@pytest.fixture
def cluster():
    """Two worker processes with one thread each, on this machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        env={"OMP_NUM_THREADS": "1"},
    ) as local:  # fmt: skip
        yield local


def test_a_killed_worker_s_run_goes_on_elsewhere(cluster, tmp_path: Path) -> None:
    from distributed import Client

    runs = wanted(8_000, (0, 1))
    done: list[tuple[RunKey, object]] = []
    address = cluster.scheduler_address
    recording = Thread(
        target=lambda: done.extend(
            record_all(runs, scheduler=address, checkpoint_seconds=0.2, root=tmp_path)
        )
    )
    recording.start()
    store = RunStore(tmp_path)

    def reached(key: RunKey) -> int:
        """The step of the checkpoint; when that is gone, the last one of the record."""
        step = step_reached(store._path(key, ".checkpoint"))
        return step or (store.load(key).manifest["steps"] if key in store.recorded() else 0)

    with Client(address, set_as_default=False) as client:
        until(lambda: all(reached(key) > 500 for key, _ in runs), seconds=600)
        busy = {worker: keys for worker, keys in client.processing().items() if keys}
        assert busy, "one at least is under way"
        victim = next(worker for worker, keys in busy.items())
        killed_at = {key: reached(key) for key, _ in runs}
        os.kill(client.run(os.getpid)[victim], signal.SIGKILL)
        # Both go on from where they were: no later checkpoint is behind one seen at the kill.
        time.sleep(1)
        for key, _ in runs:
            assert reached(key) >= killed_at[key]
    recording.join(timeout=600)
    assert not recording.is_alive() and len(done) == 2
    assert store.recorded() == [key for key, _ in runs] and not store.interrupted()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for key, recipe in runs:
            pd.testing.assert_frame_equal(store.load(key).log, train(recipe).log)
    finally:
        torch.set_num_threads(threads)


def until(true, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_what_is_recorded_is_only_read(cluster, tmp_path: Path) -> None:
    runs = wanted(50, (0, 1, 2))
    address = cluster.scheduler_address
    first = dict(record_all(runs, scheduler=address, root=tmp_path))
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    again = dict(record_all(runs, scheduler=address, root=tmp_path))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == written
    assert {key: run.manifest for key, run in again.items()} == {
        key: run.manifest for key, run in first.items()
    }


def test_a_store_that_is_no_folder_is_named_before_a_run_is_sent(cluster, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(RunError, match=r"run store .*file cannot be made \(File exists\)\.$"):
        list(record_all(wanted(50, (0,)), scheduler=cluster.scheduler_address, root=file))


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "nonsense://x", "nonsense://x:1", "127.0.0.1", "foo"]
)
def test_a_scheduler_that_is_not_there(tmp_path: Path, monkeypatch, address: str) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("grokbook.store.workers.CONNECT_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        list(record_all(wanted(50, (0,)), scheduler=address, root=tmp_path))
    message = str(caught.value)
    assert f"There is no Dask scheduler at {address!r}" in message
    assert "\n" not in message and message.endswith(".")
    assert not list(tmp_path.iterdir()), "nothing is left behind"
    del caught
    gc.collect()  # a client that was never connected waits as it goes
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_below_one(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(InputError, match=f"jobs is {jobs}, but must be at least 1"):
        list(record_all(wanted(50, (0,)), jobs=jobs, root=tmp_path))


def children(of: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{of}/task/{of}/children").read_text().split()]


def begin(folder: Path) -> subprocess.Popen[str]:
    """Train two seeds in two processes under a third, far longer than any test takes."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_workers import *\n"
        "try: list(record_all(wanted(10**7, (0, 1)), jobs=2, root=Path(sys.argv[1]),\n"
        "                     checkpoint_seconds=0.2))\n"
        "except RunError as error: print(error, flush=True)"
    )
    leader = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(Path(__file__).parent)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    until(lambda: len(list(folder.rglob("*.checkpoint"))) == 2)
    return leader


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_killed_process_is_one_sentence_and_what_was_trained_stays(tmp_path: Path) -> None:
    leader = begin(tmp_path)
    training = [each for each in children(leader.pid) if b"loky" in command_line(each)]
    os.kill(training[-1], signal.SIGKILL)
    said, _ = leader.communicate(timeout=120)
    assert said.startswith("A training process was killed") and said.count("\n") == 1
    assert len(RunStore(tmp_path).interrupted()) == 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    leader = begin(tmp_path)
    training = children(leader.pid)
    assert training
    leader.kill()
    leader.wait()
    until(lambda: not any(Path(f"/proc/{each}").exists() for each in training))
    assert len(RunStore(tmp_path).interrupted()) == 2


def command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def test_a_scheduler_without_workers_is_told_and_one_that_dies_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    distributed = pytest.importorskip("distributed")
    local = distributed.LocalCluster(n_workers=0, dashboard_address=None, processes=False)
    found: list[BaseException] = []

    def record() -> None:
        try:
            list(record_all(wanted(50, (0,)), scheduler=local.scheduler_address, root=tmp_path))
        except RunError as error:
            found.append(error)

    recording = Thread(target=record, daemon=True)
    recording.start()
    said = ""

    def told() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "has no workers yet; waiting for the first." in said

    until(told)
    local.close()
    recording.join(timeout=60)
    assert not recording.is_alive() and len(found) == 1
    assert "no longer answers" in str(found[0]) and "\n" not in str(found[0])


def test_processes_and_one_process_give_the_same_runs(tmp_path: Path) -> None:
    runs = wanted(50, (0, 1))
    alone = dict(record_all(runs, jobs=1, root=tmp_path / "alone"))
    together = dict(record_all(runs, jobs=2, root=tmp_path / "together"))
    assert set(alone) == set(together) == {key for key, _ in runs}
    for key in alone:
        pd.testing.assert_frame_equal(alone[key].log, together[key].log, rtol=1e-5)


def test_together_and_one_by_one_give_the_same_runs(tmp_path: Path) -> None:
    runs = wanted(50, (0, 1, 2))
    alone = dict(record_all(runs, together=False, root=tmp_path / "alone"))
    RunStore(tmp_path / "together").record(*runs[1])
    together = dict(record_all(runs, together=True, root=tmp_path / "together"))
    assert list(together) == [key for key, _ in runs]
    for key in alone:
        np.testing.assert_allclose(alone[key].log, together[key].log, rtol=1e-3, atol=1e-6)
        assert not list((tmp_path / "together").rglob("*.checkpoint"))


def test_seeds_cut_off_at_different_steps_are_finished_one_by_one(tmp_path: Path) -> None:
    runs = wanted(50, (0, 1))
    for (key, recipe), until in zip(runs, (10, 20), strict=True):
        path = tmp_path / "custom" / "long" / f"seed-{key.seed}.checkpoint"
        train(recipe, until=until, checkpoint=path, checkpoint_seconds=0.0)
    for key, run in record_all(runs, together=True, root=tmp_path):
        assert run.manifest["steps"] == 50
        pd.testing.assert_frame_equal(run.log, train(dict(runs)[key]).log)
