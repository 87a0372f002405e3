import pytest

from grokbook._support.errors import InputError
from grokbook.cli.prose import GLUED, fill, numbers


def notebook(text: str, **values):
    """A notebook whose first cell glued some values, as myst_nb records them."""
    outputs = [
        {
            "output_type": "display_data",
            "data": {GLUED: repr(value)},
            "metadata": {"scrapbook": {"name": name}},
        }
        for name, value in values.items()
    ]
    code = {"cell_type": "code", "outputs": outputs}
    return {"cells": [code, {"cell_type": "markdown", "source": text}]}


def test_numbers_are_those_that_the_cells_glued():
    text = 'from <output name="a">stale</output> to\n<output name="b c"></output> steps'
    chapter = notebook(text, a="step 1,200", **{"b c": 7})
    fill(chapter)
    assert numbers(chapter) == [("a", "step 1,200"), ("b c", "7")]
    before = chapter["cells"][1]["source"]
    fill(chapter)
    assert chapter["cells"][1]["source"] == before, "filling twice changes nothing"


def test_a_value_is_text_and_no_markup():
    chapter = notebook('p <output name="p"></output>', p="< 0.01 & it's so")
    fill(chapter)
    assert ">&lt; 0.01 &amp; it's so<" in chapter["cells"][1]["source"]


def test_a_number_that_no_cell_glued_is_an_error():
    with pytest.raises(InputError, match=r"'b', which no cell glued; glued are a\."):
        fill(notebook('<output name="b">1</output>', a=1))


def test_the_source_of_a_cell_may_be_lines():
    chapter = notebook("", a=2)
    chapter["cells"][1]["source"] = ["one\n", '<output name="a"></output>']
    fill(chapter)
    assert chapter["cells"][1]["source"] == 'one\n<output name="a">2</output>'
