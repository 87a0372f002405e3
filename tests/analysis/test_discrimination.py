"""AUROC, DeLong and concordance against definitions, permutations, scikit-learn and lifelines."""

import itertools
import math

import numpy as np
import pytest
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from grokbook._support.errors import InputError
from grokbook.analysis.discrimination import (
    auroc_difference,
    auroc_interval,
    concordance,
    delong,
    false_alarms,
)


def sample(m: int, n: int, k: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with ties, the positive ones larger on the average."""
    source = np.random.default_rng(seed)
    shared = source.normal(size=(m + n, 1))
    values = np.round(2 * (shared + source.normal(size=(m + n, k)))) / 2
    return values[:m] + 0.5, values[m:]


def psi(x: float, y: float) -> float:
    return 1.0 if x > y else 0.5 if x == y else 0.0


@pytest.mark.parametrize(("m", "n"), [(2, 2), (5, 9), (30, 12)])
def test_the_area_is_that_of_all_pairs_and_of_scikit_learn(m: int, n: int) -> None:
    x, y = sample(m, n)
    areas, _ = delong(x, y)
    pairs = [psi(a, b) for a, b in itertools.product(x[:, 0], y[:, 0])]
    assert areas[0] == pytest.approx(np.mean(pairs), abs=1e-12)
    labels = [1] * m + [0] * n
    assert areas[0] == pytest.approx(roc_auc_score(labels, np.r_[x[:, 0], y[:, 0]]), abs=1e-12)


def test_the_covariance_is_its_definition_written_out() -> None:
    x, y = sample(7, 5, k=3)
    areas, covariance = delong(x, y)
    m, n = len(x), len(y)
    for r in range(3):
        for s in range(3):
            v = [[np.mean([psi(a, b) for b in y[:, q]]) for a in x[:, q]] for q in (r, s)]
            w = [[np.mean([psi(a, b) for a in x[:, q]]) for b in y[:, q]] for q in (r, s)]
            s10 = sum((v[0][i] - areas[r]) * (v[1][i] - areas[s]) for i in range(m)) / (m - 1)
            s01 = sum((w[0][j] - areas[r]) * (w[1][j] - areas[s]) for j in range(n)) / (n - 1)
            assert covariance[r, s] == pytest.approx(s10 / m + s01 / n, abs=1e-12)


def test_the_variance_is_that_of_the_area_over_samples() -> None:
    """Over many samples of one population the estimate's mean is the variance that is seen."""
    source = np.random.default_rng(1)
    areas, variances = [], []
    for _ in range(3000):
        area, covariance = delong(source.normal(1, 1, (12, 1)), source.normal(0, 1, (15, 1)))
        areas.append(area[0])
        variances.append(covariance[0, 0])
    assert np.mean(variances) == pytest.approx(np.var(areas), rel=0.08)


def test_the_paired_test_agrees_with_exchanging_the_two_numbers() -> None:
    """Where the two are exchangeable, swapping them run by run gives the same p-value, nearly."""
    x, y = sample(25, 25, k=2, seed=4)
    ranks = [np.argsort(np.argsort(np.r_[x[:, q], y[:, q]], kind="stable")) for q in (0, 1)]
    table = np.stack(ranks, axis=1).astype(float)
    found = auroc_difference(table[:25], table[25:])
    source, swapped = np.random.default_rng(0), []
    for _ in range(4000):
        flip = source.random(50) < 0.5
        mixed = np.where(flip[:, None], table[:, ::-1], table)
        areas, _ = delong(mixed[:25], mixed[25:])
        swapped.append(abs(areas[0] - areas[1]))
    expected = np.mean(np.array(swapped) >= abs(found.difference) - 1e-12)
    assert found.p_value == pytest.approx(expected, abs=0.08)


def test_a_number_is_no_better_than_itself_and_better_than_noise() -> None:
    x, y = sample(40, 40)
    noise = np.random.default_rng(9).normal(size=(80, 1))
    separate = np.r_[x * 0 + 1, y * 0]
    both = np.c_[separate, noise]
    assert auroc_difference(both[:40], both[40:]).p_value < 1e-6
    same = np.c_[separate, 3 * separate + 1]
    assert auroc_difference(same[:40], same[40:]) == (0.0, 1.0)


def test_the_interval_is_normal_and_at_the_edge_that_of_disjoint_pairs() -> None:
    x, y = sample(30, 30)
    areas, covariance = delong(x, y)
    low, high, estimate = auroc_interval(x[:, 0], y[:, 0])
    reach = 1.959964 * math.sqrt(covariance[0, 0])
    assert (low, estimate[0]) == (pytest.approx(areas[0] - reach), areas[0])
    assert high == pytest.approx(min(1.0, areas[0] + reach))
    wide = auroc_interval(x[:, 0], y[:, 0], 1 - 0.05 / 4)
    assert wide.low < low
    low, high, _ = auroc_interval(np.arange(30, 60), np.arange(12))
    assert (low, high) == (pytest.approx(0.025 ** (1 / 12)), 1.0)
    low, high, _ = auroc_interval(np.arange(12), np.arange(30, 60))
    assert (low, high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 12)))
    low, high, _ = auroc_interval(np.ones(12), np.ones(12))
    assert low < 0.25 and high > 0.75


