# What `import grokbook` offers, and where each name lives: read by type checkers, and by
# grokbook/__init__.py, which imports a module when one of its names is first asked for.

from grokbook._support.errors import DataError as DataError
from grokbook._support.errors import GrokbookError as GrokbookError
from grokbook._support.errors import InputError as InputError
from grokbook._support.errors import RunError as RunError
from grokbook._support.version import __version__ as __version__
from grokbook.experiments.named import CONTROLS as CONTROLS
from grokbook.experiments.named import EXPERIMENTS as EXPERIMENTS
from grokbook.experiments.named import PRESETS as PRESETS
from grokbook.experiments.named import experiment as experiment
from grokbook.experiments.schema import Experiment as Experiment
from grokbook.models.mlp import MLP as MLP
from grokbook.models.transformer import Transformer as Transformer
from grokbook.store.reading import load_manifests as load_manifests
from grokbook.store.reading import load_network as load_network
from grokbook.store.reading import load_runs as load_runs
from grokbook.store.run_keys import RunKey as RunKey
from grokbook.store.run_store import RunStore as RunStore
from grokbook.store.verification import verify as verify
from grokbook.strategies.base import Standard as Standard
from grokbook.strategies.commutativity import AbelianRegularized as AbelianRegularized
from grokbook.strategies.commutativity import MirrorAugmented as MirrorAugmented
from grokbook.strategies.perturbation import Perturbed as Perturbed
from grokbook.tasks.images import MNIST as MNIST
from grokbook.tasks.images import Digits as Digits
from grokbook.tasks.modular import ModularAddition as ModularAddition
from grokbook.training.loop import train as train
from grokbook.training.measuring import measure as measure
from grokbook.training.run import Run as Run
from grokbook.training.trainer import Trainer as Trainer
from grokbook.training.watching import watch as watch
