"""Loss heads against their formulas, and one of the user's own."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from grokbook import InputError, experiment, train
from grokbook._support.seeding import generator
from grokbook.experiments.schema import LogSchedule, Measurements
from grokbook.strategies.losses import LOSSES, cross_entropy_float32, stablemax


def recipe(loss: object, **changes: object):  # type: ignore[no-untyped-def]
    base = experiment("modadd-standard", "smoke")
    return replace(
        base, loss=loss, steps=12, log=LogSchedule("linear", 3), measurements=Measurements(),
        **changes,
    )  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_falls_and_tells_perfect_logits_from_others(name: str) -> None:
    log = train(recipe(name), device="cpu", compiled=False).log["train_loss"]
    assert log.iloc[-1] < log[0]
    y = torch.tensor([0, 2])
    right = torch.nn.functional.one_hot(y, 3).float()
    assert LOSSES[name](right, y) < LOSSES[name](-right, y)
    assert len({recipe(other).id for other in LOSSES}) == len(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    if name == "cross_entropy_float32":
        pytest.skip("rounds to float32")
    logits = torch.randn(4, 5, generator=generator(0, "noise"), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: LOSSES[name](z, torch.arange(4)), logits.requires_grad_()
    )


def test_stablemax_by_hand() -> None:
    def s(z: float) -> float:
        return z + 1 if z >= 0 else 1 / (1 - z)

    rows = [[3.0, -1.0, 0.0], [-7.0, 0.5, 1.0]]
    wanted = [-math.log(s(row[k]) / sum(map(s, row))) for row, k in zip(rows, (0, 2), strict=True)]
    ours = stablemax(torch.tensor(rows), torch.tensor([0, 2]))
    assert ours.dtype == torch.float64
    assert float(ours) == pytest.approx(sum(wanted) / 2, rel=1e-12)


def test_stablemax_has_a_gradient_at_its_pole_and_its_kink() -> None:
    """1 / (1 - z) has a pole at 1, where the other branch is taken; at 0 both slopes are 1."""
    logits = torch.tensor([[1.0, 0.0, -2.0]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(stablemax(logits, torch.tensor([0])), logits)
    total = 2 + 1 + 1 / 3
    wanted = [1 / total - 1 / 2, 1 / total, (1 / 9) / total]
    assert gradient[0].tolist() == pytest.approx(wanted, rel=1e-12)


def test_float32_collapses_where_float64_does_not() -> None:
    logits = torch.tensor([[20.0, 0.0]], dtype=torch.float64)
    assert cross_entropy_float32(logits, torch.tensor([0])).dtype == torch.float32
    assert float(cross_entropy_float32(logits, torch.tensor([0]))) == 0.0
    assert float(LOSSES["cross_entropy"](logits, torch.tensor([0]))) > 0


@dataclass(frozen=True)
class Focal:
    """A loss of a researcher's own."""

    gamma: float = 2.0

    def __call__(self, logits: Tensor, y: Tensor) -> Tensor:
        log = logits.double().log_softmax(dim=1).gather(1, y[:, None])
        return -((1 - log.exp()) ** self.gamma * log).mean()


def test_a_loss_may_be_one_s_own() -> None:
    own, usual = (train(recipe(each), device="cpu") for each in (Focal(0.0), "cross_entropy"))
    assert own.log["train_loss"].iloc[-1] == pytest.approx(usual.log["train_loss"].iloc[-1])
    assert own.manifest["experiment"]["loss"] == {"type": "Focal", "gamma": 0.0}
    assert recipe(Focal(1.0)).id != recipe(Focal(2.0)).id


@pytest.mark.parametrize("loss", [torch.nn.functional.cross_entropy, "hinge", None, Focal, 3])
def test_what_is_no_loss_is_refused_in_one_sentence(loss: object) -> None:
    with pytest.raises(InputError, match=r"^loss is .*\.$"):
        recipe(loss)
