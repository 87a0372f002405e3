"""The store against a model of it: any order of writing, damaging, exchanging, losing, locking."""

import dataclasses
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from grokbook import Experiment, Run, RunError, RunKey, RunStore, experiment, train
from grokbook.experiments.schema import LogSchedule, Measurements

KEYS = [RunKey("custom", name, seed) for name in ("first", "second") for seed in (0, 1)]
WHICH = st.sampled_from(KEYS)
ENDINGS = (".parquet", ".json")


def recipe(seed: int) -> Experiment:
    return dataclasses.replace(
        experiment("modadd-standard", "smoke", seed),
        steps=2, log=LogSchedule("linear", 2), measurements=Measurements(("accuracy",)),
    )  # fmt: skip


@dataclass
class Kept:
    """What ought to lie in one place: the run of a number, or files that are none."""

    number: int | None
    damaged: bool = False


class Store(RuleBasedStateMachine):
    """Runs are told apart by a number, which stands in every row and in the manifest."""

    runs: ClassVar[dict[int, Run]] = {}

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="store-"))
        self.store = RunStore(self.root)
        self.kept: dict[RunKey, Kept] = {}
        self.number = 0
        for seed in (0, 1):
            if seed not in self.runs:
                self.runs[seed] = train(recipe(seed), compiled=False)

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def path(self, key: RunKey, ending: str) -> Path:
        return self.store._path(key, ending)

    @rule(key=WHICH)
    def write(self, key: RunKey) -> None:
        """Over whatever is there, whole or not."""
        self.number += 1
        run = self.runs[key.seed]
        log = run.log.assign(test_loss=float(self.number))
        self.store._keep(key, Run(log, {**run.manifest, "threads": self.number}))
        self.kept[key] = Kept(self.number)

    @rule(key=WHICH, ending=st.sampled_from(ENDINGS), where=st.floats(0, 1, exclude_max=True),
          bit=st.integers(0, 7))  # fmt: skip
    def flip_a_bit(self, key: RunKey, ending: str, where: float, bit: int) -> None:
        path = self.path(key, ending)
        if not path.exists() or not path.stat().st_size:
            return
        content = bytearray(path.read_bytes())
        before = bytes(content)
        content[int(where * len(content))] ^= 1 << bit
        path.write_bytes(content)
        if ending == ".json" and _says(before) == _says(bytes(content)):  # 1e-05 and 1E-05
            path.write_bytes(before)
        elif key in self.kept:
            # A second flip of the same bit mends it; then nothing is asserted of it any more.
            self.kept[key] = Kept(self.kept[key].number, damaged=True)
            if before != bytes(content) and self.mended(key):
                self.kept[key].damaged = False

    @rule(key=WHICH, ending=st.sampled_from(ENDINGS), share=st.floats(0, 0.99))
    def cut_off(self, key: RunKey, ending: str, share: float) -> None:
        path = self.path(key, ending)
        if path.exists() and path.stat().st_size:
            path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
            if key in self.kept:
                self.kept[key].damaged = True

    @rule(key=WHICH)
    def lose_the_manifest(self, key: RunKey) -> None:
        """There is no record without one, whatever else is left."""
        self.path(key, ".json").unlink(missing_ok=True)
        self.kept.pop(key, None)

    @rule(key=WHICH)
    def lose_the_table(self, key: RunKey) -> None:
        self.path(key, ".parquet").unlink(missing_ok=True)
        if key in self.kept:
            self.kept[key].damaged = True

    @rule(one=WHICH, other=WHICH, whole=st.booleans())
    def exchange(self, one: RunKey, other: RunKey, whole: bool) -> None:
        """Tables alone, or tables with their manifests."""
        if one == other or not {one, other} <= self.kept.keys():
            return
        for ending in ENDINGS if whole else (".parquet",):
            paths = [self.path(key, ending) for key in (one, other)]
            contents = [path.read_bytes() if path.exists() else None for path in paths]
            for path, content in zip(paths, reversed(contents), strict=True):
                path.unlink(missing_ok=True)
                if content is not None:
                    path.write_bytes(content)
        for key in (one, other):
            self.kept[key] = Kept(self.kept[key].number, damaged=not self.mended(key))

    @rule(key=WHICH)
    def record_while_another_does(self, key: RunKey) -> None:
        """Refused in one sentence, and nothing is touched."""
        self.path(key, ".lock").parent.mkdir(parents=True, exist_ok=True)
        before = self.contents()
        with FileLock(self.path(key, ".lock")), pytest.raises(RunError) as caught:
            self.store.record(key, recipe(key.seed), again=True, compiled=False)
        assert "is being recorded by another process" in str(caught.value)
        assert self.contents() == before

    def contents(self) -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in self.root.rglob("*.*") if p.suffix in ENDINGS}

    def mended(self, key: RunKey) -> bool:
        """Whether both files say what was written last: damage upon damage may undo itself."""
        fresh = Path(tempfile.mkdtemp(dir=self.root.parent))
        try:
            run = self.runs[key.seed]
            number = self.kept[key].number
            log = run.log.assign(test_loss=float(number or 0))
            whole = RunStore(fresh)
            whole._keep(key, Run(log, {**run.manifest, "threads": number}))
            return all(
                self.path(key, end).exists()
                and _says(self.path(key, end).read_bytes())
                == _says(whole._path(key, end).read_bytes())
                for end in ENDINGS
            )
        finally:
            shutil.rmtree(fresh)

    @invariant()
    def what_was_written_is_read_and_nothing_else(self) -> None:
        if not hasattr(self, "store"):
            return
        assert self.store.recorded() == sorted(
            self.kept, key=lambda key: (key.preset, key.name, key.seed)
        )
        for key in KEYS:
            kept = self.kept.get(key)
            if kept is None:
                assert self.store.status(key) == "missing"
            elif kept.damaged:
                assert self.store.status(key) == "damaged"
                with pytest.raises(RunError, match=rf"{key.name}.*damaged.*\.$"):
                    self.store.load(key)
            else:
                run = self.store.load(key)
                assert run.manifest["threads"] == kept.number
                assert (run.log["test_loss"] == kept.number).all()
        assert not list(self.root.rglob("*.tmp"))


