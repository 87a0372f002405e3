"""Every column that a run logs is explained, and every explained one is logged."""

import pytest

from grokbook import InputError, load_runs
from grokbook.analysis.run_tables import column_table
from grokbook.experiments.columns import COLUMNS, column_of
from grokbook.experiments.schema import GROUPS


@pytest.mark.parametrize("name", ["mnist-standard", "modadd-standard", "modadd-abelian"])
def test_every_column_of_the_recorded_runs_is_explained(name: str) -> None:
    for column in load_runs(name).columns.drop(["experiment", "seed", "step"]):
        assert column_of(column).meaning, column


def test_columns_are_of_the_groups_and_named_once() -> None:
    assert list(dict.fromkeys(column.group for column in COLUMNS)) == list(GROUPS)
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    assert len(column_table()) == len(COLUMNS)


@pytest.mark.parametrize(
    "name", ["entropy_alpha_1", "entropy_alpha_9", "test_loss_alpha_2", "norm", "norm_", "", "a b"]
)
def test_a_name_that_no_run_logs_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(InputError, match=r"^There is no metric .*log\.$"):
        column_of(name)


def test_families_take_the_names_of_their_parts() -> None:
    for name in ("norm_layers_0_weight", "norm_mlp_in_bias"):
        assert column_of(name).name == "norm_<parameter>"
    assert column_of("test_entropy_alpha_0.5").name == "test_entropy"
    assert column_of("test_entropy_difference").group == "test_information"
