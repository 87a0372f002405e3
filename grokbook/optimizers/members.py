"""The optimisers, filters and constraints of the package."""

from __future__ import annotations

from grokbook.optimizers.adam import Adam
from grokbook.optimizers.adamw import AdamW
from grokbook.optimizers.chain import Chain
from grokbook.optimizers.grokfast import GrokfastEMA, GrokfastMA
from grokbook.optimizers.muon import Muon
from grokbook.optimizers.norm_clamp import NormClamp
from grokbook.optimizers.orthogonal_gradient import OrthogonalGradient
from grokbook.optimizers.sgd import SGD

OPTIMIZERS: tuple[type, ...] = (AdamW, Adam, SGD, Muon)
FILTERS: tuple[type, ...] = (GrokfastEMA, GrokfastMA, OrthogonalGradient)
CONSTRAINTS: tuple[type, ...] = (NormClamp,)
MEMBERS: tuple[type, ...] = (*OPTIMIZERS, *FILTERS, *CONSTRAINTS, Chain)
