import re
import subprocess
import sys

import pytest

import grokbook.widgets
from grokbook.figures.style import ROLES
from grokbook.widgets import _front_end


def test_modules_reach_the_browser_as_one_string(monkeypatch, tmp_path):
    (tmp_path / "inner.js").write_text("const secret = 1;\nexport const two = secret + 1;\n")
    (tmp_path / "outer.js").write_text(
        'import { two } from "./inner.js";\nconst secret = 3;\nexport const five = two + secret;\n'
    )
    monkeypatch.setattr(_front_end, "HERE", tmp_path)
    whole = _front_end.script("outer.js")
    assert "import" not in whole and whole.count("export") == 1
    scope = whole.index("(() => {"), whole.index("})();")
    assert scope[0] < whole.index("secret = 1") < scope[1] < whole.index("secret = 3")


@pytest.mark.parametrize("path", sorted(_front_end.HERE.glob("*.js")), ids=lambda path: path.name)
def test_modules_stay_whole_in_a_page(path):
    whole = _front_end.script(path.name)
    assert not re.search(r"^import ", whole, re.MULTILINE), "an import that was not inlined"
    assert "</script" not in whole, "would end the script that holds it"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", whole), "another host"


def test_colours_are_those_of_the_figures():
    style = _front_end.style("plot.css")
    for role, (light, dark, _) in ROLES.items():
        name = role.replace("_", "-")
        assert f"--{name}: var(--grokbook-{name}, {light});" in style
        assert f"--{name}: {dark};" in style
    rules = style.partition('html[theme="dark"]')[2].partition("}")[2]
    assert not re.findall(r"#[0-9a-f]{3,8}\b", rules), "every colour is a role's"
    assert set(re.findall(r"var\(--([a-z-]+)\)", rules)) <= {r.replace("_", "-") for r in ROLES}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        grokbook.widgets.nothing  # noqa: B018


def test_grokbook_imports_without_ipywidgets():
    code = (
        "import sys; sys.modules['ipywidgets'] = sys.modules['anywidget'] = None\n"
        "import grokbook, grokbook.widgets\n"
        "try: grokbook.widgets.predicted_accuracy_explorer\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("predicted_accuracy_explorer needs ")
    assert "`pip install 'grokbook-companion[book]'`" in done.stdout
    assert done.stdout.count("\n") == 1
