"""How a network separates a + b from b + a (section 4.1)."""

from __future__ import annotations

import copy

import pandas as pd
import torch

from grokbook import metrics
from grokbook.models.transformer import Transformer


def sources_of_order(network: Transformer) -> pd.DataFrame:
    """How a network separates a + b from b + a: as it is, and with either of two ways removed.

    At "=", attention is a weighted sum of the embeddings of a and b, each with that of its
    position. If both positions have the same embedding, exchanging a and b only changes the order
    of the sum. If the queries are zero, all weights are 1/3, and the sum is again the same,
    whatever the positions.

    Parameters
    ----------
    network
        A transformer of modulo addition; read, never changed.

    Returns
    -------
    DataFrame
        Rows "as it is", "queries at zero" and "a and b at one position"; over all p² pairs, the
        ``abelian accuracy`` in [0, 1] and the ``distance / length``, the mean distance of the two
        logit vectors over their mean length.
    """
    tokens = torch.arange(network.p)
    pairs = torch.cartesian_prod(tokens, tokens)
    silent, placeless = copy.deepcopy(network), copy.deepcopy(network)
    rows = {}
    with torch.no_grad():
        silent.query.zero_()
        placeless.position[1] = placeless.position[0]
        for name, variant in (
            ("as it is", network),
            ("queries at zero", silent),
            ("a and b at one position", placeless),
        ):
            logits = variant(pairs)
            table = logits.view(network.p, network.p, -1)
            distance = metrics.abelian_logit_distance(table)
            rows[name] = {
                "abelian accuracy": metrics.abelian_accuracy(table),
                "distance / length": distance / metrics.logit_scale(logits),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")
