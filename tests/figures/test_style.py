import re
from pathlib import Path

import pytest

from grokbook.figures import style
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
