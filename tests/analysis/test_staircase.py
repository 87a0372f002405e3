import numpy as np
import pandas as pd
import pytest
import torch

from grokbook import metrics
from grokbook._support.errors import InputError
from grokbook.analysis import staircase
from grokbook.experiments.named import experiment
from grokbook.studies import sources_of_order
from grokbook.tasks.modular import ModularAddition


def run(test_accuracy, seed=0, **columns):
    rows = len(test_accuracy)
    defaults = {
        "seed": seed,
        "step": range(0, 10 * rows, 10),
        "train_accuracy": np.ones(rows),
        "test_accuracy": test_accuracy,
        "weight_norm": np.ones(rows),
    }
    return pd.DataFrame(defaults | columns)


def found(test_accuracy, tolerance=0.05, **columns):
    return staircase.plateau(run(test_accuracy, **columns), tolerance).loc[0].to_dict()


def nothing(row):
    return list(row) == ["start", "end", "length", "height"] and np.isnan(list(row.values())).all()


def test_plateau_of_a_staircase():
    row = found([0, 0, 0, 0.15, 0.28, 0.30, 0.32, 0.31, 0.6, 0.9, 1, 1, 1, 1, 1])
    assert row == {"start": 40, "end": 70, "length": 30, "height": pytest.approx(0.305)}


def test_the_start_and_the_end_of_training_are_no_plateaus():
    assert nothing(found([0.0, 0.01, 0.02, 0.3, 0.7, 0.97, 0.98, 0.99, 1]))
    assert nothing(found([0.09, 0.09, 0.09]))
    assert nothing(found([0.91, 0.91, 0.91]))


def test_the_edges_of_the_heights_count():
    assert found([0.1, 0.1, 0.9])["height"] == 0.1
    assert found([0.1, 0.9, 0.9, 0.9])["height"] == 0.9


def test_plateau_at_the_end_of_the_run():
    assert found([0, 0.5, 0.31, 0.3, 0.3]) == {"start": 20, "end": 40, "length": 20, "height": 0.3}


def test_whole_run_as_a_plateau():
    assert found([0.4, 0.4, 0.4]) == {"start": 0, "end": 20, "length": 20, "height": 0.4}


def test_one_logged_step_is_no_plateau():
    assert nothing(found([0, 0.5, 1]))
    assert nothing(found([0.5]))


def test_of_two_equally_long_the_earlier():
    assert found([0.2, 0.2, 0.2, 0.6, 0.6, 0.6])["start"] == 0
    assert found([0.2, 0.2, 0.2, 0.6, 0.6, 0.6, 0.6])["start"] == 30


def test_longest_in_steps_not_in_logged_points():
    row = found([0.2, 0.2, 0.2, 0.2, 0.6, 0.6], step=[0, 1, 2, 3, 50, 90])
    assert (row["start"], row["end"], row["length"]) == (50, 90, 40)


def test_tolerance_is_the_range_and_counts_itself():
    drifting = [0.60, 0.62, 0.65, 0.67]  # 0.65 - 0.60 is 0.05 and a rounding error
    assert (found(drifting)["start"], found(drifting)["end"]) == (0, 20)
    assert (found(drifting, 0.02)["start"], found(drifting, 0.02)["end"]) == (0, 10)
    assert nothing(found(drifting, 0.01))
    assert found(drifting, 1)["length"] == 30
    assert found([0.3, 0.3, 0.31], tolerance=0)["length"] == 10


def test_nothing_before_train_accuracy_is_1():
    flat = [0.3, 0.3, 0.3, 0.3, 0.3]
    assert found(flat, train_accuracy=[0.5, 0.9, 1, 0.99, 1])["start"] == 20
    assert nothing(found(flat, train_accuracy=[0.99] * 5))
    assert nothing(found(flat, train_accuracy=[0.9] * 4 + [1]))


def test_steps_without_a_test_accuracy_are_passed_over():
    assert found([0.3, np.nan, 0.3])["length"] == 20
    assert nothing(found([np.nan, np.nan]))


