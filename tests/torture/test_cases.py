"""Attacks are drawn from their seed, counted, and see what is lost."""

import random
from pathlib import Path

import pytest

from grokbook._support.errors import RunError
from grokbook.torture import __main__ as command
from grokbook.torture.cases import Attack, Outcome, Shared, make
from grokbook.torture.command_lines import line, parameters
from grokbook.torture.processes import Ended, run
from grokbook.torture.record import exercise_table, keep, load, record_of


def odd_numbers_fail(shared: list, stream: random.Random, folder: Path) -> tuple[str, str]:
    drawn = stream.randrange(1000)
    shared.append(drawn)
    assert not list(folder.iterdir())
    return ("high" if drawn > 500 else "low"), ("it is odd" if drawn % 2 else "")


def test_a_case_is_the_same_whatever_other_cases_are_made() -> None:
    attack = Attack("odd", 20, lambda folder: [], odd_numbers_fail)
    told: list[tuple[int, str]] = []
    with Shared() as shared:
        outcome = make(attack, 7, range(20), shared, lambda *case: told.append(case))
        drawn = list(shared(attack.prepare))
        for number in (3, 11):
            make(attack, 7, [number], shared)
            assert shared(attack.prepare)[-1] == drawn[number]
        make(attack, 8, [3], shared)
        assert shared(attack.prepare)[-1] != drawn[3]
    assert outcome.failures == [(k, "it is odd") for k, each in enumerate(drawn) if each % 2]
    assert told == [(k, "it is odd" if each % 2 else "") for k, each in enumerate(drawn)]
    assert sum(cases for cases, _ in outcome.kinds.values()) == 20
    assert sum(failed for _, failed in outcome.kinds.values()) == len(outcome.failures) > 0


def test_what_a_machine_does_not_allow_is_told_and_not_counted(tmp_path: Path) -> None:
    attack = Attack("never", 5, lambda folder: [], odd_numbers_fail, lambda: "there is no moon")
    with Shared() as shared:
        outcome = make(attack, 0, range(5), shared)
    assert outcome.kinds == {} and outcome.lacking == "there is no moon"
    other = Outcome("odd", {"low": [4, 1]}, [(2, "it is odd")], 1.5)
    made = dict.fromkeys(("cpu", "cores", "python", "torch", "seed", "scale", "seconds"), 0)
    made |= {"recorded": "2026-01-02T03:04:05", "git_commit": "abcdefghij", "git_dirty": True}
    path = keep(record_of([outcome, other], made), tmp_path)
    table = exercise_table(load(tmp_path))
    assert table.loc["low"].tolist() == [4, 1, "2026-01-02", "abcdefg (changed)"]
    assert table.loc["never: there is no moon"].isna().tolist() == [True, True, False, False]
    path.write_text(path.read_text().replace('"cases": 4', '"cases": 5'))
    with pytest.raises(RunError, match=r"record of the exercise is damaged .* SHA-256"):
        load(tmp_path)


def test_lines_and_parameters_are_drawn_and_never_begin_long_trainings() -> None:
    lines = [line(random.Random(k)) for k in range(400)]
    assert lines == [line(random.Random(k)) for k in range(400)]
    assert {"train", "figure", "run-chapter", "verify"} <= {
        word for each in lines for word in each[:1]
    }
    for each in lines:
        if "train" in each and "--preset" in each:
            assert not {"paper", "quick"} & {*each[: each.index("--preset")]} or "smoke" in each
    assert len({str(parameters(random.Random(k))) for k in range(20)}) > 15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scale", "0"], "scale is 0.0, but must be in (0, 1]."),
        (["--case", "3"], "case is 3, but must be at least 0 and of attacks named by --only."),
        (["--only", "nothing"], "invalid choice"),
    ],
)
def test_what_cannot_be_made_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert words in capsys.readouterr().err


def test_a_traceback_and_a_signal_are_wrong_and_a_sentence_is_not() -> None:
    assert Ended(1, "grokbook: no.\n").wrong() == ""
    assert Ended(-11, "").wrong() == "ended by signal 11"
    trace = "Traceback (most recent call last):\n  here\nValueError: high\n"
    assert Ended(0, trace).wrong() == "a traceback: ValueError: high"


def test_a_process_says_returns_and_ends_as_its_function_does(tmp_path: Path) -> None:
    assert run(tmp_path, divmod, 7, 2).value == [3, 1]
    broken = run(tmp_path, divmod, 7, 0)
    assert broken.code == 1 and broken.value is None
    assert broken.wrong().startswith("a traceback: ZeroDivisionError")
