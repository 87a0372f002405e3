from types import SimpleNamespace

import pandas as pd
import pytest

from grokbook.analysis.intervals import Interval
from grokbook.claims.answers import NotBorneOutError, interval_told, outcomes, require


def test_a_sentence_that_is_not_true_stops_a_chapter():
    with pytest.raises(NotBorneOutError, match=r"do not bear out: the norm falls; it groks\.$"):
        require({"the norm falls": False, "both fit": True, "it groks": False}, strict=True)


def test_of_other_runs_it_is_told():
    told = require({"the norm falls": False, "it groks": False}, strict=False)
    assert told == "0 of 2 hold; not true of these runs: the norm falls; it groks"
    assert require({"it groks": True}, strict=True) == "all 1 hold"


def test_outcomes_are_counted_claim_by_claim_in_order():
    names = ["C9.mnist", "C10.any", "C9.modadd", "C10.height"]
    checks = pd.DataFrame(
        {"outcome": ["supported", "undecided", "contradicted", "undecided"]}, index=names
    )
    assert outcomes(checks) == "C9: 1 supported, 1 contradicted; C10: 2 undecided"


def test_an_interval_is_told_or_said_not_to_be_known() -> None:
    interval = Interval(0.8542, 1.343, (1.06, 1.08))
    assert interval_told(SimpleNamespace(interval=interval)) == "1.07 (0.85 to 1.34)"  # type: ignore[arg-type]
    assert interval_told(SimpleNamespace(interval=None)) == "not known"  # type: ignore[arg-type]
    wide = SimpleNamespace(interval=Interval(1.2149, 441.5, (45.57, 45.57)))
    assert interval_told(wide, digits=2) == "46 (1.2 to 440)"  # type: ignore[arg-type]
