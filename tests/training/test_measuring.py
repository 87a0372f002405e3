"""Metrics of a network afterwards, and in a loop that is not ours."""

import dataclasses
import math
import warnings

import pandas as pd
import pytest
import torch
from torch import nn

from grokbook import Digits, InputError, ModularAddition, experiment, measure, train, watch
from grokbook.analysis.moments import moments
from grokbook.experiments.columns import column_of
from grokbook.experiments.schema import GROUPS, LogSchedule, Measurements
from grokbook.models.modules import ModuleNetwork
from grokbook.training.measurements import CHEAP, DEAR


@pytest.fixture(scope="module", params=["mnist-standard", "modadd-standard"])
def run(request: pytest.FixtureRequest):
    recipe = dataclasses.replace(experiment(request.param, "smoke"), steps=20)
    return train(dataclasses.replace(recipe, log=LogSchedule("linear", 1)))


def test_every_column_of_a_log_is_measured_again_with_its_value(run) -> None:
    last = run.log.iloc[-1].drop("step")
    groups = run.recipe().measurements.groups
    assert measure(run, metrics=groups) == last.to_dict()
    for column in last.index[::7]:
        assert measure(run, metrics=[column]) == {column: last[column]}


def test_every_column_is_told_its_group(run, monkeypatch) -> None:
    """Which function computes it says the table of groups."""
    from grokbook.training.measurements import Measure

    recipe = run.recipe()
    split = recipe.dataset.load()
    for group in (*recipe.measurements.groups, "test_information"):
        one = dataclasses.replace(
            recipe, measurements=dataclasses.replace(recipe.measurements, groups=(group,))
        )
        row = Measure(one, run.network, split)(20, dear=True)
        own = {c for c in row if column_of(c).group == group}
        others = {c for c in row if column_of(c).group != group}
        assert own and others <= {c for c in row if column_of(c).group == "accuracy"}, group
    assert {*CHEAP, *DEAR} == {*GROUPS}


def plain() -> nn.Module:
    """A network that draws at random in training, with batch statistics too."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 10)
    )


def loop(network: nn.Module, steps: int, tell) -> None:
    """A training loop as anyone would write it."""
    split = Digits().load()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    torch.manual_seed(0)
    tell(0)
    for taken in range(1, steps + 1):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(split.train_x), split.train_y).backward()
        optimizer.step()
        tell(taken)


def test_watching_changes_nothing_and_says_what_is_true() -> None:
    watched, alone = plain(), plain()
    with watch(watched, Digits(), every=7, name="mine", seed=2) as logger:
        loop(watched, 30, logger.step)
    loop(alone, 30, lambda _: None)
    assert all(
        torch.equal(a, b)
        for a, b in zip(watched.state_dict().values(), alone.state_dict().values(), strict=True)
    )
    assert all(part.training for part in watched.modules())
    table = logger.table
    assert table["step"].tolist() == [0, 7, 14, 21, 28, 30]
    assert list(table.columns[:7]) == [
        "experiment", "seed", "step", "train_accuracy", "train_loss", "test_accuracy", "test_loss",
    ]  # fmt: skip
    assert table["experiment"].unique() == ["mine"] and table["seed"].unique() == [2]
    alone.eval()
    split = Digits().load()
    right = (alone(split.test_x).argmax(1) == split.test_y).double().mean()
    assert table["test_accuracy"].iloc[-1] == float(right)
    norm = math.sqrt(sum(float(w.double().square().sum()) for w in alone.parameters()))
    assert table["weight_norm"].iloc[-1] == pytest.approx(norm, rel=1e-12)
    assert measure(alone, Digits(), ["test_accuracy"]) == {"test_accuracy": float(right)}


def test_a_table_of_a_foreign_loop_is_one_of_ours() -> None:
    ours = train(dataclasses.replace(
        experiment("modadd-standard", "smoke"), steps=40, measurements=Measurements(),
    )).log  # fmt: skip
    from grokbook import Trainer

    trainer = Trainer(dataclasses.replace(
        experiment("modadd-standard", "smoke"), steps=40, measurements=Measurements(),
    ))  # fmt: skip
    logger = watch(trainer.network, ModularAddition(13, 0.5, 0), every=10, loss="cross_entropy")
    for taken in range(41):
        logger.step(taken)
        if taken < 40:
            trainer.step()
    at = ours[ours["step"] % 10 == 0].reset_index(drop=True)
    found = logger.table.drop(columns=["experiment", "seed"])
    pd.testing.assert_frame_equal(found, at, check_exact=True)
    assert moments(logger.table).loc[0].notna().any()


def test_watching_a_split_and_a_network_of_the_package() -> None:
    recipe = experiment("mnist-standard", "smoke")
    split = recipe.dataset.load()
    network = recipe.build_model(64, 10)
    logger = watch(network, split, metrics=["information", "perturbation_error"])
    logger.step(0)
    assert {"entropy", "perturbation_error", "test_loss"} <= {*logger.table.columns}


def test_a_module_that_names_its_first_layer_has_every_group() -> None:
    network = ModuleNetwork(nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10)),
                            first_layer="1")  # fmt: skip
    found = measure(network, Digits(), ["information", "robustness", "theory"])
    assert found["entropy"] > 0 and found["perturbation_error"] >= 0


def sentence(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert "\n" not in message and message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: watch(plain(), Digits(), every=0), "every is 0, but must be at least 1"),
        (lambda: watch(plain(), Digits(), metrics=["weight"]), "no metric 'weight'; known are"),
        (lambda: measure(plain()), "A network alone has no data"),
        (
            lambda: measure(plain(), Digits(), ["entropy"]),
            "information needs a network with a continuous input .* Sequential is a plain module",
        ),
        (
            lambda: measure(plain(), Digits(), ["first_layer_spectral_norm"]),
            "first_layer_spectral_norm cannot be measured of this network",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(act, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        act()
    sentence(caught)


def broken() -> nn.Module:
    network = plain()
    with torch.no_grad():
        network[0].weight.fill_(math.nan)
    return network


def test_a_network_without_finite_logits_is_one_sentence() -> None:
    for act in (
        lambda: measure(broken(), Digits(), ["weight_norm"]),
        lambda: watch(broken(), Digits()).step(0),
    ):
        with pytest.raises(
            InputError, match=r"logits of Sequential .* are not all finite"
        ) as error:
            act()
        sentence(error)


def test_a_loop_whose_network_breaks_on_the_way_is_not_ended() -> None:
    network = plain()
    logger = watch(network, Digits())
    logger.step(0)
    with torch.no_grad():
        network[0].weight.fill_(math.nan)
    with pytest.warns(UserWarning, match="At step 1 watching stopped: The logits of Sequential"):
        logger.step(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.step(2)
    assert logger.table["step"].tolist() == [0]


def test_steps_increase() -> None:
    logger = watch(plain(), Digits(), every=5)
    logger.step(3)
    for step, words in (
        (3, "must be above the previous one, 3"),
        (2, "must be above the previous one, 3"),
        (4.0, "an integer"),
    ):
        with pytest.raises(InputError, match=words):
            logger.step(step)
    assert logger.table.empty and {"step", "test_accuracy"} <= {*logger.table.columns}
