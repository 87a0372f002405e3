"""Degrokking by perturbed inputs (section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from grokbook._support.validation import conform, later, non_negative, whole
from grokbook.strategies.base import Criterion, Forward, TrainingState, standard_normal


@dataclass(frozen=True)
class Perturbed:
    """Degrokking by perturbation, (1/n) Σ ℓ(f(xᵢ + Δᵢ, W), yᵢ), Δ ~ N(0, σ²I) (section 3.2).

    σ = max(λ₁ (1 − train accuracy), λ₂), with new noise each step. The paper does not say which
    accuracy it uses, nor how often it measures it. We use the clean one on the whole training set,
    every ``refresh`` steps.

    Parameters
    ----------
    lambda_1, lambda_2 : float
        λ₁ and λ₂, in units of the input; 0.06 and 0.03 on MNIST, 0.5 and 0.4 on modulo addition.
    refresh : int
        Steps between two updates of σ.
    noise_on_equals : bool
        Whether the token "=" is also perturbed, as in the paper's formula. Only the transformer
        has that token.
    noisy_accuracy : bool
        Whether σ follows the accuracy under separately drawn noise of the current σ, in place of
        the clean accuracy. The first step has no σ yet and uses the clean one.

    With λ₁ = 0 the noise has the constant size σ = λ₂.
    """

    lambda_1: float
    lambda_2: float
    refresh: int = 10
    noise_on_equals: bool = later(True)
    noisy_accuracy: bool = later(False)

    def __post_init__(self) -> None:
        conform(self)
        for name in ("lambda_1", "lambda_2"):
            non_negative(name, getattr(self, name))
        whole("refresh", self.refresh, least=1)

    def noise(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor | None:
        """Δ at the current σ; None where λ₁ = λ₂ = 0."""
        if self.lambda_1 == self.lambda_2 == 0:
            return None
        if state.step % self.refresh == 0 or "sigma" not in state.memory:
            error = 1 - self._accuracy(state, like)
            state.memory["sigma"] = (self.lambda_1 * error).clamp(min=self.lambda_2)
        return self._drawn(state, shape, like)

    def _accuracy(self, state: TrainingState, like: Tensor) -> Tensor:
        """Training accuracy that sets σ, clean or under noise."""
        if not self.noisy_accuracy or "sigma" not in state.memory:
            return state.train_accuracy()
        assert state.noisy_accuracy is not None
        return state.noisy_accuracy(self._drawn(state, state.training_shape, like))

    def _drawn(self, state: TrainingState, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Noise at the σ that was set last."""
        unit = standard_normal(shape, state.generator, like)
        if not self.noise_on_equals:
            unit[:, -1] = 0
        return unit.mul_(state.memory["sigma"])

    def loss(
        self, model: Forward, x: Tensor, y: Tensor, noise: Tensor | None, criterion: Criterion
    ) -> Tensor:
        """(1/n) Σ ℓ(f(xᵢ + Δᵢ, W), yᵢ)."""
        return criterion(model(x, noise), y)