def test_the_interval_covers() -> None:
    """P(X > Y) of N(1, 1) and N(0, 1) is Φ(1/√2)."""
    source = np.random.default_rng(2)
    truth = 0.5 * (1 + math.erf(0.5))
    inside = [
        low <= truth <= high
        for low, high, _ in (
            auroc_interval(source.normal(1, 1, 30), source.normal(0, 1, 30)) for _ in range(600)
        )
    ]
    assert 0.91 < np.mean(inside) < 0.98


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_false_alarms_come_at_the_highest_threshold_that_detects_so_many(share: float) -> None:
    x, y = (each[:, 0] for each in sample(20, 30))
    threshold, detected, false = false_alarms(x, y, share)
    good = [t for t in sorted({*x, *y}) if np.mean(x >= t) >= share]
    assert np.mean(y >= max(good)) == false and detected >= share
    assert threshold == max(t for t in good if t in x)


def test_concordance_is_that_of_lifelines() -> None:
    source = np.random.default_rng(5)
    for _ in range(30):
        n = 15
        times, score = source.permutation(n) + 1.0, np.round(source.normal(size=n))
        came = source.random(n) < 0.7
        expected = concordance_index(times, -score, came)
        assert concordance(times, came, score) == pytest.approx(expected, abs=1e-12)


def test_concordance_counts_the_pairs_of_which_it_is_known_who_was_sooner() -> None:
    times, came = [50, 50, 50, 100, 100], [True, True, False, True, False]
    score, groups = [5.0, 1.0, 3.0, 1.0, 4.0], list("aabab")
    won = []
    for i, j in itertools.permutations(range(5), 2):
        known = times[i] < times[j] or (times[i] == times[j] and not came[j])
        if came[i] and known:
            won.append((psi(score[i], score[j]), groups[i] == groups[j]))
    assert concordance(times, came, score) == pytest.approx(np.mean([w for w, _ in won]))
    within = [w for w, same in won if same]
    assert concordance(times, came, score, groups) == pytest.approx(np.mean(within))
    assert math.isnan(concordance([1, 2], [False, False], [1, 2]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: delong([[1.0]], [[1.0], [2.0]]), "at least 2"),
        (lambda: delong([1.0, 2.0], [1.0, 2.0]), "one row per run"),
        (lambda: delong([[1.0], [math.nan]], [[1.0], [2.0]]), "must be finite"),
        (lambda: auroc_difference([[1.0], [2.0]], [[1.0], [2.0]]), "two are compared"),
        (lambda: false_alarms([1, 2], [1, 2], 0), "detection is 0"),
    ],
)
def test_bad_input_is_one_sentence(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        call()
