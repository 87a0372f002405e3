"""The moving picture: every frame's cells are the answers at its step."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from grokbook.figures.moving import (
    CELL,
    COLOURS,
    GAP,
    HOLD,
    MARGIN,
    every_answer,
    in_words,
)  # fmt: skip

P = 7
RIGHT = (np.arange(P)[:, None] + np.arange(P)) % P
KINDS = np.where(np.eye(P, dtype=bool), 0, np.where(np.tri(P, dtype=bool), 1, 2))


def training(steps: list[int], shares: list[float]) -> dict[str, np.ndarray]:
    """Answers of which a growing share is right."""
    order = np.random.default_rng(0).permutation(P * P).reshape(P, P)
    known = [order < share * P * P for share in shares]
    return {
        "step": np.array(steps),
        "predictions": np.array([np.where(k, RIGHT, (RIGHT + 1) % P) for k in known]),
    }


SNAPSHOTS = {
    "one": training([0, 10, 20, 40], [0.0, 0.3, 0.6, 1.0]),
    "other": training([0, 20, 30], [0.1, 0.5, 0.9]),
}


def cells(frame: Image.Image, panel: int) -> np.ndarray:
    """Which of the colours each cell of a table has, at its first pixel."""
    left = GAP + panel * (CELL * P + GAP)
    pixels = np.asarray(frame.convert("RGB"))[MARGIN : MARGIN + CELL * P, left : left + CELL * P]
    found = pixels[::CELL, ::CELL].astype(float)[::-1]  # row 0 stands at the bottom
    palette = np.array([to_rgb(colour) for colour in COLOURS]) * 255
    return np.abs(found[:, :, None] - palette).sum(axis=3).argmin(axis=2)


def test_every_frame_shows_the_answers_last_seen() -> None:
    picture = Image.open(BytesIO(every_answer(SNAPSHOTS, RIGHT, KINDS)))
    steps = [0, 10, 20, 30, 40]
    assert picture.n_frames == len(steps)
    for place, step in enumerate(steps):
        picture.seek(place)
        for panel, kept in enumerate(SNAPSHOTS.values()):
            seen = int(np.searchsorted(kept["step"], step, side="right")) - 1
            known = kept["predictions"][seen] == RIGHT
            assert (cells(picture, panel) == np.where(known, KINDS + 1, 0)).all()
    assert picture.info["duration"] == HOLD


def test_it_keeps_to_the_number_of_frames_first_and_last_among_them() -> None:
    picture = Image.open(BytesIO(every_answer(SNAPSHOTS, RIGHT, KINDS, frames=2)))
    assert picture.n_frames == 2
    picture.seek(1)
    assert (cells(picture, 0) == KINDS + 1).all()


def test_its_words_are_the_steps_from_which_each_kind_is_known() -> None:
    known = training([0, 10, 20, 40], [0.0, 0.3, 0.6, 1.0])
    known["predictions"][2][KINDS == 0] = RIGHT[KINDS == 0]
    told = in_words({"standard": known, "perturbed": SNAPSHOTS["other"]}, RIGHT, KINDS)
    assert "modulo 7" in told
    assert "standard training knows its training pairs by step 20, their mirror images by" in told
    assert "by step 40 and the others by step 40" in told
    assert told.count("at no step") >= 1


@pytest.mark.parametrize("frames", [2, 5])
def test_same_snapshots_same_bytes(frames: int) -> None:
    one, other = (every_answer(SNAPSHOTS, RIGHT, KINDS, frames) for _ in range(2))
    assert one == other
