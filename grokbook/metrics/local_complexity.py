"""Local complexity: the number of units of a layer that bend the function near the data.

Humayun, Balestriero & Baraniuk 2024 (arXiv:2402.15555, "Deep networks always grok and here is
why").
"""

import torch
from torch import Tensor

from grokbook._support.errors import InputError
from grokbook._support.validation import positive, whole
from grokbook.metrics._checks import require_generator, require_samples
from grokbook.metrics._networks import Network, outputs, require_function

ROWS_AT_ONCE = 4096
"""Rows that pass through the network together; more would need memory and gain nothing."""


@torch.no_grad()
def local_complexity(
    preactivations: Network,
    x: Tensor,
    radius: float,
    directions: int,
    *,
    generator: torch.Generator,
) -> float:
    r"""Return the mean number of units that change sign within a small neighbourhood of a sample.

    .. math:: \frac1n \sum_i \#\{u : \operatorname{sign} h_u \text{ is not the same at all of }
              x_i \pm r v_1, \dots, x_i \pm r v_P\}

    with orthonormal v_1 ... v_P, drawn once for all samples, as in the authors' code. The vertices
    span a cross-polytope. Where h is affine in x, a unit changes sign at its vertices exactly if
    its hyperplane cuts the polytope. Otherwise, for example after attention, only the signs at the
    vertices are compared.

    Parameters
    ----------
    preactivations
        Maps (n, ...) to (n, units), the inputs of the layer's ReLU.
    x
        Continuous inputs (n, ...), flattened to d entries a sample.
    radius
        r, positive, in units of x.
    directions
        P, from 1 to d.
    generator
        Draws the directions: Gaussian, then orthonormalised.

    Raises
    ------
    InputError
        If x is not finite and floating-point, radius not positive, directions not in 1 to d,
        generator no torch.Generator, the output not a finite (n, units), or the map random.

    Examples
    --------
    >>> unit = lambda x: x.sum(dim=1, keepdim=True)  # its hyperplane is at distance |x| of a number
    >>> x, noise = torch.tensor([[0.1], [3.0]]), torch.Generator().manual_seed(0)
    >>> local_complexity(unit, x, 0.5, 1, generator=noise)
    0.5
    """
    require_samples(x)
    positive("radius", radius)
    require_generator(generator)
    n, d = len(x), x[0].numel()
    if whole("directions", directions, least=1) > d:
        raise InputError(f"directions is {directions}, but must be at most {d}, the entries of x.")
    require_function(preactivations, x)
    drawn = torch.randn(
        d, directions, generator=generator, dtype=torch.float64, device=generator.device
    )
    frame = torch.linalg.qr(drawn).Q.T.to(x.device, x.dtype)  # (P, d)
    offsets = radius * torch.cat((frame, -frame)).reshape(2 * directions, *x.shape[1:])
    above = below = None
    for part in offsets.split(max(1, ROWS_AT_ONCE // n)):
        vertices = (x + part[:, None]).reshape(-1, *x.shape[1:])
        positive_there = outputs(preactivations, vertices).reshape(len(part), n, -1) > 0
        some, all_ = positive_there.any(dim=0), positive_there.all(dim=0)
        above = some if above is None else above | some
        below = ~all_ if below is None else below | ~all_
    assert above is not None and below is not None
    return float((above & below).sum(dim=1).double().mean())
