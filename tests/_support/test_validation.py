"""What `conform` makes of every kind of field, and what it refuses; `whole`, `real` and bounds."""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
import torch

from grokbook import InputError
from grokbook._support.validation import conform, non_negative, real, shown, whole


@dataclass(frozen=True)
class Recipe:
    count: int = 1
    rate: float = 1.0
    pair: tuple[float, int] = (1.0, 1)
    names: tuple[str, ...] = ()
    kind: Literal["a", "b", "c"] = "a"
    limit: int | None = None
    inner: "Inner | Other" = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inner", self.inner or Inner())
        conform(self)


@dataclass(frozen=True)
class Inner:
    pass


@dataclass(frozen=True)
class Other:
    pass


@pytest.mark.parametrize(
    ("field", "given", "held"),
    [
        ("count", np.int64(3), 3),
        ("count", np.uint8(3), 3),
        ("count", torch.tensor(3), 3),
        ("rate", 1, 1.0),
        ("rate", np.float64(0.1), 0.1),
        ("rate", np.float32(0.1), float(np.float32(0.1))),
        ("rate", np.int32(2), 2.0),
        ("rate", np.array(0.1), 0.1),
        ("rate", torch.tensor(0.5), 0.5),
        ("rate", Fraction(1, 4), 0.25),
        ("rate", -0.0, 0.0),
        ("rate", 10**400, math.inf),
        ("rate", -(10**400), -math.inf),
        ("pair", [1, np.int64(2)], (1.0, 2)),
        ("names", ["x", "y"], ("x", "y")),
        ("kind", "b", "b"),
        ("limit", None, None),
        ("limit", np.int64(5), 5),
        ("inner", Other(), Other()),
    ],
)
def test_what_is_held_has_the_annotated_type_exactly(field: str, given: Any, held: Any) -> None:
    found = getattr(Recipe(**{field: given}), field)
    assert repr(found) == repr(held)  # repr tells 1 from 1.0, 0.0 from -0.0, NumPy's from Python's


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        ("count", 1.5, "count is 1.5, but must be an integer."),
        ("count", 3.0, "count is 3.0, but must be an integer."),
        ("count", "1", "count is '1', but must be an integer."),
        ("count", None, "count is None, but must be an integer."),
        ("count", True, "count is True, but must be an integer."),
        ("count", np.True_, "count is np.True_, but must be an integer."),
        ("rate", "0.1", "rate is '0.1', but must be a real number."),
        ("rate", None, "rate is None, but must be a real number."),
        ("rate", False, "rate is False, but must be a real number."),
        ("rate", np.False_, "rate is np.False_, but must be a real number."),
        ("rate", 1j, "rate is 1j, but must be a real number."),
        ("rate", Decimal("0.1"), "rate is Decimal('0.1'), but must be a real number."),
        ("rate", torch.ones(1), "rate is tensor([1.]), but must be a real number."),
        ("pair", (1.0,), "pair is (1.0,), but must have 2 entries."),
        ("pair", (1.0, 2, 3), "pair is (1.0, 2, 3), but must have 2 entries."),
        ("pair", ("x", 2), "an entry of pair is 'x', but must be a real number."),
        ("pair", 1.0, "pair is 1.0, but must be a tuple."),
        ("names", "xy", "names is 'xy', but must be a tuple."),
        ("names", ("x", 2), "an entry of names is 2, but must be of the type str."),
        ("kind", "d", "kind is 'd', but must be 'a', 'b' or 'c'."),
        ("kind", ["a"], "kind is ['a'], but must be 'a', 'b' or 'c'."),
        ("limit", "5", "limit is '5', but must be an integer."),
        ("inner", 3, "inner is 3, but must be of the type Inner or Other."),
    ],
)
def test_anything_else_is_refused_in_one_sentence(field: str, given: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Recipe(**{field: given})
    assert str(caught.value) == message


def test_bounds() -> None:
    assert whole("n", 2, least=2) == 2 and whole("n", -5) == -5
    assert real("r", math.inf) == math.inf and math.isnan(real("r", math.nan))
    with pytest.raises(InputError, match=r"^n is 1, but must be at least 2\.$"):
        whole("n", 1, least=2)
    for value in (-0.5, math.inf, math.nan):
        with pytest.raises(InputError, match=rf"^s is {value}, but must be finite and at least 0"):
            non_negative("s", value)


def test_a_long_value_is_shown_on_one_line_and_cut() -> None:
    assert shown(torch.zeros(50, 50)).count("\n") == 0
    assert len(shown("x" * 1000)) == 43
