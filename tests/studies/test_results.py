"""Answers of the studies: each outcome of the rules, on tables in which it is so."""

import numpy as np
import pandas as pd
import pytest

from grokbook import InputError
from grokbook.studies import results
from grokbook.studies.tables import study_rules

SEEDS = range(100, 112)


def arm(
    name: str,
    steps: float,
    *,
    limit: int = 10_000,
    norm: tuple[float, float] = (30.0, 30.0),
    test: float = 1.0,
) -> pd.DataFrame:
    """Rows of an arm that groks near a step, seeds apart by a shared factor; or never."""
    grid = np.arange(0, limit + 1, 500)
    times = [steps * (1 + (seed - 105) / 50) for seed in SEEDS]
    norms = np.interp(grid, [0, 1000, limit], [norm[0], norm[0], norm[1]])
    return pd.DataFrame(
        {
            "arm": name,
            "seed": list(SEEDS),
            "endpoint": [time if time <= limit else np.nan for time in times],
            "steps": limit,
            "curve_step": [list(grid)] * len(times),
            "curve_train_accuracy": [list(np.minimum(1, grid / 500))] * len(times),
            "curve_test_accuracy": [list(np.where(grid < limit, 0.0, test))] * len(times),
            "curve_weight_norm": [list(norms)] * len(times),
        }
    )


def table(**steps: float) -> pd.DataFrame:
    usual = {
        "add-free": 3000, "add-free-noise": 2000, "add-built": 1500, "add-built-noise": 1500,
        "sub-free": 1800, "sub-free-noise": 1800, "add-abelian": 1000, "add-mirrored": 1400,
        "add-built-mirrored": 1200,
    }  # fmt: skip
    changed = usual | {name.replace("_", "-"): value for name, value in steps.items()}
    return pd.concat([arm(name, value) for name, value in changed.items()], ignore_index=True)


def test_ratios_are_paired_by_seed_and_exact_here() -> None:
    found = results.ratios(table(), results.NOISE)
    assert found["ratio"].tolist() == pytest.approx([2 / 3, 1, 1])
    assert found["low"].tolist() == pytest.approx(found["high"].tolist())
    assert (found["seeds"] == 12).all() and (found["censored"] == 0).all()
    assert results.ratios(table().query("seed < 104"), results.NOISE).empty


def test_ways_to_know_the_law_are_sooner_later_or_alike() -> None:
    found = results.ways(table(add_built=3000, add_mirrored=1000, add_built_mirrored=4000))
    assert found["effect"].to_dict() == {
        "built in": "alike", "abelian degrok": "sooner", "mirror images with labels": "sooner",
        "built in and mirror images": "later", "abelian degrok, against built in": "sooner",
        "abelian degrok, against mirror images": "alike",
    }  # fmt: skip
    lines = results.told(found).splitlines()
    assert lines[1] == (
        "- *Abelian degrok*: sooner. It takes 0.33 (0.33 to 0.33) times the steps of standard"
        " training."
    )
    assert lines[-1].endswith("It takes 1.00 (1.00 to 1.00) times the steps.")
    assert results.told(results.ways(table().query("seed < 104"))) == ""


@pytest.mark.parametrize(
    ("steps", "sooner", "because"),
    [
        ({}, "yes", "yes"),
        ({"add_built_noise": 1000}, "yes", "no"),
        ({"sub_free_noise": 1000}, "yes", "no"),
        ({"sub_free_noise": 3600}, "yes", "undecided"),
        ({"add_free_noise": 3001}, "no", "no"),
        ({"add_free_noise": 4000}, "no", "no"),
        ({"add_free_noise": 2800}, "yes", "yes"),
    ],
)
def test_every_outcome_of_the_mechanism(steps: dict, sooner: str, because: str) -> None:
    found = table(**steps)
    assert results.speeds_up(found).outcome == sooner
    assert results.because_of_the_law(found).outcome == because


def test_the_share_that_the_law_mediates() -> None:
    share = results.mediated(table())
    assert share is not None and share.estimate[0] == pytest.approx(1.0)
    half = results.mediated(table(add_built_noise=1500 * (2 / 3) ** 0.5))
    assert half is not None and half.estimate[0] == pytest.approx(0.5)
    noisy = table()
    free = noisy["arm"] == "add-free-noise"
    noisy.loc[free, "endpoint"] = 3000 * np.tile([0.8, 1.25], 6)
    assert results.mediated(noisy) is None, "no effect, nothing to share"
    assert results.mediated(table().query("arm != 'add-built'")) is None


