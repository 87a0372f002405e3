import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from grokbook import metrics
from grokbook._support.errors import InputError, RunError, StaleRunError
from grokbook._support.seeding import generator
from grokbook.experiments.named import experiment
from grokbook.models.mlp import MLPConfig
from grokbook.store.run_store import RunStore
from grokbook.studies import information_settings, refresh_rates
from grokbook.training.checkpoints import read_checkpoint
from grokbook.training.loop import train
from grokbook.training.run import Run


@pytest.fixture(scope="module")
def recipe():
    tiny = experiment("mnist-standard", "smoke")
    return dataclasses.replace(tiny, model=MLPConfig(hidden=(8,)), steps=12)


@pytest.fixture(scope="module")
def table(recipe):
    return information_settings.information_settings(recipe, (0, 1, 7, 12), (40, 100), (1, 3))


def test_networks_are_those_of_one_uninterrupted_training(recipe, tmp_path):
    found = {}
    for step, model, _ in information_settings.networks_at(recipe, (0, 1, 7, 8, 12)):
        found[step] = {name: value.clone() for name, value in model.state_dict().items()}
    for step in (1, 7, 8, 12):
        path = tmp_path / f"{step}"
        train(recipe, device="cpu", until=step, checkpoint=path, checkpoint_seconds=0.0)
        wanted = read_checkpoint(path)["model"]
        assert all(torch.equal(found[step][name], wanted[name]) for name in wanted), step
    split = recipe.dataset.load()
    fresh = recipe.build_model(split.train_x.shape[1], split.classes).state_dict()
    assert all(torch.equal(found[0][name], fresh[name]) for name in fresh)


def test_every_setting_has_one_row_a_step(table):
    # The default batch of the preset is 200.
    settings = [(40, 1), (100, 1), (200, 1), (200, 3)]
    assert list(table.columns) == [
        "step", "train_accuracy", "test_accuracy", "batch", "draws", "pmi", "pe",
    ]  # fmt: skip
    for step, rows in table.groupby("step"):
        assert list(zip(rows["batch"], rows["draws"], strict=True)) == settings, step
    assert table["step"].unique().tolist() == [0, 1, 7, 12]


def test_values_are_the_metrics_at_that_step_and_setting(recipe, table):
    ((_step, model, split),) = information_settings.networks_at(recipe, (7,))
    x = model.inputs(split.train_x).detach()
    for batch, draws in ((40, 1), (200, 3)):
        row = table.query("step == 7 and batch == @batch and draws == @draws").iloc[0]
        pmi = metrics.perturbed_mutual_information(
            model.first_layer, model.logits, x, 0.1, 1.0, batch, draws,
            generator=generator(0, "ablation 7"),
        )  # fmt: skip
        pe = metrics.perturbed_entropy(
            model.logits, x, 0.1, 1.0, batch, draws, generator=generator(0, "ablation 7")
        )
        assert row["pmi"] == pytest.approx(float(pmi), rel=1e-12)
        assert row["pe"] == pytest.approx(float(pe), rel=1e-12)
    log = train(recipe, device="cpu").log.set_index("step")
    for column in ("train_accuracy", "test_accuracy"):
        assert table.set_index("step").loc[12, column].unique() == [log.loc[12, column]]


def test_entropy_grows_with_the_batch_and_the_noise_follows_the_seed(recipe, table):
    means = table[table["draws"] == 1].pivot(index="step", columns="batch", values="pe")
    assert (means[40] < means[100]).all() and (means[100] < means[200]).all()
    again = information_settings.information_settings(recipe, (0, 1, 7, 12), (40, 100), (1, 3))
    pd.testing.assert_frame_equal(table, again)
    other = information_settings.information_settings(recipe, (0, 7), (40,), (1,), seed=1)
    merged = table.merge(other, on=["step", "batch", "draws"])
    assert len(merged) == 4 and (merged["pmi_x"] != merged["pmi_y"]).all()
    assert (merged["test_accuracy_x"] == merged["test_accuracy_y"]).all()


