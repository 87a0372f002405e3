"""The committed kernel is what its sources compile to, and no larger than a page may carry."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import grokbook
from grokbook.widgets._front_end import script

ENGINE = Path(grokbook.__file__).parent / "widgets" / "engine"
MAJOR = 14  # of Debian 12; another version writes other bytes


def clang() -> str:
    """Return clang 14, or skip with the reason; CI installs it."""
    found = None
    for name in (f"clang-{MAJOR}", "clang"):
        if shutil.which(name):
            said = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
            found = found or said.stdout.splitlines()[0]
            if re.search(rf"version {MAJOR}\.", said.stdout):
                break
    else:
        reason = f"the kernel is built by clang {MAJOR}, here is {found or 'none'}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(f"{reason}; Debian 12: apt-get install clang-{MAJOR} lld-{MAJOR}")
    if not (shutil.which("wasm-ld") or shutil.which(f"wasm-ld-{MAJOR}")):
        pytest.skip(f"no wasm-ld on this machine; Debian 12: apt-get install lld-{MAJOR}")
    return name


def test_building_again_gives_the_committed_bytes(tmp_path):
    target = tmp_path / "engine.wasm"
    build = ["make", "-s", "-C", str(ENGINE), f"TARGET={target}", f"CLANG={clang()}"]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == (ENGINE / "engine.wasm").read_bytes(), "run `make engine`"


def test_a_page_carries_less_than_150_kB():
    kernel = 4 * (ENGINE / "engine.wasm").stat().st_size / 3  # base64, as a page has it
    scripts = len(script("in_page_training.js")) + len(script("training_worker.js"))
    sheets = sum(
        len((ENGINE.parent / name).read_text()) for name in ("plot.css", "in_page_training.css")
    )
    assert kernel + scripts + sheets < 150_000


def test_a_curve_of_the_python_engine_is_small():
    lines = (ENGINE / "reference.json").read_text().splitlines()
    assert max(map(len, lines)) < 10_000
