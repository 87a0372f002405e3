"""Hjorth's parameters against NumPy's variance and the closed form of a sine."""

import math

import numpy as np
import pytest
import torch

from grokbook._support.errors import InputError
from grokbook.metrics import hjorth_activity, hjorth_mobility


def noise(n: int = 50) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_both_are_variances() -> None:
    y = noise().numpy()
    assert hjorth_activity(noise()) == pytest.approx(np.var(y), rel=1e-12)
    expected = math.sqrt(np.var(np.diff(y)) / np.var(y))
    assert hjorth_mobility(noise()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("periods", [3, 20, 400])
def test_a_sine_has_the_mobility_of_its_frequency(periods: int) -> None:
    n = 1000
    omega = 2 * math.pi * periods / n
    y = torch.sin(omega * torch.arange(n, dtype=torch.float64))
    assert hjorth_activity(y) == pytest.approx(0.5, rel=1e-9)
    assert hjorth_mobility(y) == pytest.approx(2 * math.sin(omega / 2), rel=2e-3)


def test_scale_and_shift_leave_mobility_alone() -> None:
    y = noise()
    assert hjorth_mobility(1e200 * y) == pytest.approx(hjorth_mobility(y), rel=1e-12)
    assert hjorth_mobility(3 * y + 7) == pytest.approx(hjorth_mobility(y), rel=1e-9)


def test_oscillation_is_more_mobile_than_a_fall() -> None:
    t = torch.linspace(0, 1, 100, dtype=torch.float64)
    assert (
        hjorth_mobility(torch.exp(-3 * t)) < 0.1 < hjorth_mobility(torch.exp(-3 * t) + noise(100))
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (torch.ones(2), "at least 3"),
        (torch.ones(3, 3), r"shape \(3, 3\)"),
        (torch.full((4,), 0.1), "must vary"),
        (torch.tensor([0.0, 1.0, math.nan]), "NaN"),
    ],
)
def test_bad_input_is_one_sentence(values: torch.Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        hjorth_mobility(values)
