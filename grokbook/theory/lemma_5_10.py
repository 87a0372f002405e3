"""Lemma 5.10: |ab - a'b'| <= |a - a'| + |b - b'| for numbers in [-1, 1].

True: ab - a'b' = (a - a') b + a' (b - b'). The constant 1 is the best: a = 1, a' = -1,
b = b' = 1.
"""

from dataclasses import dataclass

from grokbook._support.errors import InputError


@dataclass(frozen=True)
class Lemma510:
    """Both sides; `printed` is an upper bound on `left`."""

    left: float
    printed: float


def both_sides(a: float, b: float, a_prime: float, b_prime: float) -> Lemma510:
    """Both sides of Lemma 5.10 for four numbers in [-1, 1].

    Examples
    --------
    >>> both_sides(1.0, 1.0, -1.0, 1.0)
    Lemma510(left=2.0, printed=2.0)
    """
    for number in (a, b, a_prime, b_prime):
        if not abs(number) <= 1:
            raise InputError(f"One of the numbers is {number}, but all must lie in [-1, 1].")
    return Lemma510(
        left=abs((a - a_prime) * b + a_prime * (b - b_prime)),
        printed=abs(a - a_prime) + abs(b - b_prime),
    )
