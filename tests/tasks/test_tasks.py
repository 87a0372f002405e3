import gzip
import hashlib
import os
import shutil
import tracemalloc
from pathlib import Path

import pooch
import pytest
import torch

from grokbook import MNIST, DataError, Digits, InputError, ModularAddition

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip


def mnist_folder() -> Path:
    folder = os.environ.get("GROKBOOK_DATA")
    if not folder:
        pytest.skip("GROKBOOK_DATA is not set")
    return Path(folder)


def test_the_paper_s_split_has_3830_training_and_8939_test_pairs() -> None:
    split = ModularAddition(p=113, train_fraction=0.3).load()
    assert len(split.train_x) == 3830 and len(split.test_x) == 8939
    assert torch.equal((split.train_x.sum(1)) % 113, split.train_y)
    pairs = torch.cat((split.train_x, split.test_x))
    assert len(torch.unique(pairs, dim=0)) == 113**2  # every pair exactly once


@pytest.mark.parametrize(
    ("p", "fraction", "points"), [(10, 0.29, 29), (10, 0.07, 7), (3, 1.0, 9), (7, 0.999, 48)]
)
def test_training_points_are_the_floor_in_exact_arithmetic(
    p: int, fraction: float, points: int
) -> None:
    assert ModularAddition(p, fraction).train_points == points


def test_the_split_is_a_function_of_its_seed() -> None:
    a, b, c = (ModularAddition(11, 0.5, seed).load() for seed in (0, 0, 1))
    assert a.checksum() == b.checksum() != c.checksum()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ModularAddition(p=1), "p is 1"),
        (lambda: ModularAddition(p=2.5), "p is 2.5"),  # type: ignore[arg-type]
        (lambda: ModularAddition(seed=-1), "seed is -1"),
        (lambda: ModularAddition(seed=0.5), "seed is 0.5"),  # type: ignore[arg-type]
        (lambda: ModularAddition(train_fraction="0.3"), "train_fraction is '0.3'"),  # type: ignore[arg-type]
        (lambda: ModularAddition(train_fraction=0), "(0, 1]"),
        (lambda: ModularAddition(train_fraction=1.01), "1.01"),
        (lambda: ModularAddition(train_fraction=float("nan")), "nan"),
        (lambda: ModularAddition(p=3, train_fraction=0.01), "no training pair"),
        (lambda: MNIST(train_points=0), "1 to 60000"),
        (lambda: MNIST(train_points=60_001), "60001"),
        (lambda: MNIST(train_points="all"), "train_points is 'all'"),  # type: ignore[arg-type]
        (lambda: Digits(train_points=1797), "1 to 1796"),
        (lambda: Digits(train_points=1.5), "train_points is 1.5"),  # type: ignore[arg-type]
    ],
)
def test_bad_settings_are_refused_in_one_sentence(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")


def test_mnist_is_the_first_thousand_images_and_the_whole_test_set() -> None:
    mnist_folder()
    split = MNIST().load()
    assert split.train_x.shape == (1000, 784) and split.test_x.shape == (10_000, 784)
    assert split.train_y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as published
    assert float(split.train_x.min()) == 0 and float(split.train_x.max()) == 1
    # Known facts of the data set: 33.32 mean pixel over 0..255 is that of all 60 000 images.
    everything = MNIST(60_000).load()
    assert float(everything.train_x.double().mean() * 255) == pytest.approx(33.318, abs=1e-3)
    assert torch.bincount(everything.train_y)[0] == 5923


@pytest.mark.parametrize("damage", ["truncated", "not gzip", "another file"])
def test_a_damaged_data_file_is_never_read(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        shutil.copy(mnist_folder() / f"{name}.gz", tmp_path)
    victim = tmp_path / f"{FILES[3]}.gz"
    content = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "not gzip": b"<html>moved</html>",
            "another file": gzip.compress(b"\0" * 10_008),
        }[damage]
    )
    monkeypatch.setenv("GROKBOOK_DATA", str(tmp_path))
    with pytest.raises(DataError, match="not the published MNIST file"):
        MNIST().load()


def test_a_file_that_grows_without_end_is_read_no_further_than_the_published_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"\0" * 200_000_000, 1))
    monkeypatch.setenv("GROKBOOK_DATA", str(tmp_path))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="not the published MNIST file"):
            MNIST().load()
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
    finally:
        tracemalloc.stop()


def test_a_folder_in_place_of_a_file_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        (tmp_path / f"{name}.gz").mkdir()
    monkeypatch.setenv("GROKBOOK_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)\.$"):
        MNIST().load()


def test_recompressed_files_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FILES:
        content = gzip.decompress((mnist_folder() / f"{name}.gz").read_bytes())
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1))
    expected = MNIST(10).load().checksum()
    monkeypatch.setenv("GROKBOOK_DATA", str(tmp_path))
    assert MNIST(10).load().checksum() == expected


def test_a_missing_file_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROKBOOK_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"GROKBOOK_DATA is .*Digits"):
        MNIST().load()


def test_without_network_and_folder_the_message_names_the_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROKBOOK_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    # A proxy that refuses: no packet leaves the machine.
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(DataError) as caught:
        MNIST().load()
    message = str(caught.value)
    assert "GROKBOOK_DATA" in message and "Digits" in message and "\n" not in message


def test_the_download_cache_is_verified_and_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged cached file is fetched again; a mirror that serves wrong bytes is passed over."""
    source = mnist_folder()
    served: list[str] = []

    def retrieve(url: str, known_hash: None, fname: str, path: Path) -> str:
        target = Path(path) / fname
        if not target.exists():  # pooch's contract: what is there is not fetched again
            served.append(url)
            target.parent.mkdir(parents=True, exist_ok=True)
            good = (source / fname).read_bytes()
            target.write_bytes(b"wrong" if "ossci" in url else good)
        return str(target)

    expected = MNIST(10).load().checksum()
    monkeypatch.delenv("GROKBOOK_DATA")
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert MNIST(10).load().checksum() == expected
    assert len(served) == 8  # each file: the first mirror's wrong bytes, then the second's
    served.clear()
    assert MNIST(10).load().checksum() == expected
    assert served == []


def test_a_folder_in_the_cache_s_place_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROKBOOK_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    for name in FILES:
        (tmp_path / "mnist" / f"{name}.gz").mkdir(parents=True)
    monkeypatch.setattr(pooch, "retrieve", lambda url, known, fname, path: str(path / fname))
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\); remove it\.$"):
        MNIST().load()


def test_digits_are_sklearn_s() -> None:
    split = Digits(200).load()
    assert split.train_y[:10].tolist() == list(range(10))
    assert (
        hashlib.sha256(split.train_x.numpy().tobytes()).hexdigest()
        == hashlib.sha256(Digits(200).load().train_x.numpy().tobytes()).hexdigest()
    )
    assert float(split.train_x.max()) == 1 and len(split.test_x) == 1597
