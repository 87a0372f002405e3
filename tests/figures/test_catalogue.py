"""Every figure of the paper, from the recorded runs, into a file."""

from pathlib import Path

import pytest

from grokbook import load_runs
from grokbook._support.errors import InputError
from grokbook.cli.main import main
from grokbook.figures.catalogue import FIGURES, draw, save
from grokbook.figures.style import png


def test_the_thirteen_figures_of_the_paper_and_ours() -> None:
    assert list(FIGURES) == [*(str(number) for number in range(1, 14)), "staircase"]


@pytest.mark.parametrize("name", FIGURES)
def test_each_is_drawn_from_the_recorded_runs(name: str) -> None:
    function, experiments = FIGURES[name]
    figure = draw(name)
    alt = str(figure.get_label())
    assert len(alt) > 100 and "nan" not in alt.lower()
    assert png(figure) == png(function(*(load_runs(each) for each in experiments)))


@pytest.mark.parametrize(
    ("ending", "magic"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?x")]
)
def test_a_file_holds_the_figure_and_is_the_same_twice(
    tmp_path: Path, ending: str, magic: bytes
) -> None:
    first, second = (tmp_path / f"{name}.{ending}" for name in "ab")
    save(draw("3", seeds=[0]), first)
    main(["figure", "3", "--seeds", "0", "--out", str(second)])
    assert first.read_bytes() == second.read_bytes() and first.read_bytes().startswith(magic)


def test_bad_names_and_files_are_refused_in_one_sentence(tmp_path: Path, full_disk) -> None:
    with pytest.raises(InputError, match=r"no figure '14'; known are 1, .*, staircase\.$"):
        draw("14")
    figure = draw("13", seeds=[0])
    with pytest.raises(InputError, match=r"must be \.pdf, \.png or \.svg\.$"):
        save(figure, tmp_path / "figure.gif")
    with pytest.raises(InputError, match=r"there is no such folder\.$"):
        save(figure, tmp_path / "no" / "figure.pdf")
    (tmp_path / "folder.pdf").mkdir()
    for out in (tmp_path / "folder.pdf",):
        with pytest.raises(InputError, match=r"that is a folder; name the file to write\.$"):
            save(figure, out)
    (tmp_path / "folder.pdf").rmdir()
    with full_disk(), pytest.raises(InputError, match=r"cannot be written \(File too large\)\.$"):
        save(figure, tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit, match=r"There is no record of mnist-standard"):
        main(["figure", "13", "--seeds", "99", "--out", str(tmp_path / "figure.pdf")])
