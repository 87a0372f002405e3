from pathlib import Path

import pytest

from grokbook import CONTROLS, EXPERIMENTS, RunError, RunStore
from grokbook.studies import information_settings
from grokbook.studies.reproduce import (
    everything,
    record_missing,
    record_missing_tables,
    recorded_table,
)


def test_everything_is_five_experiments_the_controls_the_search_and_the_rates() -> None:
    wanted = everything()
    keys = [key for key, _ in wanted]
    assert len(keys) == len(set(keys)) == 10 * len(EXPERIMENTS) + 6 * len(CONTROLS) + 10 + 8
    assert {key.seed for key in keys if key.name in EXPERIMENTS} == {*range(10)}
    assert {key.seed for key in keys if key.name in CONTROLS} == {*range(6)}
    # Seed after seed, so that whatever was recorded when it was stopped is worth having.
    seeds = [key.seed for key in keys if key.preset == "paper"]
    assert seeds == sorted(seeds)
    assert all(recipe.seed == key.seed for key, recipe in wanted)


@pytest.mark.parametrize("jobs", [1, 2])
def test_only_what_is_missing_is_recorded(tmp_path: Path, jobs: int) -> None:
    wanted = [pair for pair in everything("smoke", (3,)) if pair[0].name.startswith("mnist")][:3]
    wanted = [pair for pair in wanted if pair[0].preset == "smoke"]
    key, recipe = wanted[0]
    RunStore(tmp_path).record(key, recipe)
    lines = list(record_missing(wanted, jobs, "cpu", tmp_path))
    assert lines[0].startswith(f"1 of {len(wanted)} runs are recorded; the others take about ")
    assert len(lines) == len(wanted)
    assert all("finished; about 1 min left" in line for line in lines[1:])
    assert {key for key, _ in wanted} == set(RunStore(tmp_path).recorded())
    assert list(record_missing(wanted, jobs, "cpu", tmp_path)) == [
        f"{len(wanted)} of {len(wanted)} runs are recorded."
    ]


def test_only_tables_that_are_missing_or_damaged_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_disk
) -> None:
    small = information_settings.settings("smoke")
    monkeypatch.setattr(information_settings, "settings", lambda preset="paper": small)
    with full_disk(), pytest.raises(RunError, match=r"MNIST could not be kept.*too large\)\.$"):
        list(record_missing_tables(tmp_path))
    assert not list(tmp_path.rglob("*.*"))
    both = [line.partition(": ")[2] for line in record_missing_tables(tmp_path)]
    assert both == ["distances and entropies of MNIST", "batches and draws (of one training)"]
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert list(record_missing_tables(tmp_path)) == []
    for damaged, name in (("derived/mnist_distances", both[0]), ("ablation/*settings", both[1])):
        (path,) = tmp_path.glob(f"{damaged}.parquet")
        path.write_bytes(b"nothing")
        assert list(record_missing_tables(tmp_path)) == [f"recording the table: {name}"]
        assert path.read_bytes() == kept[path]
    table = information_settings.load(root=tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    monkeypatch.setattr(information_settings, "information_settings", lambda *_: table)
    with full_disk(), pytest.raises(OSError, match="File too large"):
        information_settings.record(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == kept


def test_the_table_tells_what_the_manifests_say(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert recorded_table("smoke", tmp_path).empty
    for key, recipe in everything("smoke", (1, 0))[:1] + everything("smoke", (0,))[:1]:
        store.record(key, recipe)
    table = recorded_table("smoke", tmp_path)
    assert list(table.index) == ["mnist-standard"]
    (row,) = table.to_dict("records")
    manifest = store.load(store.recorded()[0]).manifest
    assert (row["seeds"], row["steps"], row["minutes"]) == ("0, 1", "200", "0")
    assert row["recorded"] == manifest["recorded"][:10] and row["torch"] == manifest["torch"]
