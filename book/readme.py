"""Bring README up to what is recorded (`make notebooks`)."""

import re
from pathlib import Path

from grokbook import experiment, load_runs
from grokbook.benchmarks import record, tables
from grokbook.claims import markdown_table
from grokbook.figures import figure_1, moving
from grokbook.figures.style import png
from grokbook.studies import snapshots
from grokbook.studies.summary import answers
from grokbook.widgets.network_explorer import kinds

TRAININGS = {
    "standard": "modadd-standard",
    "perturbed": "modadd-perturbed",
    "abelian degrok": "modadd-abelian",
}

BOOK = Path(__file__).parent
PICTURE = BOOK / "assets" / "figure_1.png"
MOVING = BOOK.parent / "docs" / "every_answer.gif"
README = BOOK.parent / "README.md"


def between(text: str, mark: str, table: str) -> str:
    """Put a table between the comments ``mark`` and ``end of mark`` of a text."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    whole = f"{begin}\n\n{table}\n\n{end}"
    return re.sub(f"{begin}.*?{end}", lambda _: whole, text, flags=re.DOTALL)


if __name__ == "__main__":
    figure = figure_1(load_runs("mnist-standard"), load_runs("modadd-standard"))
    PICTURE.write_bytes(png(figure))
    task = experiment("modadd-standard").dataset
    seen = {title: snapshots.load(name) for title, name in TRAININGS.items()}
    answers_of = seen, task.label_table().numpy(), kinds(task.load(), task.p)
    MOVING.write_bytes(moving.every_answer(*answers_of))
    text = README.read_text(encoding="utf-8")
    link = f"![{moving.in_words(*answers_of)}]({MOVING.relative_to(README.parent)})"
    text = between(text, "moving picture", link)
    text = between(text, "verdicts", markdown_table(book="book/"))
    text = between(text, "studies", answers(book="book/"))
    text = between(text, "step times", tables.markdown_table(record.load()))
    README.write_text(text, encoding="utf-8")
    print("README: pictures, verdicts and step times are those recorded")
