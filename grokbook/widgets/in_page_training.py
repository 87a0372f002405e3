"""A network that trains in the reader's browser, from a kernel in WebAssembly."""

import json
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from grokbook.widgets._front_end import script, style

ENGINE = Path(__file__).with_name("engine")

WIDTH = 64
"""Width of the page's residual stream."""

LIMIT = 20_000
"""Steps after which training waits, since the reader may have left."""

SENTENCE = (
    "Here a one-layer transformer trains in the page: sliders, curves and the table of its answers."
    " The drawing needs a browser."
)


class InPageTraining(anywidget.AnyWidget):
    """The network, its controls and its curves; everything runs in the browser."""

    _esm = script("in_page_training.js")
    _css = style("plot.css", "answer_table.css", "in_page_training.css")

    width = traitlets.Int(WIDTH).tag(sync=True)
    limit = traitlets.Int(LIMIT).tag(sync=True)
    kernel = traitlets.Bytes().tag(sync=True)
    worker = traitlets.Unicode(script("training_worker.js")).tag(sync=True)
    references: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert data is not None
        data["text/plain"] = SENTENCE
        return bundle


def train_in_the_page() -> InPageTraining:
    """Return the network that trains in the browser, without a kernel of Jupyter.

    The paper's transformer with 64 instead of 128 residual dimensions, by the engine of
    ``grokbook/widgets/engine``. Behind its curves are those of the Python engine for the recipes
    that the page offers. Where it is shown from disk, its settings stand in the page's address.
    """
    return InPageTraining(kernel=(ENGINE / "engine.wasm").read_bytes(), references=references())


def hidden_units(p: int) -> int:
    """Return the width of the page's MLP at modulus ``p``; ``training_recipe.js`` says the same."""
    return 128 if p < 47 else 256


def references() -> list[dict[str, Any]]:
    """Return the curves of the Python engine, from ``grokbook.widgets.engine.reference``."""
    found: list[dict[str, Any]] = json.loads((ENGINE / "reference.json").read_text("utf-8"))
    return found


def reference_moments() -> pd.DataFrame:
    """Return when the Python engine memorises and groks, one row per recipe.

    Index: p, pairs to train on (%), training. Columns: the first measured step at which every
    training pair is right, and at which test accuracy is at least 95 %; "not yet" if the run ends
    before.
    """
    rows = [
        {
            "p": run["p"],
            "pairs to train on (%)": round(100 * run["share"]),
            "training": run["training"],
            "all training pairs right at step": _first(run, "train", 1.0),
            "test accuracy 95 % at step": _first(run, "test", 0.95),
        }
        for run in references()
    ]
    return pd.DataFrame(rows).set_index(["p", "pairs to train on (%)", "training"])


def _first(run: dict[str, Any], curve: str, level: float) -> str:
    """Return the first step at which a curve is at or above a level, in words."""
    reached = (i * run["every"] for i, value in enumerate(run[curve]) if value >= level)
    step = next(reached, None)
    return "not yet" if step is None else f"{step:,}"
