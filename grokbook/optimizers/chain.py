"""A chain: gradient filters, one optimiser, one constraint."""

from __future__ import annotations

from dataclasses import dataclass, field

from grokbook._support.errors import InputError
from grokbook._support.members import require_settings
from grokbook._support.validation import conform, shown
from grokbook.optimizers.adam import Adam
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.base import Constraint, GradientFilter, OptimizerSettings
from grokbook.optimizers.grokfast import GrokfastEMA, GrokfastMA
from grokbook.optimizers.muon import Muon
from grokbook.optimizers.norm_clamp import NormClamp
from grokbook.optimizers.orthogonal_gradient import OrthogonalGradient
from grokbook.optimizers.sgd import SGD


@dataclass(frozen=True)
class Chain:
    """Gradient → filters, in order → optimiser → constraint, in every step.

    Parameters
    ----------
    filters : tuple
        Any of :class:`GrokfastEMA`, :class:`GrokfastMA`, :class:`OrthogonalGradient`, or your own:
        frozen dataclasses with the methods of :class:`grokbook.optimizers.base.GradientFilter`.
    optimizer : AdamW, Adam, SGD or Muon
        Or your own :class:`grokbook.optimizers.base.OptimizerSettings`.
    constraint : NormClamp, optional
        Or your own :class:`grokbook.optimizers.base.Constraint`.

    Examples
    --------
    >>> chain = Chain((GrokfastEMA(0.98, 2.0),), AdamW(lr=1e-3), NormClamp(radius=30.0))
    >>> chain.filters[0].alpha, chain.constraint.radius
    (0.98, 30.0)
    """

    filters: tuple[GrokfastEMA | GrokfastMA | OrthogonalGradient, ...] = ()
    optimizer: AdamW | Adam | SGD | Muon = field(default_factory=AdamW)
    constraint: NormClamp | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.filters, (tuple, list)):
            raise InputError(f"filters is {shown(self.filters)}, but must be a tuple.")
        object.__setattr__(self, "filters", tuple(self.filters))
        for link in self.filters:
            if not isinstance(link, GradientFilter):
                raise InputError(
                    f"filters has {shown(link)}, but a filter needs the methods of GradientFilter;"
                    " use GrokfastEMA, GrokfastMA, OrthogonalGradient, or one of your own."
                )
            require_settings("an entry of filters", link)
        own = {"filters": tuple, "optimizer": OptimizerSettings, "constraint": Constraint}
        conform(self, **own)
        require_settings("optimizer", self.optimizer)
        if self.constraint is not None:
            require_settings("constraint", self.constraint)
