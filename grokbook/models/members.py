"""The models of the package."""

from __future__ import annotations

from grokbook.models.mlp import MLPConfig
from grokbook.models.transformer import TransformerConfig

MEMBERS: tuple[type, ...] = (MLPConfig, TransformerConfig)
