"""Strange command lines and chapter parameters: none may end in a traceback."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from grokbook._support.errors import GrokbookError
from grokbook.cli import chapters
from grokbook.cli.commands import chapter_names
from grokbook.cli.main import main
from grokbook.cli.training import _field_names
from grokbook.experiments.named import experiment
from grokbook.experiments.names import ALL_NAMES
from grokbook.torture import processes, trainings
from grokbook.torture.cases import Attack
from grokbook.torture.processes import Ended

_SECONDS = 20.0
"""Ctrl-C stops a command after this time, which it must report."""

_STRANGE = (
    *("", " ", "-", "--", "nothing", "paper", "custom", "None", "True", "nan", "inf", "-inf"),
    *("-1", "0", "1", "2.5", "1e400", "9" * 30, "9" * 5000, "0x10", "1_000", "١", "é", "日本"),
    *("a b", "a\nb", "a\tb", "\x1b[2J", "{x}", "{}", "%s", "..", "/", "~", "a" * 300, "\udcff"),
    *("[0, 1]", "'", '"', "\\", "$HOME", "-p", "--help", "--version", "seed-0", "*", "#"),
)
_NUMBERS = ("0", "1", "2", "3", "5", "7", "8", "11", "0.5", "1e-3", "-1", "1e-300", "-0.0", "1e300")
_ABSURD = ("99999999999", "9" * 25, "1e30")
"""Beyond any machine's memory; smaller sizes would have to be trained."""

_PLACES = (
    *("f.pdf", "f.png", "f.svg", "f.csv", "f", "", ".", "/", "no/f.pdf", "no/f.csv", "a{b}.pdf"),
    *("a" * 300 + ".pdf", "a" * 300 + ".csv", "/proc/f.csv", "/proc/f.pdf", "/dev/null", "é.csv"),
    *("/dev/null/f.pdf", "/dev/null/f.csv", "\udcff.csv", "a\nb.csv"),
)
_NO_NOTEBOOKS = ("f.tex", ".", "no/f.ipynb", "a" * 300 + ".ipynb", "/dev/null/f.ipynb", "")
"""So that no chapter is executed."""

_LITERALS = (
    *("[", "[[[]]]", "[" * 10_000, "(" * 500 + ")" * 500, "1" * 5000, "1" + "-1" * 10_000, "-" * 9),
    *("[0, 1]", "[0, '1']", "[True]", "[0.5]", "{0}", "{}", "1e999", "1j", "b'a'", "...", "f'{1}'"),
    *("\0", "__import__('os')", "lambda: 0", "[0] * 9", "smoke", "quick", "0.5", "-1", "True"),
)


def prepare(folder: Path) -> Path:
    """Make a store with one run of a preset."""
    ended = processes.run(folder / "process", _speak, _FIRST, str(folder / "runs"), str(folder))
    if ended.code:
        raise RuntimeError(f"no run could be recorded: {ended.said}")
    return folder / "runs"


_FIRST = ["train", "modadd-standard", "--preset", "smoke"]


def attack(runs: Path, stream: random.Random, folder: Path) -> tuple[str, str]:
    """Run a command, or check parameters of a chapter; a few commands get their own process."""
    if stream.random() < 1 / 3:
        chapter, given = parameters(stream)
        ended = processes.run(folder / "process", _check, chapter, given, seconds=_SECONDS)
        what = f"{chapter} with {_short(str(given))}"
        return "parameters of a chapter", _judged(ended, what)
    arguments = line(stream)
    what = "grokbook " + _short(shlex.join(arguments).encode(errors="replace").decode())
    if stream.random() < 0.05:
        return "commands, typed", _judged(_typed(arguments, runs, folder), what)
    ended = processes.run(
        folder / "process", _speak, arguments, str(runs), str(folder), seconds=_SECONDS
    )
    return "commands", _judged(ended, what)


def line(stream: random.Random) -> list[str]:
    """Return the arguments of one command: most of its parts are right, some are strange."""
    command = stream.choice([*_LINES, "train", "train", "train"])
    arguments = [command, *_LINES[command](stream)]
    for _ in range(stream.choice((0, 0, 0, 1, 2))):
        at = stream.randrange(len(arguments) + 1)
        if stream.random() < 0.5:
            arguments.insert(at, stream.choice(_STRANGE))
        elif at < len(arguments) and command not in ("reproduce", "study", "run-chapter"):
            del arguments[at]
    return arguments


def parameters(stream: random.Random) -> tuple[str, dict[str, str]]:
    """Return a chapter and parameters for it, as text."""
    chapter = _often(stream, chapter_names())
    names = [*chapters.parameters(chapter)] if chapter in chapter_names() else ["preset"]
    return chapter, {
        _often(stream, names): stream.choice((*_LITERALS, *_STRANGE))
        for _ in range(stream.randrange(1, 4))
    }


def _often(stream: random.Random, right: Sequence[str]) -> str:
    return stream.choice(_STRANGE if stream.random() < 0.15 or not right else right)


def _name(stream: random.Random) -> str:
    return _often(stream, ALL_NAMES)


def _preset(stream: random.Random) -> list[str]:
    return ["--preset", _often(stream, ("smoke", "smoke", "custom"))]


def _some(stream: random.Random, *options: list[str]) -> list[str]:
    """Return some of the options, sometimes with strange values."""
    found = []
    for name, *values in options:
        if stream.random() < 0.4:
            found += [name, *(_often(stream, [value]) for value in values)]
    return found


