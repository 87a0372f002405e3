"""The measuring itself, on functions whose calls and memory are known."""

import pytest
import torch

from grokbook import experiment
from grokbook.benchmarks import timing
from grokbook.benchmarks.package import held, training


def test_every_function_takes_every_turn(monkeypatch):
    calls = []
    durations = {"a": [0.1, 0.1, 0.1], "b": [1.0]}
    left = {"a": iter(3 * durations["a"]), "b": iter(3 * durations["b"])}

    def seconds(function):
        function()
        return next(left[calls[-1]])

    monkeypatch.setattr(timing, "seconds", seconds)
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.25)
    found = timing.in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    turn = "a" + "aaa" + "b" + "b"  # the first call of each is not counted
    assert "".join(calls) == "aaabbb" + turn * 3, "after the warm-up, a turn lasts 0.25 s"
    assert found == {"a": [0.1] * 9, "b": [1.0] * 3}


def test_what_is_compiled_is_compiled_however_much_was_before(monkeypatch):
    """Torch compiles a function for eight kinds of arguments and then gives up."""
    monkeypatch.setattr(timing, "TURN_SECONDS", 0.0)
    compiled = []

    def backend(graph, _):
        compiled.append(graph)
        return graph

    for size in range(2, 14):
        x = torch.zeros(size)
        double = torch.compile(lambda x: 2 * x, backend=backend, dynamic=False)
        timing.in_turns({"double": lambda f=double, x=x: f(x)}, 1)
    assert len(compiled) == 12


def test_median_and_quartiles():
    found = timing.summary([0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007])
    assert found["ms"] == pytest.approx(4) and found["spread"] == pytest.approx(0.75)
    assert timing.summary([0.002]) == {"ms": pytest.approx(2), "spread": 0}


def test_the_least_time_and_no_call_after_patience_is_lost(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 11.5, 20.0, 21.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.least(lambda: 7.0, rounds=9, patience=3.0) == (1.5, 7.0)


def test_memory_is_the_peak_and_not_the_sum():
    def function():
        for _ in range(3):
            held = torch.empty(1000, 1000)  # 4 MB
            held = torch.empty(500, 1000), held
            del held

    assert timing.allocated(function) == pytest.approx(6e6, rel=0.01)


def test_memory_is_the_same_when_counted_again():
    kept = []
    counted = [timing.allocated(lambda: kept.append(torch.empty(1000, 1000)), 1) for _ in range(3)]
    assert counted == [4_000_000] * 3


def test_what_lies_there_between_steps():
    recipe = experiment("modadd-standard", "smoke")
    trainer = training([recipe])
    weights = sum(weight.numel() for weight in trainer.network.parameters())
    n = recipe.dataset.train_points
    assert held(trainer) == 3 * 4 * weights + 8 * 2 * n + 8 * n
    seeds = [experiment("modadd-standard", "smoke", seed) for seed in (0, 1)]
    assert held(training(seeds)) == 2 * held(trainer)
