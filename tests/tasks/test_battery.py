"""What every task has to be, ours and those of a researcher's own."""

import dataclasses
import json
from dataclasses import dataclass, replace

import pytest
import torch

from grokbook import Digits, Experiment, InputError, ModularAddition, Standard, experiment, train
from grokbook.experiments.named import FURTHER, NAMED, PRESETS, task_of, training_of
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.metrics import group_of
from grokbook.models.mlp import MLPConfig
from grokbook.models.transformer import TransformerConfig
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.tasks.base import Loadable, Split, Task, described, require_pairs, reseeded
from grokbook.tasks.division import ModularDivision
from grokbook.tasks.multiplication import ModularMultiplication
from grokbook.tasks.random_labels import RandomLabels
from grokbook.tasks.sparse_parity import SparseParity
from grokbook.tasks.subtraction import ModularSubtraction
from grokbook.tasks.symmetric_group import SymmetricGroup


@dataclass(frozen=True)
class Larger(Task):
    """A task of a researcher's own: which of two different numbers is the larger?"""

    inputs_kind = "pairs"

    numbers: int = 6

    def load(self) -> Split:
        a, b = torch.meshgrid(torch.arange(self.numbers), torch.arange(self.numbers), indexing="ij")
        x = torch.stack((a, b), dim=2)[a != b]
        y = x.max(dim=1).values
        return Split(x[:18], y[:18], x[18:], y[18:], classes=self.numbers)


@dataclass(frozen=True)
class Plain:
    """A data set that has nothing but `load`."""

    def load(self) -> Split:
        return Digits(50).load()


TASKS: list[Loadable] = [
    ModularAddition(7, 0.4),
    ModularSubtraction(7, 0.4),
    ModularMultiplication(6, 0.5),
    ModularDivision(7, 0.5),
    SymmetricGroup(3, 0.6),
    SparseParity(n=8, k=2, train_points=100, test_points=50),
    SparseParity(n=40, k=3, train_points=60, test_points=30),
    Digits(100),
    RandomLabels(ModularAddition(7, 0.4)),
    RandomLabels(ModularDivision(7, 0.5)),
    RandomLabels(Digits(100)),
    Larger(),
    Plain(),
]
PAIRS = [task for task in TASKS if described(task).inputs_kind == "pairs"]
SEEDED = [task for task in TASKS if "seed" in {f.name for f in dataclasses.fields(task)}]  # type: ignore[arg-type]


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_a_task_is_the_same_at_every_load(task) -> None:  # type: ignore[no-untyped-def]
    first, again = task.load(), replace(task).load()
    assert first.checksum() == again.checksum()
    assert task == replace(task) and hash(task) == hash(replace(task))


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_nothing_is_tested_that_was_trained_on(task) -> None:  # type: ignore[no-untyped-def]
    split = task.load()
    rows = [{tuple(row) for row in x.tolist()} for x in (split.train_x, split.test_x)]
    assert not rows[0] & rows[1]
    assert int(split.train_y.min()) >= 0 and int(split.train_y.max()) < split.classes


@pytest.mark.parametrize("task", PAIRS, ids=repr)
def test_pairs_cover_the_table_and_have_its_labels(task) -> None:  # type: ignore[no-untyped-def]
    split, table = task.load(), task.label_table()
    require_pairs(split, task.name, split.classes)
    for x, y in ((split.train_x, split.train_y), (split.test_x, split.test_y)):
        assert torch.equal(table[x[:, 0], x[:, 1]], y)
    asked = torch.cat((split.train_x, split.test_x))
    assert len(asked) == len(torch.unique(asked, dim=0)) == int((table >= 0).sum())


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_a_task_tells_all_that_others_ask(task) -> None:  # type: ignore[no-untyped-def]
    told = described(task)
    assert told.key and " " not in told.key and told.key == told.key.lower()
    assert told.title[1:] == told.name[1:] and told.title[0] == told.title[0].upper()
    assert told.axis in ("linear", "log") and 0 < told.grokked <= 1
    assert told.loss in ("mse", "cross_entropy")
    pairs = told.inputs_kind == "pairs"
    assert (told.label_table() is not None) == (told.commutes is not None) == pairs
    assert told.load().checksum() == task.load().checksum()


