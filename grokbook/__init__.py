"""grokbook: a reproducible companion of *Understanding Grokking Through A Robustness Viewpoint*.

Tan & Huang, arXiv:2311.06597. Data walks one corridor: an :class:`Experiment` says what,
:func:`train` does it, a :class:`Run` says what happened, :class:`RunStore` keeps it, and figures
and claims are functions of what :func:`load_runs` returns.
"""

from grokbook.datasets import MNIST, Digits, ModularAddition
from grokbook.errors import DataError, GrokbookError, InputError, RunError
from grokbook.experiments import CONTROLS, EXPERIMENTS, PRESETS, Experiment, experiment
from grokbook.models import MLP, Transformer
from grokbook.runs import RunKey, RunStore, load_manifests, load_runs, verify
from grokbook.strategies import AbelianRegularized, MirrorAugmented, Perturbed, Standard
from grokbook.training import Run, train

__all__ = [
    "CONTROLS",
    "EXPERIMENTS",
    "MLP",
    "MNIST",
    "PRESETS",
    "AbelianRegularized",
    "DataError",
    "Digits",
    "Experiment",
    "GrokbookError",
    "InputError",
    "MirrorAugmented",
    "ModularAddition",
    "Perturbed",
    "Run",
    "RunError",
    "RunKey",
    "RunStore",
    "Standard",
    "Transformer",
    "experiment",
    "load_manifests",
    "load_runs",
    "train",
    "verify",
]
