import dataclasses
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grokbook import (
    EXPERIMENTS,
    PRESETS,
    Digits,
    Experiment,
    InputError,
    ModularAddition,
    experiment,
    train,
)
from grokbook.experiments.named import CONTROLS
from grokbook.experiments.schema import LogSchedule, Measurements, id_of_fields
from grokbook.models.mlp import MLPConfig
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.perturbation import Perturbed
from grokbook.tasks.base import Split

ALL = [(name, preset) for name in (*EXPERIMENTS, *CONTROLS) for preset in PRESETS]


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_an_experiment_survives_json(name: str, preset: str) -> None:
    original = experiment(name, preset, seed=3)
    again = Experiment.from_dict(json.loads(json.dumps(original.to_dict())))
    assert again == original and again.id == original.id


def test_ids_differ_whenever_a_field_does() -> None:
    ids = {experiment(name, preset, seed).id for name, preset in ALL for seed in (0, 1)}
    assert len(ids) == 2 * len(ALL)
    base = experiment("modadd-standard")
    for changed in (
        replace(base, steps=14_999),
        replace(base, dtype="float64"),
        replace(base, optimizer=replace(base.optimizer, weight_decay=0.999)),
        replace(base, log=replace(base.log, dear_every=1)),
        replace(base, measurements=replace(base.measurements, error_sigma=0.05)),
    ):
        assert changed.id != base.id


MODADD = experiment("modadd-standard", "smoke")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (replace(MODADD, optimizer=AdamW(lr=1)), replace(MODADD, optimizer=AdamW(lr=1.0))),
        (
            replace(MODADD, optimizer=AdamW(betas=[0, 0.98])),  # type: ignore[arg-type]
            replace(MODADD, optimizer=AdamW(betas=(0.0, 0.98))),
        ),
        (
            replace(MODADD, optimizer=AdamW(weight_decay=-0.0)),
            replace(MODADD, optimizer=AdamW(weight_decay=0.0)),
        ),
        (
            replace(MODADD, dataset=ModularAddition(13, np.float64(0.5))),
            replace(MODADD, dataset=ModularAddition(13, 0.5)),
        ),
        (
            replace(MODADD, dataset=ModularAddition(np.int64(13), 1)),  # type: ignore[arg-type]
            replace(MODADD, dataset=ModularAddition(13, 1.0)),
        ),
        (
            experiment("modadd-standard", "smoke", np.int64(3)),  # type: ignore[arg-type]
            experiment("modadd-standard", "smoke", 3),
        ),
        (
            replace(MODADD, strategy=AbelianRegularized(100)),
            replace(MODADD, strategy=AbelianRegularized(100.0)),
        ),
        (
            replace(MODADD, strategy=Perturbed(1, 0)),
            replace(MODADD, strategy=Perturbed(1.0, 0.0)),
        ),
        (
            replace(MODADD, measurements=Measurements(["norms"])),  # type: ignore[arg-type]
            replace(MODADD, measurements=Measurements(("norms",))),
        ),
    ],
)
def test_equal_recipes_have_equal_ids_whatever_they_were_given(
    one: Experiment, other: Experiment
) -> None:
    assert one == other and hash(one) == hash(other)
    assert one.to_dict() == other.to_dict() and one.id == other.id


def test_the_id_is_stable_between_processes() -> None:
    """A hash that Python salts, or a repr that changes, would make every record stale."""
    simple = replace(
        experiment("mnist-standard", "smoke"),
        dataset=Digits(5), model=MLPConfig((2,), 1.0), optimizer=AdamW(),
    )  # fmt: skip
    canonical = json.dumps(simple.to_dict(), sort_keys=True, separators=(",", ":"))
    assert canonical.startswith('{"batch_size":50,"dataset":{"train_points":5,"type":"Digits"}')
    assert len(simple.id) == 16 and simple.id == replace(simple).id


