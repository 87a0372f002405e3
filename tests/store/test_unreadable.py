"""Files and folders that this user may not read: one sentence, and not that they are damaged."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grokbook import RunKey, RunStore

KEY = RunKey("smoke", "modadd-standard", 0)
_COMMANDS = (
    ["runs"], ["list"], ["compare", "modadd-standard", "--preset", "smoke"],
    ["verify", "--preset", "smoke"], ["train", "modadd-standard", "--preset", "smoke"],
    ["measure", "modadd-standard", "weight_norm", "--preset", "smoke"],
    ["show", "modadd-standard", "--preset", "custom"],
)  # fmt: skip
_CODE = f"""
import os, sys
from grokbook.cli.main import main
for root in sys.argv[1:]:
    print("ROOT", root)
    os.environ["GROKBOOK_RUNS"] = root
    for arguments in {_COMMANDS!r}:
        try:
            main(arguments)
        except SystemExit as ended:
            print("SAID", ended.code)
"""
_LOCKED = {
    ".": (None, 7),
    "smoke/modadd-standard": (None, 3),
    "smoke/modadd-standard/seed-0.json": ("unreadable", 4),
    "smoke/modadd-standard/seed-0.parquet": ("unreadable", 4),
    "smoke/modadd-standard/seed-0.safetensors": ("finished", 1),
}
"""What may not be read: the state that `runs` tells, and in how many sentences it is said."""


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root reads all")
def test_what_may_not_be_read_is_told_so(tmp_path: Path) -> None:
    RunStore(tmp_path / "whole").record(KEY)
    roots = [tmp_path / str(number) for number in range(len(_LOCKED))]
    for root, locked in zip(roots, _LOCKED, strict=True):
        shutil.copytree(tmp_path / "whole", root)
        (root / locked).chmod(0)
    # Root may read everything unless it gives that up.
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*drop, sys.executable, "-W", "ignore", "-c", _CODE, *map(str, roots)],
        capture_output=True, text=True,
    )  # fmt: skip
    for root, locked in zip(roots, _LOCKED, strict=True):
        (root / locked).chmod(0o700)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    printed = done.stdout.split("ROOT ")[1:]
    for text, (state, sentences) in zip(printed, _LOCKED.values(), strict=True):
        said = [line for line in text.splitlines() if line.startswith("SAID ")]
        told = [line for line in said if "cannot be read" in line or "cannot be written" in line]
        assert len(told) >= sentences and not any("damaged" in line for line in said), text
        assert all("Permission denied)" in line for line in told), text
        assert all(line.startswith("SAID grokbook: ") and line.endswith(".") for line in said)
        if state is not None:
            assert text.splitlines()[2].split()[-1] == state, text
