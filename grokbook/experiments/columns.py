"""Names of the columns that runs log."""

from __future__ import annotations

ORDERS = (0.5, 1.0, 2.0, 3.0)
"""Orders α of the entropies that runs log; most figures show α = 1, Figure 12 shows all."""


def by_order(column: str) -> dict[str, str]:
    """Return the columns that hold a quantity at every logged order, by order.

    >>> by_order("entropy")["0.5"], by_order("entropy")["1"]
    ('entropy_alpha_0.5', 'entropy')
    """
    return {f"{alpha:g}": column if alpha == 1 else f"{column}_alpha_{alpha:g}" for alpha in ORDERS}