@pytest.mark.parametrize("task", SEEDED, ids=repr)
def test_another_seed_is_another_draw(task) -> None:  # type: ignore[no-untyped-def]
    assert task.load().checksum() != reseeded(task, task.seed + 1).load().checksum()


def test_a_law_holds_where_it_holds() -> None:
    commuting = [task for task in PAIRS if described(task).commutes]
    assert [type(task).__name__ for task in commuting] == [
        "ModularAddition", "ModularMultiplication", "Larger",
    ]  # fmt: skip


def test_tables_are_those_of_the_operations() -> None:
    """Dense oracles, in plain Python."""
    p = 7
    tables = {
        ModularAddition: lambda a, b: (a + b) % p,
        ModularSubtraction: lambda a, b: (a - b) % p,
        ModularMultiplication: lambda a, b: (a * b) % p,
        ModularDivision: lambda a, b: next((c for c in range(p) if b and c * b % p == a), -1),
    }
    for kind, answer in tables.items():
        expected = [[answer(a, b) for b in range(p)] for a in range(p)]
        assert kind(p).label_table().tolist() == expected, kind


def test_composition_is_a_group_of_which_0_is_neutral() -> None:
    table = SymmetricGroup(4).label_table()
    every = torch.arange(24)
    assert torch.equal(table[0], every) and torch.equal(table[:, 0], every)
    assert torch.equal(table.sort(dim=0).values, every[:, None].expand(24, 24))
    a, b, c = torch.randint(24, (3, 200), generator=torch.Generator().manual_seed(0))
    assert torch.equal(table[table[a, b], c], table[a, table[b, c]])
    from itertools import permutations

    every_one = [*permutations(range(4))]
    for first, second in ((5, 17), (23, 2), (9, 9)):
        composed = tuple(every_one[first][i] for i in every_one[second])
        assert every_one[int(table[first, second])] == composed


def test_random_labels_are_uniform_and_say_nothing_of_the_task() -> None:
    base = ModularAddition(31, 0.5)
    task = RandomLabels(base, seed=3)
    split, true = task.load(), base.load()
    assert torch.equal(split.test_x, true.test_x) and split.classes == true.classes
    for drawn, right in ((split.train_y, true.train_y), (split.test_y, true.test_y)):
        assert (drawn == right).double().mean() < 0.08  # 1/31 by chance
        assert len(drawn.unique()) == 31
    assert task.commutes is False


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_no_strategy_sees_a_label_of_the_test_set(task) -> None:  # type: ignore[no-untyped-def]
    """Whatever reaches a loss is a training row with its own label; the state holds no data."""
    split, seen, states = task.load(), [], []

    @dataclass(frozen=True)
    class Spy(Standard):
        def noise(self, state, shape, like):  # type: ignore[no-untyped-def]
            states.append(state)
            return None

        def loss(self, model, x, y, noise, criterion):  # type: ignore[no-untyped-def]
            seen.append((x.detach().clone(), y.clone()))
            return criterion(model(x), y)

    train(replace(small(task), strategy=Spy()), device="cpu", compiled=False)
    trained = labelled(split.train_x, split.train_y)
    assert seen and all(labelled(x, y) <= trained for x, y in seen)
    held = [value for state in states for value in vars(state).values()]
    assert not [value for value in held if isinstance(value, torch.Tensor | Split)]


def labelled(x: torch.Tensor, y: torch.Tensor) -> set[tuple[tuple[float, ...], int]]:
    return {(tuple(row), label) for row, label in zip(x.tolist(), y.tolist(), strict=True)}