def test_missing_runs_leave_it_undecided_and_are_counted() -> None:
    found = results.because_of_the_law(table().query("arm != 'sub-free-noise'"))
    assert found == ("undecided", "It needs 6 seeds of sub-free-noise and sub-free and has 0.")
    assert results.sufficient(table()).outcome == "undecided"
    assert results.necessary(table()).outcome == "undecided"


def test_sufficiency_is_refuted_by_a_norm_that_falls_without_generalisation() -> None:
    falls = arm("random-labels", 1e9, norm=(30, 20), test=0.02)
    assert results.sufficient(falls).outcome == "no"
    assert "in 12 of 12 networks" in results.sufficient(falls).words
    kept = results.sufficient(arm("random-labels", 1e9, norm=(30, 28), test=0.02))
    assert kept.outcome == "untested" and "By the rule's letter, yes" in kept.words
    assert "a fifth in none of 12 networks. It falls by a tenth in 0," in kept.words
    mixed = pd.concat([falls.iloc[:5], arm("random-labels", 900, norm=(30, 20)).iloc[5:]])
    assert results.sufficient(mixed).outcome == "undecided"


def test_necessity_is_refuted_by_one_arm_that_groks_at_its_norm() -> None:
    never, kept = arm("clamp-1.2", 1e9), arm("clamp-1.0", 3000)
    assert results.necessary(never).outcome == "yes"
    assert results.necessary(pd.concat([never, kept])).outcome == "no"
    assert results.necessary(arm("no-decay", 9000, norm=(30, 20))).outcome == "yes"


def test_what_became_of_the_networks_by_their_decay() -> None:
    found = pd.concat([arm("decay", 2000, norm=(30, 20)), arm("no-decay", 9500, norm=(30, 40))])
    shown = results.decays(found.assign(train_100=[np.nan, *[400.0] * (len(found) - 1)]))
    assert list(shown.index) == ["decay of the ℓ₂ norm", "no decay"]
    assert shown["fit"].tolist() == ["11 of 12", "12 of 12"]
    assert shown["grok"].tolist() == ["12 of 12", "8 of 12"]  # 9500 × 1.06 is beyond the limit
    assert shown["norm"].tolist() == [20, 40]
    assert shown["step"].iloc[0] == pytest.approx(2000 * 1.01)


def test_the_delay_s_exponent_and_its_other_unit() -> None:
    radii = [arm(f"clamp-{rho}", 3000 * np.exp(2 * (rho - 1.2))) for rho in (0.4, 0.8, 1.2)]
    decay = arm("decay", 2000, norm=(30, 20))
    found, factor = results.exponent(pd.concat([*radii, decay]))
    assert found.estimate[0] == pytest.approx(2.0) and found.low == pytest.approx(2.0)
    assert 0.9 < factor < 1.0
    assert set(study_rules("norm")["arms"]) >= {"clamp-0.4", "decay", "random-labels"}


def searched(value: float, steps: float) -> pd.DataFrame:
    rows = arm(f"noise at {value:g}", steps).iloc[:2]
    return rows.assign(seed=[90, 91], final_test_accuracy=1.0)


def test_the_search_chooses_the_soonest_strength_and_is_shown() -> None:
    values = study_rules("mechanism")["search"]["lambda_2"]
    found = pd.concat([searched(v, 3000 if v == 0.1 else 4000) for v in values])
    assert results.strength(found) == 0.1
    shown = results.search_table(found, "noise at ")
    assert list(shown.index) == values and list(shown.columns) == ["seed 90", "seed 91"]
    late = found.assign(endpoint=found["endpoint"].where(found["seed"] == 90))
    assert set(results.search_table(late, "noise at ")["seed 91"]) == {"never"}
    with pytest.raises(InputError, match="The search for the strength of the noise is not over"):
        results.strength(found.query("arm != 'noise at 0.4'"))


def test_final_medians_have_a_row_an_arm_and_none_for_a_search() -> None:
    found = pd.concat([arm("add-free", 3000), arm("add-built", 1500), searched(0.1, 3000)])
    found["final_norm_query"] = np.arange(len(found), dtype=float)
    medians = results.final_medians(found, ["norm_query"])
    assert medians["norm_query"].to_dict() == {"add-free": 5.5, "add-built": 17.5}


def test_what_is_not_recorded_is_named_with_its_count() -> None:
    rules = study_rules("norm")
    arms = list(rules["arms"])
    every = pd.DataFrame(
        [{"arm": arm, "seed": seed} for arm in arms for seed in rules["setting"]["seeds"]]
    )
    assert results.unrecorded(every, "norm") == "none"
    some = every[~((every["arm"] == arms[0]) & (every["seed"] > 106)) & (every["arm"] != arms[1])]
    assert results.unrecorded(some, "norm") == f"{arms[0]} (3 of 10), {arms[1]} (10 of 10)"
