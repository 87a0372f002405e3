import ast
import re

import nbformat
import papermill


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_first_cell_installs_grokbook_where_it_is_not(notebook, book):
    """It is the same in every chapter, and elsewhere silent; what it does: test_ways_in."""
    first = code_cells(notebook)[0]
    model = code_cells(nbformat.read(book / "1_introduction.ipynb", as_version=4))[0]
    assert first.metadata.get("tags") == model.metadata.tags == ["install", "remove-cell"]
    assert first.source == model.source, "copy the cell of 1_introduction.ipynb"
    assert not first.outputs


def test_parameters_come_next_typed_and_explained(notebook, path):
    cell = code_cells(notebook)[1]
    assert "parameters" in cell.metadata.get("tags", [])
    inferred = papermill.inspect_notebook(str(path))
    assert "preset" in inferred
    lines = cell.source.splitlines()
    for name, parameter in inferred.items():
        assert parameter["inferred_type_name"] not in ("", "None"), f"{name} has no type"
        (at,) = [i for i, line in enumerate(lines) if line.startswith(f"{name}:")]
        assert "#" in lines[at] or lines[at - 1].startswith("#"), f"{name} has no comment"


def test_chapters_call_and_define_nothing(notebook):
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def test_no_cell_hides_its_output_behind_a_semicolon(notebook):
    assert not [c.source for c in code_cells(notebook) if c.source.rstrip().endswith(";")]


def test_committed_outputs_are_complete_and_without_errors(notebook):
    for cell in code_cells(notebook):
        assert cell.execution_count is not None, f"not executed: {cell.source}"
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"a warning reached the page: {output.text}"


def test_every_figure_has_alt_text_and_a_caption(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"] == output.data["text/plain"]
                caption = notebook.cells[notebook.cells.index(cell) + 1].source
                assert caption.startswith('<a id="fig-') and len(caption) > 80


def test_no_output_fetches_anything_from_another_host(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            html = "".join(output.get("data", {}).get("text/html", ""))
            assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", html)
            assert "<script" not in html


def test_paths_of_one_machine_are_not_committed(path):
    assert not re.findall(r"/(?:home|root|Users|tmp|private)/[\w.]+", path.read_text())
