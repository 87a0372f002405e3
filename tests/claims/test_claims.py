"""Statements are judged by one rule: a world in which all hold, and worlds in which one fails."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grokbook import claims
from grokbook._support.errors import InputError
from grokbook.analysis.by_seed import Times
from grokbook.analysis.intervals import power, power_of_time_ratio
from grokbook.claims import CLAIMS, STATEMENTS, Bound, Judgement, Records
from grokbook.claims.before import before, before_and_now
from grokbook.claims.evidence import Ratio, Shares, Values, ranges
from grokbook.claims.rules import SEEN
from grokbook.claims.tables import evidence_table
from grokbook.theory import predicted_accuracy

ROOT = Path(__file__).parents[2]
SEEDS = range(8)


def step_up(steps: np.ndarray, middle: float, width: float = 0.02) -> np.ndarray:
    """From 0 to 1 around ``middle``, in decades; exactly 0 and 1 far from it."""
    decades = np.log10(np.maximum(steps, 1) / middle)
    return np.clip(0.5 + decades / (4 * width), 0, 1)


def common(steps: np.ndarray, fit: float, grok: float, top: float, seed: int) -> pd.DataFrame:
    """Accuracies and norm of a network that fits at ``fit`` and groks at ``grok``."""
    return pd.DataFrame(
        {
            "seed": seed,
            "step": steps,
            "train_accuracy": np.minimum(1, 0.5 + 0.5 * steps / fit),
            "test_accuracy": 0.1 + (top - 0.1) * step_up(steps, grok),
            # Largest at first, half fallen long before the network groks.
            "weight_norm": 10 + 90 / (1 + (steps / (2 * fit)) ** 1.5),
            "logit_scale": 1.0,
        }
    )


def mnist(seed: int, grok: float = 30_000) -> pd.DataFrame:
    steps = np.unique(np.geomspace(1, 100_000, 200).astype(int))
    grok *= 1 + seed / 50
    log = common(steps, 2000, grok, 0.9, seed)
    rise = step_up(steps, grok)
    falling = np.linspace(2, 1, len(steps))
    return log.assign(
        perturbation_error=falling,
        sharpness=falling,
        jacobian_frobenius_sq=falling,
        lemma_3_1_printed=100 * falling,
        epsilon=0.01,
        perturbed_mutual_information=2 + rise,
        perturbed_entropy=3 - rise,
        perturbed_label_mutual_information=2 + step_up(steps, 2 * grok),
        mutual_information_difference=0.01 * falling,
        entropy_difference=0.01,
        entropy=falling,
        test_entropy=falling**2,
        **{
            f"{column}_alpha_{alpha}": values
            for alpha in ("0.5", "2", "3")
            for column, values in {
                "test_entropy": falling**3,
                "perturbed_mutual_information": 2 + rise,
                "mutual_information_difference": falling,
            }.items()
        },
    )


def modadd(seed: int, grok: float = 6600, *, stairs: bool = False) -> pd.DataFrame:
    steps = np.unique(np.r_[np.arange(0, 300, 10), np.arange(0, 15_001, 50)])
    grok *= 1 + seed / 500
    log = common(steps, 150, grok, 1.0, seed)
    log["test_accuracy"] = predicted_accuracy(steps, a=500 * np.log10(grok / 0.94))
    rise = step_up(steps, grok)
    if stairs:
        log["test_accuracy"] = np.where(steps < 400, 0.0, 0.3 + 0.7 * rise)
    falling = np.linspace(2, 1, len(steps))
    return log.assign(
        perturbation_error=falling,
        sharpness=falling,
        abelian_accuracy_train=0.2 + 0.8 * rise,
        abelian_logit_distance_train=np.where(steps < 0.9 * grok, 1.0, 0.01),
        perturbed_mutual_information=2 + rise,
        perturbed_entropy=3 - rise,
        mutual_information_difference=np.where(steps < 100, 1.0, 0.1),
        entropy_difference=np.where(steps < 100, 1.0, 0.1),
    )


def flat(log: pd.DataFrame) -> pd.DataFrame:
    """The same run without its end: test accuracy stays at chance."""
    return log.assign(test_accuracy=0.01)


def halves(log: pd.DataFrame, mirrored: float, others: float) -> pd.DataFrame:
    """Add accuracies on the two halves, 30 % and 70 % of the test set, and their mean."""
    steps = log["step"].to_numpy()
    halves = {
        "test_accuracy_mirrored": step_up(steps, mirrored),
        "test_accuracy_unmirrored": step_up(steps, others),
    }
    mean = 0.3 * halves["test_accuracy_mirrored"] + 0.7 * halves["test_accuracy_unmirrored"]
    return log.assign(test_accuracy=mean, **halves)


def world() -> dict[str, pd.DataFrame]:
    """Runs in which nearly all that the paper states is so."""
    chaos = np.sin(np.arange(331) * 1.7)
    perturbed = [halves(modadd(seed, 5000), 300, 5000 * (1 + seed / 500)) for seed in SEEDS]
    for log in perturbed:
        log["abelian_accuracy_train"] = np.where(log["step"] < 200, 0.2, 1.0)
        log["abelian_logit_distance_train"] = 1 + 0.5 * chaos[: len(log)]
    standard = []
    for seed in SEEDS:  # both halves at once, along the corollary's curve
        log = modadd(seed)
        same = dict.fromkeys(("mirrored", "unmirrored"), log["test_accuracy"])
        log["abelian_accuracy_train"] = 0.2 + 0.8 * log["test_accuracy"]
        standard.append(log.assign(**{f"test_accuracy_{half}": v for half, v in same.items()}))
    return {
        "mnist-standard": pd.concat([mnist(seed) for seed in SEEDS]),
        "mnist-perturbed": pd.concat([mnist(seed, 15_000) for seed in SEEDS]),
        "modadd-standard": pd.concat(standard),
        "modadd-perturbed": pd.concat(perturbed),
        "modadd-abelian": pd.concat(
            [halves(modadd(seed, 3000), 300, 3000 * (1 + seed / 500)) for seed in SEEDS]
        ),
        "mnist-l1": pd.concat(
            [mnist(s, 40_000).assign(weight_norm=lambda log: log["weight_norm"] / 2) for s in SEEDS]
        ),
        "mnist-no-decay": pd.concat([mnist(s, 60_000).assign(weight_norm=100.0) for s in SEEDS]),
        "norm/clamp-1.0": arm("clamp-1.0", 3000),
        "norm/no-decay": arm("no-decay", 3000),
        "norm/l1": arm("l1", 2000, norm=15.0),
        "norm/decay": arm("decay", 2000, norm=25.0),
        **{
            f"mechanism/{name}": arm(name, steps)
            for name, steps in (
                ("add-free", 3000),
                ("add-free-noise", 2000),
                *((name, 1500) for name in ("add-built", "add-built-noise")),
                *((name, 1800) for name in ("sub-free", "sub-free-noise")),
                ("add-mirrored", 2500),
                ("add-abelian", 2000),
            )
        },
        **{
            f"times/modadd-{name}": more(name, steps)
            for name, steps in (("standard", 7000), ("perturbed", 5000), ("abelian", 3000))
        },
        "laws/standard": laws(2000),
        "sets/standard": both_sets(1),
        "representations/compared": compared(0.5),
        "mnist-unit-init": pd.concat([mnist(seed) for seed in SEEDS]),
        "mnist-constant-noise": pd.concat([later(mnist(seed, 25_000)) for seed in SEEDS]),
        "noise/constant": arm("constant", 2500).assign(train_100=900.0),
    }


def laws(known: float) -> pd.DataFrame:
    """Rows of the study of laws: every law stays from that step on, and test accuracy from 2000."""
    return arm("standard", 2000).assign(
        steps=2500,
        stays_test_accuracy=2000.0,
        **{f"stays_{law}": known for law in ("identity", "inverse", "associativity")},
    )


def both_sets(power: int) -> pd.DataFrame:
    """Rows of the study of sets: PMI and MID of the test set, a power of those of the other."""
    rows = {"arm": "standard", "seed": SEEDS, "look_step": [list(range(0, 100_001, 10_000))] * 8}
    course = np.linspace(2, 1, 11)
    looks = {
        f"look_{of}_{signal}": [list(values)] * 8
        for signal in ("pmi", "mid")
        for of, values in (("train", course), ("test", course**power))
    }
    return pd.DataFrame(rows | looks)


def arm(name: str, grok: float, norm: float = 30.0) -> pd.DataFrame:
    """Rows of an arm of a study; beyond step 10 000 nothing groks. The norm ends at ``norm``."""
    steps = np.arange(0, 10_001, 200)
    times = [grok * (1 + seed / 500) for seed in SEEDS]
    return pd.DataFrame(
        {
            "arm": name,
            "seed": SEEDS,
            "endpoint": [time if time <= 10_000 else np.nan for time in times],
            "steps": 10_000,
            "train_100": 200.0,
            "curve_step": [list(steps)] * len(SEEDS),
            "curve_train_accuracy": [list(np.minimum(1, steps / 200))] * len(SEEDS),
            "curve_weight_norm": [list(np.linspace(30, norm, len(steps)))] * len(SEEDS),
        }
    )


def compared(ratio: float) -> pd.DataFrame:
    """Rows of the study of representations: two trainings so much as alike as two seeds."""
    rows = {"arm": "compared", "seed": SEEDS, "cka_seeds": 0.4, "frequencies_seeds": 0.3}
    return pd.DataFrame(rows).assign(cka_trainings=0.4 * ratio, frequencies_trainings=0.3 * ratio)


def later(log: pd.DataFrame) -> pd.DataFrame:
    """The same run, fitting after twice the steps."""
    fit = log.loc[log["train_accuracy"] >= 1, "step"].min()
    return log.assign(train_accuracy=np.minimum(1, 0.5 + 0.25 * log["step"] / fit))


ELSEWHERE = {
    # Mathematics, or what the paper states against each other or against arithmetic.
    "C6.mnist.certified", "C6.modadd.certified", "C7.modadd.premise", "C10.modadd.memorises",
    # Need the norm to drop late, which C14 forbids; or a delay that C1 asks for.
    *(name for name in STATEMENTS if name.startswith("C2.") and ".sharp." in name),
    "C19.mnist.perturbed", "C19.modadd.perturbed",
    # Have a test of their own below.
    "C15.modadd.disjunction.no-decay", "C15.modadd.disjunction.random-labels",
    "C15.modadd.disjunction.random-labels.paper",
    "C17.modadd.sufficient",
}  # fmt: skip
MEASURED = [
    name for name, each in STATEMENTS.items() if name not in ELSEWHERE and ".theory." not in name
]


@pytest.fixture(scope="module")
def so() -> dict[str, Judgement]:
    return claims.evaluate(runs=Records("paper", world()))


@pytest.mark.parametrize("name", MEASURED)
def test_in_a_world_where_it_is_so_a_statement_is_supported(
    name: str, so: dict[str, Judgement]
) -> None:
    each = so[name]
    assert each.outcome == "supported", (each.why, each.interval)
    times = 2 if name.endswith(".all") else 1  # with the seeds of the study of times
    assert each.on_side == len(each.seeds) == times * len(SEEDS)


def judged(name: str, **changes) -> Judgement:
    """Judge by the world with some experiments' logs changed (a function) or added."""
    logs = world()
    for key, change in changes.items():
        experiment = key.replace("_", "-")
        logs[experiment] = change(logs[experiment]) if callable(change) else change
    return claims.evaluate([name], runs=Records("paper", logs))[name]


