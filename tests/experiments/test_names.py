"""Names that the command's help prints without importing torch are those of the experiments."""

from grokbook.experiments import named, names
from grokbook.experiments.schema import GROUPS
from grokbook.training.measurements import CHEAP, DEAR


def test_names_are_those_of_the_experiments() -> None:
    assert list(named.EXPERIMENTS) == list(names.PAPER_NAMES)
    assert list(named.CONTROLS) == list(names.CONTROL_NAMES)


def test_groups_are_the_cheap_and_the_dear() -> None:
    assert len({*CHEAP, *DEAR}) == len(CHEAP) + len(DEAR)
    assert {*GROUPS} == {*CHEAP, *DEAR}
