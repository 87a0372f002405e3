"""The chapter whose network trains in the page, as built: from disk, without a network."""

import pytest
from browsing import HTML, MODES, Reader

pytestmark = pytest.mark.pages

PAGE = HTML / "train_in_the_page.html"
SMALL = "#training=mirrored&p=23&share=80&lr=0.003"


class At:
    """The page with a part after # in its address."""

    def __init__(self, part: str) -> None:
        self.part = part

    def as_uri(self) -> str:
        return PAGE.as_uri() + self.part


@pytest.mark.parametrize("mode", MODES)
def test_it_trains_from_disk(browser, mode):
    assert PAGE.is_file(), "the book is not built: run `make book` first"
    reader = Reader(browser, At(SMALL), mode)
    page, root = reader.page, reader.page.locator(".in-page-training")
    page.wait_for_function(
        "document.querySelector('.message').textContent.startsWith('Ready at step 0')",
        timeout=60_000,
    )
    start = root.get_by_role("button", name="Start")
    start.focus()
    page.keyboard.press("Enter")
    # Every training pair is right, and with mirror images most of the others soon after.
    page.wait_for_function(
        "parseFloat(document.querySelector('.tile.train strong').textContent) > 90",
        timeout=120_000,
    )
    page.keyboard.press("Enter")
    start.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= MODES[mode]
    assert page.evaluate("location.hash").startswith("#training=mirrored&p=23")
    assert not reader.outside and not reader.failed and not reader.errors
    reader.context.close()


def test_a_tampered_address_is_one_sentence(browser):
    reader = Reader(browser, At("#p=7&training=none"))
    message = reader.page.locator(".in-page-training .message")
    message.filter(has_text="In the page’s address modulus p is “7”").wait_for(timeout=60_000)
    assert "training is “none”" in message.inner_text()
    assert not reader.errors
    reader.context.close()
