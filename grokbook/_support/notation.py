"""Numbers as readers write them, in place of a computer's notation."""

from __future__ import annotations

import re
from decimal import Decimal

_SCIENTIFIC = re.compile(r"(?<![\w.])(\d(?:\.\d+)?)e([+-]\d+)(?![\w.]*\w)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def readable(text: str) -> str:
    """Write a computer's notation of numbers as readers do.

    Examples
    --------
    >>> readable("from 1.3e+05 to 2.0e-01"), readable("2e-07").split()
    ('from 130,000 to 0.20', ['2', '×', '10⁻⁷'])
    """

    def number(found: re.Match[str]) -> str:
        power = int(found[2])
        if -4 < power < 6:
            return f"{Decimal(found[0]):,f}"
        return f"{found[1]}\u00a0×\u00a0{ten_to(power)}"

    return _SCIENTIFIC.sub(number, text)


def ten_to(power: int) -> str:
    """Write a power of ten.

    Examples
    --------
    >>> ten_to(-7)
    '10⁻⁷'
    """
    return f"10{str(power).translate(_RAISED)}"
