"""Interactive drawings: one widget per file, with its JavaScript file next to it.

Each function here takes tables and returns an ipywidgets widget. The browser computes what a slider
changes, so the widget works on a page without a kernel as well as in a notebook. Only widgets need
ipywidgets and anywidget.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grokbook.widgets.in_page_training import train_in_the_page
    from grokbook.widgets.live_training import train_live
    from grokbook.widgets.matrix_entropy import matrix_entropy_explorer
    from grokbook.widgets.network_explorer import trained_networks_explorer
    from grokbook.widgets.predicted_accuracy import predicted_accuracy_explorer
    from grokbook.widgets.run_explorer import recorded_runs_explorer

__all__ = [
    "matrix_entropy_explorer",
    "predicted_accuracy_explorer",
    "recorded_runs_explorer",
    "train_in_the_page",
    "train_live",
    "trained_networks_explorer",
]

_MODULES = {
    "matrix_entropy_explorer": "matrix_entropy",
    "predicted_accuracy_explorer": "predicted_accuracy",
    "recorded_runs_explorer": "run_explorer",
    "train_in_the_page": "in_page_training",
    "train_live": "live_training",
    "trained_networks_explorer": "network_explorer",
}


def __getattr__(name: str) -> Any:
    """Import a widget on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "ipywidgets", "traitlets"):
            raise
        raise ModuleNotFoundError(
            f"{name} needs {error.name}, which is not installed; "
            "`pip install 'grokbook-companion[book]'` brings it.",
            name=error.name,
        ) from error
    return getattr(module, name)