def test_settings_are_compared_with_the_one_that_is_logged():
    curves = {(200, 1): [1.0, 2, 3], (200, 5): [1.1, 2.0, 2.9], (50, 1): [3.0, 2, 0]}
    rows = [
        {"step": step, "batch": batch, "draws": draws, "pmi": value, "pe": 7 - value}
        for (batch, draws), values in curves.items()
        for step, value in zip((1, 10, 100), values, strict=True)
    ]
    shuffled = pd.DataFrame(rows).sample(frac=1, random_state=0)
    compared = information_settings.compare_settings(shuffled, default=200)
    assert list(compared.index) == [(50, 1), (200, 1), (200, 5)]
    wanted = {"pmi_first": 3, "pmi_last": 0, "pmi_rank": -1, "pmi_off": 3}
    wanted |= {"pe_first": 4, "pe_last": 7, "pe_rank": -1, "pe_off": 3}
    assert compared.loc[(50, 1)].to_dict() == pytest.approx(wanted)
    assert compared.loc[(200, 5), ["pmi_rank", "pmi_off"]].tolist() == pytest.approx([1, 0.1])
    assert compared.loc[(200, 1), ["pmi_off", "pe_off"]].tolist() == [0, 0]


@pytest.mark.parametrize("steps", [(5, 5), (7, 3), (-1, 2), (0, 13)])
def test_steps_outside_the_run_or_out_of_order_are_refused(recipe, steps):
    with pytest.raises(InputError, match=r"must increase and lie between 0 and 12\."):
        information_settings.information_settings(recipe, steps, (40,), (1,))


def test_a_diverging_training_is_refused(recipe):
    wild = dataclasses.replace(recipe, optimizer=dataclasses.replace(recipe.optimizer, lr=1e30))
    with pytest.raises(RunError, match="Training diverged after step"):
        information_settings.information_settings(wild, (12,), (40,), (1,))


@pytest.fixture
def chosen(recipe):
    return information_settings.Settings(recipe, (0, 2), (40,), (1,))


def test_what_is_recorded_is_what_is_read(chosen, tmp_path):
    path = information_settings.record(tmp_path, chosen)
    assert path == tmp_path / "ablation" / "information_settings.parquet"
    pd.testing.assert_frame_equal(
        information_settings.read(chosen, tmp_path),
        information_settings.information_settings(*chosen),
    )
    manifest = json.loads(path.with_suffix(".json").read_text())
    assert manifest["id"] == chosen.experiment.id and manifest["steps"] == [0, 2]
    assert {"git_commit", "torch", "cpu", "seconds", "data_sha256"} <= manifest.keys()
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "information_settings.json",
        "information_settings.parquet",
    ]
    assert not RunStore(tmp_path).recorded(), "an ablation is no run"