def test_the_paper_s_settings() -> None:
    """Section 2.1, 3.2 and 4.1, and the works they follow."""
    mnist, modadd = experiment("mnist-standard"), experiment("modadd-standard")
    assert (mnist.steps, mnist.batch_size, mnist.loss) == (100_000, 200, "mse")
    assert mnist.model == MLPConfig((200, 200), 8.0)
    assert mnist.optimizer == AdamW(lr=1e-3, weight_decay=0.01, betas=(0.9, 0.999))
    assert (modadd.steps, modadd.batch_size, modadd.loss) == (15_000, None, "cross_entropy")
    assert modadd.dataset == ModularAddition(113, 0.3, 0)
    assert (modadd.optimizer.weight_decay, modadd.optimizer.betas) == (1.0, (0.9, 0.98))
    perturbed = experiment("mnist-perturbed").strategy, experiment("modadd-perturbed").strategy
    assert [(s.lambda_1, s.lambda_2) for s in perturbed] == [(0.06, 0.03), (0.5, 0.4)]  # type: ignore[union-attr]
    assert experiment("modadd-abelian").strategy == AbelianRegularized(100.0)


def test_strategies_are_compared_like_with_like() -> None:
    """Apart from the strategy, no field differs from the standard experiment's."""
    for name in EXPERIMENTS:
        task = name.split("-")[0]
        for preset in PRESETS:
            base = experiment(f"{task}-standard", preset)
            assert replace(experiment(name, preset), strategy=base.strategy) == base


def test_controls_differ_from_the_standard_experiment_in_what_they_are_named_after() -> None:
    for preset in PRESETS:
        for name in CONTROLS:
            base, control = (
                experiment(f"{name.split('-')[0]}-standard", preset),
                experiment(name, preset),
            )
            if name == "modadd-mirrored":
                assert control == replace(base, strategy=MirrorAugmented())
                continue
            changed = replace(base.optimizer, weight_decay=0.0)
            if name == "mnist-unit-init":
                assert isinstance(base.model, MLPConfig)
                assert control == replace(base, model=replace(base.model, init_scale=1.0))
                continue
            if name.endswith("-l1"):
                assert control.optimizer.l1_decay > 0
                changed = replace(changed, l1_decay=control.optimizer.l1_decay)
            assert control == replace(base, optimizer=changed)


@pytest.mark.parametrize("spacing", ["linear", "geometric"])
@pytest.mark.parametrize("total", [1, 2, 7, 1000])
@pytest.mark.parametrize("points", [1, 3, 50])
def test_a_schedule_begins_at_0_ends_at_the_end_and_rises(
    spacing: str, total: int, points: int
) -> None:
    steps = LogSchedule(spacing, points).steps(total)  # type: ignore[arg-type]
    assert steps[0] == 0 and steps[-1] == total
    assert all(a < b for a, b in itertools.pairwise(steps))
    assert len(steps) <= points + 2


