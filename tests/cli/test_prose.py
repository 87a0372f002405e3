import pytest

from grokbook._support.errors import InputError
from grokbook.cli.prose import GLUED, fill, glued, numbers


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


@pytest.mark.parametrize(
    ("glued_text", "read"),
    [
        ("1.3e+05", "130,000"),
        ("2.84e+04", "28,400"),
        ("2.0e-01", "0.20"),
        ("3.55e-05 to 1.2e-07", "3.55\u00a0×\u00a010⁻⁵ to 1.2\u00a0×\u00a010⁻⁷"),
        ("2e-07", "2\u00a0×\u00a010⁻⁷"),
        ("5e+22", "5\u00a0×\u00a010²²"),
        ("commit 1e-5a, 3e+05x, v1.2e-05.7 and 8.3", "commit 1e-5a, 3e+05x, v1.2e-05.7 and 8.3"),
    ],
)
def test_no_reader_is_shown_a_computer_s_notation(glued_text: str, read: str) -> None:
    record = {
        "data": {GLUED: repr(glued_text)},
        "metadata": {"scrapbook": {"name": "number"}},
    }
    assert glued({"cells": [{"cell_type": "code", "outputs": [record]}]}) == {"number": read}