def scaled(column: str, power: float):
    return lambda log: log.assign(**{column: log[column] * (1 + log["step"]) ** power})


def put(**columns):
    return lambda log: log.assign(**columns)


def slower(task, grok):
    return lambda _: pd.concat([task(seed, grok) for seed in SEEDS])


def more(name: str, grok: float) -> pd.DataFrame:
    """Rows of the study of times, of other seeds than the recorded."""
    return arm(f"modadd-{name}", grok).assign(seed=[seed + 100 for seed in SEEDS])


BREAKS = {
    "C1.mnist.delay": {"mnist_standard": lambda log: log.assign(
        train_accuracy=(log["test_accuracy"] > 0.4).astype(float))},
    "C2.modadd.before": {"modadd_standard": lambda log: log.assign(weight_norm=log["step"] + 1.0)},
    "C2.modadd.falls": {"modadd_standard": lambda log: log.assign(weight_norm=log["step"] + 1.0)},
    "C3.mnist.error": {"mnist_standard": scaled("perturbation_error", 2)},
    "C3.modadd.relative": {"modadd_standard": lambda log: log.assign(
        logit_scale=1 / (1 + log["step"]))},
    "C4.modadd.falls": {"modadd_standard": scaled("sharpness", 2)},
    "C4.mnist.throughout": {"mnist_standard": lambda log: log.assign(
        sharpness=log["sharpness"].where(log["step"] != 100, 5.0).where(log["step"] != 100, 50.0)
        + 50 * (log["step"].between(90, 110)))},
    "C5.mnist.perturbed": {"mnist_perturbed": scaled("jacobian_frobenius_sq", 3)},
    "C8.mnist.groks": {"mnist_l1": flat},
    "C8.mnist.sooner": {"mnist_no_decay": slower(mnist, 20_000)},
    "C8.mnist.constrains": {"mnist_l1": scaled("weight_norm", 1)},
    "C8.modadd.groks": {"norm/l1": arm("l1", 20_000)},
    "C8.modadd.sooner": {"norm/l1": arm("l1", 4000)},
    "C8.modadd.constrains": {"norm/l1": arm("l1", 2000, norm=28.0)},
    "C9.mnist.grokked": {"mnist_standard": slower(mnist, 8000)},
    "C9.modadd.half": {"modadd_standard": slower(modadd, 3000)},
    "C9.mnist.mean": {"mnist_standard": slower(mnist, 8000)},
    "C9.modadd.new": {"times/modadd_standard": more("standard", 4000)},
    "C9.modadd.all": {
        "times/modadd_standard": more("standard", 400), "modadd_standard": slower(modadd, 400)},
    "C12.modadd.new": {"times/modadd_abelian": more("abelian", 8000)},
    "C12.modadd.all": {
        "times/modadd_abelian": more("abelian", 9000), "modadd_abelian": slower(modadd, 9000)},
    "C10.modadd.height": {"modadd_perturbed": lambda log: log.assign(
        test_accuracy=np.minimum(1, log["step"] / 6000))},
    "C10.modadd.length": {"modadd_perturbed": lambda log: log.assign(
        test_accuracy=(log["step"] > 3000).astype(float))},
    "C11.modadd.standard.99": {"modadd_standard": put(abelian_accuracy_train=1.0)},
    "C11.modadd.standard.mirrored": {"modadd_standard": put(test_accuracy_mirrored=1.0)},
    "C11.modadd.perturbed.99": {"modadd_perturbed": lambda log: log.assign(
        abelian_accuracy_train=(log["step"] > 1000).astype(float))},
    "C12.modadd.grokked": {"modadd_abelian": slower(modadd, 7000)},
    "C13.modadd.standard.later": {"modadd_standard": put(abelian_logit_distance_train=1.0)},
    "C13.modadd.perturbed.later": {"modadd_perturbed": lambda log: log.assign(
        abelian_logit_distance_train=np.where(log["step"] < 4000, 1.0, 0.01))},
    "C13.modadd.chaotic": {"modadd_perturbed": lambda log: log.assign(
        # Up and down without end, by next to nothing: chaotic by its range alone.
        abelian_logit_distance_train=np.where(
            log["step"] < 4000, 1.0, 1e-5 * (log["step"] % 100)))},
    "C13.modadd.stable.standard": {"modadd_standard": put(abelian_accuracy_train=0.5)},
    "C14.modadd.pe.sharp.steps": {"modadd_standard": lambda log: log.assign(
        perturbed_entropy=log["step"] / 1.0)},
    "C14.mnist.pmi.timelier.run": {"mnist_standard": lambda log: log.assign(
        perturbed_mutual_information=log["weight_norm"],
        weight_norm=log["perturbed_mutual_information"])},
    "C15.mnist.ed.small.batch": {"mnist_standard": put(entropy_difference=1.0)},
    "C15.modadd.mid.falls": {"modadd_standard": put(mutual_information_difference=1.0)},
    "C15.mnist.disjunction.standard": {"mnist_standard": put(entropy_difference=1.0)},
    "C15.mnist.disjunction.standard.classes": {"mnist_standard": put(entropy_difference=1.0)},
    "C15.modadd.disjunction.standard": {"modadd_standard": put(entropy_difference=1.0)},
    "C16.mnist.order.entropy": {"mnist_standard": lambda log: log.assign(
        test_entropy_alpha_2=log["step"])},
    "C16.mnist.sets.pmi": {"sets/standard": lambda _: both_sets(-1)},
    "C16.mnist.sets.mid": {"sets/standard": lambda _: both_sets(-1)},
    "C16.mnist.labels": {"mnist_standard": lambda log: log.assign(
        perturbed_label_mutual_information=log["test_accuracy"],
        perturbed_mutual_information=log["perturbed_label_mutual_information"])},
    "C17.mnist.not-necessary": {"mnist_no_decay": flat},
    "C17.modadd.not-necessary.no-decay": {"norm/no_decay": arm("no-decay", 3000, norm=10.0)},
    "C17.modadd.not-necessary.clamped": {"norm/clamp_1.0": arm("clamp-1.0", 20_000)},
    "C18.mnist.fits": {"mnist_perturbed": lambda log: later(later(log))},
    "C19.mnist.usual-weights": {"mnist_unit_init": lambda log: log.assign(
        train_accuracy=(log["test_accuracy"] > 0.4).astype(float))},
    "C20.modadd.labels": {"mechanism/add_mirrored": arm("add-mirrored", 1500)},
    "C20.modadd.because.sooner": {"mechanism/add_free_noise": arm("add-free-noise", 4000)},
    "C20.modadd.because.built-in": {"mechanism/add_built_noise": arm("add-built-noise", 700)},
    "C20.modadd.because.subtraction": {"mechanism/sub_free_noise": arm("sub-free-noise", 20_000)},
    "C13.modadd.differ.cka": {"representations/compared": compared(1.0)},
    "C13.modadd.differ.frequencies": {"representations/compared": compared(0.95)},
    "C18.modadd.fits": {"noise/constant": arm("constant", 2500).assign(train_100=100.0)},
    "C18.modadd.sooner": {"noise/constant": arm("constant", 1500)},
    **{f"C21.modadd.{law}": {"laws/standard": laws(500)}
        for law in ("identity", "inverse", "associativity")},
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_where_it_is_otherwise_it_is_contradicted(name: str) -> None:
    each = judged(name, **BREAKS[name])
    assert each.outcome == "contradicted", (each.why, each.interval)
    assert each.on_side == 0


def test_mathematics_is_decided_by_counterexample_without_a_run() -> None:
    found = claims.evaluate(runs=Records("paper", {}))
    proved = {name: each.outcome for name, each in found.items() if ".theory." in name}
    assert proved == {
        "C6.theory.theorem": "contradicted", "C15.theory.ed": "contradicted",
        "C15.theory.mid": "contradicted", "C17.theory.radius": "contradicted",
        "C20.theory.necessary": "supported",
    }  # fmt: skip
    others = [each for name, each in found.items() if name not in proved]
    assert {each.outcome for each in others} == {"undecided"} and all(e.why for e in others)


def test_the_shape_may_fit_and_the_premise_be_impossible(so: dict[str, Judgement]) -> None:
    premise = so["C7.modadd.premise"]
    assert premise.outcome == "contradicted"
    assert premise.interval is not None
    assert premise.interval.estimate[0] == pytest.approx(16.5 / 6642.75, rel=0.1)


def test_a_missing_control_is_named_with_its_command() -> None:
    each = claims.evaluate(["C17.modadd.sufficient"], runs=Records("paper", world()))
    assert each["C17.modadd.sufficient"].why == (
        "No run of norm/random-labels is recorded; record it with `grokbook study norm`."
    )
    name = "C15.modadd.disjunction.random-labels"
    assert claims.evaluate([name], runs=Records("paper", world()))[name].why == (
        "No run of prediction/random-40 is recorded; record it with `grokbook study prediction`."
    )
    name = "C17.mnist.not-necessary"
    logs = {key: log for key, log in world().items() if key != "mnist-no-decay"}
    assert claims.evaluate([name], runs=Records("paper", logs))[name].why == (
        "No run of mnist-no-decay is recorded; record it with `grokbook train mnist-no-decay`."
    )


def drawn(arm: str, seeds: Sequence[int], mid: list[float], ed: list[float]) -> pd.DataFrame:
    """Rows of an arm of a study on random labels; the set is fitted at the third look."""
    rows = [
        {
            "arm": arm, "seed": seed, "look_step": [0, 10, 20, 30], "train_100": 20.0,
            "look_mid": mid, "look_ed": ed,
        }
        for seed in seeds
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_random_labels_decide_sufficiency_and_prediction() -> None:
    """The norm falls, MID and ED fall early, and nothing generalises."""
    never = {"norm/random_labels": arm("random-labels", 20_000, norm=20.0)}
    assert judged("C17.modadd.sufficient", **never).outcome == "contradicted"
    always = {"norm/random_labels": arm("random-labels", 2000, norm=20.0)}
    assert judged("C17.modadd.sufficient", **always).outcome == "supported"
    name = "C15.modadd.disjunction.random-labels"
    for values, outcome in (
        (
            [0.1, 2.0, 0.5, 9.0],
            "contradicted",
        ),  # a quarter is left; later looks do not count
        ([0.1, 2.0, 1.5, 0.0], "supported"),  # three quarters are
        ([0.1, 0.2, 0.2, 0.0], "contradicted"),  # it is very small all along
    ):
        for each, study, arm_name in (
            (name, "prediction", "random-40"),
            (f"{name}.paper", "twins", "random-labels"),
        ):
            table = drawn(arm_name, SEEDS, mid=values, ed=[0.0, 1.0, 0.1, 0.0])
            assert judged(each, **{f"{study}/{arm_name}": table}).outcome == outcome
    control = pd.concat([flat(modadd(seed)) for seed in SEEDS])
    high = control.assign(mutual_information_difference=1.0)
    without = high.assign(weight_norm=30.0)
    name = "C15.modadd.disjunction.no-decay"
    assert judged(name, modadd_no_decay=without).outcome == "supported"
    some = pd.concat([without, modadd(20)])  # it groks: the statement is not about it
    assert judged(name, modadd_no_decay=some).seeds == tuple(SEEDS)


def test_a_network_whose_norm_does_not_fall_says_nothing_of_sufficiency() -> None:
    each = judged("C17.modadd.sufficient", **{"norm/random_labels": arm("random-labels", 20_000)})
    assert each.outcome == "undecided" and each.seeds == ()


def test_too_few_seeds_are_said() -> None:
    logs = {name: log[log["seed"] < 5] for name, log in world().items()}
    each = claims.evaluate(["C9.mnist.half"], runs=Records("paper", logs))["C9.mnist.half"]
    assert each.outcome == "undecided" and each.interval is None
    assert each.why == "It needs 6 seeds and has 5, 5 of them on the claim's side."


def test_unseen_seeds_are_judged_alone() -> None:
    def changed(log: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([mnist(seed, 8000 if seed in (5, 6) else 30_000) for seed in range(12)])

    fast = pd.concat([mnist(seed, 15_000) for seed in range(12)])
    each = judged("C9.mnist.mean", mnist_standard=changed, mnist_perturbed=fast)
    assert each.unseen == ("undecided", 5, 7) and each.seeds == tuple(range(12))
    logs = world() | {"mnist-l1": pd.concat([mnist(seed) for seed in range(4)])}
    name = "C8.mnist.groks"
    assert claims.evaluate([name], runs=Records("paper", logs))[name].unseen[2] == 1
    assert SEEN["mnist-l1"] == {0, 1, 2} and SEEN["mnist-standard"] == set(range(5))
    assert "modadd-random-labels" not in SEEN


def test_never_grokked_runs_are_censored_not_dropped() -> None:
    def some(log: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([flat(run) if seed < 2 else run for seed, run in log.groupby("seed")])

    each = judged("C9.modadd.grokked", modadd_standard=some)
    assert (each.outcome, each.censored, len(each.seeds)) == ("supported", 2, len(SEEDS))
    known = judged("C9.modadd.grokked")
    assert each.interval is not None and known.interval is not None
    assert each.interval.estimate[0] > known.interval.estimate[0], "they come later than the end"
    # Of a network that never rises nothing is known but that.
    delayed = judged("C1.modadd.delay", modadd_standard=some)
    assert delayed.outcome == "undecided" and delayed.on_side == len(SEEDS) - 2


def times(steps, last: float = 100.0) -> Times:
    series = pd.Series(steps, dtype=float)
    return Times(series.fillna(last), series.isna())


def test_ranges_of_two_times() -> None:
    never = float("nan")
    found = ranges(times([10, never, 10, never]), times([5, 5, never, never]))
    assert found.low.tolist() == [2, 20, 0, 0]
    assert found.high.tolist() == [2, np.inf, 0.1, np.inf]
    assert ranges(times([10]), times([0])).low.isna().all()


def outcome(evidence, bound: Bound) -> str:
    statement = claims.Statement("C0.x", "", "", "", "", bound, lambda _: evidence)
    return statement.judge(Records("paper", {})).outcome


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2] * 6, "supported"),
        ([2, 2, 2, 2, 2, 0.5], "undecided"),  # six seeds bear no exception
        ([2] * 9 + [0.5], "supported"),  # ten bear one
        ([2, 0.5] * 3, "undecided"),
        ([2, 0.5, 0.5, 0.5, 0.5, 0.5], "undecided"),
        ([0.5] * 6, "contradicted"),
        ([1] * 6, "undecided"),  # the bound is on neither side
        ([2] * 5 + [np.nan], "undecided"),
        ([2] * 9 + [np.nan], "supported"),
        ([np.inf] * 6, "supported"),
        ([2] * 5, "undecided"),
    ],
)
def test_the_rule_is_symmetric(values, expected) -> None:
    opposite = {"supported": "contradicted", "contradicted": "supported"}
    series = pd.Series(values, dtype=float)
    assert outcome(Values.known(series), Bound(">", 1)) == expected
    assert outcome(Values.known(-series), Bound("<", -1)) == expected
    assert outcome(Values.known(series), Bound("<", 1)) == opposite.get(expected, expected)


