import errno
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import grokbook.store.run_store
from grokbook import (
    Experiment,
    InputError,
    Run,
    RunError,
    RunKey,
    RunStore,
    experiment,
    load_manifests,
    load_network,
    load_runs,
    train,
    verify,
)
from grokbook.experiments.schema import id_of_fields
from grokbook.optimizers.adamw import AdamW
from grokbook.store import records
from grokbook.store.reading import measure_recorded
from grokbook.store.run_keys import custom_key
from grokbook.store.workers import record_all
from grokbook.strategies.base import Standard
from grokbook.training.checkpoints import read_checkpoint, write_checkpoint

KEY = RunKey("smoke", "modadd-standard", 0)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded")
    RunStore(root).record(KEY)
    return root


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> RunStore:
    """A copy of a store with one run, free to damage."""
    shutil.copytree(recorded, tmp_path / "runs")
    return RunStore(tmp_path / "runs")


def folder(store: RunStore) -> Path:
    return store.root / "smoke" / "modadd-standard"


def mended(manifest: dict) -> str:
    """A manifest's text with a fresh checksum over its fields."""
    return json.dumps(
        manifest | {records.OWN_SUM: records.sum_of_fields(manifest, records.OWN_SUM)}
    )


def test_a_run_is_kept_as_log_weights_and_manifest_and_nothing_else(store: RunStore) -> None:
    names = {path.name for path in folder(store).iterdir() if path.suffix != ".lock"}
    assert names == {"seed-0.parquet", "seed-0.json", "seed-0.safetensors"}
    manifest = json.loads((folder(store) / "seed-0.json").read_text())
    assert manifest["status"] == "finished" and manifest["steps"] == 200
    for field in (
        "id",
        "seconds",
        "torch",
        "python",
        "cpu",
        "threads",
        "git_commit",
        "data_sha256",
    ):
        assert manifest[field] is not None
    assert store.status(KEY) == "finished" and store.recorded() == [KEY]


def test_what_is_loaded_is_what_was_trained(store: RunStore) -> None:
    from grokbook import train

    log = load_runs("modadd-standard", "smoke", [0], root=store.root)
    assert list(log.columns[:3]) == ["experiment", "seed", "step"]
    assert (log["experiment"] == "modadd-standard").all() and (log["seed"] == 0).all()
    fresh = train(experiment("modadd-standard", "smoke")).log
    pd.testing.assert_frame_equal(log[fresh.columns], fresh, rtol=1e-6)
    (manifest,) = load_manifests("modadd-standard", "smoke", [0], root=store.root)
    assert manifest["id"] == experiment("modadd-standard", "smoke").id


def test_a_recorded_run_is_not_trained_again(store: RunStore) -> None:
    before = (folder(store) / "seed-0.json").read_bytes()
    store.record(KEY)
    assert (folder(store) / "seed-0.json").read_bytes() == before


def test_a_missing_paper_run_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="grokbook train mnist-standard --preset paper --seeds 7"):
        load_runs("mnist-standard", seeds=[7], root=tmp_path)


def test_small_presets_are_recorded_on_the_spot(tmp_path: Path) -> None:
    log = load_runs("mnist-standard", "smoke", [1], root=tmp_path)
    assert log["step"].max() == 200
    assert RunStore(tmp_path).status(RunKey("smoke", "mnist-standard", 1)) == "finished"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("nothing",), InputError, "no experiment 'nothing'"),
        (("mnist-standard", "large"), InputError, "no preset 'large'"),
        (("mnist-standard", "smoke", []), InputError, "seeds is empty"),
        (("mnist-standard", "smoke", [-1]), InputError, "seed is -1"),
        (("mnist-standard", "smoke", [1.5]), InputError, r"seed is 1\.5, but must be an integer"),
        (("mnist-standard", "smoke", [float("nan")]), InputError, "seed is nan"),
        (("mnist-standard", "smoke", ["x"]), InputError, "seed is 'x'"),
        (("mnist-standard", "smoke", "01"), InputError, "seeds is '01', but must be a list"),
        (("mnist-standard", "smoke", 0), InputError, "seeds is 0, but must be a list"),
        (("mnist-standard", "smoke", [0, 1, np.int64(0)]), InputError, "seeds has 0 more than"),
        (("a/b", "custom"), InputError, "name is 'a/b'"),
        (("mnist-standard", "custom"), RunError, r"RunKey\(preset='custom', name='mnist-standard"),
        (("mnist-standard-0123abcd", "custom"), RunError, "train mnist-standard --seeds 0` and"),
    ],
)
def test_bad_requests_are_refused(arguments, error, words: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=words) as caught:
        load_runs(*arguments, root=tmp_path)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("file", ["seed-0.parquet", "seed-0.json"])
