"""Where runs are kept and found: homes, tildes, strays, names that say what a run is."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grokbook import InputError, RunKey, RunStore, experiment, load_runs
from grokbook.store import records
from grokbook.store.places import places
from grokbook.store.readable_names import options, readable_name
from grokbook.store.run_keys import command_for, custom_key, readable_key


def test_a_tilde_in_the_environment_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setenv("GROKBOOK_RUNS", "~/runs")
    assert records.default_root() == Path("/somewhere/runs")


def test_of_an_installed_package_runs_are_kept_in_the_home_wherever_one_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GROKBOOK_RUNS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(records, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(records, "_PACKAGE", tmp_path)
    (tmp_path / "_runs").symlink_to(Path(__file__).parents[2] / "runs")
    assert records.default_root() == tmp_path / "home/.local/share/grokbook/runs"
    monkeypatch.chdir(tmp_path)
    store = RunStore()
    key = RunKey("paper", "modadd-standard", 0)
    assert key in store.recorded() and store.status(key) == "finished"
    assert len(load_runs("modadd-standard", seeds=[0])) > 100
    assert not (tmp_path / "home").exists() and not (tmp_path / "runs").exists()
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path / "mine"))
    assert RunStore().recorded() == [], "a store that is named stands alone"


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_home_and_no_entry_in_the_list_of_users(tmp_path: Path, compiled: object) -> None:
    """As in a container that is started under a number."""
    code = (
        "import pwd\n"
        "def none(*_): raise KeyError('no such user')\n"
        "pwd.getpwuid = pwd.getpwnam = none\n"
        "from dataclasses import replace\n"
        "from grokbook import *\n"
        "recipe = replace(experiment('modadd-standard', 'smoke'), steps=5)\n"
        f"run = RunStore().record(RunKey('custom', 'a', 0), recipe, compiled={compiled!r})\n"
        "print(run.manifest['status'])"
    )
    names = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_DATA_HOME")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"GROKBOOK_RUNS": str(tmp_path / "runs"), "TMPDIR": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout == "finished\n", done.stderr


def test_without_a_home_runs_need_a_named_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setenv("GROKBOOK_RUNS", "~/runs")
    with pytest.raises(InputError, match="name a folder in GROKBOOK_RUNS"):
        records.default_root()


def test_strays_among_the_records_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "smoke" / "modadd-standard"
    folder.mkdir(parents=True)
    for name in ("seed-01.json", "seed-x.json", "seed-٣.json", "notes.json", ".DS_Store"):
        (folder / name).touch()
    (folder / "seed-7.json").mkdir()
    (tmp_path / "seed-1.json").touch()
    (tmp_path / "smoke" / "seed-1.json").touch()
    assert places([tmp_path], "json") == [] and RunStore(tmp_path).recorded() == []
    (folder / "seed-1.json").touch()
    assert RunStore(tmp_path).recorded() == [RunKey("smoke", "modadd-standard", 1)]


@pytest.mark.parametrize("name", ["a" * 201, "a\nb", "a/b", ".."])
def test_a_key_is_the_name_of_a_folder(name: str) -> None:
    with pytest.raises(InputError, match=r"^name is .*\.$") as caught:
        RunKey("custom", name, 0)
    assert "\n" not in str(caught.value)


def test_readable_names_are_read_back_as_the_options_that_they_say() -> None:
    base = experiment("modadd-standard", "quick", 3)
    recipe = replace(
        base,
        dataset=replace(base.dataset, p=61),
        optimizer=replace(base.optimizer, lr=1e-5, betas=(0.5, 0.75)),
        measurements=replace(base.measurements, groups=("accuracy",)),
    )
    name = readable_name("modadd-standard", "quick", recipe)
    assert name == "modadd-standard@quick+p=61+lr=1e-05+betas=0.5,0.75+groups=accuracy"
    told = options(name)
    assert told is not None and told[:2] == ("modadd-standard", "quick")
    from grokbook.cli.training import _override

    assert _override(base, told[2]) == recipe
    key = readable_key("modadd-standard", "quick", recipe)
    assert command_for(key) == (
        "`grokbook train modadd-standard --preset quick --seeds 3 --dataset.p 61"
        " --optimizer.lr 1e-05 --optimizer.betas 0.5 0.75 --measurements.groups accuracy`"
    )


def test_a_split_of_its_own_is_told_from_the_seed() -> None:
    base = experiment("modadd-standard", "paper", 3)
    other = replace(base, dataset=replace(base.dataset, seed=5))
    assert readable_name("modadd-standard", "paper", other) == "modadd-standard+dataset.seed=5"


def test_what_no_name_can_say_is_called_by_its_id() -> None:
    base = experiment("modadd-standard", "paper")
    other = replace(base, strategy=experiment("modadd-abelian", "paper").strategy)
    assert readable_name("modadd-standard", "paper", other) is None
    assert readable_key("modadd-standard", "paper", other) == custom_key(
        "modadd-standard", "paper", other
    )
    assert readable_key("modadd-standard", "paper", base) == RunKey("paper", "modadd-standard", 0)


@pytest.mark.parametrize(
    "name",
    ["modadd-standard", "modadd-standard-09e8f850", "nothing+p=61", "modadd-standard+speed=3",
     "modadd-standard@huge+p=61", "my-own+p=1"],
)  # fmt: skip
def test_other_names_tell_no_options(name: str) -> None:
    assert options(name) is None
