"""Both ways to a metric give the same value, and the plain ones are right where it is known."""

import pytest
import torch

from grokbook.benchmarks import metrics

SMALL = {race.quantity: race for race in metrics.races(n=60, images=20)}


@pytest.mark.parametrize("race", [r for r in SMALL.values() if r.tolerance], ids=lambda r: r[0])
def test_both_ways_agree(race):
    assert race.ours() == pytest.approx(race.plain(), abs=race.tolerance)


def test_estimates_are_near_the_exact_value():
    """Hutchinson's ten probes of the MLP scatter about the exact trace."""
    (race,) = (r for r in SMALL.values() if r.quantity.startswith("sharpness, MLP"))
    assert race.plain() == pytest.approx(race.ours(), rel=0.5)
    (race,) = (r for r in SMALL.values() if r.quantity.startswith("sharpness, transformer"))
    assert race.plain() == pytest.approx(race.ours(), rel=0.5)


def test_the_plain_trace_of_a_quadratic_is_exact():
    """Of Σ cᵢwᵢ² the Hessian is diagonal, so that every probe gives its trace 2 Σ cᵢ."""
    model = torch.nn.Linear(3, 1, bias=False)
    loss = (torch.tensor([1.0, 2.0, 4.0]) * model.weight.square()).sum()
    assert metrics.double_backward_trace(model, loss, 3) == pytest.approx(14)


def test_values_that_differ_end_the_recording(monkeypatch):
    race = metrics.Race("a quantity", "a way", lambda: 1.0, lambda: 1.1, 1e-9)
    monkeypatch.setattr(metrics, "races", lambda: [race])
    with pytest.raises(SystemExit, match=r"a quantity: 1\.0 and 1\.1 differ by more than 1e-09\."):
        metrics.measure(1)
    monkeypatch.setattr(metrics, "races", lambda: [race._replace(tolerance=None)])
    (row,) = metrics.measure(1)
    assert row["difference"] is None and row["ms"] > 0
