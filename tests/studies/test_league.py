"""The league: every method has twelve configurations, and what rests on an outcome waits for it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grokbook.experiments.schema import Experiment
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.muon import Muon
from grokbook.strategies.perturbation import Perturbed
from grokbook.studies import league, norm
from grokbook.studies.study import Study, record
from grokbook.studies.tables import load_study
from grokbook.training.trainer import Trainer

RULES = league.STUDY.rules
METHODS = list(RULES["arms"])
BEST = {"lr": 3e-3, "weight_decay": 1.0}
NOTHING = pd.DataFrame({"arm": [], "seed": [], "endpoint": []})


def outcomes(planned: list, endpoint: dict[str, float], usual: float = 5000.0) -> pd.DataFrame:
    """A table of what was planned, each arm with the endpoint given or the usual one."""
    return pd.DataFrame(
        [
            {
                "arm": one.arm, "seed": one.seed, "endpoint": endpoint.get(one.arm, usual),
                "final_test_accuracy_unmirrored": 1.0,
            }
            for one in planned
        ]
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_tuned_over_twelve_different_experiments(method: str) -> None:
    configs = league.grid(method, BEST)
    assert configs is not None and len(configs) == 12
    recipes = [league.recipe(method, 90, config) for config in configs]
    assert len({recipe.id for recipe in recipes}) == 12
    assert len({league.label(method, config) for config in configs}) == 12
    published = league.recipe(method, 100, RULES["published"][method])
    assert published.steps == RULES["setting"]["limit"]


@pytest.mark.parametrize(
    ("method", "task"),
    [*((m, "") for m in METHODS), *((m, "on division") for m in RULES["confirm"]["law_free"])],
)
def test_each_method_takes_a_step_on_each_task_that_it_is_for(method: str, task: str) -> None:
    trainer = Trainer(league.recipe(method, 90, RULES["published"][method], task), compiled=False)
    before = float(trainer.step())
    assert np.isfinite([before, float(trainer.step())]).all()


def test_what_has_a_strength_of_its_own_is_tuned_at_adamw_s_best() -> None:
    assert league.grid("perturbed", None) is None
    configs = league.grid("perturbed", BEST)
    assert configs is not None and {c["lr"] for c in configs} == {3e-3}
    assert (configs[0]["strength"], configs[-1]["strength"]) == (0.01, 0.6)
    noise = league.recipe("perturbed", 90, configs[-1]).strategy
    assert noise == Perturbed(lambda_1=0.75, lambda_2=0.6)
    muon = league.grid("muon", BEST)
    assert muon is not None
    optimizer = league.recipe("muon", 90, muon[0]).optimizer
    assert isinstance(optimizer, Muon) and optimizer.adamw_lr == 3e-3
    clamp = league.grid("clamp", None)
    assert clamp is not None
    recipe = league.recipe("clamp", 90, clamp[0])
    assert isinstance(recipe.optimizer, Chain) and isinstance(recipe.optimizer.optimizer, AdamW)
    assert recipe.optimizer.optimizer.weight_decay == 0
    assert recipe.optimizer.constraint is not None
    expected = 0.3 * norm.initial_norm(league.recipe("adamw", 90, BEST))
    assert recipe.optimizer.constraint.radius == pytest.approx(expected)


def test_a_tuning_and_what_rests_on_it_come_one_after_the_other() -> None:
    adamw = {league.label("adamw", BEST): 1000.0}
    first = league.plan(NOTHING)
    assert {one.seed for one in first} == {90}
    assert league.label("adamw", BEST) in {one.arm for one in first}
    assert not any(one.arm.startswith("perturbed, ") for one in first), "they wait for AdamW's best"
    limits = {(one.recipe.steps, one.limit, one.tail) for one in first}
    assert limits == {(RULES["tuning"]["limit"], RULES["tuning"]["limit"], 0)}

    second = league.plan(outcomes(first, adamw))
    assert Counter(one.seed for one in second if one.arm.startswith("adamw, ")) == {90: 12, 91: 4}
    assert not any(one.arm.startswith("perturbed, ") for one in second)

    third = league.plan(outcomes(second, adamw))
    strengths = [one for one in third if one.arm.startswith("perturbed, ")]
    assert len(strengths) == 12
    assert all(
        isinstance(one.recipe.optimizer, AdamW) and one.recipe.optimizer.lr == BEST["lr"]
        for one in strengths
    )
    fourth = league.plan(outcomes(third, adamw))
    assert not {one.arm for one in fourth} & {*METHODS, "adamw as published"}

    fifth = league.plan(outcomes(fourth, adamw))
    runs = Counter(one.seed for one in fifth if one.seed in (90, 91))
    assert runs == {90: 12 * len(METHODS), 91: 4 * len(METHODS)}, "all are tuned as long"
    assert Counter(one.arm for one in fifth)["muon"] == 20
    assert Counter(one.arm for one in fifth)["muon as published"] == 10
    tuned = next(one for one in fifth if one.arm == "adamw" and one.seed == 100)
    assert tuned.recipe == league.recipe("adamw", 100, BEST)
    assert not any("division" in one.arm for one in fifth)

    ends = {"abelian": 500.0, "mirrored": 600.0, "muon": 700.0, "clamp": 800.0, "perturbed": 900.0}
    table = outcomes([one for one in fifth if one.seed < 110], adamw | ends)
    assert league.confirmed(table, "at p = 113") == [
        "adamw",
        "abelian",
        "mirrored",
        "muon",
        "clamp",
    ]
    assert league.confirmed(table, "on division")[:4] == ["adamw", "muon", "clamp", "perturbed"]
    last = {one.arm: one for one in league.plan(table)}
    large = last["abelian at p = 113"]
    assert large.recipe.dataset.p == 113 and large.recipe.model.d == 128  # type: ignore[union-attr]
    assert large.limit == large.recipe.steps == RULES["confirm"]["limit"]
    assert league.STUDY.column("muon on division") == "test_accuracy"


def tuned(method: str, configs: list, seed: int, ends: list[float]) -> pd.DataFrame:
    """Runs of a tuning on one seed; the later a configuration, the more accurate it is."""
    return pd.DataFrame(
        [
            {
                "arm": league.label(method, config), "seed": seed, "endpoint": end,
                "final_test_accuracy_unmirrored": 0.05 * place,
            }
            for place, (config, end) in enumerate(zip(configs, ends, strict=True))
        ]
    )  # fmt: skip


def test_the_best_configuration_is_the_soonest_and_without_any_the_most_accurate() -> None:
    configs = league.grid("adamw", None)
    assert configs is not None
    first = tuned("adamw", configs, 90, [np.nan] * 12)
    assert league.best("adamw", configs, first) is None
    further = [one for one in league.tuning("adamw", configs, first) if one.seed == 91]
    assert [one.arm for one in further] == [
        league.label("adamw", config) for config in configs[:7:-1]
    ]
    second = tuned("adamw", configs[8:], 91, [np.nan] * 4)
    assert league.best("adamw", configs, pd.concat([first, second.iloc[:-1]])) is None
    assert league.best("adamw", configs, pd.concat([first, second])) == configs[-1]
    second.loc[1, "endpoint"] = 2400.0
    assert league.best("adamw", configs, pd.concat([first, second])) == configs[9]
    first.loc[8, "endpoint"], second.loc[1, "endpoint"] = 2300.0, np.nan
    assert league.best("adamw", configs, pd.concat([first, second])) == configs[8]


class Tiny(Study):
    """The league's own rules, with two methods, two configurations and small networks."""

    @property
    def rules(self) -> dict:  # type: ignore[override]
        short = {"p": 7, "d": 8, "mlp": 16, "limit": 20, "tail": 5, "log_every": 5}
        seeds = {"seeds": [100, 101], "published_seeds": [100, 101], "tuning_seeds": [90]}
        small = {"p": 11, "d": 8, "mlp": 16, "seeds": [100], "best": 1, "chosen_by": 1, "limit": 20}
        grid = {"lr": [1e-3, 1e-2], "weight_decay": [1.0]}
        tuning = RULES["tuning"] | {"grid": grid, "limit": 10}
        tuning["own"] = {"grokfast-ema": {"alpha": [0.9], "strength": [1.0, 2.0]}}
        return RULES | {
            "setting": RULES["setting"] | short | seeds,
            "arms": {name: RULES["arms"][name] for name in ("adamw", "grokfast-ema")},
            "tuning": tuning,
            "confirm": RULES["confirm"] | small,
        }


def test_it_goes_on_by_itself_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Tiny("league", league.plan)
    monkeypatch.setattr(league, "STUDY", study)
    list(record(study, root=tmp_path))
    table = load_study("league", tmp_path)
    # 2 configurations and 2 times 2 seeds of each of two methods, and 1 seed of both on 2 tasks.
    assert len(table) == 2 * (2 + 2 * 2) + 2 * 2
    assert {"adamw on division", "grokfast-ema at p = 113"} <= set(table["arm"])
    (only,) = record(study, root=tmp_path)
    assert only.endswith("none that you ask for is missing.")
    ids = table.set_index(["arm", "seed"])["id"]
    tuned = league.best("adamw", league.grid("adamw", None), table)
    assert tuned is not None
    expected: Experiment = league.recipe("adamw", 101, tuned)
    assert ids["adamw", 101] == expected.id
