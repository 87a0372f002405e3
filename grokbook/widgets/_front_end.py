"""Code shared by all widgets: loading of their front ends, and their box of controls."""

import re
from pathlib import Path
from typing import Any

import ipywidgets

from grokbook.figures.style import ROLES

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+\.js)";\n', re.MULTILINE)


def script(name: str) -> str:
    """Return a JavaScript module of this folder with its imports from other files inlined.

    A front end gets a widget's module as a string, which cannot import other files.
    """

    def inline(match: re.Match[str]) -> str:
        names, module = match.groups()
        body = re.sub(r"^export ", "", script(module), flags=re.MULTILINE)
        # A separate scope: two modules may use one name for different things.
        return f"const {{{names}}} = (() => {{\n{body}return {{{names}}};\n}})();\n"

    return IMPORT.sub(inline, (HERE / name).read_text(encoding="utf-8"))


def style(*sheets: str) -> str:
    """Return style sheets of this folder, after the colours of the figures' roles.

    On a page of the book a role is its CSS variable, as in the figures. Elsewhere it is the light
    colour, or the dark one if JupyterLab, Colab or VS Code report a dark theme.
    """
    names = {role.replace("_", "-"): colours for role, colours in ROLES.items()}
    light = [f"  --{name}: var(--grokbook-{name}, {role.light});" for name, role in names.items()]
    dark = [f"  --{name}: {role.dark};" for name, role in names.items()]
    elsewhere = '[data-jp-theme-light="false"], html[theme="dark"], .vscode-dark'
    colours = [
        ".grokbook-widget {",
        *light,
        "}",
        f":is({elsewhere}) .grokbook-widget {{",
        *dark,
        "}",
    ]
    return "\n".join([*colours, *((HERE / sheet).read_text(encoding="utf-8") for sheet in sheets)])


class Explorer(ipywidgets.VBox):
    """Controls above a drawing, and a sentence for programs that show neither."""

    def __init__(
        self, sentence: str, controls: list[ipywidgets.Widget], drawing: ipywidgets.Widget
    ) -> None:
        row = ipywidgets.Box(controls, layout={"flex_flow": "row wrap", "grid_gap": "0 1.5rem"})
        super().__init__([row, drawing])
        self.sentence = sentence

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": self.sentence}


def slider(kind: type[ipywidgets.Widget], description: str, **settings: Any) -> ipywidgets.Widget:
    """Return a slider of the given class that shares a row and shows its full name."""
    return kind(
        description=description,
        style={"description_width": "initial"},
        layout={"flex": "1 1 17rem", "width": "auto", "margin": "0.1rem 0"},
        **settings,
    )