def test_a_share_counts_what_is_not_known_both_ways() -> None:
    yes = pd.Series([1.0] * 9)
    assert outcome(Shares(yes), Bound(">", 0.5)) == "supported"
    assert outcome(Shares(1 - yes), Bound(">", 0.5)) == "contradicted"
    assert outcome(Shares(yes.where(yes.index > 3)), Bound(">", 0.5)) == "undecided"


def ratio(above, below) -> Ratio:
    return Ratio(times(above), times(below))


def test_no_difference_can_be_an_outcome() -> None:
    base = np.array([10, 10.1, 10.2, 10, 10.1, 10.2])
    assert outcome(ratio(base, base), Bound("=")) == "supported"
    assert outcome(ratio(2 * base, base), Bound("=")) == "contradicted"
    assert outcome(ratio(base * [1, 2, 0.5, 1, 2, 0.5], base), Bound("=")) == "undecided"
    # A claimed difference is contradicted by none worth the name, and supported by a sure one.
    assert outcome(ratio(base, base), Bound(">")) == "contradicted"
    assert outcome(ratio(1.05 * base, base), Bound(">")) == "supported"
    assert outcome(ratio(base, 2 * base), Bound(">")) == "contradicted"
    # Only seeds that both trainings have are compared.
    assert ratio(base, base[:4]).seeds == [0, 1, 2, 3]


