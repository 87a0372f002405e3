"""Readable names of the methods that make networks grok sooner, and their families."""

from __future__ import annotations

METHODS = {
    "adamw": "AdamW",
    "perturbed": "Perturbed training",
    "abelian": "Abelian degrok",
    "mirrored": "Labelled mirror images",
    "built-in": "Law built in",
    "grokfast-ema": "Grokfast-EMA",
    "grokfast-ma": "Grokfast-MA",
    "orthograd": "Orthogonal gradient",
    "muon": "Muon",
    "grokalign": "GrokAlign",
    "clamp": "Norm clamped",
}
"""Every method of the league by its arm."""

PAPER = ("perturbed", "abelian")
"""The paper's own methods."""

FAMILIES = {
    "Law": ("adamw", "abelian", "mirrored", "built-in"),
    "Gradient": ("adamw", "grokfast-ema", "grokfast-ma", "orthograd"),
    "Step, norm": ("adamw", "muon", "clamp"),
    "Regulariser": ("adamw", "perturbed", "grokalign"),
}
"""Methods that are shown together, each with AdamW."""