def test_seeds_are_kept_apart_whatever_the_order_of_rows():
    runs = pd.concat([run([0.2, 0.2, 0.9]), run([0.5, 0.7, 0.7, 0.7], 3), run([0, 0, 1], 5)])
    table = staircase.plateau(runs.sample(frac=1, random_state=1))
    assert table.index.tolist() == [0, 3, 5] and table.index.name == "seed"
    assert table["start"].iloc[:2].tolist() == [0, 10]
    assert table["length"].iloc[:2].tolist() == [10, 20]
    assert table["height"].iloc[:2].tolist() == [0.2, 0.7]
    assert table.loc[5].isna().all()


@pytest.mark.parametrize("tolerance", [-0.01, 1.01, float("nan")])
def test_impossible_tolerance(tolerance):
    with pytest.raises(InputError, match=r"tolerance is .*, but must lie in \[0, 1\]"):
        staircase.plateau(run([0.3, 0.3]), tolerance)


def test_mirrored_share_counts_pairs():
    dataset = ModularAddition(p=7, train_fraction=0.4, seed=3)
    train = {tuple(pair) for pair in dataset.load().train_x.tolist()}
    test = [(a, b) for a in range(7) for b in range(7) if (a, b) not in train]
    by_hand = sum((b, a) in train for a, b in test) / len(test)
    assert 0 < by_hand < 1
    assert staircase.mirrored_share(dataset) == by_hand


def test_expected_share_is_the_mean_over_all_splits():
    # All 84 training sets of 3 of the 9 pairs of p = 3.
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    chosen = torch.combinations(torch.arange(9), 3)
    shares = [metrics.mirror_share(pairs[rows], 3) for rows in chosen]
    expected = staircase.expected_mirrored_share(ModularAddition(p=3, train_fraction=1 / 3))
    assert len(shares) == 84
    assert np.mean(shares) == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(3 / 12)


def manifest(p=13, fraction=0.5, seed=0):
    recipe = experiment("modadd-standard", "smoke", seed).to_dict()
    return {"experiment": recipe | {"dataset": ModularAddition(p, fraction, seed).__dict__
            | {"type": "ModularAddition"}}}  # fmt: skip


def test_splits_count_both_sides():
    table = staircase.splits([manifest(seed=0), manifest(seed=4)])
    assert table.index.tolist() == [0, 4] and table.index.name == "seed"
    for seed, row in table.iterrows():
        train = {tuple(x) for x in ModularAddition(13, 0.5, seed).load().train_x.tolist()}
        mirrored = sum((b, a) not in train for a, b in train)
        assert row["train"] == 84 and row["test"] == 85
        assert row["mirrored"] == mirrored
        assert row["share"] == pytest.approx(mirrored / 85)
        assert row["free"] == pytest.approx(sum((b, a) in train for a, b in train) / 84)
        assert row["expected"] == pytest.approx(84 / (13 * 14))
    assert table.loc[0, "share"] != table.loc[4, "share"]


def test_splits_of_images_are_refused():
    images = {"experiment": experiment("mnist-standard", "smoke").to_dict()}
    with pytest.raises(InputError, match="data set is Digits, but only ModularAddition"):
        staircase.splits([images])


def measured(table, dataset):
    """The accuracies a run would log for a network that answers as the table of classes says."""
    p = dataset.p
    split = dataset.load()
    logits = torch.nn.functional.one_hot(table, p).double()
    seen, unseen = metrics.mirror_split(split.train_x, p)
    right = table == (torch.arange(p)[:, None] + torch.arange(p)) % p
    share = {
        name: float(right[rows[:, 0], rows[:, 1]].double().mean())
        for name, rows in (
            ("train_accuracy", split.train_x),
            ("test_accuracy", split.test_x),
            ("test_accuracy_mirrored", seen),
            ("test_accuracy_unmirrored", unseen),
        )
    }
    return share | {"abelian_accuracy_train": metrics.abelian_accuracy(logits, split.train_x)}


@pytest.fixture
def networks():
    """Twenty networks that know the training pairs and guess the others, on two splits."""
    rows = []
    random = torch.Generator().manual_seed(0)
    for seed in (0, 1):
        dataset = ModularAddition(11, 0.4, seed)
        a, b = dataset.load().train_x.unbind(1)
        for step in range(10):
            table = torch.randint(11, (11, 11), generator=random)
            # The later, the more of the diagonal and of everything else is right.
            truth = (torch.arange(11)[:, None] + torch.arange(11)) % 11
            table = torch.where(torch.rand(11, 11, generator=random) < step / 12, truth, table)
            table[a, b] = (a + b) % 11
            rows.append({"seed": seed, "step": step} | measured(table, dataset))
    return pd.DataFrame(rows)


