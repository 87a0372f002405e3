"""Accuracy by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook.metrics import accuracy


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_accuracy_counts_right_answers(n: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-2, 3, (n, k), generator=generator).float()  # with ties
    y = torch.randint(k, (n,), generator=generator)
    right = sum(
        row.index(max(row)) == label for row, label in zip(logits.tolist(), y.tolist(), strict=True)
    )
    assert accuracy(logits, y) == right / n
    assert accuracy(torch.nn.functional.one_hot(y, k).double(), y) == 1


@pytest.mark.parametrize(
    ("logits", "y", "message"),
    [
        (torch.ones(3), torch.zeros(3).long(), "logits has shape"),
        (torch.ones(0, 2), torch.zeros(0).long(), "not empty"),
        (torch.ones(2, 2) / 0, torch.zeros(2).long(), "logits holds 4 entries that are NaN"),
        (torch.ones(2, 2), torch.zeros(2), "labels must be integers"),
        (torch.ones(2, 2), torch.zeros(2, 2).long(), r"y has shape \(2, 2\), but must be \(2,\)"),
        (torch.ones(2, 2), torch.tensor([0, 2]), "labels from 0 to 2, but .* less than 2"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(logits: Tensor, y: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        accuracy(logits, y)
