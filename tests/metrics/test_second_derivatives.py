"""Hutchinson's estimate on layers that are fused, compiled or parametrised, by dense Hessians."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from grokbook._support.errors import InputError
from grokbook.metrics import SharpnessEstimate, hutchinson_sharpness, mlp_sharpness


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def errors(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).square().mean()


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 4, dropout=0.0, batch_first=True)
        self.encoder, self.out = nn.TransformerEncoder(layer, 1), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.encoder(x).mean(dim=1))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.queries, self.out = nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.queries(x)
        return self.out(nn.functional.scaled_dot_product_attention(h, h, h).mean(dim=1))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.layer, self.out = kind(4, 2, batch_first=True), nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.layer(x)[0][:, -1])


class Unused(nn.Module):
    """The issue's own case, and a layer whose output is thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.spare = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), nn.Linear(4, 4)
        self.nothing = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        self.spare(x)
        return self.layer(x)


def flat(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), layer)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "encoder": Encoder,
    "encoder in evaluation mode": lambda: Encoder().eval(),  # torch's fast path
    "attention": Attention,
    "LSTM": lambda: Recurrent(nn.LSTM),
    "GRU": lambda: Recurrent(nn.GRU),
    "RNN": lambda: Recurrent(nn.RNN),
    "unused": Unused,
    "compiled": lambda: torch.compile(flat(nn.Linear(12, 1)), backend="eager"),
    "compiled inside": lambda: flat(torch.compile(nn.Linear(12, 1), backend="eager")),
    "spectral norm": lambda: flat(parametrizations.spectral_norm(nn.Linear(12, 1))).eval(),
    "orthogonal": lambda: flat(parametrizations.orthogonal(nn.Linear(12, 1))),
    "weight norm": lambda: flat(parametrizations.weight_norm(nn.Linear(12, 1))),
}


def dense_trace(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """By two reverse passes, which fused layers have in float64 with torch's plain attention."""
    parameters = list(model.parameters())
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        torch.backends.mkldnn.flags(enabled=False),
    ):
        loss = errors(model(x), y)
        slopes = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
    trace = 0.0
    for parameter, slope in zip(parameters, slopes, strict=True):
        if not slope.requires_grad:
            continue
        for i, entry in enumerate(slope.flatten()):
            (row,) = torch.autograd.grad(
                entry, parameter, retain_graph=True, materialize_grads=True
            )
            trace += float(row.flatten()[i])
    return trace


@pytest.mark.parametrize("name", NETWORKS)
def test_the_estimate_is_right_or_refused(name: str) -> None:
    torch.manual_seed(0)
    model = NETWORKS[name]().double()
    x = torch.randn(5, 3, 4, generator=seeded(), dtype=torch.float64)
    y = torch.randn(5, 1, generator=seeded(1), dtype=torch.float64)
    fast = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    try:
        found = hutchinson_sharpness(model, errors, x, y, 200, generator=seeded())
    except InputError as error:
        assert name == "weight norm"
        assert "cannot be differentiated twice here" in str(error) and str(error).endswith(".")
        return
    assert name != "weight norm"
    assert (torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled) == fast
    trace = dense_trace(model, x, y)
    assert 0 < found.standard_error < abs(trace)
    assert abs(found.estimate - trace) < 4 * found.standard_error


def test_unused_parameters_and_linear_losses_contribute_exactly_nothing() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(2, 1, bias=False)
    x, y = torch.eye(2), torch.zeros(2, 1)
    layer.nothing = nn.Parameter(torch.ones(3))
    found = hutchinson_sharpness(layer, errors, x, y, 6, generator=seeded())
    assert found == SharpnessEstimate(2.0, 0.0)
    found = hutchinson_sharpness(layer, lambda p, y: p.mean(), x, y, 6, generator=seeded())
    assert found == SharpnessEstimate(0.0, 0.0)


def test_spectral_norm_in_training_mode_is_refused() -> None:
    """It takes a step of its power iteration at every call."""
    torch.manual_seed(0)
    for norm in (parametrizations.spectral_norm, nn.utils.spectral_norm):
        model = norm(nn.Linear(4, 4))
        with pytest.raises(InputError, match="of the model changes when it is called"):
            hutchinson_sharpness(
                model, errors, torch.ones(3, 4), torch.zeros(3, 4), 2, generator=seeded()
            )


X, Y = torch.randn(3, 2, generator=seeded()), torch.zeros(3, 1)


@pytest.mark.parametrize(
    ("model", "x", "y", "message"),
    [
        (
            nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1).double()), X, Y,
            "model has trainable parameters of the types torch.float32 and torch.float64, but must",
        ),
        (nn.Linear(2, 1), X.double(), Y, "f fails on inputs of shape (3, 2) and torch.float64 ("),
        (nn.Linear(2, 1), X.to_sparse(), Y, "x is sparse (torch.float32, torch.sparse_coo), but"),
        (nn.Linear(2, 1), X, Y.to_sparse(), "y is sparse (torch.float32, torch.sparse_coo), but"),
        (nn.Linear(2, 1), X.to("meta"), Y, "x is on the meta device, but must hold numbers."),
        (nn.Linear(2, 1), X, Y.to("meta"), "y is on the meta device, but must hold numbers."),
        (nn.Linear(2, 1, device="meta"), X, Y, "weight is on the meta device, but must hold num"),
        (nn.LazyLinear(1), X, Y, "weight has no shape yet, but must have one; call the model on"),
        (nn.Linear(2, 1), X, Y.expand(3, 2)[:2], "model or loss cannot be differentiated twice"),
    ],
)  # fmt: skip
def test_refused_in_a_sentence(model: nn.Module, x: Tensor, y: Tensor, message: str) -> None:
    with pytest.raises(InputError) as caught:
        hutchinson_sharpness(model, errors, x, y, 2, generator=seeded())
    assert str(caught.value).startswith(message) and str(caught.value).endswith(".")
    if y is Y and x is not X.double() and "float32 and" not in message:
        with pytest.raises(InputError) as caught:
            mlp_sharpness(model, x)
        assert str(caught.value).endswith(".")
