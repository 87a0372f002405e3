import pytest

from grokbook.experiments.named import CONTROLS, experiment
from grokbook.studies import l1_search


def test_the_controls_use_what_the_recorded_search_found() -> None:
    table = l1_search.table()
    chosen = {task: float(c) for task, c in table.index[table["chosen"]]}
    assert {f"{task}-l1" for task in chosen} == {name for name in CONTROLS if "-l1" in name}
    for task, coefficient in chosen.items():
        assert experiment(f"{task}-l1", "quick").optimizer.l1_decay == pytest.approx(coefficient)
        best = table.loc[task, "grokked"].min()
        assert table.loc[(task, coefficient), "grokked"] == best
    paper = experiment("mnist-l1").optimizer.l1_decay
    assert paper == pytest.approx(chosen["mnist"] / 5), "a fifth of the decay"


def test_its_seed_is_no_result_s() -> None:
    from grokbook.studies.reproduce import SEEDS

    assert l1_search.SEED not in SEEDS
    assert {key.seed for key, _ in l1_search.runs().values()} == {l1_search.SEED}


def test_its_runs_differ_from_the_standard_ones_in_the_decay_alone() -> None:
    for (task, coefficient), (key, recipe) in l1_search.runs().items():
        base = experiment(f"{task}-standard", "quick", l1_search.SEED)
        assert recipe.optimizer.l1_decay == coefficient and recipe.optimizer.weight_decay == 0
        assert recipe.to_dict() | {"optimizer": None} == base.to_dict() | {"optimizer": None}
        assert key.preset == "custom"
