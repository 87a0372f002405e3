"""Studies: every arm has a recipe, the table survives a kill, and other rules make it stale."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grokbook import InputError, RunError, experiment
from grokbook.experiments.schema import Experiment, LogSchedule, Measurements
from grokbook.store import records
from grokbook.studies import (
    choices,
    laws,
    league,
    mechanism,
    noise,
    norm,
    prediction,
    representations,
    sets,
    times,
    twins,
)
from grokbook.studies.study import Planned, Study, record, run_one
from grokbook.studies.tables import load_study, studies_table, study_names

STUDIES = [
    mechanism.STUDY, norm.STUDY, prediction.STUDY, times.STUDY, choices.STUDY, laws.STUDY,
    noise.STUDY,
    twins.STUDY,
    sets.STUDY,
    representations.STUDY,
]  # fmt: skip


def small(arm: str, seed: int) -> Experiment:
    recipe = experiment("mnist-standard", "smoke", seed)
    return replace(
        recipe, steps=60, log=LogSchedule("linear", 12), measurements=Measurements(("accuracy",)),
    )  # fmt: skip


class Small(Study):
    """The rules of a real study, and networks that take a second."""

    @property
    def rules(self) -> dict:  # type: ignore[override]
        return {
            "arms": {"a": "one", "b": "another"},
            "setting": {"limit": 60, "tail": 10},
            "endpoint": {"column": "test_accuracy", "level": 0.05},
        }


SMALL = Small("norm", lambda table: [Planned(a, s, small(a, s)) for s in (100, 101) for a in "ab"])


def test_the_command_knows_every_study() -> None:
    from typing import get_args, get_type_hints

    from grokbook.cli.commands import Study as Command

    names = study_names()
    assert sorted(get_args(get_type_hints(Command)["name"])) == names
    assert [import_module(f"grokbook.studies.{name}").STUDY.name for name in names] == names


def test_the_noise_of_constant_strength_is_that_of_the_study_of_the_mechanism() -> None:
    from grokbook.studies.results import strength

    setting = noise.STUDY.rules["setting"]
    assert setting["lambda_2"] == strength(load_study("mechanism"))
    ours, theirs = noise.recipe("constant", 100), mechanism.recipe("add-free", 100, 0.2)
    assert replace(ours, strategy=theirs.strategy) == theirs


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_arm_of_the_rules_has_a_recipe_that_differs_from_the_others(study: Study) -> None:
    empty = pd.DataFrame({"arm": [], "seed": []})
    planned = study.plan(empty)
    arms = {one.arm for one in planned}
    waiting = {arm for arm in study.rules["arms"] if arm == "l1" or arm.endswith("noise")}
    assert set(study.rules["arms"]) - arms == waiting, "for their search"
    first = [one for one in planned if one.seed == study.rules["setting"]["seeds"][0]]
    assert len({one.recipe.id for one in first}) == len(first)
    for one in planned:
        assert one.recipe.steps >= study.limit(one.arm)
        assert one.seed in {*study.rules["setting"]["seeds"], 90, 91}


def test_the_seeds_of_an_arm_share_split_and_initial_weights_with_the_others() -> None:
    free, noisy = (mechanism.recipe("add-free", 100, strength) for strength in (0.0, 0.1))
    assert free.dataset == noisy.dataset and free.seed == noisy.seed and free.model == noisy.model


def test_the_search_of_the_norm_s_study_takes_the_soonest_then_the_best() -> None:
    coefficients = norm.STUDY.rules["search"]["coefficients"]
    rows = [
        {"arm": f"l1 at {c:g}", "seed": s, "endpoint": np.nan, "final_test_accuracy": 0.1 + c / 100}
        for c in coefficients
        for s in (90, 91)
    ]
    table = pd.DataFrame(rows)
    assert norm.best_coefficient(table.iloc[:-1]) is None
    assert norm.best_coefficient(table) == coefficients[-1]
    table.loc[table["arm"] == "l1 at 0.1", "endpoint"] = 5000.0
    assert norm.best_coefficient(table) == 0.1
    assert {one.arm for one in norm.plan(table)} >= {"l1"}


def test_the_search_of_the_mechanism_s_study_sets_the_noise_of_every_arm_with_noise() -> None:
    rows = [
        {"arm": f"noise at {v:g}", "seed": s, "endpoint": 3000.0 + v, "final_test_accuracy": 1.0}
        for v in mechanism.STUDY.rules["search"]["lambda_2"]
        for s in (90, 91)
    ]
    table = pd.DataFrame(rows)
    assert len(mechanism.plan(table)) > len(mechanism.plan(table.iloc[:-1]))
    table.loc[table["arm"] == "noise at 0.2", "endpoint"] = 1000.0
    planned = mechanism.plan(table)
    noisy = [one for one in planned if one.arm.endswith("noise")]
    assert {one.arm for one in planned} >= set(mechanism.STUDY.rules["arms"])
    assert {one.recipe.strategy.lambda_2 for one in noisy} == {0.2}  # type: ignore[attr-defined]
    assert len({one.recipe.id for one in planned}) == len(planned)


def test_a_run_ends_at_the_tail_or_is_censored_at_the_limit() -> None:
    recipe = small("a", 100)
    row = run_one(recipe, "train_accuracy", 0.1, 60, 10)
    assert row["status"] == "reached" and row["steps"] == row["endpoint"] + 10
    assert row["curve_step"][-1] <= row["steps"] and row["id"] == recipe.id
    never = run_one(recipe, "test_accuracy", 1.1, 60, 10)
    assert (never["status"], never["steps"]) == ("censored", 60) and np.isnan(never["endpoint"])


def test_a_run_that_does_not_come_is_told_by_its_steps(tmp_path: Path) -> None:
    class Never(Small):
        @property
        def rules(self) -> dict:  # type: ignore[override]
            return super().rules | {"endpoint": {"column": "test_accuracy", "level": 2.0}}

    lines = list(record(Never("norm", SMALL.plan), root=tmp_path, arms=["a"], seeds=[100]))
    assert lines[1].startswith("1 of 1: a, seed 100: not within 60 steps; about ")


def test_what_is_recorded_is_not_trained_again(tmp_path: Path) -> None:
    lines = list(record(SMALL, root=tmp_path, arms=["a"]))
    assert lines[0] == "0 runs of norm are recorded; 2 to come." and len(lines) == 4
    lines = list(record(SMALL, root=tmp_path))
    assert lines[0] == "2 runs of norm are recorded; 2 to come."
    done = "4 runs of norm are recorded; none that you ask for is missing."
    assert lines[-1] == done and list(record(SMALL, root=tmp_path)) == [done]
    table = load_study("norm", tmp_path)
    assert sorted(zip(table["arm"], table["seed"], strict=True)) == [
        ("a", 100), ("a", 101), ("b", 100), ("b", 101),
    ]  # fmt: skip
    assert json.loads(table["experiment"].iloc[0])["type"] == "Experiment"


_VICTIM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_study import SMALL
from grokbook.studies.study import record
for line in record(SMALL, root=Path(sys.argv[1])):
    print(line, flush=True)
"""