def one_sentence(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert message.endswith("`grokbook reproduce`.") and "\n" not in message
    return message


def test_missing_damaged_and_stale_records_are_refused(chosen, tmp_path):
    with pytest.raises(RunError, match="There is no record") as error:
        information_settings.load("paper", tmp_path)
    one_sentence(error)
    path = information_settings.record(tmp_path, chosen)
    with pytest.raises(StaleRunError, match=r"stale: it has id \w+, but the current") as error:
        information_settings.load("paper", tmp_path)
    one_sentence(error)
    with pytest.raises(StaleRunError, match=r"it has draws \[1\], but .* value is \[1, 2\]"):
        information_settings.read(chosen._replace(draws=(1, 2)), tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(RunError, match=r"damaged.*SHA-256") as error:
        information_settings.read(chosen, tmp_path)
    one_sentence(error)
    path.unlink()
    with pytest.raises(RunError, match="damaged"):
        information_settings.read(chosen, tmp_path)
    path.write_bytes(content)
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(RunError, match="damaged"):
        information_settings.read(chosen, tmp_path)


def test_the_recorded_settings_are_the_paper_s_and_more():
    chosen = information_settings.settings()
    assert chosen.experiment == experiment("mnist-standard", "paper")
    assert chosen.steps[0] == 1 and chosen.steps[-1] == 100_000 and len(chosen.steps) == 25
    assert 200 in chosen.batches and 1 in chosen.draws and chosen.seed == 0
    small = information_settings.settings("quick")
    assert (
        small == information_settings.settings("smoke")
        and small.experiment.steps == small.steps[-1]
    )
    for function in (information_settings.settings, information_settings.load):
        with pytest.raises(InputError, match="no preset 'papr'"):
            function("papr")
    with pytest.raises(InputError, match="no preset 'papr'"):
        refresh_rates.load_refresh_rates(preset="papr")


def test_refresh_rates_differ_in_the_refresh_alone():
    recipes = refresh_rates.refresh_rates(seed=3)
    assert [(name, refresh) for name, refresh, _ in recipes] == [
        (name, refresh)
        for name in ("mnist-perturbed", "modadd-perturbed")
        for refresh in (1, 10, 100, 1000)
    ]
    for name, refresh, recipe in recipes:
        named = experiment(name, "quick", 3)
        assert recipe.strategy == dataclasses.replace(named.strategy, refresh=refresh)
        same = dataclasses.replace(recipe, strategy=named.strategy, measurements=named.measurements)
        assert same == named
    assert len({recipe.id for _, _, recipe in recipes}) == len(recipes)


@pytest.fixture
def short(monkeypatch):
    """Two trainings of twelve steps in place of the recorded ones."""

    def rates(seed: int = 0, preset: str = "quick") -> list[refresh_rates.Refreshed]:
        chosen = experiment("modadd-perturbed", "smoke", seed)
        return [
            refresh_rates.Refreshed(
                "modadd-perturbed",
                refresh,
                dataclasses.replace(
                    chosen, steps=12, strategy=dataclasses.replace(chosen.strategy, refresh=refresh)
                ),
            )
            for refresh in (1, 5)
        ]

    monkeypatch.setattr(refresh_rates, "refresh_rates", rates)
    return rates


def test_refresh_rates_are_kept_as_runs_and_told_in_steps(short, tmp_path: Path):
    with pytest.raises(RunError, match="There is no record of modadd-perturbed") as error:
        refresh_rates.load_refresh_rates((0, 1), root=tmp_path)
    one_sentence(error)
    for key, recipe in refresh_rates.runs((0, 1)):
        RunStore(tmp_path).record(key, recipe)
    keys = RunStore(tmp_path).recorded()
    assert len(keys) == 4 and {key.preset for key in keys} == {"custom"}
    table = refresh_rates.load_refresh_rates((0, 1), root=tmp_path)
    assert table[["refresh", "seed"]].values.tolist() == [[1, 0], [5, 0], [1, 1], [5, 1]]
    assert table["grokked"].isna().all(), "nothing groks in twelve steps"
    wanted = train(short(1)[1].recipe).log["test_accuracy"].iloc[-1]
    assert table["test_accuracy"].iloc[-1] == wanted


def test_the_moment_of_grokking_is_that_of_the_task(short, tmp_path: Path, monkeypatch):
    def fake(recipe):
        log = pd.DataFrame(
            {
                "step": [0, 5, 10, 12],
                "train_accuracy": [0, 1, 1, 1],
                "test_accuracy": [0, 0.6, 0.85, 0.995],
                "weight_norm": 1.0,
            }
        )
        return Run(log, {})

    monkeypatch.setattr(refresh_rates, "train", fake)
    row = refresh_rates.load_refresh_rates(preset="smoke").iloc[0]
    assert row[["train_100", "test_50", "grokked"]].tolist() == [5, 5, 12]
    assert row["test_accuracy"] == 0.995


def test_a_run_of_other_settings_is_stale(short, tmp_path: Path):
    (key, _), *_ = refresh_rates.runs()
    other = dataclasses.replace(short()[0].recipe, steps=11)
    RunStore(tmp_path).record(key, other)
    with pytest.raises(StaleRunError, match="is stale") as error:
        refresh_rates.load_refresh_rates((0,), root=tmp_path)
    one_sentence(error)


def test_small_sizes_are_computed_on_the_spot_and_not_kept(short, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GROKBOOK_RUNS", str(tmp_path))
    assert len(refresh_rates.load_refresh_rates(preset="smoke")) == 2
    assert not list(tmp_path.iterdir())