@pytest.mark.parametrize("damage", [truncate, flip, Path.unlink, lambda p: p.write_bytes(b"")])
def test_a_damaged_record_is_never_read(file: str, damage, store: RunStore) -> None:  # type: ignore[no-untyped-def]
    path = folder(store) / file
    damage(path)
    if file.endswith("json") and not path.exists():
        assert store.status(KEY) == "missing"
        return
    with pytest.raises(RunError) as caught:
        store.load(KEY)
    message = str(caught.value)
    assert "damaged" in message and "grokbook train" in message and "\n" not in message
    assert store.status(KEY) == "damaged"


def test_a_damaged_record_can_be_recorded_again(store: RunStore) -> None:
    truncate(folder(store) / "seed-0.parquet")
    with pytest.raises(RunError):
        store.record(KEY)
    store.record(KEY, again=True)
    assert store.status(KEY) == "finished"


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize("together", [False, True])
def test_recording_again_costs_nothing_if_it_cannot_be_kept(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, nth: int, together: bool
) -> None:
    """The disk is full at one of the four renames that put the new run in the place of the old."""
    before = {path.name: path.read_bytes() for path in folder(store).glob("*.[pj]*")}
    rename, calls = os.replace, iter(range(1, 100))

    def fail(source: Path, target: Path) -> None:
        if not str(target).endswith(".checkpoint") and next(calls) == nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(source, target)

    def again() -> Run:
        if not together:
            return store.record(KEY, again=True)
        return store.record_together([(KEY, experiment(KEY.name, KEY.preset))], again=True)[0]

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(
        RunError, match=r"No space left on device.*goes on from step 200\."
    ) as caught:
        again()
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder(store).glob("*.[pj]*")} == before
    assert store.status(KEY) == "finished" and not list(folder(store).glob(".*"))
    trained: list[int] = []
    monkeypatch.setattr(
        "grokbook.optimizers.optimizer.Optimizer.step", lambda *_: trained.append(1)
    )
    assert again().manifest["status"] == "finished" and not trained, "all of it had been kept"
    names = {path.name for path in folder(store).iterdir() if path.suffix != ".lock"}
    assert (
        names == {"seed-0.parquet", "seed-0.json", "seed-0.safetensors"}
        and store.status(KEY) == "finished"
    )
    manifest = json.loads((folder(store) / "seed-0.json").read_text())
    assert manifest["recorded"] != json.loads(before["seed-0.json"])["recorded"]


def test_recording_again_on_a_full_disk_costs_nothing(store: RunStore, full_disk) -> None:  # type: ignore[no-untyped-def]
    before = {path.name: path.read_bytes() for path in folder(store).iterdir()}
    with full_disk(), pytest.raises(RunError, match=r"File too large.*goes on from step 0\."):
        store.record(KEY, again=True)
    assert {path.name: path.read_bytes() for path in folder(store).iterdir()} == before
    assert store.status(KEY) == "finished"


def test_whoever_reads_while_a_run_is_recorded_anew_reads_a_whole_one(store: RunStore) -> None:
    run = store.load(KEY)
    first = run.manifest["threads"] = 1000
    store._keep(KEY, run)
    done = threading.Event()

    def keep() -> None:
        for number in range(300):
            run.log["test_loss"] = float(number)
            run.manifest["threads"] = number
            store._keep(KEY, run)
        done.set()

    keeping = threading.Thread(target=keep)
    keeping.start()
    found = set()
    while not done.is_set():
        try:
            read = store.load(KEY)
        except RunError as error:
            assert str(error).startswith("There is no record of"), error
            continue
        number = read.manifest["threads"]
        assert number == first or (read.log["test_loss"] == number).all()
        found.add(number)
    keeping.join()
    assert len(found) > 1