def small(task: Loadable) -> Experiment:
    """A few steps on a task, in a network that reads it."""
    pairs = described(task).inputs_kind == "pairs"
    groups = ("accuracy", "norms", "commutativity", "laws")[: 4 if pairs else 2]
    return replace(
        experiment("modadd-standard" if pairs else "mnist-standard", "smoke"),
        dataset=task,  # type: ignore[arg-type]
        model=TransformerConfig(8, 2, 8) if pairs else MLPConfig((8,), 1.0),
        steps=2,
        log=LogSchedule(points=1),
        measurements=Measurements(groups),
        batch_size=None,
    )


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_a_task_trains_and_its_experiment_survives_json(task) -> None:  # type: ignore[no-untyped-def]
    recipe = small(task)
    log = train(recipe, device="cpu", compiled=False).log
    assert log["step"].tolist() == [0, 2] and log["train_loss"].gt(0).all()
    told = described(task)
    assert any("abelian" in column for column in log) == bool(told.commutes)
    assert ("test_accuracy_mirrored" in log) == (told.inputs_kind == "pairs")
    if type(task).__module__ != __name__:
        again = Experiment.from_dict(json.loads(json.dumps(recipe.to_dict())))
        assert again == recipe and again.id == recipe.id


class Oracle(torch.nn.Module):
    """A network that knows the table by heart."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        table = task.label_table()
        assert table is not None
        self.table = table

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answers = self.table[x[:, 0], x[:, 1]]
        return torch.nn.functional.one_hot(answers, len(self.table)).float()


@pytest.mark.parametrize("task", PAIRS, ids=repr)
def test_a_perfect_network_answers_both_parts_of_the_test_set(task) -> None:  # type: ignore[no-untyped-def]
    """Once, the labels were (a + b) mod p whatever the task: subtraction had 0.11 here."""
    from grokbook.training.measurements import Measure

    recipe = replace(small(task), measurements=Measurements(("commutativity", "laws")))
    row = Measure(recipe, Oracle(task), task.load())(0, dear=False)  # type: ignore[arg-type]
    assert row["test_accuracy_mirrored"] == row["test_accuracy_unmirrored"] == 1
    if task.commutes:
        assert row["abelian_accuracy_train"] == row["abelian_accuracy_all"] == 1
        assert row["abelian_logit_distance_all"] == row["abelian_logit_mse_train"] == 0
    if group_of(task.label_table()) is not None:
        assert row["law_identity"] == row["law_inverse"] == row["law_associativity"] == 1
    else:
        assert not [column for column in row if column.startswith("law_")]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ModularSubtraction(p=1), "p is 1"),
        (lambda: ModularMultiplication(train_fraction=0), "(0, 1]"),
        (lambda: ModularDivision(p=9), "p is 9, but must be prime"),
        (lambda: ModularDivision(p=5, train_fraction=0.01), "of 20 pairs leaves no training pair"),
        (lambda: SymmetricGroup(n=7), "n is 7, but must be from 2 to 6"),
        (lambda: SymmetricGroup(n=1), "n is 1"),
        (lambda: SymmetricGroup(seed=-1), "seed is -1"),
        (lambda: SparseParity(n=63), "n is 63, but must be at most 62"),
        (lambda: SparseParity(n=3, k=4), "k is 4, but must be at most n = 3"),
        (lambda: SparseParity(n=3, k=2), "there are 8 different rows of 3 bits"),
        (lambda: SparseParity(train_points=0), "train_points is 0"),
        (lambda: RandomLabels(3), "task is 3, but must be of the type"),  # type: ignore[arg-type]
        (lambda: RandomLabels(Digits(), seed=-1), "seed is -1"),
        (lambda: split(train_y=[0, 5]), "train_y has labels from 0 to 5, but must have those of 2"),
        (lambda: split(test_y=[-1]), "test_y has labels from -1"),
        (lambda: split(train_y=[0]), "one int64 label for each of the 2 rows of train_x"),
        (lambda: split(train_y=[0.0, 1.0]), "train_y is torch.float32"),
        (lambda: split(train_x=[[0.0], [float("nan")]]), "train_x has a value that is not finite"),
        (lambda: split(test_x=[[0.0, 0.0]]), "a row of test_x has shape (2,), but must have that"),
        (lambda: split(train_x=[], train_y=torch.empty(0, dtype=torch.int64)), "train_x is empty"),
        (lambda: small(Fixed([[0, 1], [1, 2]])).load(), "has token 2, but a network for 2 classes"),
        (lambda: small(Fixed([[0, 1], [1, -1]])).load(), "has token -1, but tokens begin at 0"),
        (lambda: small(Fixed([[0.0, 1.0], [1.0, 0.0]])).load(), "must be pairs, int64 (n, 2)"),
        (
            lambda: replace(small(Plain()), model=TransformerConfig()),
            "TransformerConfig cannot read Plain, whose inputs are vectors",
        ),
        *(
            (
                lambda strategy=strategy: replace(small(ModularSubtraction(7)), strategy=strategy),
                "teaches that a ∘ b = b ∘ a, which is false of modulo subtraction",
            )
            for strategy in (AbelianRegularized(), MirrorAugmented())
        ),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")


def split(**changes: object) -> Split:
    parts = {
        "train_x": [[0.0], [1.0]],
        "train_y": [0, 1],
        "test_x": [[2.0]],
        "test_y": [1],
    } | changes
    if parts["train_x"] == []:
        parts["train_x"] = torch.empty(0, 1)
    return Split(**{name: torch.as_tensor(part) for name, part in parts.items()}, classes=2)


@dataclass(frozen=True)
class Fixed(Task):
    """Two training pairs, as given."""

    inputs_kind = "pairs"

    rows: object = ()

    def __hash__(self) -> int:
        return 0

    def load(self) -> Split:
        x = torch.tensor(self.rows)
        return Split(x, torch.tensor([0, 1]), x[:1], torch.tensor([0]), classes=2)


@pytest.mark.parametrize("name", FURTHER)
@pytest.mark.parametrize("preset", PRESETS)
def test_further_experiments_are_there_at_every_preset(name: str, preset: str) -> None:
    recipe = experiment(name, preset, seed=3)
    again = Experiment.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe and again.id == recipe.id
    assert name.startswith(recipe.task.key) or preset == "smoke"
    assert reseeded(recipe.dataset, 3) == recipe.dataset, "the run's seed is the split's"


def test_names_tell_task_and_training() -> None:
    for name in NAMED:
        task, training = task_of(name), training_of(name)
        assert name == f"{task.key}-{training}" or (name, training) == (task.key, "standard")


def test_constant_noise_is_the_adaptive_noise_at_its_floor() -> None:
    for task in ("mnist", "modadd"):
        for preset in PRESETS:
            adaptive, constant = (
                experiment(f"{task}-{training}", preset)
                for training in ("perturbed", "constant-noise")
            )
            assert constant == replace(adaptive, strategy=replace(adaptive.strategy, lambda_1=0.0))


def test_random_labels_change_the_labels_alone() -> None:
    for preset in PRESETS:
        base = experiment("modadd-standard", preset, 2)
        control = experiment("modadd-random-labels", preset, 2)
        assert control == replace(base, dataset=RandomLabels(base.dataset, 2))


@pytest.mark.parametrize("name", ["modadd-perturbed", "mnist-perturbed"])
def test_float64_is_the_same_run_at_higher_precision(name: str) -> None:
    recipe = replace(experiment(name, "smoke"), measurements=Measurements(), steps=3)
    recipe = replace(recipe, log=LogSchedule(points=3))
    single, double = (
        train(replace(recipe, dtype=dtype), device="cpu", compiled=False)
        for dtype in ("float32", "float64")
    )
    for column in ("train_loss", "weight_norm"):
        assert double.log[column].to_list() == pytest.approx(single.log[column].to_list(), rel=1e-4)
    weights = [
        replace(recipe, dtype=dtype).build_model(4, 13).state_dict()
        for dtype in ("float32", "float64")
    ]
    for name_, weight in weights[0].items():
        assert weights[1][name_].dtype == torch.float64
        assert torch.equal(weights[1][name_], weight.double())
