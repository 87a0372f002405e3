"""The explorer of networks: it packs what was kept, and a reader can play, scrub and ask."""

import gzip

import numpy as np
import pytest
from browsing import Reader, saved_page

from grokbook import InputError
from grokbook.analysis import embeddings
from grokbook.tasks.modular import ModularAddition
from grokbook.widgets import trained_networks_explorer
from grokbook.widgets.network_explorer import LEVELS, encode, kinds

P = 11
TASK = ModularAddition(P, 0.4, 3)
RIGHT = (np.arange(P)[:, None] + np.arange(P)) % P


def kept(steps: list[int], seed: int = 0) -> dict[str, np.ndarray]:
    """Networks that err at first, and at the last step do not; their last embedding turns."""
    source = np.random.default_rng(seed)
    answers = source.integers(0, P, (len(steps), P, P), dtype=np.uint8)
    answers[-1] = RIGHT
    weights = source.normal(size=(len(steps), P, 6))
    angle = 2 * np.pi * 3 * np.arange(P) / P
    weights[-1, :, :2] += 20 * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return {
        "step": np.array(steps), "predictions": answers, "weights": weights.astype(np.float32),
    }  # fmt: skip


TRAININGS = {"standard": kept([0, 50, 100, 300]), "perturbed": kept([0, 60, 200], 1)}


def test_kinds_are_those_of_the_split() -> None:
    found, split = kinds(TASK.load(), P), TASK.load()
    train = {tuple(pair) for pair in split.train_x.tolist()}
    for a in range(P):
        for b in range(P):
            wanted = 0 if (a, b) in train else 1 if (b, a) in train else 2
            assert found[a, b] == wanted


def test_the_embeddings_numbers() -> None:
    weights = TRAININGS["standard"]["weights"]
    shares = embeddings.spectra(weights)
    assert shares.shape == (4, P // 2) and np.allclose(shares.sum(axis=1), 1)
    assert embeddings.strongest(weights, 1) == [3] and shares[-1, 2] > 0.9
    radii = np.hypot(*np.moveaxis(embeddings.circle(weights, 3), 2, 0))
    assert radii[-1].min() > 0.7 * radii[-1].max() and radii[0].max() < 0.5 * radii[-1].max()


def test_what_is_packed_is_what_was_kept() -> None:
    trainings, packed = encode(TRAININGS, TASK)
    content, place = gzip.decompress(packed), 0

    def take(count: int, kind: str) -> np.ndarray:
        nonlocal place
        found = np.frombuffer(content, kind, count, place)
        place += found.nbytes
        return found

    for training, (label, one) in zip(trainings, TRAININGS.items(), strict=True):
        count = len(one["step"])
        assert training["label"] == label and training["steps"] == one["step"].tolist()
        answers = (take(count * P * P, "u1").reshape(count, P, P) + RIGHT) % P
        assert np.array_equal(answers, one["predictions"])
        shares = take(count * (P // 2), "<u2").reshape(count, -1) / LEVELS
        assert np.allclose(shares, embeddings.spectra(one["weights"]), atol=1 / LEVELS)
        for frequency in training["frequencies"]:
            places = take(count * P * 2, "i1").reshape(count, P, 2)
            wanted = embeddings.circle(one["weights"], frequency)
            wanted *= 127 / np.hypot(*np.moveaxis(wanted, 2, 0)).max()
            assert np.abs(places - wanted).max() <= 0.51
    assert place == len(content)


def test_fewer_frames_keep_the_first_and_the_last() -> None:
    (training,), packed = encode({"one": TRAININGS["standard"]}, TASK, embedding=False, frames=2)
    assert training["steps"] == [0, 300] and len(gzip.decompress(packed)) == 2 * P * P


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="at least one training"):
        encode({}, TASK)
    with pytest.raises(InputError, match=r"shape \(11, 11\), but the pairs of the task are"):
        encode(TRAININGS, ModularAddition(13, 0.4, 3))


@pytest.fixture
def reader(browser, tmp_path):
    file = tmp_path / "page.html"
    explorer = trained_networks_explorer(TRAININGS, TASK, step=0)
    file.write_text(saved_page([explorer]), encoding="utf-8")
    reader = Reader(browser, file)
    reader.page.locator("canvas").first.wait_for()
    yield reader
    assert not reader.outside and not reader.failed and not reader.errors
    reader.context.close()


def right(reader: Reader) -> list[str]:
    reader.frame()
    return reader.page.locator(".kinds span").all_inner_texts()


def tally(label: str, step: int) -> list[str]:
    one, table = TRAININGS[label], kinds(TASK.load(), P)
    frame = np.flatnonzero(one["step"] <= step)[-1]
    good = one["predictions"][frame] == RIGHT
    return [f"{good[table == k].sum()} of {(table == k).sum()} right" for k in range(3)]


@pytest.mark.pages
def test_a_reader_scrubs_and_every_count_is_that_of_the_network(reader: Reader) -> None:
    slider = reader.page.get_by_role("slider", name="Training step")
    for step in (0, 50, 60, 100, 200, 300):
        reader.frame()
        assert slider.get_attribute("aria-valuetext") == f"step {step}"
        assert right(reader) == tally("standard", step) + tally("perturbed", step)
        slider.press("ArrowRight")
    note = reader.page.get_by_text("as at its last kept step, 200")
    assert note.is_visible(), "perturbed training ends before standard"


@pytest.mark.pages
def test_a_reader_asks_a_pair_and_hears_both_answers_and_since_when(reader: Reader) -> None:
    page = reader.page
    page.get_by_role("spinbutton", name="a").fill("4")
    page.get_by_role("spinbutton", name="b").fill("9")
    reader.frame()
    said = page.locator(".words").first.inner_text()
    first = TRAININGS["standard"]["predictions"]
    for a, b in ((4, 9), (9, 4)):
        answer = first[0, a, b]
        verdict = "2, right" if answer == 2 else f"{answer}, wrong (2)"
        assert f"{a} + {b} = {verdict}" in said
    since = [0, 50, 100, 300][int(np.flatnonzero(first[:, 4, 9] != 2)[-1]) + 1]
    assert f"answered rightly from step {since} on" in said
    page.get_by_role("spinbutton", name="b").fill("11")
    assert page.get_by_role("status").inner_text() == "Type two whole numbers from 0 to 10."
    page.locator("canvas").nth(1).click(position={"x": 2, "y": 2})
    reader.frame()
    assert "0 + 0 =" in page.locator(".words").first.inner_text()


@pytest.mark.pages
def test_it_plays_to_the_end_and_stops(reader: Reader) -> None:
    page = reader.page
    page.get_by_role("button", name="Play").press("Enter")
    assert page.get_by_role("button", name="Pause").is_visible()
    page.get_by_role("button", name="Play").wait_for()
    assert right(reader) == tally("standard", 300) + tally("perturbed", 300)


@pytest.mark.pages
def test_a_browser_that_cannot_unpack_says_so(browser, tmp_path) -> None:
    file = tmp_path / "page.html"
    file.write_text(
        "<script>delete window.DecompressionStream</script>"
        + saved_page([trained_networks_explorer(TRAININGS, TASK)]),
        encoding="utf-8",
    )
    reader = Reader(browser, file)
    reader.page.get_by_text("This browser cannot unpack the answers").wait_for()
    assert not reader.errors
    reader.context.close()
