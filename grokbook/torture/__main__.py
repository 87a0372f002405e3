"""Attack runs, checkpoints, the store and the command, and count what was lost (`make torture`).

    python -m grokbook.torture [--seed 0] [--scale 0.05] [--only kills damage] [--case 17]

The whole exercise takes minutes and is stored as one record next to the runs; a part is stored only
with ``--keep``. A failed case prints how it failed, and the command that repeats it.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Sequence

import torch

from grokbook._support.provenance import provenance
from grokbook.torture.cases import Attack, Outcome, Shared, make
from grokbook.torture.command_lines import LINES
from grokbook.torture.crowds import CROWDS
from grokbook.torture.damage import DAMAGE
from grokbook.torture.full_disks import DISKS, FILES
from grokbook.torture.kills import KILLS
from grokbook.torture.record import keep, record_of

ATTACKS: dict[str, Attack] = {
    attack.name: attack for attack in (KILLS, DAMAGE, LINES, CROWDS, DISKS, FILES)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the exercise; return 1 if a case failed."""
    asked = _asked(arguments)
    # Killed processes leave semaphores behind, which Python's tracker reports at the end.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    began = time.perf_counter()
    made = provenance(torch.device("cpu"))
    outcomes = []
    with Shared() as shared:
        for name in asked.only or ATTACKS:
            attack = ATTACKS[name]
            cases = math.ceil(asked.scale * attack.cases)
            numbers = range(cases) if asked.case is None else [asked.case]
            _say(f"{time.perf_counter() - began:.0f} s; {name}, {len(numbers)} cases ...")
            outcomes.append(make(attack, asked.seed, numbers, shared, _tell(name, asked.seed)))
    made |= {
        "cores": os.cpu_count(),
        "seed": asked.seed,
        "scale": asked.scale,
        "seconds": round(time.perf_counter() - began),
    }
    print("\n".join(f"{key}: {value}" for key, value in made.items()))
    _print(outcomes)
    if asked.keep or (asked.scale == 1 and not asked.only and asked.case is None):
        print(f"\nWritten to {keep(record_of(outcomes, made))}.")
    else:
        print("\nNot stored: use --keep to store the record of a part.")
    return int(any(outcome.failures for outcome in outcomes))


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m grokbook.torture", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the cases to run")
    parser.add_argument("--only", nargs="+", choices=[*ATTACKS], help="only these attacks")
    parser.add_argument("--case", type=int, help="only this case of the attacks named by --only")
    parser.add_argument("--keep", action="store_true", help="also store the record of a part")
    asked = parser.parse_args(arguments)
    if not 0 < asked.scale <= 1:
        parser.error(f"scale is {asked.scale}, but must be in (0, 1].")
    if asked.case is not None and (asked.case < 0 or not asked.only):
        parser.error(
            f"case is {asked.case}, but must be at least 0 and of attacks named by --only."
        )
    return asked


def _tell(name: str, seed: int) -> Callable[[int, str], None]:
    """Return a function that prints a failure at once."""

    def tell(number: int, failure: str) -> None:
        if failure:
            again = f"python -m grokbook.torture --seed {seed} --only {name} --case {number}"
            _say(f"FAILED {name} {number}: {failure}\n  {again}")

    return tell


def _print(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.lacking:
            print(f"\n{outcome.name}: none, {outcome.lacking}.")
            continue
        print(f"\n{outcome.name}, {outcome.seconds:.0f} s")
        for kind, (cases, failed) in sorted(outcome.kinds.items()):
            print(f"  {kind}: {cases} cases, {failed} failed")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
