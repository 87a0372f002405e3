import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from grokbook.figures import style
from grokbook.figures.catalogue import draw, save
from grokbook.figures.page import on_page
from grokbook.figures.style import CURVES, PAGE, ROLES, contrast

ASSETS = Path(__file__).parents[2] / "book" / "assets"


@pytest.mark.parametrize("role", [role for role in ROLES if role != "grid"])
def test_every_role_is_legible_on_light_and_dark_pages(role):
    assert all(contrast(ROLES[role].light, page) >= 4.5 for page in PAGE["light"])
    assert all(contrast(ROLES[role].dark, page) >= 4.5 for page in PAGE["dark"])


def test_contrast_of_known_pairs():
    # #767676 is the well-known lightest grey that passes 4.5 : 1 on white.
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert contrast("#ffffff", "#767676") == contrast("#767676", "#ffffff")
    assert contrast("#123456", "#123456") == 1


def test_light_colours_name_one_role_each():
    # In the SVG a colour is replaced by its role, so two roles must not share one.
    assert len({role.light for role in ROLES.values()}) == len(ROLES)


def test_curves_differ_in_dashes_too():
    for curves in (CURVES, [ROLES[r] for r in ("train_accuracy", "test_accuracy", "metric")]):
        assert len({str(role.dashes) for role in curves}) == len(curves)


def test_the_books_style_sheet_is_made_from_the_roles():
    assert (ASSETS / "figures.css").read_text() == style.css(), (
        "write book/assets/figures.css anew from grokbook.figures.style.css()"
    )
    assert re.findall(r"--grokbook-([\w-]+)", style.css()) == [r.replace("_", "-") for r in ROLES]


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_what_a_user_s_style_says_changes_no_byte(tmp_path: Path, ending: str) -> None:
    """Not even text set by LaTeX, which need not be installed."""
    theirs = {
        "text.usetex": True, "font.size": 30, "font.family": "serif", "savefig.bbox": "tight",
        "savefig.dpi": 30, "savefig.facecolor": "red", "figure.figsize": (1, 1),
        "figure.autolayout": True, "axes.prop_cycle": matplotlib.cycler(color=["red"]),
        "axes.grid": False, "svg.fonttype": "path", "svg.hashsalt": "other", "pdf.fonttype": 42,
        "lines.linestyle": ":", "axes.unicode_minus": False, "path.simplify": False,
        "image.cmap": "hot", "legend.fontsize": 3, "xtick.direction": "in",
    }  # fmt: skip
    names = ("1", "9") if ending == "svg" else ("9",)
    for name in names:
        ours, styled = (tmp_path / f"{each}-{name}.{ending}" for each in ("ours", "styled"))
        save(draw(name), ours)
        with matplotlib.rc_context(theirs):
            figure = draw(name)
            save(figure, styled)
            assert matplotlib.rcParams["text.usetex"], "what is theirs stays theirs"
            shown = on_page(figure)
        assert styled.read_bytes() == ours.read_bytes()
        assert shown == on_page(draw(name))


def test_a_user_s_matplotlibrc_changes_no_byte(tmp_path: Path) -> None:
    """It is read as matplotlib is imported, before anything of ours is."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\naxes.grid: False\n")
    command = [sys.executable, "-m", "grokbook", "figure", "9", "--out", str(tmp_path / "f.svg")]
    subprocess.run(
        command, env=os.environ | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}, check=True
    )
    save(draw("9"), tmp_path / "g.svg")
    assert (tmp_path / "f.svg").read_bytes() == (tmp_path / "g.svg").read_bytes()
