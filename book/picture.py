"""Draw the README's picture from the recorded runs (`make notebooks`)."""

from pathlib import Path

from grokbook import load_runs
from grokbook.figures import figure_1
from grokbook.figures.style import png

TARGET = Path(__file__).parent / "assets" / "figure_1.png"

if __name__ == "__main__":
    figure = figure_1(load_runs("mnist-standard"), load_runs("modadd-standard"))
    TARGET.write_bytes(png(figure))
    print(f"{TARGET.name}: {figure.get_label()}")