def why(evidence, bound: Bound) -> str:
    statement = claims.Statement("C0.x", "", "", "", "", bound, lambda _: evidence)
    return statement.judge(Records("paper", {})).why


def test_an_undecided_statement_is_told_what_twenty_seeds_would_do() -> None:
    ahead = pd.Series([2.0] * 5 + [0.5])
    chance = power(20, 5 / 6)
    assert why(Values.known(ahead), Bound(">", 1)).endswith(f"20 decide in {chance:.0%} of cases.")
    tied = pd.Series([2.0] * 4 + [1.0] * 2)  # on the bound is on neither side
    assert why(Values.known(tied), Bound(">", 1)).endswith(
        f"20 decide in {power(20, 4 / 6, 0.0):.0%} of cases."
    )
    logs = np.linspace(-0.45, 0.45, 8) + np.array([[0.2], [0.0]])
    told = why(ratio(*np.exp(logs + 3)), Bound(">"))
    pooled = np.sqrt(logs.var(axis=1, ddof=1).mean())
    chance = power_of_time_ratio(20, np.exp(np.diff(logs.mean(axis=1))[0]), pooled)
    assert told.endswith(f"20 decide in {chance:.0%} of cases.")


def test_caveats_are_told_and_decide_nothing() -> None:
    each = judged("C10.modadd.height")
    assert each.caveat == "Standard training has such a pause on 0 of 8 seeds."
    assert "falls from one logged step to the next in 100%" in judged("C4.mnist.throughout").caveat
    swapped = judged("C14.mnist.pe.timelier.run", mnist_standard=lambda log: log.assign(
        weight_norm=3 - log["test_accuracy"]))  # fmt: skip
    assert swapped.caveat.startswith("By median lag the weight norm is the timeliest")
    low = pd.concat([flat(modadd(seed)).assign(weight_norm=5.0) for seed in SEEDS])
    control = {"norm/random_labels": arm("random-labels", 20_000, norm=20.0)}
    told = judged("C17.modadd.sufficient", modadd_l1=low, **control).caveat
    far = "The norm falls to between 67% and 67%; by a fifth or more, as the study's own rules"
    assert told.startswith(f"{far} ask, in 8 of 8 networks. Under ℓ₁ decay the ℓ₂ norm ends at 5,")
    assert "below every standard run" in told
    assert judged("C17.modadd.sufficient", **control).caveat.endswith("in 8 of 8 networks.")
    assert "600" in judged("C13.modadd.standard.later").caveat


