"""The command as a user types it, in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from grokbook import RunKey, RunStore, experiment
from grokbook.cli.main import main
from grokbook.store.run_keys import custom_key


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
    assert done.stderr.startswith("training 2 runs of modadd-standard, 200 steps each, into ")
    assert "2/2" in done.stderr, "a bar of runs"
    listed = grokbook(tmp_path, "runs").stdout.splitlines()
    assert [line.split() for line in listed[1:]] == [
        ["smoke", "modadd-standard", seed, "finished"] for seed in ("0", "1")
    ]
    checked = grokbook(tmp_path, "verify", "--preset", "smoke", "--steps", "20")
    assert checked.returncode == 0 and checked.stdout.count("values agree") == 2
    counts = grokbook(tmp_path, "list").stdout
    assert ["modadd-standard", "0", "0", "2"] in [line.split() for line in counts.splitlines()]


def test_weights_are_kept_measured_and_the_whole_run_is_verified(tmp_path: Path) -> None:
    done = grokbook(
        tmp_path, "train", "modadd-standard", "--preset", "smoke", "--keep-weights", "0", "80"
    )
    assert done.returncode == 0, done.stderr
    name = ("modadd-standard", "--preset", "smoke")
    measured = grokbook(tmp_path, "measure", *name, "--step", "80", "weight_norm", "sharpness")
    assert measured.returncode == 0, measured.stderr
    header, *rows = [line.split() for line in measured.stdout.splitlines()]
    assert header == ["metric", "value", "logged"] and {"weight_norm"} <= {row[0] for row in rows}
    assert all(row[1] == row[2] for row in rows)
    for arguments, words in (
        (("--step", "7", "weight_norm"), "step 7 were not kept; kept are those of steps 0, 80"),
        (("weights",), "no metric 'weights'"),
        ((), "no metric to compute"),
    ):
        refused = grokbook(tmp_path, "measure", *name, *arguments)
        assert refused.returncode == 1 and words in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    checked = grokbook(tmp_path, "verify", "--preset", "smoke", "--full")
    assert checked.returncode == 0, checked.stderr
    assert "values agree" in checked.stdout and "to the last bit" in checked.stdout


def test_show_prints_the_fields() -> None:
    shown = json.loads(grokbook(Path("."), "show", "modadd-perturbed").stdout)
    assert shown["strategy"] == {
        "type": "Perturbed", "lambda_1": 0.5, "lambda_2": 0.4, "refresh": 10,
        "noise_on_equals": True, "noisy_accuracy": False,
    }  # fmt: skip


def test_overridden_fields_train_a_custom_run(tmp_path: Path) -> None:
    done = grokbook(
        tmp_path, "train", "modadd-standard", "--preset", "smoke",
        "--steps", "20", "--optimizer.weight-decay", "0.5", "--dataset.p", "11",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "modadd-standard@smoke+p=11+weight_decay=0.5+steps=20 (custom)" in done.stdout
    (manifest,) = (tmp_path / "custom").glob("modadd-standard@smoke+*/seed-0.json")
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
    monkeypatch.setattr("grokbook.cli.training.everything", lambda *_: wanted)
    main(["reproduce", "--preset", "smoke", "--together", "True"])
    printed = capsys.readouterr()
    assert printed.out.count("finished") == 2
    assert bars(printed.err, 200) == 1, "one bar: both at once"


def test_overridden_seeds_are_trained_together_under_one_name(tmp_path: Path) -> None:
    done = grokbook(
        tmp_path, "train", "modadd-standard", "--preset", "smoke", "--steps", "20",
        "--dataset.p", "11", "--seeds", "0", "1", "2", "--together", "True",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "custom").iterdir()
    assert len(list(folder.glob("seed-?.json"))) == 3
    assert bars(done.stderr, 20) == 1, "one bar: all at once"


def bars(printed: str, steps: int) -> int:
    """Count the bars, however often each was drawn: one more begins where the count falls."""
    drawn = [int(count) for count in re.findall(rf"(\d+)/{steps} \[", printed)]
    return 1 + sum(later < before for before, later in pairwise(drawn)) if drawn else 0


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
        (("show", "nothing"), "no experiment 'nothing', and no recorded run of this name"),
        (("compare",), "no run to read"),
        (("compare", "nothing"), "no experiment 'nothing'"),
        (("export", "modadd-standard", "--csv", "log.txt"), "its ending must be .csv"),
        (("export", "modadd-standard", "--csv", "no/log.csv"), "there is no such folder"),
        (("figure", "1", "--out", f"{'a' * 300}.pdf"), "cannot be written (File name too long)"),
        (("reproduce", "--jobs", "0"), "jobs is 0"),
        (("train", "modadd-standard", "--dataset.p", "1000000"), "dataset.p asks for at least 22"),
        (("train", "modadd-standard", "--model.d", "10000000"), "model.d and model.mlp asks for"),
        (("train", "mnist-standard", "--log.points", "9999999999999"), "log.points asks for at"),
        (("train", "mnist-standard", "--loss", "a\nb"), "--loss a b could not be read"),
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
    listed = grokbook(tmp_path, "list").stdout.splitlines()
    assert ["modadd-standard", "0", "0", "0"] in [line.split() for line in listed], "only begun"
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


def test_readable_names_are_shown_compared_and_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    train = ["train", "modadd-standard", "--preset", "smoke", "--steps"]
    main([*train, "20", "--seeds", "0", "1", "--together", "True"])
    main([*train, "30"])
    names = [f"modadd-standard@smoke+steps={steps}" for steps in (20, 30)]
    capsys.readouterr()
    main(["show", names[1]])
    assert json.loads(capsys.readouterr().out)["steps"] == 30
    main(["compare", *names, "--out", str(tmp_path / "compared.svg")])
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert table[0][:3] == ["run", "seeds", "steps"] and (tmp_path / "compared.svg").exists()
    main(["export", *names, "--csv", str(tmp_path / "log.csv")])
    log = pd.read_csv(tmp_path / "log.csv")
    assert set(zip(log["experiment"], log["seed"], strict=True)) == {
        (names[0], 0), (names[0], 1), (names[1], 0),
    }  # fmt: skip
    capsys.readouterr()
    main(["runs", "modadd", "--preset", "custom", "--state", "finished", "--seeds", "1"])
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["custom", names[0], "1", "finished"]
    ]
    with pytest.raises(SystemExit, match="None of the 3 recorded runs matches"):
        main(["runs", "--state", "damaged"])


def test_a_run_begun_under_its_first_name_is_found_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the repository are called by their ids, as all overridden ones once were."""
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    recipe = replace(experiment("modadd-standard", "smoke"), steps=20)
    first = custom_key("modadd-standard", "smoke", recipe)
    RunStore().record(first, recipe)
    main(["train", "modadd-standard", "--preset", "smoke", "--steps", "20"])
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{first}: finished") and "training" not in printed.err
    assert [key.name for key in RunStore().recorded()] == [first.name]


