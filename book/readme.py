"""Bring README up to the recorded runs: picture and verdicts (`make notebooks`)."""

import re
from pathlib import Path

from grokbook import load_runs
from grokbook.claims import markdown_table
from grokbook.figures import figure_1
from grokbook.figures.style import png

BOOK = Path(__file__).parent
PICTURE = BOOK / "assets" / "figure_1.png"
README = BOOK.parent / "README.md"

if __name__ == "__main__":
    figure = figure_1(load_runs("mnist-standard"), load_runs("modadd-standard"))
    PICTURE.write_bytes(png(figure))
    begin, end = "<!-- verdicts -->", "<!-- end of verdicts -->"
    text = README.read_text(encoding="utf-8")
    table = f"{begin}\n\n{markdown_table(book='book/')}\n\n{end}"
    new = re.sub(f"{begin}.*?{end}", lambda _: table, text, flags=re.DOTALL)
    README.write_text(new, encoding="utf-8")
    print("README: picture and verdicts are those of the recorded runs")
