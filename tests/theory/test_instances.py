"""The random instances behind the tightness figures."""

import pandas as pd
import pytest
import torch

from grokbook.theory import instances

FALSE_AS_PRINTED = {("Theorem 5.9", "printed"), ("Theorem 5.12", "printed")}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return instances.tightness(150, torch.Generator().manual_seed(0))


def test_only_the_two_false_statements_are_refuted(table: pd.DataFrame) -> None:
    close = table["left"] <= table["bound"] * (1 + 1e-9) + 1e-12
    refuted = set(table.loc[~close, ["statement", "form"]].itertuples(index=False, name=None))
    assert refuted == FALSE_AS_PRINTED
    assert set(table.groupby(["statement", "form"]).size()) == {150}


def test_the_ratio_is_left_over_bound(table: pd.DataFrame) -> None:
    rounding = table["left"] <= 1e-12
    assert (table.loc[rounding, "ratio"] == 0).all()
    some = table[~rounding]
    assert ((some["ratio"] * some["bound"] / some["left"] - 1).abs() <= 1e-12).all()


def test_lipschitz_constant_of_the_gradient_holds_between_random_points() -> None:
    generator = torch.Generator().manual_seed(0)
    network = instances.interpolating_network(3, 2, 8, 3, generator)
    x, y = torch.randn(2, 500, 2, generator=generator, dtype=torch.float64)
    jacobian = torch.vmap(torch.func.jacrev(lambda v: network(v[None])[0]))
    changes = torch.linalg.matrix_norm(jacobian(x) - jacobian(y), 2) / (x - y).norm(dim=1)
    assert float(changes.max()) <= network.lipschitz()


def test_equal_generators_give_equal_tables() -> None:
    first, second = (instances.tightness(2, torch.Generator().manual_seed(3)) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_networks_interpolate_and_narrow_ones_are_refused() -> None:
    generator = torch.Generator().manual_seed(0)
    network = instances.interpolating_network(4, 3, 16, 5, generator)
    one_hot = torch.nn.functional.one_hot(network.labels, 5).double()
    torch.testing.assert_close(network(network.inputs), one_hot, atol=1e-9, rtol=0)
    with pytest.raises(ValueError, match="width is 3"):
        instances.interpolating_network(4, 3, 3, 5, generator)
