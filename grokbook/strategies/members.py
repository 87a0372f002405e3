"""The strategies of the package."""

from __future__ import annotations

from grokbook.strategies.base import Standard
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.jacobian import JacobianRegularized
from grokbook.strategies.perturbation import Perturbed

MEMBERS: tuple[type, ...] = (
    *(Standard, Perturbed, AbelianRegularized, MirrorAugmented, JacobianRegularized),
)