def test_the_paper_s_schedules() -> None:
    modadd = experiment("modadd-standard")
    assert set(range(0, 15_001, 50)) <= set(modadd.log.steps(modadd.steps))
    assert set(range(0, 301, 10)) <= set(modadd.log.dear_steps(modadd.steps))
    mnist = experiment("mnist-standard")
    steps = mnist.log.steps(mnist.steps)
    assert 180 <= len(steps) <= 220
    late = [b / a for a, b in itertools.pairwise(steps) if a > 1000]
    assert max(late[:-1]) / min(late[:-1]) < 1.01  # geometric


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: experiment("mnist"), "no experiment 'mnist'"),
        (lambda: experiment("mnist-standard", "big"), "no preset 'big'"),
        (lambda: experiment("mnist-standard", seed=-1), "seed is -1"),
        (lambda: replace(experiment("mnist-standard"), steps=0), "steps is 0"),
        (lambda: replace(experiment("mnist-standard"), batch_size=0), "batch_size is 0"),
        (lambda: replace(MODADD, dataset=Digits()), "TransformerConfig cannot read Digits"),
        (
            lambda: replace(experiment("mnist-standard"), strategy=AbelianRegularized()),
            "AbelianRegularized needs pairs",
        ),
        (
            lambda: replace(experiment("mnist-standard"), strategy=MirrorAugmented()),
            "MirrorAugmented needs pairs",
        ),
        (lambda: AdamW(lr=0), "lr is 0"),
        (lambda: AdamW(lr=float("nan")), "lr is nan"),
        (lambda: AdamW(weight_decay=-1), "weight_decay is -1"),
        (lambda: AdamW(betas=(0.9, 1.0)), "betas"),
        (lambda: LogSchedule("linear", 0), "points is 0"),
        (lambda: LogSchedule("log"), "spacing is 'log', but must be 'linear' or 'geometric'"),  # type: ignore[arg-type]
        (lambda: LogSchedule(early_until=-1), "early_until is -1"),
        (lambda: LogSchedule(dear_every=0.5), "dear_every is 0.5"),  # type: ignore[arg-type]
        (lambda: AdamW(betas=(0.9, 0.9, 0.9)), "betas is (0.9, 0.9, 0.9), but must have 2"),  # type: ignore[arg-type]
        (lambda: AdamW(betas=(0.9, float("nan"))), "betas"),
        (lambda: AdamW(warmup_steps=1.5), "warmup_steps is 1.5"),  # type: ignore[arg-type]
        (lambda: AdamW(lr="1e-3"), "lr is '1e-3', but must be a real number"),  # type: ignore[arg-type]
        (lambda: MLPConfig((0,)), "an entry of hidden is 0, but must be at least 1"),
        (lambda: MLPConfig(200), "hidden is 200, but must be a tuple"),  # type: ignore[arg-type]
        (lambda: MLPConfig(init_scale=float("nan")), "init_scale is nan"),
        (lambda: TransformerConfig(heads=0), "heads is 0, but must be at least 1"),
        (lambda: TransformerConfig(heads=3), "heads is 3, but must divide d = 128"),
        (lambda: TransformerConfig(d=0), "d is 0, but must be at least 1"),
        (lambda: TransformerConfig(mlp=-3), "mlp is -3, but must be at least 1"),
        (lambda: Measurements(("accuracy", "foo")), "groups has 'foo', but only accuracy, norms, "),
        (lambda: Measurements("accuracy"), "groups is 'accuracy', but must be a tuple"),  # type: ignore[arg-type]
        (lambda: Measurements(error_sigma=float("nan")), "error_sigma is nan"),
        (lambda: Measurements(information_sigma=-1), "information_sigma is -1"),
        (lambda: Measurements(information_batch=0), "information_batch is 0"),
        (lambda: Measurements(probes=1), "probes is 1, but must be at least 2"),
        (lambda: replace(MODADD, loss="hinge"), "loss is 'hinge', but must be 'mse', 'cross_e"),  # type: ignore[arg-type]
        (lambda: replace(MODADD, dtype="float16"), "dtype is 'float16', but must be 'float32' or"),  # type: ignore[arg-type]
        (lambda: replace(MODADD, seed=1.5), "seed is 1.5, but must be an integer"),  # type: ignore[arg-type]
        (lambda: replace(MODADD, steps=1e3), "steps is 1000.0, but must be an integer"),  # type: ignore[arg-type]
        (lambda: replace(MODADD, batch_size="9"), "batch_size is '9', but must be an integer"),  # type: ignore[arg-type]
        (lambda: replace(MODADD, strategy=None), "strategy is None, but must be of the type Stand"),  # type: ignore[arg-type]
        (lambda: experiment("mnist-standard", "smoke", "0"), "seed is '0', but must be an integer"),  # type: ignore[arg-type]
        (lambda: experiment("modadd-standard", "smoke", "0"), "seed is '0'"),  # type: ignore[arg-type]
        (
            lambda: replace(
                experiment("mnist-standard", "smoke"),
                measurements=Measurements(("accuracy", "commutativity")),
            ),
            "groups has 'commutativity', which needs pairs (a, b), but the inputs of Digits are",
        ),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert words in message and "\n" not in message and message.endswith(".")


