import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grokbook.figures import style
from grokbook.figures.style import PAGE, ROLES, alt_text, contrast, moments

ASSETS = Path(__file__).parents[2] / "book" / "assets"


def run(**columns: list[float]) -> pd.DataFrame:
    rows = len(columns["test_accuracy"])
    defaults = {
        "seed": 0,
        "step": range(0, 10 * rows, 10),
        "train_accuracy": np.ones(rows),
        "weight_norm": np.ones(rows),
    }
    return pd.DataFrame(defaults | columns)


def test_moments_wait_until_test_accuracy_stays():
    table = moments(run(test_accuracy=[0.1, 0.6, 0.4, 0.6, 1.0]), thresholds=(0.5, 0.99))
    assert table.loc[0, "test_50"] == 30
    assert table.loc[0, "test_99"] == 40


def test_moments_that_never_come_are_nan():
    table = moments(run(test_accuracy=[0.6, 0.6, 0.4], train_accuracy=[0.2, 0.4, 0.99]))
    assert table.loc[0, ["train_100", "test_50", "test_99"]].isna().all()


def test_moment_at_the_first_row():
    assert moments(run(test_accuracy=[0.7, 0.8]), thresholds=(0.5,)).loc[0, "test_50"] == 0


def test_train_moment_is_the_first_even_if_it_is_lost_again():
    table = moments(run(test_accuracy=[0, 0, 0, 0], train_accuracy=[0.5, 1.0, 0.9, 1.0]))
    assert table.loc[0, "train_100"] == 10


def test_norm_peak_passes_over_steps_without_a_norm():
    table = moments(run(test_accuracy=[0, 0, 0], weight_norm=[2.0, np.nan, 3.0]))
    assert table.loc[0, "norm_peak"] == 20


def test_moments_do_not_depend_on_row_order_and_keep_seeds_apart():
    first = run(test_accuracy=[0.1, 0.2, 0.9])
    second = run(test_accuracy=[0.1, 0.9, 0.9]).assign(seed=7)
    mixed = pd.concat([first, second]).sample(frac=1, random_state=0)
    assert moments(mixed, (0.5,))["test_50"].to_dict() == {0: 20, 7: 10}


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, float("nan")])
def test_impossible_threshold(threshold):
    with pytest.raises(ValueError, match=r"threshold lies in \(0, 1\]"):
        moments(run(test_accuracy=[0.5]), thresholds=(threshold,))


def test_empty_table():
    with pytest.raises(ValueError, match="at least one logged step"):
        moments(run(test_accuracy=[0.5]).iloc[:0])


def test_alt_text_tells_the_numbers_of_the_data():
    runs = run(
        test_accuracy=[0.125, 0.25, 0.75, 0.75],
        train_accuracy=[0.5, 1, 1, 1],
        weight_norm=[2.0, 5.5, 3.0, 1.0],
    )
    text = alt_text(
        "Title", {"Panel": runs}, ("test_accuracy", "weight_norm"), {"Panel": (0.5, 0.9)}
    )
    assert text == (
        "Title. Panel, seed 0, steps 0 to 30: test accuracy from 0.125 to 0.75; weight norm ‖W‖₂"
        " from 2 to 1, largest 5.5 at step 10. Train accuracy reaches 100 % at step 10; test"
        " accuracy stays above 50 % from step 20;"
        " test accuracy stays above 90 % from no step of the run."
    )


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
    curves = [ROLES[column].dashes for column in style.LABELS]
    assert len(set(curves)) == len(curves)


def test_the_books_style_sheet_is_made_from_the_roles():
    assert (ASSETS / "figures.css").read_text() == style.css(), (
        "write book/assets/figures.css anew from grokbook.figures.style.css()"
    )
    assert re.findall(r"--grokbook-([\w-]+)", style.css()) == [r.replace("_", "-") for r in ROLES]
