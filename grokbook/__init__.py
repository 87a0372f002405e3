"""grokbook: a reproducible companion of *Understanding Grokking Through A Robustness Viewpoint*.

Tan & Huang, arXiv:2311.06597. Data walks one corridor: an :class:`Experiment` says what,
:func:`train` does it, a :class:`Run` says what happened, :class:`RunStore` keeps it, and figures
and claims are functions of what :func:`load_runs` returns.
"""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# One table of names, which type checkers also read. Modules are imported on first use, so `import
# grokbook` takes milliseconds and torch is imported only if needed.
_HOMES = {
    str(alias.asname): (str(node.module), alias.name)
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}

__all__ = sorted(set(_HOMES) - {"__version__"})


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, there = _HOMES[name]
        value = getattr(import_module(module), there)
    elif not name.startswith("__") and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")  # a room, as in `grokbook.metrics`
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