def _says(content: bytes) -> object:
    """What a file says; of JSON however it is laid out, of a field twice both."""
    try:
        return json.dumps(json.loads(content, object_pairs_hook=lambda pairs: pairs))
    except ValueError:
        return content


TestStore = Store.TestCase
TestStore.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, derandomize=True
)


def test_the_machine_sees_a_store_that_reads_what_is_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A counterexample: a store without checksums does not pass."""
    machine = Store()
    machine.begin()
    try:
        key = KEYS[0]
        machine.write(key)
        machine.what_was_written_is_read_and_nothing_else()
        manifest = machine.path(key, ".json")
        fields = json.loads(manifest.read_text())
        fields["cpu"] = "other"
        manifest.write_text(json.dumps(fields))
        machine.kept[key].damaged = True
        machine.what_was_written_is_read_and_nothing_else()
        monkeypatch.setattr(
            "grokbook.store.records.sum_of_fields", lambda *_: fields["manifest_sha256"]
        )
        with pytest.raises(AssertionError):
            machine.what_was_written_is_read_and_nothing_else()
    finally:
        machine.teardown()


def test_exchanged_twice_is_as_it_was() -> None:
    machine = Store()
    machine.begin()
    try:
        for key in KEYS[:3]:
            machine.write(key)
        for _ in range(2):
            machine.exchange(KEYS[0], KEYS[2], whole=True)
            machine.what_was_written_is_read_and_nothing_else()
        assert not machine.kept[KEYS[0]].damaged
        assert isinstance(machine.store.load(KEYS[0]).log, pd.DataFrame)
    finally:
        machine.teardown()
