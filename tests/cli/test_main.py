"""The command as a user types it, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grokbook import RunKey, RunStore, experiment
from grokbook.cli.main import main


def grokbook(root: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GROKBOOK_RUNS": str(root), **changes}
    return subprocess.run(
        [sys.executable, "-m", "grokbook", *arguments],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_train_runs_verify(tmp_path: Path) -> None:
    done = grokbook(
        tmp_path, "train", "modadd-standard", "--preset", "smoke", "--seeds", "0", "1",
        "--jobs", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and all("finished at step 200" in line for line in lines)
    listed = grokbook(tmp_path, "runs").stdout.splitlines()
    assert [line.split() for line in listed] == [
        ["smoke", "modadd-standard", "seed", seed, "finished"] for seed in ("0", "1")
    ]
    checked = grokbook(tmp_path, "verify", "--preset", "smoke", "--steps", "20")
    assert checked.returncode == 0 and checked.stdout.count("values agree") == 2
    counts = grokbook(tmp_path, "list").stdout
    assert "modadd-standard      runs: paper 0, quick 0, smoke 2" in counts


def test_show_prints_the_fields() -> None:
    shown = json.loads(grokbook(Path("."), "show", "modadd-perturbed").stdout)
    assert shown["strategy"] == {
        "type": "Perturbed", "lambda_1": 0.5, "lambda_2": 0.4, "refresh": 10,
    }  # fmt: skip


def test_overridden_fields_train_a_custom_run(tmp_path: Path) -> None:
    done = grokbook(
        tmp_path, "train", "modadd-standard", "--preset", "smoke",
        "--steps", "20", "--optimizer.weight-decay", "0.5", "--dataset.p", "11",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (manifest,) = (tmp_path / "custom").glob("modadd-standard-*/seed-0.json")
    recipe = json.loads(manifest.read_text())["experiment"]
    assert recipe["steps"] == 20 and recipe["dataset"]["p"] == 11
    assert recipe["optimizer"]["weight_decay"] == 0.5


def test_a_custom_run_is_verified_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    main(["train", "modadd-standard", "--preset", "smoke", "--steps", "20"])
    (key,) = RunStore().recorded()
    capsys.readouterr()
    main(["verify", key.name, "--preset", "custom", "--steps", "2"])
    assert capsys.readouterr().out.startswith(f"{key}: ")
    with pytest.raises(SystemExit, match="steps is -1"):
        main(["verify", key.name, "--preset", "custom", "--steps", "-1"])


def test_reproduce_trains_together_where_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    wanted = [
        (RunKey("smoke", "mnist-standard", seed), experiment("mnist-standard", "smoke", seed))
        for seed in (0, 1)
    ]
    monkeypatch.setattr("grokbook.cli.main.everything", lambda *_: wanted)
    main(["reproduce", "--preset", "smoke", "--together", "True"])
    printed = capsys.readouterr()
    assert printed.out.count("finished") == 2
    assert printed.err.count(" 0/200 ") == 1, "one bar: both at once"


def test_overridden_seeds_are_trained_together_under_one_name(tmp_path: Path) -> None:
    done = grokbook(
        tmp_path, "train", "modadd-standard", "--preset", "smoke", "--steps", "20",
        "--dataset.p", "11", "--seeds", "0", "1", "2", "--together", "True",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "custom").iterdir()
    assert len(list(folder.glob("seed-?.json"))) == 3
    assert done.stderr.count(" 0/20 ") == 1, "one bar: all at once"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "nothing"), "no experiment 'nothing'"),
        (("train", "mnist-standard", "--preset", "huge"), "no preset 'huge'"),
        (("train", "mnist-standard", "--jobs", "0"), "jobs is 0"),
        (("train", "mnist-standard", "--device", "abacus"), "no device 'abacus'"),
        (("train", "mnist-standard", "--optimizer.speed", "3"), "--optimizer.speed is not a field"),
        (("train", "modadd-standard", "--dataset.p", "many"), "--dataset.p many"),
        (("train", "modadd-standard", "--dataset.p", "1"), "p is 1"),
        (("train", "modadd-standard", "--dataset.train-fraction", "1.5"), "(0, 1]"),
        (("train", "modadd-standard", "--loss", "hinge"), "--loss hinge"),
        (("train", "modadd-standard", "--seeds", "-1"), "seed is -1"),
        (
            ("train", "modadd-standard", "--measurements.groups", "accuracy", "foo"),
            "groups has 'foo', but only accuracy, norms, commutativity, ",
        ),
        (("train", "modadd-standard", "--measurements.probes", "1"), "probes is 1"),
        (("show", "nothing"), "no experiment 'nothing'"),
        (("show", "mnist-standard", "--colour", "red"), "--colour is not an option"),
        (("verify",), "no recorded run to verify"),
        (("verify", "nothing"), "no experiment 'nothing'"),
        (("verify", "nothing", "--preset", "custom"), "no recorded run 'nothing' (custom)"),
        (("claims", "--preset", "custom"), "no claims for preset 'custom'"),
        (("train", "modadd-standard", "--seeds"), "seeds is empty"),
        (("train", "modadd-standard", "--seeds", "0", "1", "0"), "seeds has 0 more than once"),
        (("reproduce", "--preset", "smoke", "--seeds", "1", "1"), "seeds has 1 more than once"),
        (("figure", "1", "--preset", "custom", "--out", "f.pdf"), "no record of mnist-standard"),
        (("train", "mnist-standard", "--scheduler", "foo"), "no Dask scheduler at 'foo'"),
    ],
)
def test_mistakes_get_one_sentence(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    message = str(ended.value)  # a text given to sys.exit is printed, and the exit code is 1
    assert words in message and "\n" not in message and message.startswith("grokbook: ")


def test_no_data_and_no_network_is_one_sentence(tmp_path: Path) -> None:
    done = grokbook(tmp_path, "train", "mnist-standard", GROKBOOK_DATA=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "GROKBOOK_DATA" in done.stderr and "Digits" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_then_the_same_command_goes_on(tmp_path: Path, ctrl_c: None) -> None:
    command = [
        sys.executable, "-m", "grokbook", "train", "modadd-standard", "--preset", "smoke",
        "--steps", "4000",
    ]  # fmt: skip
    environment = {**os.environ, "GROKBOOK_RUNS": str(tmp_path)}
    victim = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert victim.stderr is not None
    while "step/s" not in (line := victim.stderr.read(80)):  # the bar moves: training has begun
        assert line, "the command ended before training began"
    time.sleep(0.5)
    victim.send_signal(signal.SIGINT)
    _, errors = victim.communicate()
    assert victim.returncode == 1 and "goes on from here" in errors and "Traceback" not in errors
    assert "interrupted" in grokbook(tmp_path, "runs").stdout
    assert "smoke 0" in grokbook(tmp_path, "list").stdout  # begun is not recorded
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 0 and "finished at step 4000" in again.stdout


def test_claims_are_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["claims"])
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) <= 80
    assert {"C1.mnist.delay", "C21.modadd.identity"} <= {
        word for line in printed for word in line.split()
    }
    main(["claims", "C6", "--preset", "paper"])
    assert "largest share of test images within" in capsys.readouterr().out
    main(["claims", "C17.modadd.sufficient"])
    assert "1 statement: " in capsys.readouterr().out
    with pytest.raises(SystemExit, match="There is no claim 'C0'; known are C1, "):
        main(["claims", "C0"])


def test_seed_beside_seeds_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--seed", "5"], ["--seed=5", "--seeds", "1"]):
        with pytest.raises(SystemExit, match="--seed is not an option here; --seeds says which"):
            main(["train", "modadd-standard", *arguments])
