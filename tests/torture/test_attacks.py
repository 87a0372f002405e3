"""Each attack once, small; and stores that are broken on purpose, which it has to see."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from grokbook.torture import damage, full_disks, kills, trainings
from grokbook.torture.cases import Shared, make
from grokbook.torture.command_lines import LINES
from grokbook.torture.crowds import CROWDS
from grokbook.torture.trainings import NAMES, Undisturbed


@pytest.fixture(scope="module")
def shared():
    with Shared() as shared:
        yield shared


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack", [kills.KILLS, damage.DAMAGE, CROWDS, full_disks.DISKS, full_disks.FILES, LINES],
    ids=lambda attack: attack.name,
)  # fmt: skip
def test_nothing_is_lost(attack, shared: Shared) -> None:
    outcome = make(attack, 0, range(3), shared)
    assert outcome.failures == []
    assert outcome.lacking or sum(cases for cases, _ in outcome.kinds.values()) == 3


def test_a_record_with_other_bytes_or_fields_is_seen(tmp_path: Path) -> None:
    name = NAMES[0]
    trainings.record(str(tmp_path / "whole"), name)
    shutil.copytree(tmp_path / "whole", tmp_path / "other")
    of = Undisturbed(name, tmp_path / "whole", 1.0, 1)
    assert trainings.difference(tmp_path / "other", of) == ""
    manifest = trainings.path(tmp_path / "other", name, ".json")
    text = manifest.read_text()
    manifest.write_text(text.replace('"steps": 40,\n "sec', '"steps": 41,\n "sec'))
    assert trainings.difference(tmp_path / "other", of) == "steps is 41 in place of 40"
    manifest.write_text(text)
    left = manifest.with_name(".seed-0.json.1a2b.tmp")
    left.touch()
    assert trainings.difference(tmp_path / "other", of) == f"{left.name} was left behind"
    left.unlink()
    log = trainings.path(tmp_path / "other", name, ".parquet")
    log.write_bytes(log.read_bytes() + b"0")
    assert trainings.difference(tmp_path / "other", of) == "seed-0.parquet has other bytes"
    log.unlink()
    assert trainings.difference(tmp_path / "other", of) == "seed-0.parquet is not there"
    assert kills._half(tmp_path / "other", of) == "after a kill the record is damaged"


@pytest.mark.parametrize("kind", [*damage._DAMAGES, *damage._EDITS])
def test_every_damage_changes_what_a_manifest_says(kind: str, tmp_path: Path) -> None:
    for name in NAMES[:2]:
        for seed in damage.SEEDS:
            for ending in trainings.ENDINGS:
                file = trainings.path(tmp_path, name, ending, seed)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f'{{"name": "{name}", "seed": {seed}, "end": "{ending}"}}')
    before = trainings.path(tmp_path, NAMES[0], ".json").read_bytes()
    make_it = (damage._DAMAGES | damage._EDITS)[kind]
    which = (NAMES[0], 0, ".json")
    changed = 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(damage, "NAMES", NAMES[:2])
        for number in range(20):
            after, _ = make_it(before, random.Random(number), tmp_path, which)
            changed += not damage._same(before, after, ".json")
            assert make_it(before, random.Random(number), tmp_path, which)[0] == after
    assert changed >= 15


def test_a_refusal_that_is_no_sentence_is_seen() -> None:
    of = Undisturbed(NAMES[0], Path("nowhere"), 1.0, 1)
    ended = full_disks.processes.Ended(0, "", {"refusal": "no room"})
    assert "not refused in one sentence" in full_disks._judged(ended, Path("none"), of, False)
    good = replace(ended, value={"refusal": "There is no room on the disk for it."})
    assert full_disks._judged(good, Path("none"), of, False) == ""
    assert full_disks._judged(good, Path("none"), of, True) == "seed-0.parquet is not there"
