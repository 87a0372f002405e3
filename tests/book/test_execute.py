"""book/execute.py leaves nothing in a chapter that differs from one execution to the next."""

import importlib
import importlib.util

import ipywidgets
import nbformat
import pytest
from ipywidgets.embed import dependency_state, embed_data

from grokbook.widgets._front_end import Explorer


@pytest.fixture
def execute(book):
    spec = importlib.util.spec_from_file_location("execute", book / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executed(execute) -> nbformat.NotebookNode:
    """A notebook whose only cell made two linked widgets."""
    first, second = ipywidgets.IntSlider(), ipywidgets.IntSlider()
    ipywidgets.jslink((first, "value"), (second, "value"))
    box = Explorer("One sentence.", [first], second)
    cell = nbformat.v4.new_code_cell("box", id="cell")
    cell.outputs = [nbformat.v4.new_output("display_data", data=box._repr_mimebundle_())]
    saved = embed_data(views=[box], state=dependency_state(box))["manager_state"]
    metadata = {"widgets": {execute.WIDGET_STATE: saved}}
    return nbformat.v4.new_notebook(cells=[cell], metadata=metadata)


def test_widgets_are_named_alike_each_time(execute):
    first, second = executed(execute), executed(execute)
    assert first != second, "ipywidgets names at random"
    first, second = (execute.with_stable_names(notebook) for notebook in (first, second))
    assert first == second
    state = first.metadata.widgets[execute.WIDGET_STATE].state
    (output,) = first.cells[0].outputs
    view = output.data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert state[view].model_name == "VBoxModel"
    children = [name.removeprefix("IPY_MODEL_") for name in state[view].state.children]
    assert [state[name].model_name for name in children] == ["BoxModel", "IntSliderModel"]


def test_a_notebook_without_widgets_stays_as_it_is(execute):
    digest = nbformat.v4.new_code_cell("1", id="a" * 32)
    notebook = nbformat.v4.new_notebook(cells=[digest])
    assert execute.with_stable_names(notebook) == notebook


def test_committed_widgets_are_those_of_today(notebook, execute):
    """nbval does not look at them; `make notebooks` renews them."""
    saved = notebook.metadata.get("widgets", {}).get(execute.WIDGET_STATE, {"state": {}})
    for model in saved["state"].values():
        if "_anywidget_id" in model["state"]:
            module, _, name = model["state"]["_anywidget_id"].rpartition(".")
            widget = getattr(importlib.import_module(module), name)
            assert model["state"]["_esm"] == widget._esm, f"{name}: JavaScript has changed since"
            assert model["state"]["_css"] == widget._css, f"{name}: style has changed since"
