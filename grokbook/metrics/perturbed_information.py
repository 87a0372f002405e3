"""Entropy and mutual information at noisy inputs: section 5 and Appendix B of arXiv:2311.06597.

PMI and PE (Definitions 5.1, 5.2), their distances MID and ED from the noiseless values (5.3, 5.4),
and PMI' against the labels. Orders may be given as a list, and `perturbed_information` gives PMI
and PE from one set of forward passes and spectra.
"""

import torch
from torch import Tensor

from grokbook.metrics._checks import Order, perturbed, require_perturbation
from grokbook.metrics._networks import Network, outputs, require_function
from grokbook.metrics.information import (
    Information,
    representation_entropy,
    representation_information,
    representation_label_mutual_information,
)


@torch.no_grad()
def perturbed_information(
    first_layer: Network,
    logits: Network,
    x: Tensor,
    sigma: float,
    alpha: Order = 1.0,
    batch_size: int | None = None,
    draws: int = 1,
    *,
    generator: torch.Generator,
) -> Information:
    """Return the perturbed entropies of a first layer and of the logits, and their joint one.

    Its `mutual_information` is PMI, its `entropy_2` is PE of the logits; both come from one set of
    forward passes and spectra. The arguments are those of `perturbed_mutual_information`.
    """
    require_perturbation(x, sigma, draws, generator)
    require_function(first_layer, x)
    require_function(logits, x)
    draws = draws if sigma > 0 else 1
    results = []
    for _ in range(draws):
        noisy = perturbed(x, sigma, generator)  # the same Delta for both layers
        results.append(
            representation_information(
                outputs(first_layer, noisy), outputs(logits, noisy), alpha, batch_size
            )
        )
    return Information(
        torch.stack([r.entropy_1 for r in results]).mean(dim=0),
        torch.stack([r.entropy_2 for r in results]).mean(dim=0),
        torch.stack([r.joint_entropy for r in results]).mean(dim=0),
        (sum(r.zero_features[0] for r in results), sum(r.zero_features[1] for r in results)),
    )


def perturbed_mutual_information(
    first_layer: Network,
    logits: Network,
    x: Tensor,
    sigma: float,
    alpha: Order = 1.0,
    batch_size: int | None = None,
    draws: int = 1,
    *,
    generator: torch.Generator,
) -> Tensor:
    r"""Return the perturbed mutual information PMI(f, sigma, alpha).

    .. math:: \operatorname{PMI} = \mathbb E_\Delta\, I_\alpha(G_1(\Delta), G_2(\Delta))

    Definition 5.1 of arXiv:2311.06597: G_1 and G_2 are the Gram matrices of the normalised
    first-layer outputs and logits at x_i + Delta_i, Delta_i ~ N(0, sigma^2 I).

    Parameters
    ----------
    first_layer, logits
        Map (n, ...) to (n, d1) and to (n, K); the caller chooses which layer counts as the first.
    x
        Continuous inputs (n, ...).
    sigma
        Standard deviation of the noise, in units of x. At zero there is no noise and `draws` has
        no effect.
    alpha
        One order or several, positive.
    batch_size
        If given, the quantity within consecutive batches, averaged, as the paper does it; None
        takes all samples at once.
    draws
        How many draws of all Delta_i to average over; the paper's is 1.
    generator
        Draws the noise.

    Returns
    -------
    Tensor
        float64, in nats, of the shape of alpha.

    Raises
    ------
    InputError
        If an order is not positive, sigma negative or so small relative to x that rounding swallows
        the noise, draws or batch_size not an integer of at least 1, generator not a
        torch.Generator, x not finite and floating-point, an output not a finite (n, d), or a map
        random.

    Examples
    --------
    >>> noise = torch.Generator().manual_seed(0)
    >>> identity = torch.nn.Identity()
    >>> pmi = perturbed_mutual_information(identity, identity, torch.eye(3), 0.0, generator=noise)
    >>> round(float(pmi.exp()), 6)
    3.0
    """
    return perturbed_information(
        first_layer, logits, x, sigma, alpha, batch_size, draws, generator=generator
    ).mutual_information


@torch.no_grad()
def perturbed_entropy(
    f: Network,
    x: Tensor,
    sigma: float,
    alpha: Order = 1.0,
    batch_size: int | None = None,
    draws: int = 1,
    *,
    generator: torch.Generator,
) -> Tensor:
    r"""Return the perturbed entropy PE(f, sigma, alpha) = E_Delta H_alpha(G(Delta)).

    Definition 5.2 of arXiv:2311.06597: G is the Gram matrix of the normalised outputs (the paper
    takes the logits) at x_i + Delta_i. The arguments, result and errors are those of
    `perturbed_mutual_information`, with one map f.

    Examples
    --------
    >>> noise = torch.Generator().manual_seed(0)
    >>> pe = perturbed_entropy(torch.nn.Identity(), torch.eye(3), 0.0, generator=noise)
    >>> round(float(pe.exp()), 6)
    3.0
    """
    require_perturbation(x, sigma, draws, generator)
    require_function(f, x)
    draws = draws if sigma > 0 else 1
    entropies = [
        representation_entropy(outputs(f, perturbed(x, sigma, generator)), alpha, batch_size)
        for _ in range(draws)
    ]
    return torch.stack(entropies).mean(dim=0)


def mutual_information_difference(
    first_layer: Network,
    logits: Network,
    x: Tensor,
    sigma: float,
    alpha: Order = 1.0,
    batch_size: int | None = None,
    draws: int = 1,
    *,
    generator: torch.Generator,
) -> Tensor:
    """Return MID(f, sigma, alpha) = |PMI(f, sigma, alpha) - PMI(f, 0, alpha)|.

    Definition 5.3 of arXiv:2311.06597. The arguments, result and errors are those of
    `perturbed_mutual_information`.
    """
    noisy, clean = (
        perturbed_mutual_information(
            first_layer, logits, x, s, alpha, batch_size, draws, generator=generator
        )
        for s in (sigma, 0.0)
    )
    return (noisy - clean).abs()


def entropy_difference(
    f: Network,
    x: Tensor,
    sigma: float,
    alpha: Order = 1.0,
    batch_size: int | None = None,
    draws: int = 1,
    *,
    generator: torch.Generator,
) -> Tensor:
    """Return ED(f, sigma, alpha) = |PE(f, sigma, alpha) - PE(f, 0, alpha)|.

    Definition 5.4 of arXiv:2311.06597. The arguments, result and errors are those of
    `perturbed_entropy`.
    """
    noisy, clean = (
        perturbed_entropy(f, x, s, alpha, batch_size, draws, generator=generator)
        for s in (sigma, 0.0)
    )
    return (noisy - clean).abs()


@torch.no_grad()
def label_mutual_information(
    f: Network,
    x: Tensor,
    y: Tensor,
    sigma: float,
    alpha: Order = 1.0,
    batch_size: int | None = None,
    draws: int = 1,
    *,
    generator: torch.Generator,
) -> Tensor:
    """Return PMI', the mutual information of outputs at noisy inputs and of one-hot labels.

    Appendix B of arXiv:2311.06597, Figure 13. Computed as
    `representation_label_mutual_information` says; y holds the labels (n,), the other arguments
    and the result are those of `perturbed_entropy`.
    """
    require_perturbation(x, sigma, draws, generator)
    require_function(f, x)
    draws = draws if sigma > 0 else 1
    values = [
        representation_label_mutual_information(
            outputs(f, perturbed(x, sigma, generator)), y, alpha, batch_size
        )
        for _ in range(draws)
    ]
    return torch.stack(values).mean(dim=0)
