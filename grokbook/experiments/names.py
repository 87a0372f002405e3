"""Names of presets and experiments, without importing torch, for the help of the command line.

A test compares them with :mod:`grokbook.experiments.named`, which describes them.
"""

from __future__ import annotations

from typing import Literal, get_args

Preset = Literal["paper", "quick", "smoke"]
PRESETS: tuple[str, ...] = get_args(Preset)

PAPER_NAMES = (
    "mnist-standard", "mnist-perturbed", "modadd-standard", "modadd-perturbed", "modadd-abelian",
)  # fmt: skip
"""The paper's five."""

CONTROL_NAMES = (
    "mnist-unit-init", "mnist-l1", "mnist-no-decay", "modadd-no-decay", "modadd-l1",
    "modadd-mirrored",
)  # fmt: skip
"""Our controls."""

FURTHER_NAMES = (
    "modadd-random-labels", "modadd-constant-noise", "mnist-constant-noise", "modadd-clamped",
    "modsub-standard", "modsub-perturbed", "modmul-standard", "moddiv-standard", "s5-standard",
    "parity-standard",
)  # fmt: skip
"""Ours, without runs in the book."""

ALL_NAMES = (*PAPER_NAMES, *CONTROL_NAMES, *FURTHER_NAMES)