def test_lines_fit_a_terminal(so: dict[str, Judgement]) -> None:
    for width in (60, 80, 120):
        for whole in (False, True):
            lines = claims.printed(so, width, whole=whole).splitlines()
            assert max(map(len, lines)) <= width
    assert re.fullmatch(
        r"supported +C9\.mnist\.mean +0\.\d+ \(0\.\d+ to 0\.\d+\)  > 0  n = 8",
        next(line for line in claims.printed(so, 80, whole=False).splitlines() if "t.mean" in line),
    )
    assert lines[-1].startswith(f"{len(so)} statements: ")


def test_tables_have_a_row_each(so: dict[str, Judgement]) -> None:
    runs = Records("paper", world())
    table = claims.claim_table(["C9", "C1.mnist.delay"], runs=runs)
    assert len(table) == 9 and set(table["outcome"]) == {"supported"}
    counts = claims.verdict_table(runs=runs)
    assert list(counts.index) == list(CLAIMS)
    assert counts[["supported", "contradicted", "undecided"]].to_numpy().sum() == len(STATEMENTS)
    assert claims.summary("C9", runs=runs) == "8 supported"
    lines = claims.markdown_table(book="x/", runs=runs).splitlines()
    assert len(lines) == 2 + len(CLAIMS) and {line.count(" | ") for line in lines[2:]} == {4}
    assert next(line for line in lines if "C9" in line).startswith(
        "| [C9](x/3_2_degrokking.ipynb) | Perturbed training speeds up"
    )
    assert next(line for line in lines if "C9" in line).endswith("| 8 | – | – |")


