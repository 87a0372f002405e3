"""grokbook: a reproducible companion of *Understanding Grokking Through A Robustness Viewpoint*.

Tan & Huang, arXiv:2311.06597. Data walks one corridor: an :class:`Experiment` says what,
:func:`train` does it, a :class:`Run` says what happened, :class:`RunStore` keeps it, and figures
and claims are functions of what :func:`load_runs` returns.
"""

from grokbook._support.errors import DataError, GrokbookError, InputError, RunError
from grokbook.experiments.named import CONTROLS, EXPERIMENTS, PRESETS, experiment
from grokbook.experiments.schema import Experiment
from grokbook.models.mlp import MLP
from grokbook.models.transformer import Transformer
from grokbook.store.reading import load_manifests, load_network, load_runs
from grokbook.store.run_keys import RunKey
from grokbook.store.run_store import RunStore
from grokbook.store.verification import verify
from grokbook.strategies.base import Standard
from grokbook.strategies.commutativity import AbelianRegularized, MirrorAugmented
from grokbook.strategies.perturbation import Perturbed
from grokbook.tasks.images import MNIST, Digits
from grokbook.tasks.modular import ModularAddition
from grokbook.training.loop import train
from grokbook.training.measuring import measure
from grokbook.training.run import Run
from grokbook.training.trainer import Trainer
from grokbook.training.watching import watch

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
    "Trainer",
    "Transformer",
    "experiment",
    "load_manifests",
    "load_network",
    "load_runs",
    "measure",
    "train",
    "verify",
    "watch",
]
