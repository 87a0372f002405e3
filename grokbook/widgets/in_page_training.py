"""A network that trains in the reader's browser, from a kernel in WebAssembly."""

import json
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from grokbook.widgets._front_end import script, style

ENGINE = Path(__file__).with_name("engine")

SENTENCE = (
    "Here a one-layer transformer trains in the page: sliders, curves and the table of its answers."
    " The drawing needs a browser."
)


class InPageTraining(anywidget.AnyWidget):
    """The network, its controls and its curves; all of it happens in the browser."""

    _esm = script("in_page_training.js")
    _css = style("plot.css", "in_page_training.css")

    kernel = traitlets.Bytes().tag(sync=True)
    worker = traitlets.Unicode(script("training_worker.js")).tag(sync=True)
    references: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = SENTENCE
        return bundle


def train_in_the_page() -> InPageTraining:
    """Return the network that trains in the browser, without a kernel of Jupyter.

    The paper's transformer with 64 instead of 128 residual dimensions, by the engine of
    ``grokbook/widgets/engine``. Behind its curves are those of the Python engine for the recipes
    that the page offers. Where it is shown from disk, its settings stand in the page's address.
    """
    references = json.loads((ENGINE / "reference.json").read_text(encoding="utf-8"))
    return InPageTraining(kernel=(ENGINE / "engine.wasm").read_bytes(), references=references)
