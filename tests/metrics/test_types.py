"""Lists, arrays and complex tensors where a real tensor is meant: one sentence, and no guess."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.metrics import (
    abelian_accuracy,
    abelian_logit_distance,
    abelian_logit_mse,
    accuracy,
    entropy_of_spectrum,
    input_jacobian,
    layer_norms,
    logit_scale,
    matrix_entropy,
    mirror_split,
    mlp_sharpness,
    perturbation_error,
    perturbed_entropy,
    representation_entropy,
    representation_label_mutual_information,
    spectral_norm,
    unit_features,
    weight_norm,
)
from grokbook.metrics._checks import require_finite


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


F, X, Y = nn.Linear(2, 2), torch.eye(2), torch.arange(2)
TABLE = torch.zeros(2, 2, 2)

ARGUMENTS: dict[str, tuple[str, Tensor, Callable[[Tensor], object]]] = {
    "require_finite": ("v", X, lambda v: require_finite(v, "v")),
    "accuracy": ("logits", X, lambda v: accuracy(v, Y)),
    "accuracy's labels": ("y", Y, lambda v: accuracy(X, v)),
    "label information": ("y", Y, lambda v: representation_label_mutual_information(X, v)),
    "logit_scale": ("logits", X, logit_scale),
    "spectral_norm": ("W", X, spectral_norm),
    "unit_features": ("Z", X, unit_features),
    "representation_entropy": ("Z", X, representation_entropy),
    "matrix_entropy": ("R", X, matrix_entropy),
    "entropy_of_spectrum": ("eigenvalues", X[0], entropy_of_spectrum),
    "abelian_accuracy": ("table", TABLE, abelian_accuracy),
    "abelian_logit_mse": ("table", TABLE, abelian_logit_mse),
    "abelian_logit_distance": ("table", TABLE, abelian_logit_distance),
    "abelian pairs": ("pairs", Y[None], lambda v: abelian_accuracy(TABLE, v)),
    "mirror_split": ("pairs", Y[None], lambda v: mirror_split(v, 2)),
    "perturbation_error": ("x", X, lambda v: perturbation_error(F, v, 0.1, generator=seeded())),
    "perturbed_entropy": ("x", X, lambda v: perturbed_entropy(F, v, 0.1, generator=seeded())),
    "input_jacobian": ("x", X, lambda v: input_jacobian(F, v)),
    "mlp_sharpness": ("x", X, lambda v: mlp_sharpness(F, v)),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_what_is_no_tensor_is_refused(case: str) -> None:
    name, value, metric = ARGUMENTS[case]
    metric(value)
    for other in (value.tolist(), value.numpy(), None if case != "abelian pairs" else 3):
        with pytest.raises(InputError) as caught:
            metric(other)  # type: ignore[arg-type]
        kind = type(other).__name__
        assert str(caught.value) == f"{name} is of the type {kind}, but must be a tensor."


@pytest.mark.parametrize("case", ARGUMENTS)
@pytest.mark.filterwarnings("error")
def test_complex_numbers_are_refused(case: str) -> None:
    name, value, metric = ARGUMENTS[case]
    with pytest.raises(InputError, match=rf"^{name} .*complex64.*, but .*\.$"):
        metric(value + 0j)


@pytest.mark.filterwarnings("error")
def test_complex_weights_are_refused() -> None:
    """Made float64, they would lose their imaginary part."""
    layer = nn.Linear(2, 2, dtype=torch.complex64)
    for norm in (weight_norm, layer_norms):
        with pytest.raises(InputError) as caught:
            norm(layer)
        assert str(caught.value) == "weight is complex (torch.complex64), but must be real."
