"""What describes the project, from outside, says what the project says of itself."""

import hashlib
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import grokbook

ROOT = Path(grokbook.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_name_of_the_package_is_where_its_table_says() -> None:
    for name in grokbook.__all__:
        assert getattr(grokbook, name) is not None
    assert set(grokbook.__all__) <= set(dir(grokbook))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        grokbook.nothing  # noqa: B018


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, grokbook; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_codemeta_agrees_with_pyproject_and_citation() -> None:
    meta = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert meta["version"] == citation["version"] == grokbook.__version__
    assert meta["identifier"] == PROJECT["name"]
    assert meta["description"] == PROJECT["description"]
    assert meta["programmingLanguage"]["version"] == PROJECT["requires-python"]
    assert meta["keywords"] == PROJECT["keywords"] == citation["keywords"]
    assert meta["codeRepository"] == PROJECT["urls"]["Repository"] == citation["repository-code"]


def test_pre_commit_checks_what_make_lint_checks() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = makefile.split("\nlint:")[1].split("\n\n")[0]
    checks = {line.strip().removeprefix("$(BIN)/").removesuffix(" .") for line in
              lint.splitlines()[1:]}  # fmt: skip
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = {hook["entry"].removeprefix(".venv/bin/") for hook in config["repos"][0]["hooks"]}
    assert hooks == checks


def test_ci_calls_the_verbs_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    commands = [
        step["run"]
        for job in yaml.safe_load(text)["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert commands and all(command.startswith((".ci/run", "make ")) for command in commands)
    for command in commands:
        for verb in command.split()[1:]:
            assert f"\n{verb}:" in makefile
    assert '["3.11", "3.12", "3.13"]' in text


def test_the_description_of_the_runs_is_that_of_the_files() -> None:
    runs = ROOT / "runs"
    crate = json.loads((runs / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    things = {thing["@id"]: thing for thing in crate["@graph"]}
    files = {name: thing for name, thing in things.items() if thing["@type"] == "File"}
    for name, thing in files.items():
        content = (runs / name).read_bytes()
        assert (thing["contentSize"], thing["sha256"]) == (
            str(len(content)), hashlib.sha256(content).hexdigest(),
        ), f"{name}: write the description anew with `make describe`"  # fmt: skip
    for thing in crate["@graph"]:
        assert {part["@id"] for part in thing.get("hasPart", [])} <= set(things)
    kept = subprocess.run(
        ["git", "-C", str(runs), "ls-files", "."], capture_output=True, text=True, check=False
    )
    records = {name for name in kept.stdout.split() if "/" in name}
    assert records <= set(files), "describe the new records with `make describe`"


@pytest.mark.slow
def test_the_wheel_has_the_papers_runs_and_reading_makes_no_folder(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    wheels = tmp_path / "wheels"
    subprocess.run(
        [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(ROOT)],
        check=True,
    )
    (wheel,) = wheels.glob("grokbook_companion-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "grokbook/_runs/paper/modadd-standard/seed-0.parquet" in names
    assert not [name for name in names if "/_runs/smoke/" in name or "/_runs/quick/" in name]
    site, here, home = (tmp_path / name for name in ("site", "here", "home"))
    here.mkdir()
    subprocess.run(
        [*pip, "install", "-q", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    code = (
        "import grokbook; runs = grokbook.load_runs('modadd-standard')\n"
        "print(grokbook.__file__, sorted(set(runs['seed'])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=here, env={"PYTHONPATH": str(site), "HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    recorded = (ROOT / "runs" / "paper" / "modadd-standard").glob("seed-*.json")
    seeds = sorted(int(path.stem.removeprefix("seed-")) for path in recorded)
    assert done.stdout.split(maxsplit=1) == [str(site / "grokbook" / "__init__.py"), f"{seeds}\n"]
    assert not list(here.iterdir()) and not home.exists()
