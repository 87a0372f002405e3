"""The record comes back as it was kept, nothing damaged is read, and its tables are right."""

import json

import pandas as pd
import pytest
from benchmark_records import SLOPES, record

from grokbook import EXPERIMENTS, InputError, RunError
from grokbook.benchmarks import record as recording
from grokbook.benchmarks import tables
from grokbook.benchmarks.record import LENS, MADE, PACKAGE, TABLES
from grokbook.store import json_records
from grokbook.store.records import sum_of_fields
from grokbook.studies.reproduce import CONTROL_SEEDS, SEEDS


@pytest.fixture
def path(tmp_path):
    return recording.keep(record(), tmp_path)


def test_it_comes_back_as_it_was_kept(path, tmp_path):
    assert path == tmp_path / "benchmarks" / "benchmarks.json"
    kept, found = record(), recording.load(tmp_path)
    assert found.made == kept.made
    for name, table in kept.tables.items():
        pd.testing.assert_frame_equal(
            found.tables[name], table, check_dtype=False, check_exact=True
        )


def test_the_recorded_one_is_read_where_another_store_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    shipped = recording.load()
    assert set(MADE) <= set(shipped.made) and shipped.made["cpu"] != "an abacus"
    recording.keep(record())
    assert recording.load().made["cpu"] == "an abacus"


def test_a_missing_record_gives_one_sentence(tmp_path):
    with pytest.raises(RunError) as error:
        recording.load(tmp_path)
    assert str(error.value) == "There is no benchmark record; make it with `make bench`."


def signed(whole: dict) -> str:
    """Write a record of another content, its check sum made anew."""
    content = {name: part for name, part in whole.items() if name != "sha256"}
    return json.dumps(content | {"sha256": sum_of_fields(content, "sha256")})


def one_sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text and text.endswith("record it again with `make bench`.")
    return text


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: json.dumps({"made": json.loads(text)["made"]}),
        lambda text: signed(json.loads(text) | {"tables": {"steps": 3}}),
        lambda text: text.replace("1", "2", 1),
        lambda text: text.replace('"sha256"', '"sha255"'),
    ],
)
def test_a_damaged_record_gives_one_sentence(path, tmp_path, damage):
    path.write_text(damage(path.read_text()))
    with pytest.raises(RunError) as error:
        recording.load(tmp_path)
    assert one_sentence(error).startswith("The benchmark record is damaged (benchmarks.json: ")


@pytest.mark.parametrize("name", TABLES)
def test_a_record_without_a_table_or_column_gives_one_sentence(path, tmp_path, name):
    whole = json.loads(path.read_text())
    rows = whole["tables"].pop(name)
    path.write_text(signed(whole))
    with pytest.raises(RunError, match=f"incomplete.*no table {name}") as error:
        recording.load(tmp_path)
    one_sentence(error)
    whole["tables"][name] = [{k: v for k, v in row.items() if "ms" not in k} for row in rows]
    path.write_text(signed(whole))
    with pytest.raises(RunError, match=f"other columns in table {name}") as error:
        recording.load(tmp_path)
    one_sentence(error)


@pytest.mark.parametrize("key", MADE)
def test_a_record_that_does_not_say_how_it_was_made_gives_one_sentence(path, tmp_path, key):
    whole = json.loads(path.read_text())
    del whole["made"][key]
    path.write_text(signed(whole))
    with pytest.raises(RunError, match=f"incomplete.*no {key}") as error:
        recording.load(tmp_path)
    one_sentence(error)