def test_what_the_statements_rest_on_has_a_row_an_experiment_and_an_arm() -> None:
    table = evidence_table(Records("paper", world()))
    assert table.loc["modadd-standard", "seeds"] == "0 to 7"
    assert table.loc["modadd-standard", "seen before the rule"] == "0 to 4"
    assert table.loc["norm/clamp-1.0"].tolist() == ["0 to 7", "", "C17"]
    assert "twins/random-labels" not in table.index, "nothing is recorded of it in this world"
    assert list(table.index) == sorted(table.index, key=lambda name: "/" in name)


def test_verdicts_of_before_lead_to_statements_of_now() -> None:
    old = before()
    assert list(old["verdicts"]) == [f"C{number}" for number in range(1, 17)]
    assert {name for check in old["checks"] for name in check["now"]} <= set(STATEMENTS)
    assert all(check["now"] or check["why"] for check in old["checks"])
    table = before_and_now(runs=Records("paper", world()))
    assert len(table) == len(old["checks"]) == 50 and (table["reason"] != "").all()


def test_unknown_claims_and_statements() -> None:
    for name, known in (("C99", "known are C1, C2"), ("C9.mnist.never", "known are C9.mnist.grok")):
        with pytest.raises(InputError, match=rf"There is no .* '{name}'; {known}"):
            claims.evaluate([name])


def test_each_claim_has_a_chapter_and_each_statement_its_place() -> None:
    assert list(CLAIMS) == [f"C{number}" for number in range(1, 22)]
    for each in CLAIMS.values():
        assert (ROOT / "book" / f"{each.chapter}.ipynb").is_file(), each.chapter
        assert {statement.claim for statement in each.statements} == {each.id}
    for statement in STATEMENTS.values():
        assert statement.place and statement.words.endswith(".") and statement.reading


def test_readme_shows_the_outcomes_of_the_recorded_runs() -> None:
    """The table in README is computed again from ``runs/``."""
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"<!-- verdicts -->\n\n(.*?)\n\n<!-- end of verdicts -->", readme, re.DOTALL)
    assert shown is not None
    runs = claims.records()
    table = claims.markdown_table(book="book/", runs=runs)
    assert shown[1] == table, "run `make notebooks`"