def test_a_stale_record_is_refused_by_name(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yesterday's settings: 200 steps. Today's: 201."""
    from grokbook.experiments import named

    old = named.NAMED["modadd-standard"]
    monkeypatch.setitem(named.NAMED, "modadd-standard", lambda p, s: replace(old(p, s), steps=201))
    with pytest.raises(RunError, match=r"stale.*grokbook train modadd-standard --preset smoke"):
        store.load(KEY)
    assert store.status(KEY) == "stale"
    assert store.record(KEY).manifest["steps"] == 201  # and is replaced when recorded
    assert store.status(KEY) == "finished"


def read_only(root: Path) -> subprocess.CompletedProcess[str]:
    """Load a recorded run and then a new one in a process that may not write the store."""
    code = """
import sys
from grokbook import RunKey, RunStore, load_runs
from grokbook._support.errors import RunError
print(len(load_runs("modadd-standard", "smoke", [0])))
try:
    load_runs("modadd-standard", "smoke", [1])
except RunError as error:
    print(error)
"""
    for path in (root, *root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    # Root may write everywhere unless it gives that up.
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*drop, sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "GROKBOOK_RUNS": str(root)}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes all")
def test_a_store_that_cannot_be_written_can_be_read(store: RunStore) -> None:
    for lock in folder(store).glob("*.lock"):
        lock.unlink()
    done = read_only(store.root)
    assert done.returncode == 0, done.stderr
    length, refusal = done.stdout.splitlines()
    assert int(length) == len(store.load(KEY).log)
    assert "cannot be written (Permission denied)" in refusal and refusal.endswith(".")


def test_a_store_that_is_no_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    monkeypatch.setenv("GROKBOOK_RUNS", str(file))
    assert RunStore().recorded() == [] and RunStore().status(KEY) == "missing"
    with pytest.raises(
        RunError, match=r"cannot be written \(Not a directory\); .*GROKBOOK_RUNS\.$"
    ):
        RunStore().record(KEY)
    with pytest.raises(RunError, match="Not a directory"):
        RunStore().record_together([(KEY, experiment(KEY.name, KEY.preset))])
    monkeypatch.setenv("GROKBOOK_RUNS", "")
    empty = RunStore().root
    monkeypatch.delenv("GROKBOOK_RUNS")
    assert empty == RunStore().root != Path()


def other_weights(checkpoint: Path) -> None:
    train(mine(), until=5, checkpoint=checkpoint)
    content = read_checkpoint(checkpoint)
    content["model"].popitem()
    write_checkpoint(checkpoint, content)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"not a checkpoint"), "not a readable checkpoint"),
        (other_weights, "not a readable checkpoint"),
        (lambda path: train(mine(steps=30), until=5, checkpoint=path), "not of"),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_recording_again_discards_a_checkpoint_of_no_use(
    tmp_path: Path, together: bool, spoil, words: str
) -> None:
    store = RunStore(tmp_path)
    checkpoint = store._path(MINE, ".checkpoint")
    checkpoint.parent.mkdir(parents=True)
    spoil(checkpoint)

    def record(again: bool) -> Run:
        if together:
            return store.record_together([(MINE, mine())], again=again)[0]
        return store.record(MINE, mine(), again=again)

    with pytest.raises(RunError, match=rf"({words}).*remove it, or train with `--again`"):
        record(again=False)
    run = record(again=True)
    assert run.manifest["status"] == "finished" and not checkpoint.exists()
    pd.testing.assert_frame_equal(run.log, train(mine()).log)


def test_what_another_process_recorded_meanwhile_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the store and the lock on the run."""
    store, lock = RunStore(tmp_path), grokbook.store.run_store._only_one
    theirs = []

    @contextmanager
    def late(path: Path, key: RunKey, wait: bool) -> Iterator[None]:
        if not theirs:
            theirs.append(None)  # only once: recording takes the lock too
            theirs[0] = store.record(key, mine())
        with lock(path, key, wait):
            yield

    monkeypatch.setattr("grokbook.store.run_store._only_one", late)
    second = replace(MINE, seed=1)
    first, other = store.record_together([(MINE, mine()), (second, mine(seed=1))])
    assert first.manifest == theirs[0].manifest and other.manifest["experiment"]["seed"] == 1


@dataclass(frozen=True)
class Mine(Standard):
    """A researcher's own strategy."""


def test_verify_names_a_class_that_it_does_not_know(tmp_path: Path) -> None:
    RunStore(tmp_path).record(MINE, mine(strategy=Mine()))
    with pytest.raises(RunError, match=r"Mine.*\.$") as caught:
        verify(MINE, 1, root=tmp_path)
    assert "\n" not in str(caught.value)
    manifest = tmp_path / "custom" / "mine" / "seed-0.json"
    content = json.loads(manifest.read_text())
    content["experiment"]["strategy"] = {"type": "Standard", "speed": 3}
    content["id"] = id_of_fields(content["experiment"])
    manifest.write_text(mended(content))
    with pytest.raises(RunError, match=r"speed.*\.$"):
        verify(MINE, 1, root=tmp_path)


def test_verify_refuses_steps_below_zero(store: RunStore) -> None:
    with pytest.raises(InputError, match=r"steps is -1, but must be at least 0\."):
        verify(KEY, -1, root=store.root)


MINE = RunKey("custom", "mine", 0)


def mine(**changes: object) -> Experiment:
    return replace(experiment("modadd-standard", "smoke"), **{"steps": 20} | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("together", [False, True])
def test_a_record_of_another_experiment_is_not_replaced_unasked(
    tmp_path: Path, together: bool
) -> None:
    store = RunStore(tmp_path)
    first, second = mine(), mine(optimizer=AdamW(lr=0.01))

    def record(recipe: Experiment, again: bool = False) -> Run:
        if together:
            return store.record_together([(MINE, recipe)], again=again)[0]
        return store.record(MINE, recipe, again=again)

    record(first)
    with pytest.raises(RunError, match=rf"{first.id}, not of {second.id}; .*again=True\.$"):
        record(second)
    assert store.load(MINE).manifest["id"] == record(first).manifest["id"] == first.id
    record(second, again=True)
    assert store.load(MINE).manifest["id"] == second.id


def test_a_named_run_is_of_its_own_experiment(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for again in (False, True):
        with pytest.raises(InputError, match=r"stands for experiment .* preset custom\.$"):
            store.record(KEY, mine(), again=again)
        with pytest.raises(InputError, match="stands for experiment"):
            store.record_together([(KEY, mine())], again=again)
    with pytest.raises(InputError, match="no experiment 'mine'"):
        store.record(RunKey("smoke", "mine", 0), mine())
    assert not list(tmp_path.iterdir())


def test_a_run_is_filed_under_its_own_seed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with pytest.raises(InputError, match=r"has seed 1, but the two must be the same\.$"):
        store.record(MINE, mine(seed=1))
    with pytest.raises(InputError, match="has seed 1"):
        store.record_together([(MINE, mine()), (replace(MINE, seed=2), mine(seed=1))])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../a", "/a", "a/", None])
def test_a_key_names_one_folder(bad: str) -> None:
    for field in ("preset", "name"):
        with pytest.raises(InputError, match=rf"^{field} is .* the name of one folder\.$"):
            replace(MINE, **{field: bad})


@pytest.mark.parametrize("bad", [-1, 1.0, "0", True, None, float("nan")])
def test_a_key_has_a_whole_seed(bad: object) -> None:
    with pytest.raises(InputError, match=r"^seed is .* must be (an integer|at least 0)\.$"):
        RunKey("custom", "mine", bad)  # type: ignore[arg-type]
    assert RunKey("custom", "mine", np.int64(3)) == RunKey("custom", "mine", 3)  # type: ignore[arg-type]


def _hold(root: str, ready, release) -> None:  # type: ignore[no-untyped-def]
    from grokbook.store.run_store import _only_one

    with _only_one(Path(root) / "smoke" / "modadd-standard" / "seed-0.lock", KEY, wait=False):
        ready.set()
        release.wait(60)


def test_two_processes_cannot_record_the_same_run(store: RunStore) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(store.root), ready, release))
    other.start()
    assert ready.wait(60)
    with pytest.raises(RunError, match="being recorded by another process"):
        store.record(KEY, again=True)
    assert store.status(KEY) == "finished"  # nothing lost
    other.kill()  # even killed, it lets go
    other.join()
    assert store.record(KEY, again=True).manifest["status"] == "finished"


def test_verify_agrees_with_its_own_record(store: RunStore) -> None:
    table = verify(KEY, 50, root=store.root)
    assert table["agrees"].all() and table["step"].max() == 50
    assert {"sharpness", "perturbed_entropy", "weight_norm"} <= set(table["metric"])


@pytest.mark.parametrize("metric", ["train_loss", "weight_norm", "perturbed_entropy", "sharpness"])
def test_verify_sees_one_changed_number(metric: str, store: RunStore) -> None:
    """Someone edits one value of the log by 0.6 % and mends the checksums."""
    import hashlib
    from io import BytesIO

    log_path, manifest_path = (folder(store) / f"seed-0.{end}" for end in ("parquet", "json"))
    log = pd.read_parquet(log_path)
    log.loc[0, metric] *= 1.006
    buffer = BytesIO()
    log.to_parquet(buffer, index=False)
    log_path.write_bytes(buffer.getvalue())
    manifest = json.loads(manifest_path.read_text())
    manifest["log_sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    manifest_path.write_text(mended(manifest))
    table = verify(KEY, 10, root=store.root)
    wrong = table[~table["agrees"]]
    assert wrong[["step", "metric"]].to_numpy().tolist() == [[0, metric]]


def test_verify_refuses_other_data(store: RunStore) -> None:
    path = folder(store) / "seed-0.json"
    manifest = json.loads(path.read_text())
    manifest["data_sha256"] = "0" * 64
    path.write_text(mended(manifest))
    with pytest.raises(RunError, match="not those it was recorded from"):
        verify(KEY, 1, root=store.root)


def test_overridden_experiments_are_kept_apart(tmp_path: Path) -> None:
    base = experiment("modadd-standard", "smoke", 2)
    assert custom_key("modadd-standard", "smoke", base) == RunKey("smoke", "modadd-standard", 2)
    changed = replace(base, steps=20)
    key = custom_key("modadd-standard", "smoke", changed)
    assert key.preset == "custom" and key.seed == 2
    store = RunStore(tmp_path)
    store.record(key, changed)
    assert store.status(key) == "finished"
    log = load_runs(key.name, "custom", root=tmp_path)
    assert log["step"].max() == 20 and (log["seed"] == 2).all()


def test_seeds_of_an_overridden_experiment_share_a_name() -> None:
    """On modulo addition the split has a seed too, by default the run's."""

    def names(**changes: object) -> set[str]:
        return {
            custom_key("modadd-standard", "smoke", replace(recipe, steps=20, **changes)).name
            for recipe in (experiment("modadd-standard", "smoke", seed) for seed in (1, 2, 3))
        }

    each, first = names(), names(dataset=experiment("modadd-standard", "smoke").dataset)
    fifth = names(dataset=experiment("modadd-standard", "smoke", 5).dataset)
    assert len(each) == len(first) == len(fifth) == 1
    assert len(each | first | fifth) == 3, "one split for all is not a split for each"


def test_all_recorded_seeds_are_loaded_by_default(recorded: Path, tmp_path: Path) -> None:
    shutil.copytree(recorded, tmp_path / "runs")
    RunStore(tmp_path / "runs").record(RunKey("smoke", "modadd-standard", 4))
    log = load_runs("modadd-standard", "smoke", root=tmp_path / "runs")
    assert np.unique(log["seed"]).tolist() == [0, 4]


def test_final_weights_are_kept_and_damaged_or_missing_ones_are_told(store: RunStore) -> None:
    from grokbook import train

    weights = store.weights(KEY)
    fresh = train(experiment(KEY.name, KEY.preset)).weights
    assert fresh is not None and set(fresh) == set(weights)
    for name, value in fresh.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-5, atol=1e-6)
    path = folder(store) / "seed-0.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(RunError, match=r"weights of .* are damaged .*; record them again with"):
        store.weights(KEY)
    path.unlink()
    with pytest.raises(RunError, match=r"weights of .* are not here; record them with"):
        store.weights(KEY)
    assert store.status(KEY) == "finished", "the log needs no weights"


def test_weights_kept_at_steps_lie_beside_the_run_and_cost_its_log_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, recipe = RunStore(tmp_path), mine()
    fresh = store.record(MINE, recipe, keep_weights_at=(0, 10))
    with monkeypatch.context() as patched:
        patched.setattr(grokbook.store.run_store.safetensors, "load", lambda _: pytest.fail("read"))
        run = store.load(MINE)
    assert run.manifest["weights_at"] == [0, 10] and not run.kept and run.weights is None
    x = recipe.dataset.load().train_x
    for step in (0, 10, None, recipe.steps):
        ours, theirs = run.weights_at(step), fresh.weights_at(step)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert torch.equal(run.network_at(step)(x), fresh.network_at(step)(x))
        ((_, again),) = record_all([(MINE, recipe)], root=tmp_path)
        assert torch.equal(again.network_at(step)(x), fresh.network_at(step)(x))
    assert torch.equal(run.network(x), load_network("mine", "custom", 0, root=tmp_path)(x))
    with pytest.raises(RunError, match=r"step 19 were not kept; .* steps 0, 10 and 20"):
        load_network("mine", "custom", 0, step=19, root=tmp_path)
    assert store.record(MINE, recipe, keep_weights_at=(10, recipe.steps)).manifest == run.manifest
    with pytest.raises(RunError, match=r"recorded without the weights of step 3; keep them with"):
        store.record(MINE, recipe, keep_weights_at=(3, 10))
    table = measure_recorded(MINE, ["norms", "test_loss"], root=tmp_path)
    assert (table["value"] == table["logged"]).all() and "test_loss" in table.index
    at_10 = measure_recorded(MINE, ["train_loss"], step=10, root=tmp_path)
    assert at_10.at["train_loss", "value"] == at_10.at["train_loss", "logged"]


def test_networks_of_small_runs_are_recorded_on_the_spot(tmp_path: Path) -> None:
    network = load_network("modadd-standard", "smoke", step=10, root=tmp_path)
    other = load_network("modadd-standard", "smoke", root=tmp_path)
    assert not network.training
    assert not torch.equal(network.embedding, other.embedding)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="kept are those of steps 10 and 200"):
        load_network("modadd-standard", "smoke", step=11, root=tmp_path)


