"""The package's rooms lie along one corridor: imports run one way, and in no circle."""

import ast
import re
from pathlib import Path

import pytest

import grokbook

PACKAGE = Path(grokbook.__file__).parent
FLOORS = (
    ("_support",),
    ("tasks", "models", "strategies", "optimizers", "metrics", "theory"),
    ("experiments",),
    ("training",),
    ("store",),
    ("analysis",),
    ("claims", "figures", "widgets", "studies", "benchmarks"),
    ("cli",),
    ("torture",),
)
"""Rooms from the ground up; who lies on the same floor may import each other, but in no circle."""

FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE = {"__init__", "__main__"}  # the two front doors see every room


def imported(source: str, here: str) -> set[str]:
    """Modules of the package that a module's source names, in functions and for types too.

    ``from grokbook.a import b`` names the module ``grokbook.a.b`` where there is one, else
    ``grokbook.a``.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{here} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if exists(inner) else str(node.module))
    return {name for name in found if name.split(".")[0] == "grokbook"}


def exists(module: str) -> bool:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def modules() -> dict[str, set[str]]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        name = name.removesuffix(".__init__")
        found[name] = imported(path.read_text(encoding="utf-8"), name) - {name}
    return found


def room(module: str) -> str | None:
    """Return the room of a module; None for the two front doors."""
    parts = module.split(".")
    return None if len(parts) < 2 or parts[1] in OUTSIDE else parts[1]


def arrows(graph: dict[str, set[str]]) -> dict[tuple[str, str], str]:
    """By pair of rooms, one import that leads from the first into the second."""
    return {
        (here, there): f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if (here := room(module)) and (there := room(other)) and here != there
    }


def backwards(pairs: dict[tuple[str, str], str]) -> list[str]:
    return [why for (here, there), why in pairs.items() if FLOOR[here] < FLOOR[there]]


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the nodes of a circle, the first one again at the end; empty if there is none."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for other in sorted(graph.get(node, ())):
            if found := walk(other, [*way, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := walk(node, []))), [])


def test_every_folder_is_a_room_and_every_room_a_folder():
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert found == set(FLOOR)
    assert {path.stem for path in PACKAGE.glob("*.py")} == OUTSIDE


def test_readme_has_a_map_of_all_rooms():
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    table = readme.split("| room of `grokbook/` |")[1].split("\n\n")[0]
    named = [re.findall(r"`(\w+)/`", row.split("|")[1]) for row in table.splitlines()[2:]]
    floors = [FLOOR[each[0]] for each in named]
    assert floors == sorted(floors), "from the ground up"
    assert sorted(room for row in named for room in row) == sorted(FLOOR)


def test_no_import_runs_back():
    assert backwards(arrows(modules())) == []


def test_no_rooms_import_in_a_circle():
    graph: dict[str, set[str]] = {}
    for here, there in arrows(modules()):
        graph.setdefault(here, set()).add(there)
    assert circle(graph) == []


def test_no_modules_import_in_a_circle():
    assert circle(modules()) == []


def test_no_room_imports_the_package_as_a_whole():
    assert not [name for name, others in modules().items() if "grokbook" in others]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from grokbook.store.records import roots", ["grokbook.store.records"]),
        ("from grokbook.store import records", ["grokbook.store.records"]),
        ("import grokbook.store.records as r, os", ["grokbook.store.records"]),
        ("from grokbook import experiment", ["grokbook"]),
        ("def f():\n    from grokbook import metrics", ["grokbook.metrics"]),
        ("if TYPE_CHECKING:\n    from grokbook.cli import main", ["grokbook.cli.main"]),
        ("import grokbooks, os", []),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, found: list[str]):
    assert sorted(imported(source, "a module")) == found


def test_an_arrow_back_and_a_circle_are_seen():
    pairs = arrows({"grokbook.tasks.base": {"grokbook.training.loop", "grokbook._support.errors"}})
    assert backwards(pairs) == ["grokbook.tasks.base imports grokbook.training.loop"]
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
