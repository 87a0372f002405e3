from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).parents[2] / "book"
CHAPTERS = sorted(path.stem for path in BOOK.glob("*.ipynb"))


def pytest_generate_tests(metafunc):
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", CHAPTERS)


@pytest.fixture(scope="session")
def book() -> Path:
    return BOOK


@pytest.fixture
def path(chapter) -> Path:
    """The notebook of one chapter."""
    return BOOK / f"{chapter}.ipynb"


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory, worker_id) -> Path:
    """A folder for runs of the small presets, shared by all workers; not the repository's."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "small-runs"