def test_a_failed_writing_leaves_the_old_record(path, monkeypatch):
    old = path.read_bytes()
    monkeypatch.setattr(json_records.json, "dumps", lambda *_, **__: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        recording.keep(record(), path.parents[1])
    assert path.read_bytes() == old and list(path.parent.iterdir()) == [path]


def test_ratios_and_share_of_the_peak():
    table = tables.step_table(record())
    ours = table.loc[("modadd-standard", PACKAGE)]
    assert ours["ratio"] == 3 and table.loc[("mnist-standard", LENS), "ratio"] == 0.6
    assert ours["gflops"] == 100 and ours["peak_share"] == 0.5
    assert ours["ceiling"] == 6  # products alone at the peak: 4 GFLOP in 20 of the usual 120 ms
    counted = ["gflops", "peak_share", "ceiling"]
    assert table.loc[("mnist-standard", PACKAGE), counted].isna().all()


def test_readme_shows_the_package_s_rows():
    heads, _, *rows = tables.markdown_table(record()).splitlines()
    ms = tables.step_table(record()).at[("modadd-standard", PACKAGE), "ms"]
    wanted = f"| modadd-standard | {ms:.1f} | plain PyTorch, float32 | 3.0 | 50% |"
    assert wanted in rows and all(row.count("|") == heads.count("|") for row in rows)


def test_metrics_beside_the_plain_ways():
    table = tables.metric_table(record())
    assert table["ratio"].tolist() == [100, 1.5]
    assert table["difference"].isna().tolist() == [False, True]


def test_the_log_s_share_of_a_run():
    """300 logged steps of modulo addition, each fifth full, and the first 300 steps every ten."""
    row = tables.logging_table(record()).loc["modadd-standard"]
    assert row["full_points"] == 60 + 30 and row["cheap_points"] == 240 - 5
    assert row["share"] == pytest.approx((235 * 0.1 + 90 * 1.0) / (15_000 * 0.04))


def test_slopes_of_power_laws():
    table = tables.scaling_slopes(record())
    for varied, (time, memory) in SLOPES.items():
        row = table.loc[("modadd-standard", varied)]
        assert row["time"] == pytest.approx(time) and row["memory"] == pytest.approx(memory)
        assert row["products"] == pytest.approx(1)
    assert table.loc[("modadd-standard", "d"), "largest"] == 256


@pytest.mark.parametrize(
    "x, y", [([1, 1], [2.0, 3.0]), ([1, 2], [0.0, 1.0]), ([-1, 2], [1.0, 1.0])]
)
def test_no_slope_without_two_positive_places(x, y):
    with pytest.raises(InputError, match="positive values at two places at least"):
        tables.slope(pd.Series(x), pd.Series(y))


def test_scaling_is_relative_to_the_paper_s_settings():
    table = tables.scaling_table(record())
    assert table.loc[table["value"] == 3830, "relative"].tolist() == [1]
    assert table.loc[table["varied"] == "d", "relative"].tolist() == [0.5, 1, 2]
    with pytest.raises(InputError, match=r"'mnist-standard' is not recorded, only that of modadd"):
        tables.scaling_table(record(), "mnist-standard")


def test_together_against_one_after_the_other():
    """A step of k seeds takes √k times one's: together is √k times as fast."""
    table = tables.together_table(record())
    assert list(table.index) == list(EXPERIMENTS) and list(table) == [2, 5]
    assert table[5].tolist() == pytest.approx([5**0.5] * 5)


def test_ideas_against_the_package_run_in_the_same_way():
    table = tables.idea_table(record())
    assert list(table.loc["an idea"].index) == list(EXPERIMENTS) and PACKAGE not in table.index
    assert table["compiled"].tolist() == pytest.approx([1.25] * 5)
    assert table["eager"].tolist() == pytest.approx([1.25] * 5)


def test_an_idea_not_measured_on_an_experiment_has_no_row_there():
    made_up = record()
    ideas = made_up.tables["ideas"]
    made_up.tables["ideas"] = ideas[
        (ideas["idea"] == PACKAGE) | (ideas["experiment"] == "modadd-abelian")
    ]
    table = tables.idea_table(made_up)
    assert table.index.tolist() == [("an idea", "modadd-abelian")]
    assert table["compiled"].tolist() == pytest.approx([1.25])


def test_settings_against_torch_s_own():
    table = tables.setting_table(record())
    assert list(table.index) == ["a setting"] and list(table) == list(EXPERIMENTS)
    assert table.loc["a setting"].tolist() == pytest.approx([1.25] * 5)


def test_compiling_and_processes():
    table = tables.arrangement_table(record())
    assert list(table.index) == list(EXPERIMENTS)
    assert table["compiled"].tolist() == pytest.approx([1.5] * 5)
    assert table["process_a_core"].tolist() == pytest.approx([1.25] * 5)


def test_whole_runs_of_the_paper():
    table = tables.whole_runs()
    assert table.loc["modadd-standard", "runs"] == len(SEEDS)
    assert table.loc["mnist-l1", "runs"] == CONTROL_SEEDS
    assert (table["hours"] * 60).tolist() == pytest.approx(
        (table["runs"] * table["minutes"]).tolist()
    )
    assert table.loc["mnist-standard", "steps"] == 100_000
