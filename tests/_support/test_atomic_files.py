"""Files are whole or as they were, and made as any file of this user is."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from grokbook._support.atomic_files import remove_left_over, write_atomically, write_together


@pytest.fixture(params=[0o022, 0o077, 0o002], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_modes_follow_the_umask(umask: int, tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as some file systems do

    monkeypatch.setattr(os, "chmod", refuse)
    one, two = tmp_path / "one", tmp_path / "two"
    write_atomically(one, lambda file: file.write(b"a"))
    write_together({two: b"b"})
    for path in (one, two):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_symbolic_link_stays_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    for target in ("old", "not yet"):
        real, link = tmp_path / "far" / target, tmp_path / target
        link.symlink_to(real)
        write_atomically(link, lambda file: file.write(b"new"))
        assert link.is_symlink() and real.read_bytes() == b"new"
        write_together({link: b"newer"})
        assert link.is_symlink() and real.read_bytes() == b"newer"
    assert len(list(tmp_path.rglob("*.tmp"))) == 0


def test_a_long_name_fits_and_one_too_long_is_an_os_error(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("a" * 255), lambda file: file.write(b"a"))
    with pytest.raises(OSError, match="too long"):
        write_atomically(tmp_path / ("a" * 256), lambda file: file.write(b"a"))
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [
        ".seed-10.json.1a2b.tmp",
        ".seed-1.json.old.tmp",
        "seed-1.json",
        ".seed-1.parquet.x.tmp",
    ]
    for name in (*kept, ".seed-1.json.1a2b.tmp", ".seed-1.json.3c4d.tmp"):
        (tmp_path / name).touch()
    remove_left_over(tmp_path / "seed-1.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
