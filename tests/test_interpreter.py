"""Ways in which Python may be started: without assertions, on one core among many."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grokbook import RunKey, RunStore

KEY = RunKey("custom", "short", 0)


def run(code: str, *options: str, **changes: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *options, "-c", code],
        env={**os.environ, **changes}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_assertions_all_is_checked_and_computed_alike(tmp_path: Path) -> None:
    """Of `python -O`: nothing that is refused may hang on an assertion, nor any result."""
    mistakes = (
        ["show", "nothing"], ["train", "modadd-standard", "--preset", "huge"],
        ["train", "modadd-standard", "--preset", "smoke", "--dataset.p", "1"],
        ["train", "mnist-standard", "--preset", "smoke", "--optimizer.lr", "-1"],
        ["figure", "1", "--out", "f.txt"], ["claims", "C0"], ["reproduce", "--jobs", "0"],
    )  # fmt: skip
    code = f"""
from dataclasses import replace
from pathlib import Path
from grokbook import RunKey, RunStore, experiment, metrics
from grokbook._support.errors import RunError
from grokbook.cli.main import main
recipe = replace(experiment("modadd-perturbed", "smoke"), steps=20)
store = RunStore()
store.record({KEY!r}, recipe)
for arguments in {mistakes!r}:
    try:
        main(arguments)
    except SystemExit as ended:
        print(ended.code)
manifest = store.root / "custom" / "short" / "seed-0.json"
whole = manifest.read_text()
manifest.write_text(whole.replace('"finished"', '"diverged"'))
print(store.status({KEY!r}), __debug__)
manifest.write_text(whole)
"""
    plain, optimised = (
        run(code, *options, GROKBOOK_RUNS=str(tmp_path / "".join(options)))
        for options in (("-X", "dev"), ("-O",))
    )
    assert plain[:-1] == optimised[:-1] and len(plain) == len(mistakes) + 1
    assert all(line.startswith("grokbook: ") for line in plain[:-1])
    assert plain[-1] == "damaged True" and optimised[-1] == "damaged False"
    logs = [
        (tmp_path / folder / "custom" / "short" / "seed-0.parquet").read_bytes()
        for folder in ("-Xdev", "-O")
    ]
    assert logs[0] == logs[1]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="of Linux")
def test_processes_on_one_core_among_many_share_that_one(tmp_path: Path) -> None:
    """The threads of workers are counted from the cores that may be used."""
    code = f"""
import json, os
from dataclasses import replace
from pathlib import Path
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
os.cpu_count = lambda: 64
from grokbook import RunKey, experiment
from grokbook.store.workers import record_all
wanted = [(RunKey("custom", "short", seed),
           replace(experiment("modadd-perturbed", "smoke", seed), steps=20)) for seed in (0, 1)]
for key, run in record_all(wanted, jobs=2, root=Path({str(tmp_path)!r})):
    print(json.dumps([run.manifest["status"], run.manifest["threads"]]))
"""
    found = [json.loads(line) for line in run(code)]
    assert found == [["finished", 1]] * 2
    assert RunStore(tmp_path).recorded() == [replace(KEY, seed=seed) for seed in (0, 1)]