def test_a_checkpoint_left_beside_its_record_is_not_gone_on_from(tmp_path: Path) -> None:
    """Killed between the two: recording again trains anew, and does not keep the old log."""
    store = RunStore(tmp_path)
    checkpoint = store._path(MINE, ".checkpoint")
    kept: list[bytes] = []
    unlink = Path.unlink

    def keep(path: Path, missing_ok: bool = False) -> None:
        if path == checkpoint and path.exists():
            kept.append(path.read_bytes())
        unlink(path, missing_ok=missing_ok)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "unlink", keep)
        store.record(MINE, mine())
    checkpoint.write_bytes(kept[0])
    begun: list[int] = []
    with pytest.MonkeyPatch.context() as patched:
        real = grokbook.store.run_store.train_together

        def watch(recipes, *, checkpoints, **how):
            begun.append(checkpoints[0].exists())
            return real(recipes, checkpoints=checkpoints, **how)

        patched.setattr(grokbook.store.run_store, "train_together", watch)
        store.record(MINE, mine(), again=True)
    assert begun == [False] and not checkpoint.exists()


def _with(**changes: object):
    def edit(manifest: dict) -> str:
        return json.dumps(manifest | changes)

    return edit


def _without(name: str):
    return lambda manifest: json.dumps({k: v for k, v in manifest.items() if k != name})


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        *((_without(name), f"{name} is missing") for name in ("seconds", "cpu", "recorded")),
        (_without("git_dirty"), "git_dirty is missing"),
        (_with(status=3), "status is 3"),
        (_with(status="ok"), "status is 'ok'"),
        (_with(steps=200.0), "steps is 200.0"),
        (_with(steps=150), "does not end at step 150"),
        (_with(seconds=None), "seconds is None"),
        (_with(name="mnist-standard"), "it is the record of mnist-standard"),
        (_with(second=1.0), "it has a field 'second'"),
        (lambda manifest: json.dumps(manifest)[:-1] + ', "steps": 200}', "twice"),
    ],
)
def test_a_manifest_is_checked_field_by_field(store: RunStore, edit, words: str) -> None:
    """Also one of before manifests had a checksum of their own."""
    path = folder(store) / "seed-0.json"
    manifest = json.loads(path.read_text())
    path.write_text(edit(manifest))
    with pytest.raises(RunError, match="is damaged "):
        store.load(KEY)
    del manifest["manifest_sha256"]
    path.write_text(edit(manifest))
    with pytest.raises(RunError, match=f"is damaged .*{words}"):
        store.load(KEY)