def test_what_trains_on_the_spot_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    main(["compare", "modadd-standard", "--preset", "smoke"])
    said = capsys.readouterr().err
    assert said.startswith("training modadd-standard (smoke), seed 0, which is not recorded in ")
    assert "200/200" in said
    main(["compare", "modadd-standard", "--preset", "smoke"])
    assert "training" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["list", "--help", "--version"])
def test_some_commands_import_no_torch(command: str, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom grokbook.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    environment = {**os.environ, "GROKBOOK_RUNS": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-c", code, command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout, done.stderr
    assert not (tmp_path / "none").exists()


def test_help_names_experiments_presets_and_chapters(capsys: pytest.CaptureFixture[str]) -> None:
    for command, words in (
        ("train", ("modadd-abelian", "mnist-unit-init", "quick")),
        ("run-chapter", ("3_2_degrokking",)),
    ):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        printed = " ".join(capsys.readouterr().out.split())
        assert all(word in printed for word in words), (command, words)


def shell(line: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **changes}
    command = f"{sys.executable} -m grokbook"
    return subprocess.run(
        ["bash", "-c", line.replace("grokbook", command, 1)],
        env=environment, capture_output=True, text=True, errors="replace", timeout=300,
    )  # fmt: skip


def test_streams_that_are_closed_full_or_of_another_encoding() -> None:
    done = shell("grokbook train --help | head -1; echo ${PIPESTATUS[0]}")
    assert done.stderr == "" and done.stdout.splitlines()[-1] in ("0", "141")
    full = shell("grokbook list > /dev/full")
    assert full.returncode == 1 and full.stderr == (
        "grokbook: the output cannot be written (No space left on device).\n"
    )
    assert shell("grokbook list 2>&-").returncode == 0
    assert shell("grokbook list >&-").returncode == 0
    for broken in ("2>&-", "2> /dev/full"):
        done = shell(f"grokbook show nothing {broken}")
        assert done.returncode == 1 and done.stdout == ""
    foreign = shell("grokbook show modadd-standard", PYTHONIOENCODING="cp1252")
    assert foreign.returncode == 0 and '"p": 113' in foreign.stdout


def test_a_bar_that_cannot_be_shown_costs_no_run(tmp_path: Path) -> None:
    done = shell(
        "grokbook train modadd-standard --preset smoke --steps 20 2> /dev/full",
        GROKBOOK_RUNS=str(tmp_path),
    )
    assert done.returncode == 0 and "finished at step 20" in done.stdout


def test_seed_beside_seeds_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--seed", "5"], ["--seed=5", "--seeds", "1"]):
        with pytest.raises(SystemExit, match="--seed is not an option here; --seeds says which"):
            main(["train", "modadd-standard", *arguments])