def test_a_run_without_test_pairs_logs_nan_for_what_needs_them() -> None:
    recipe = experiment("modadd-standard", "smoke")
    recipe = replace(recipe, dataset=ModularAddition(13, 1.0), steps=4, log=LogSchedule(points=1))
    run = train(recipe, device="cpu", compiled=False)
    assert run.manifest["status"] == "finished"
    missing = run.log.columns[run.log.isna().any()]
    assert list(missing) == [
        *("test_accuracy", "test_loss", "test_accuracy_mirrored", "test_accuracy_unmirrored")
    ]


def test_experiments_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment("mnist-standard").steps = 1  # type: ignore[misc]


@dataclasses.dataclass(frozen=True)
class Halved:
    """A strategy of a researcher's own, derived from none of ours."""

    factor: float = 0.5

    def noise(self, state, shape, like):  # type: ignore[no-untyped-def]
        return None

    def loss(self, model, x, y, noise, criterion):  # type: ignore[no-untyped-def]
        return self.factor * criterion(model(x), y)


@dataclasses.dataclass(frozen=True)
class Flipped:
    """A data set of a researcher's own: that of handwritten digits, upside down."""

    def load(self) -> Split:
        split = Digits().load()
        return replace(split, train_x=split.train_x.flip(1), test_x=split.test_x.flip(1))


def test_data_and_strategy_may_be_one_s_own() -> None:
    digits = experiment("mnist-standard", "smoke")
    log = train(digits, until=20).log
    halved = train(replace(digits, strategy=Halved()), until=20).log
    assert halved["train_loss"][0] == log["train_loss"][0] != halved["train_loss"].iloc[-1]
    own = replace(digits, dataset=Flipped(), strategy=Halved(0.25))
    assert own.to_dict()["dataset"] == {"type": "Flipped"}
    assert own.to_dict()["strategy"] == {"type": "Halved", "factor": 0.25}
    assert train(own, until=20).manifest["data_sha256"] == Flipped().load().checksum()
    for field in ("dataset", "strategy"):
        with pytest.raises(InputError, match=rf"{field} is .*must be of the type .* or \w+\.$"):
            replace(digits, **{field: AdamW()})


def test_every_recorded_run_keeps_its_id() -> None:
    """For good: a field, a class or a name that came later changes none of them."""
    manifests = sorted(Path(__file__).parents[2].glob("runs/*/*/seed-*.json"))
    assert len(manifests) >= 61
    for path in manifests:
        manifest = json.loads(path.read_text())
        assert id_of_fields(manifest["experiment"]) == manifest["id"], path
        assert Experiment.from_dict(manifest["experiment"]).id == manifest["id"], path


def test_an_id_outlives_a_later_field_a_renamed_field_and_a_renamed_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from grokbook._support.validation import later, renamed
    from grokbook.experiments import schema as module

    @dataclasses.dataclass(frozen=True)
    class Old:
        width: int = 3

    @dataclasses.dataclass(frozen=True)
    class New:
        units: int = renamed(3, "width")
        layers: int = later(1)
        names: tuple[str, ...] = later(("a",))

    first = {"type": "Old", "width": 4}
    before = id_of_fields(first)
    monkeypatch.setitem(module._TYPES, "New", New)
    monkeypatch.setitem(module._FIRST_NAMES, "New", "Old")
    assert module._decode(first) == New(4)
    assert id_of_fields(module._encode(New(4))) == before == id_of_fields(first)
    changed = [New(5), New(4, layers=2), New(4, names=("b",)), New(4, names=())]
    assert len({id_of_fields(module._encode(each)) for each in changed} | {before}) == 5
    assert [module._decode(module._encode(each)) for each in changed] == changed