def _number(stream: random.Random) -> str:
    return stream.choice((*_NUMBERS, *_ABSURD, *_STRANGE) if stream.random() < 0.5 else _NUMBERS)


def _train(stream: random.Random) -> list[str]:
    name = _name(stream)
    known = name if name in ALL_NAMES else "modadd-standard"
    found = [name, "--preset", _often(stream, ["smoke"]), "--steps"]
    found.append(stream.choice(("1", "5", "12", "0", "-1", "x", "2.5", *_ABSURD)))
    for field in stream.sample(_field_names(experiment(known, "smoke")), stream.randrange(4)):
        found += ["--" + field.replace("_", stream.choice("-_")), _number(stream)]
    return found + _some(
        stream, ["--seeds", "0", "1"], ["--jobs", stream.choice(("0", "-1", "1"))], ["--again"],
        ["--together", stream.choice(("True", "False"))], ["--keep-weights", "0", _number(stream)],
        ["--device", stream.choice(("cpu", "meta", "cuda:99", "mps", "abacus", "cpu:1"))],
    )  # fmt: skip


def _read(*options: list[str], names: int = 2) -> Callable[[random.Random], list[str]]:
    """Return a function that draws names of runs, and options after them."""

    def draw(stream: random.Random) -> list[str]:
        found = [_name(stream) for _ in range(stream.randrange(names + 1))]
        chosen = [[each if each != "PLACE" else stream.choice(_PLACES) for each in option]
                  for option in options]  # fmt: skip
        return found + _preset(stream) + _some(stream, ["--seeds", "0"], *chosen)

    return draw


def _measure(stream: random.Random) -> list[str]:
    metrics = [_often(stream, ("weight_norm", "sharpness", "accuracy")) for _ in range(2)]
    found = ["modadd-standard", "--preset", "smoke", *metrics]
    return found + _some(stream, ["--step", _number(stream)], ["--seed", "0"])


def _figure(stream: random.Random) -> list[str]:
    name = _often(stream, ("1", "4", "9", "13", "staircase", "14"))
    return [
        name,
        "--out",
        stream.choice(_PLACES),
        *_preset(stream),
        *_some(stream, ["--seeds", "0"]),
    ]


def _claims(stream: random.Random) -> list[str]:
    return [_often(stream, ("C1", "C9", "C9.mnist.half", "C99")), *_preset(stream)]


def _chapter(stream: random.Random) -> list[str]:
    chapter, given = parameters(stream)
    found = [chapter, "--out", stream.choice(_NO_NOTEBOOKS)]
    for name, value in given.items():
        found += ["-p", name, value.replace("\0", "0")]
    return found


_LINES: dict[str, Callable[[random.Random], list[str]]] = {
    "list": lambda stream: [],
    "show": _read(names=1),
    "runs": _read(["--state", "finished"], ["--preset", "smoke"]),
    "train": _train,
    "verify": _read(["--steps", "2"], ["--full"]),
    "measure": _measure,
    "figure": _figure,
    "compare": _read(["--out", "PLACE"]),
    "export": _read(["--csv", "PLACE"], ["--csv", "PLACE"]),
    "claims": _claims,
    # These two would train for hours, so one of their parts is always wrong.
    "reproduce": lambda stream: ["--jobs", stream.choice(("0", "-1", "x", "")), *_preset(stream)],
    "study": lambda stream: [
        _often(stream, ("norm", "mechanism")), "--arms", _often(stream, ["nothing"]), "--jobs", "0",
    ],
    "run-chapter": _chapter,
}  # fmt: skip


def _speak(arguments: list[str], runs: str, folder: str) -> None:
    """Run a command in this process."""
    os.environ["GROKBOOK_RUNS"] = runs
    os.chdir(folder)
    main(arguments)


def _check(chapter: str, given: dict[str, str]) -> None:
    """Check parameters of a chapter as ``run-chapter`` does before it executes it."""
    try:
        chapters.check(chapter, given)
    except GrokbookError as error:
        sys.exit(f"grokbook: {' '.join(str(error).split())}")
    except KeyboardInterrupt:  # on a busy machine
        sys.exit("grokbook: the parameters were still being read.")


def _typed(arguments: list[str], runs: Path, folder: Path) -> Ended:
    """Run a command in a new process, as a shell does."""
    with subprocess.Popen(
        [sys.executable, "-m", "grokbook", *arguments],
        env=os.environ | {"GROKBOOK_RUNS": str(runs)}, cwd=folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                _, said = process.communicate(timeout=3 * _SECONDS)
                break
            except subprocess.TimeoutExpired:
                process.send_signal(number)
        else:
            _, said = process.communicate()
    return Ended(process.returncode, said.decode(errors="replace"))


def _judged(ended: Ended, what: str) -> str:
    """Return what is wrong with the end of a command: it must be 0, one sentence, or a usage."""
    if ended.wrong():
        return f"{what}: {ended.wrong()}"
    last = processes.last_line(ended.said)
    told = ended.code == 1 and last.startswith("grokbook: ") and trainings.one_sentence(last)
    if ended.code not in (0, 2) and not told:
        return f"{what}: it ends with {ended.code} and the words {_short(last)!r}"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}..."


LINES = Attack("lines", 300, prepare, attack)
