"""Figures and tables: each figure is a function from recorded runs to a matplotlib figure."""

from grokbook.analysis.moments import norm_decay
from grokbook.figures.page import show
from grokbook.figures.section_1 import figure_1
from grokbook.figures.statement_tables import show_statements
from grokbook.figures.statements import statements_picture
from grokbook.figures.tables import show_table

__all__ = [
    "figure_1", "norm_decay", "show", "show_statements", "show_table", "statements_picture",
]  # fmt: skip