def test_a_killed_study_goes_on_from_its_last_run(tmp_path: Path) -> None:
    victim = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _VICTIM, str(tmp_path), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
    )
    assert victim.stdout is not None
    while b"1 of 4" not in victim.stdout.readline():
        assert victim.poll() is None
    time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    kept = len(load_study("norm", tmp_path))
    assert 1 <= kept <= 4
    list(record(SMALL, root=tmp_path))
    assert len(load_study("norm", tmp_path)) == 4


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"arms": ["c"]}, r"There is no arm 'c' in the study norm; known are a, b\."),
        ({"seeds": [7]}, r"seed 7 is none of the study norm"),
        ({"jobs": 0}, r"jobs is 0, but must be at least 1\."),
    ],
)
def test_what_a_study_does_not_know_is_one_sentence(how: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        list(record(SMALL, root=tmp_path, **how))


def test_of_many_arms_a_message_names_the_closest(tmp_path: Path) -> None:
    """The league plans two hundred."""
    with pytest.raises(InputError) as told:
        list(record(league.STUDY, root=tmp_path, arms=["adamw, lr 0.01, weight_decay 2"]))
    assert "the closest are adamw, lr 0.01, weight_decay " in str(told.value)
    assert len(str(told.value)) < 700
    with pytest.raises(InputError, match="and none like it"):
        list(record(league.STUDY, root=tmp_path, arms=["zzz"]))


def test_a_table_of_other_rules_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    list(record(SMALL, root=tmp_path, arms=["a"], seeds=[100]))
    manifest = tmp_path / "studies" / "norm.json"
    text = manifest.read_text()
    other = json.loads(re.sub('"rules_sha256": "..', '"rules_sha256": "00', text))
    manifest.write_text(
        json.dumps(other | {records.OWN_SUM: records.sum_of_fields(other, records.OWN_SUM)})
    )
    with pytest.raises(RunError, match="written by other rules"):
        load_study("norm", tmp_path)
    with pytest.raises(RunError, match="written by other rules"):
        list(record(SMALL, root=tmp_path))
    manifest.write_text(text)
    table = tmp_path / "studies" / "norm.parquet"
    table.write_bytes(table.read_bytes()[:-7])
    with pytest.raises(RunError, match="study norm is damaged"):
        load_study("norm", tmp_path)


def test_a_cluster_records_the_rows_of_one_process(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    here, there = tmp_path / "here", tmp_path / "there"
    list(record(SMALL, root=here))
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as local:
        list(record(SMALL, root=there, scheduler=local.scheduler_address))
    columns = ["arm", "seed", "endpoint", "final_test_accuracy", "id"]
    tables = [
        load_study("norm", root)[columns].sort_values(["arm", "seed"], ignore_index=True)
        for root in (here, there)
    ]
    pd.testing.assert_frame_equal(*tables)


def killed(*_: object) -> dict:
    """A run whose process is killed, as where memory does not suffice."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def test_a_killed_process_of_a_study_is_one_sentence(tmp_path: Path) -> None:
    doomed = Small("norm", SMALL.plan, killed)
    with pytest.raises(RunError, match=r"A training process was killed, .* fewer --jobs\.$"):
        list(record(doomed, root=tmp_path, jobs=2))


_LEADER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_study import SMALL, Small
from grokbook.studies.study import record

def slow(*_):
    print(os.getpid(), flush=True)
    time.sleep(120)

list(record(Small("norm", SMALL.plan, slow), root=Path(sys.argv[1]), jobs=2))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_the_processes_of_a_study_end_with_it(tmp_path: Path) -> None:
    leader = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _LEADER, str(tmp_path), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
    )
    assert leader.stdout is not None
    workers = [int(leader.stdout.readline()) for _ in range(2)]
    leader.kill()
    leader.wait()
    until = time.monotonic() + 90
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < until, "they train on for nobody"
        time.sleep(0.2)


def test_every_study_is_listed_with_what_is_recorded(tmp_path: Path) -> None:
    found = studies_table(tmp_path)
    assert list(found.index) == study_names() and (found["runs"] == 0).all()
    list(record(SMALL, root=tmp_path))
    found = studies_table(tmp_path)
    assert found.loc["norm", "runs"] == 4 and found["runs"].sum() == 4
    assert found.loc["times", ["arms", "seeds"]].tolist() == [3, 10]
