"""The figures of the paper: each a function of recorded runs that returns a matplotlib figure."""

from grokbook.figures.page import show
from grokbook.figures.section_1 import figure_1, norm_decay
from grokbook.figures.style import moments, say_step

__all__ = ["figure_1", "moments", "norm_decay", "say_step", "show"]
