"""PMI, PE, MID, ED and PMI' against their definitions, written out with the same noise."""

import pytest
import torch
from torch import Tensor, nn

from grokbook._support.errors import InputError
from grokbook.metrics import (
    count_zero_features,
    entropy_difference,
    label_mutual_information,
    matrix_entropy,
    matrix_mutual_information,
    mutual_information_difference,
    perturbed_entropy,
    perturbed_information,
    perturbed_mutual_information,
)

N, SIGMA = 12, 0.3


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()


NETWORK = small_network()
FIRST = NETWORK[:2]
X = torch.randn(N, 4, generator=seeded(0), dtype=torch.float64)
Y = torch.arange(N) % 3


def gram(f: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        Z = nn.functional.normalize(f(x), dim=1)
    return Z @ Z.T


def noisy_inputs(draws: int) -> list[Tensor]:
    source = seeded()
    return [X + SIGMA * torch.randn(X.shape, generator=source, dtype=X.dtype) for _ in range(draws)]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("draws", [1, 3])
def test_definitions_5_1_to_5_4_and_appendix_b(alpha: float, draws: int) -> None:
    labels = (Y[:, None] == Y[None, :]).double()

    def pmi(x: Tensor) -> float:
        return float(matrix_mutual_information(gram(FIRST, x), gram(NETWORK, x), alpha))

    def pe(x: Tensor) -> float:
        return float(matrix_entropy(gram(NETWORK, x), alpha))

    inputs = noisy_inputs(draws)
    mean_pmi = sum(map(pmi, inputs)) / draws
    mean_pe = sum(map(pe, inputs)) / draws
    mean_labels = (
        sum(float(matrix_mutual_information(gram(NETWORK, x), labels, alpha)) for x in inputs)
        / draws
    )
    common = {"alpha": alpha, "draws": draws}
    near = {"abs": 1e-6 if alpha < 1 else 1e-10}
    assert float(
        perturbed_mutual_information(FIRST, NETWORK, X, SIGMA, **common, generator=seeded())
    ) == pytest.approx(mean_pmi, **near)
    assert float(
        perturbed_entropy(NETWORK, X, SIGMA, **common, generator=seeded())
    ) == pytest.approx(mean_pe, **near)
    assert float(
        label_mutual_information(NETWORK, X, Y, SIGMA, **common, generator=seeded())
    ) == pytest.approx(mean_labels, **near)
    assert float(
        mutual_information_difference(FIRST, NETWORK, X, SIGMA, **common, generator=seeded())
    ) == pytest.approx(abs(mean_pmi - pmi(X)), **near)
    assert float(
        entropy_difference(NETWORK, X, SIGMA, **common, generator=seeded())
    ) == pytest.approx(abs(mean_pe - pe(X)), **near)


def test_one_call_gives_pmi_and_pe_for_every_order() -> None:
    orders = [0.5, 1.0, 2.0, 3.0]
    both = perturbed_information(FIRST, NETWORK, X, SIGMA, orders, 5, 2, generator=seeded())
    pmi = perturbed_mutual_information(FIRST, NETWORK, X, SIGMA, orders, 5, 2, generator=seeded())
    pe = perturbed_entropy(NETWORK, X, SIGMA, orders, 5, 2, generator=seeded())
    assert torch.equal(both.mutual_information, pmi)
    assert torch.allclose(both.entropy_2, pe, atol=1e-12)
    assert pmi.shape == pe.shape == (4,)


def test_both_layers_see_the_same_noise() -> None:
    """Of one layer with itself, I_2 of G and G follows from G alone, whatever the noise was."""
    information = perturbed_information(FIRST, FIRST, X, SIGMA, 2.0, generator=seeded())
    assert float(information.entropy_1) == float(information.entropy_2)
    (noisy,) = noisy_inputs(1)
    expected = matrix_mutual_information(gram(FIRST, noisy), gram(FIRST, noisy), 2.0)
    assert float(information.mutual_information) == pytest.approx(float(expected), abs=1e-12)


def test_without_noise_nothing_is_drawn_and_differences_vanish() -> None:
    source = seeded()
    state = source.get_state()
    calls = []
    perturbed_entropy(lambda x: calls.append(1) or NETWORK(x), X, 0.0, draws=5, generator=source)
    assert len(calls) == 3  # two to see whether it is a function, one for all draws
    assert float(entropy_difference(NETWORK, X, 0.0, draws=5, generator=source)) == 0
    assert (
        float(mutual_information_difference(FIRST, NETWORK, X, 0.0, draws=5, generator=source)) == 0
    )
    assert torch.equal(source.get_state(), state)


def test_rescaled_outputs_change_nothing() -> None:
    """Why Theorem 5.9 is false as printed: its right side shrinks with the outputs, ED does not."""
    values = [
        float(
            entropy_difference(
                lambda x, c=c: c * NETWORK(x), X, SIGMA, alpha=2.0, generator=seeded()
            )
        )
        for c in (1.0, 1e-6, 1e6)
    ]
    assert values[0] > 0
    assert values[1:] == pytest.approx(values[:1] * 2, rel=1e-9)


def test_zero_features_are_counted_over_all_draws() -> None:
    def dead_for_negative(x: Tensor) -> Tensor:
        return torch.relu(x[:, :1]).expand(-1, 2)

    result = perturbed_information(
        dead_for_negative, NETWORK, X, SIGMA, [0.5, 1.0], draws=3, generator=seeded()
    )
    counts = [count_zero_features(dead_for_negative(x)) for x in noisy_inputs(3)]
    assert result.zero_features == (sum(counts), 0)
    assert sum(counts) > 0
    assert result.mutual_information.isfinite().all()


def test_gradients_are_neither_needed_nor_left_behind() -> None:
    value = perturbed_entropy(NETWORK, X, SIGMA, generator=seeded())
    assert not value.requires_grad
    assert all(p.grad is None for p in NETWORK.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": -0.1}, "sigma is -0.1, but must be zero or positive"),
        ({"sigma": float("nan")}, "sigma is nan"),
        ({"draws": 0}, "draws is 0, but must be at least 1"),
        ({"alpha": 0.0}, "alpha is 0.0, but must be positive"),
        ({"batch_size": -3}, "batch_size is -3"),
        ({"x": torch.ones(3, 4, dtype=torch.int64)}, "x has dtype torch.int64"),
        ({"sigma": "0.1"}, "sigma is '0.1', but must be a real number"),
        ({"sigma": 0.1j}, "sigma is 0.1j, but must be a real number"),
        ({"sigma": True}, "sigma is True, but must be a real number"),
        ({"draws": 1.5}, "draws is 1.5, but must be an integer"),
        ({"draws": None}, "draws is None, but must be an integer"),
        ({"alpha": "one"}, "alpha is 'one', but must be a real number or a list of them"),
        ({"batch_size": 2.5}, "batch_size is 2.5, but must be an integer"),
        ({"batch_size": "5"}, "batch_size is '5', but must be an integer"),
        ({"generator": None}, "generator is None, but must be a torch.Generator"),
        ({"generator": 0, "sigma": 0.0}, "generator is 0, but must be a torch.Generator"),
        ({"f": lambda x: x.sum(dim=1)}, r"returned shape \(12,\) for 12 inputs"),
        ({"f": lambda x: x[None]}, r"returned shape \(1, 12, 4\) for 12 inputs"),
        ({"f": lambda x: x[:5]}, r"returned shape \(5, 4\) for 12 inputs"),
        ({"f": lambda x: x / 0}, "the output of f holds 48 entries that are NaN or infinite"),
        ({"f": lambda x: (x, x)}, "returned a tuple, but must return a tensor"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(change: dict, message: str) -> None:
    arguments = {"f": NETWORK, "x": X, "sigma": SIGMA, "generator": seeded()} | change
    with pytest.raises(InputError, match=message):
        perturbed_entropy(**arguments)
    with pytest.raises(InputError, match=message):
        label_mutual_information(**arguments, y=Y[: len(arguments["x"])])
    f = arguments.pop("f")
    with pytest.raises(InputError, match=message):
        perturbed_mutual_information(f, f, **arguments)