@pytest.fixture
def counts():
    return staircase.splits([manifest(11, 0.4, seed) for seed in (0, 1)])


def test_share_recovered_from_the_log_is_that_of_the_split(networks, counts):
    recovered = staircase.logged_share(networks)
    assert recovered.to_dict() == pytest.approx(counts["share"].to_dict(), abs=1e-12)


def test_share_that_the_log_does_not_tell_is_nan():
    equal = run([0.2, 0.3], test_accuracy_mirrored=[0.2, 0.3], test_accuracy_unmirrored=[0.2, 0.3])
    assert staircase.logged_share(equal).isna().all()


def test_abelian_accuracy_is_the_accuracy_on_mirrored_pairs(networks, counts):
    assert networks["test_accuracy_mirrored"].nunique() > 5
    deviation = staircase.abelian_identity(networks, counts)
    assert deviation.index.tolist() == [0, 1] and deviation.max() < 1e-12


def test_abelian_identity_sees_a_deviation_and_waits_for_the_training_pairs(networks, counts):
    off = networks.copy()
    off.loc[3, "abelian_accuracy_train"] += 0.25
    assert staircase.abelian_identity(off, counts)[0] == pytest.approx(0.25)
    assert staircase.abelian_identity(off, counts)[1] < 1e-12
    off.loc[3, "train_accuracy"] = 0.99
    assert staircase.abelian_identity(off, counts)[0] < 1e-12
    off.loc[off["seed"] == 1, "train_accuracy"] = 0.99
    assert np.isnan(staircase.abelian_identity(off, counts)[1])


def test_a_network_that_knows_only_commutativity_stands_at_the_share(counts):
    dataset = ModularAddition(11, 0.4, 0)
    a, b = dataset.load().train_x.unbind(1)
    table = (torch.arange(11)[:, None] + torch.arange(11) + 1) % 11  # everything wrong
    table[b, a] = table[a, b] = (a + b) % 11
    row = measured(table, dataset)
    assert row["test_accuracy"] == pytest.approx(counts.loc[0, "share"])
    assert row["abelian_accuracy_train"] == 1


def test_half_times_of_each_half():
    log = run(
        [0.5] * 5,
        test_accuracy_mirrored=[0, 0.6, 0.99, 0.99, 1],
        test_accuracy_unmirrored=[0, 0.6, 0.4, 0.7, 0.8],
    )
    table = staircase.half_times(pd.concat([log, log.assign(seed=2, step=log["step"] + 5)]))
    assert table.loc[0, "mirrored_50"] == 10 and table.loc[0, "mirrored_99"] == 20
    assert table.loc[0, "unmirrored_50"] == 30 and np.isnan(table.loc[0, "unmirrored_99"])
    assert table.loc[2, "mirrored_50"] == 15


def test_a_half_that_was_never_measured_is_never_learned():
    log = run([0.5] * 2, test_accuracy_mirrored=np.nan, test_accuracy_unmirrored=[1.0, 1.0])
    table = staircase.half_times(log)
    assert table[["mirrored_50", "mirrored_99"]].isna().all(axis=None)
    assert table.loc[0, "unmirrored_99"] == 0


def test_sources_of_order_shut_one_by_one():
    network = experiment("modadd-standard", "smoke", 1).build_model(inputs=0, classes=13)
    with torch.no_grad():  # an attention that tells the order apart
        network.query *= 30
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    table = sources_of_order.sources_of_order(network)
    assert table.index.tolist() == ["as it is", "queries at zero", "a and b at one position"]
    assert table.loc["as it is", "abelian accuracy"] < 0.9
    assert table.loc["as it is", "distance / length"] > 0.05
    assert (table["abelian accuracy"].iloc[1:] == 1).all()
    assert (table["distance / length"].iloc[1:] < 1e-6).all()
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, before[name]), name