@pytest.mark.parametrize(
    "change",
    [
        *({name: "other"} for name in ("recorded", "cpu", "git_commit", "torch", "weights_sha256")),
        {"seconds": 0.5}, {"git_dirty": None}, {"manifest_sha256": ""}, {"threads": 3},
    ],
)  # fmt: skip
def test_no_field_of_a_manifest_can_be_another_unseen(store: RunStore, change: dict) -> None:
    path = folder(store) / "seed-0.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest, separators=(",", ":")))  # its layout may be another
    assert store.load(KEY).manifest == manifest
    path.write_text(json.dumps(manifest | change))
    with pytest.raises(RunError, match=r"is damaged .*SHA-256 is not that of its fields"):
        store.load(KEY)
    assert store.status(KEY) == "damaged"
    for lost in ("stretches", "preset", "weights_at", "name"):
        path.write_text(json.dumps({k: v for k, v in manifest.items() if k != lost}))
        if lost in manifest:
            assert store.status(KEY) == "damaged"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda log: log.iloc[:-1], "does not end at step"),
        (lambda log: log.iloc[::-1], "do not increase"),
        (lambda log: log.drop(columns="test_loss"), "has no test_loss"),
    ],
)
def test_a_log_with_a_fresh_checksum_has_to_be_whole(store: RunStore, spoil, words: str) -> None:
    import hashlib

    path = folder(store) / "seed-0.parquet"
    spoil(pd.read_parquet(path)).to_parquet(path, index=False)
    manifest = json.loads((folder(store) / "seed-0.json").read_text())
    manifest["log_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder(store) / "seed-0.json").write_text(mended(manifest))
    with pytest.raises(RunError, match=f"is damaged .*{words}"):
        store.load(KEY)


def test_a_valid_record_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    """Also one of before names were kept: by its seed, and by the overrides its name stands for."""
    store = RunStore(tmp_path)
    recipes = [
        replace(experiment("modadd-standard", "smoke", seed), steps=steps)
        for seed, steps in ((0, 20), (1, 20), (0, 30))
    ]
    keys = [custom_key("modadd-standard", "smoke", recipe) for recipe in recipes]
    for key, recipe in zip(keys, recipes, strict=True):
        store.record(key, recipe)

    def put(source: RunKey, target: RunKey, named: bool) -> None:
        for suffix in (".parquet", ".json"):
            shutil.copy(store._path(source, suffix), store._path(target, suffix))
        manifest = json.loads(store._path(target, ".json").read_text())
        if not named:
            del manifest["name"], manifest["preset"]
        store._path(target, ".json").write_text(mended(manifest))

    for named in (True, False):
        put(keys[1], keys[0], named)
        with pytest.raises(RunError, match=r"it is the record of .*seed 1"):
            store.load(keys[0])
        put(keys[2], keys[0], named)
        with pytest.raises(RunError, match=f"it is the record of {keys[2].name}"):
            store.load(keys[0])


def test_equal_infinities_agree(tmp_path: Path) -> None:
    from grokbook.models.mlp import MLPConfig

    recipe = replace(experiment("mnist-standard", "smoke"), model=MLPConfig((1,)), steps=20)
    store, key = RunStore(tmp_path), custom_key("mnist-standard", "smoke", recipe)
    store.record(key, recipe)
    table = verify(key, root=tmp_path)
    assert np.isinf(table["recorded"]).any() and table["agrees"].all()


def test_a_run_that_diverges_at_once_keeps_its_columns(tmp_path: Path) -> None:
    from grokbook.models.mlp import MLPConfig

    recipe = replace(experiment("mnist-standard", "smoke"), model=MLPConfig(init_scale=1e30))
    key = custom_key("mnist-standard", "smoke", recipe)
    run = RunStore(tmp_path).record(key, recipe)
    assert run.manifest["status"] == "diverged" and len(run.log) == 0
    assert {"step", "train_accuracy", "test_accuracy"} <= set(run.log.columns)
    assert RunStore(tmp_path).status(key) == "diverged"


def test_the_repository_around_an_installed_package_is_not_its_own(tmp_path: Path) -> None:
    package = tmp_path / "project" / ".venv" / "lib" / "grokbook"
    shutil.copytree(Path(grokbook.__file__).parent, package)
    git = ["git", "-C", str(tmp_path / "project"), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "project" / ".gitignore").write_text(".venv\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    code = "import torch; from grokbook._support.provenance import provenance as p\n" \
        "print(p(torch.device('cpu'))['git_commit'])"  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["None"]
