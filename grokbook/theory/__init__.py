"""The paper's statements as functions: one module each, printed and repaired side by side.

Most modules have a `both_sides`, which returns the left side of an inequality and its bounds, as in
`theory.lemma_5_8.both_sides(Z, Z_prime).sine`. `STATEMENTS` lists all statements with their
verdicts.
"""

from grokbook.theory import (
    corollary_3_3,
    corollary_3_4,
    counterexamples,
    instances,
    interpolation,
    lemma_3_1,
    lemma_5_7,
    lemma_5_8,
    lemma_5_10,
    lemma_5_11,
    modular_neighbours,
    neighbouring_probability,
    proposition_5_5,
    proposition_5_6,
    theorem_3_2,
    theorem_5_9,
    theorem_5_12,
    von_neumann,
)
from grokbook.theory.corollary_3_3 import predicted_accuracy
from grokbook.theory.statements import STATEMENTS, Statement, statement

__all__ = [
    "STATEMENTS",
    "Statement",
    "corollary_3_3",
    "corollary_3_4",
    "counterexamples",
    "instances",
    "interpolation",
    "lemma_3_1",
    "lemma_5_7",
    "lemma_5_8",
    "lemma_5_10",
    "lemma_5_11",
    "modular_neighbours",
    "neighbouring_probability",
    "predicted_accuracy",
    "proposition_5_5",
    "proposition_5_6",
    "statement",
    "theorem_3_2",
    "theorem_5_9",
    "theorem_5_12",
    "von_neumann",
]
