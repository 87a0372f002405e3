"""Corollary 3.4: Theorem 3.2 with the entrywise l1 norm in place of the l2 norm.

Since ||w||_2 <= ||w||_1, its radius is never larger than that of Theorem 3.2. So the corollary is
true wherever the (repaired) theorem is, and never says more.
"""

from grokbook.theory import theorem_3_2


def epsilon(
    weight_norm_1: float,
    sharpness: float,
    n: int,
    min_input_norm: float = 1.0,
    lipschitz: float = 0.0,
) -> float:
    """Return the radius of Corollary 3.4, from ||W*||_1, the sum of all absolute values.

    The other parameters are those of `theorem_3_2.epsilon`.

    Examples
    --------
    >>> epsilon(2.0, 4.0, n=2) <= theorem_3_2.epsilon(1.0, 4.0, n=2)
    True
    """
    return theorem_3_2.epsilon(weight_norm_1, sharpness, n, min_input_norm, lipschitz)
