"""The recorded tables are what MNIST gives, and nothing damaged is read."""

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook import MNIST, Digits, InputError, RunError
from grokbook.studies import image_geometry
from grokbook.tasks.base import Split

RECORDED = Path(__file__).parents[2] / "runs"


def split() -> Split:
    """Two training points of each of two classes on a line, and three test points."""
    train = torch.tensor([[1.0, 0.0], [3.0, 0.0], [8.0, 0.0], [16.0, 0.0]])
    test = torch.tensor([[2.5, 0.0], [5.6, 0.0], [8.0, 2.0]])
    labels = torch.tensor([0, 0, 1, 1])
    return Split(train, labels, test, torch.tensor([0, 0, 1]), classes=2)


def test_distances_count_all_training_points_and_those_of_the_own_label() -> None:
    table = image_geometry.distances(split())
    assert table["distance"].tolist() == pytest.approx([0.5, 2.4, 2.0])
    assert table["same_label_distance"].tolist() == pytest.approx([0.5, 2.6, 2.0])
    assert table["nearest_has_label"].tolist() == [True, False, True]


def test_a_label_without_a_training_point_is_infinitely_far() -> None:
    data = split()
    lonely = Split(data.train_x, data.train_y, data.test_x, torch.tensor([0, 0, 2]), classes=3)
    table = image_geometry.distances(lonely)
    assert table["same_label_distance"].iloc[2] == math.inf
    assert not table["nearest_has_label"].iloc[2]


def test_training_distances_of_points_on_a_line() -> None:
    row = image_geometry.training_distances(split()).loc[0]
    assert row["smallest_norm"] == 1 and row["opposed_distance"] == 5 and row["half"] == 2.5
    assert row["share_within_half"] == 1
    assert row["same_label_share_within_half"] == pytest.approx(2 / 3)


def test_entropies_of_orthogonal_and_of_equal_images() -> None:
    data = split()
    eye = Split(torch.eye(5), torch.arange(5), torch.eye(5), torch.arange(5), classes=5)
    table = image_geometry.raw_entropies(eye)
    assert table["alpha"].tolist() == [0.5, 1, 2, 3]
    np.testing.assert_allclose(table["entropy"], math.log(5))
    np.testing.assert_allclose(table["mean_cosine"], 0, atol=1e-15)
    table = image_geometry.raw_entropies(data)  # all on one ray
    np.testing.assert_allclose(table["entropy"], 0, atol=1e-12)
    np.testing.assert_allclose(table["mean_cosine"], 1)
    np.testing.assert_allclose(table["log_n"], math.log(4))


def test_only_the_paper_s_mnist_is_read_from_a_record(tmp_path: Path) -> None:
    digits = image_geometry.table("distances", Digits(), tmp_path)
    pd.testing.assert_frame_equal(digits, image_geometry.distances(Digits().load()))
    with pytest.raises(RunError, match="no record of the table mnist_distances"):
        image_geometry.table("distances", MNIST(), tmp_path)
    with pytest.raises(InputError, match="known are distances, training_distances"):
        image_geometry.table("mnist_distances", Digits())
    with pytest.raises(InputError, match="known are mnist_distances"):
        image_geometry.load("distances")


@pytest.mark.parametrize("name", [f"mnist_{name}" for name in image_geometry.TABLES])
def test_a_damaged_record_is_refused(name: str, tmp_path: Path) -> None:
    shutil.copytree(RECORDED / "derived", tmp_path / "derived")
    assert len(image_geometry.load(name, tmp_path))
    path = tmp_path / "derived" / f"{name}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"damaged.*SHA-256.*grokbook reproduce"):
        image_geometry.load(name, tmp_path)
    path.unlink()
    with pytest.raises(RunError, match="damaged"):
        image_geometry.load(name, tmp_path)
    (tmp_path / "derived" / f"{name}.json").write_text("{}")
    with pytest.raises(RunError, match="damaged"):
        image_geometry.load(name, tmp_path)


def test_another_store_of_runs_still_finds_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    assert len(image_geometry.load("mnist_distances")) == 10_000


def test_the_record_is_that_of_the_published_numbers() -> None:
    """Finding A of the audit, and its remark on raw pixels."""
    row = image_geometry.load("mnist_training_distances").loc[0]
    assert round(row["opposed_distance"], 3) == 4.149
    assert row["same_label_share_within_half"] == 0.0161
    assert round(image_geometry.load("mnist_distances")["distance"].min(), 3) == 1.170
    raw = image_geometry.load("mnist_raw_entropies").set_index("alpha")
    assert round(raw.at[1.0, "entropy"], 2) == 3.16
    assert round(raw.at[1.0, "mean_cosine"], 3) == 0.399
    assert round(raw.at[1.0, "log_n"], 2) == 6.91


def test_what_is_recorded_is_what_mnist_gives(tmp_path: Path, full_disk) -> None:
    if not os.environ.get("GROKBOOK_DATA"):
        pytest.skip("GROKBOOK_DATA is not set")
    assert [path.stem for path in image_geometry.record(tmp_path)] == [
        f"mnist_{name}" for name in image_geometry.TABLES
    ]
    for name in image_geometry.TABLES:
        pd.testing.assert_frame_equal(
            image_geometry.load(f"mnist_{name}"),
            image_geometry.load(f"mnist_{name}", tmp_path),
            rtol=1e-9,
        )
        manifests = [
            json.loads((root / "derived" / f"mnist_{name}.json").read_text())
            for root in (RECORDED, tmp_path)
        ]
        assert manifests[0]["data_sha256"] == manifests[1]["data_sha256"]
        assert manifests[0]["git_dirty"] is False
    assert sum(path.stat().st_size for path in (RECORDED / "derived").iterdir()) < 300_000
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with full_disk(), pytest.raises(OSError, match="File too large"):
        image_geometry.record(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == kept


def test_a_table_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    """Swapped whole, Parquet and manifest: the sums are right, the name is not."""
    folder = tmp_path / "derived"
    shutil.copytree(Path(image_geometry.__file__).parents[2] / "runs" / "derived", folder)
    for ending in (".parquet", ".json"):
        shutil.copy(folder / f"mnist_raw_entropies{ending}", folder / f"mnist_distances{ending}")
    with pytest.raises(RunError, match=r"is damaged .*it is the table mnist_raw_entropies"):
        image_geometry.load("mnist_distances", tmp_path)
