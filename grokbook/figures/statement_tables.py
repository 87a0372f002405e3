"""Tables of the paper's statements: seven columns that fit on a page, the rest folded."""

from __future__ import annotations

import pandas as pd

from grokbook.figures.tables import Table

SENTENCE = "the paper says"
SHOWN = ("task", "measured", "estimate", "95 % interval", "claimed", "outcome", "seeds")
"""The columns that a reader needs to judge an outcome."""

FOLDED = "Identifiers, seeds on the claim's side, unseen seeds and remarks"


def show_statements(frame: pd.DataFrame, caption: str) -> None:
    """Display statements and outcomes under their sentences, with the rest folded below.

    Parameters
    ----------
    frame
        As :func:`grokbook.claims.claim_table` returns it.
    caption
        One sentence: which statements these are.
    """
    from IPython.display import display

    display(statement_tables(frame, caption), raw=True)


def statement_tables(frame: pd.DataFrame, caption: str) -> dict[str, str]:
    """Return what :func:`show_statements` displays, by type.

    Parameters
    ----------
    frame, caption
        As for :func:`show_statements`.

    Raises
    ------
    KeyError
        If a column of :func:`grokbook.claims.claim_table` is missing.
    """
    told = [f"{str(name).split('.')[0]}: {words}" for name, words in frame[SENTENCE].items()]
    # A sentence on two tasks appears once: all its rows follow its first place.
    order = sorted(range(len(told)), key=lambda row: told.index(told[row]))
    frame, sentences = frame.iloc[order], [told[row] for row in order]
    shown = frame[list(SHOWN)].reset_index(drop=True)
    rest = frame.drop(columns=[*SHOWN, SENTENCE])
    middle = Table(shown, caption, groups=sentences)
    folded = Table(rest, f"{FOLDED}.")
    html = (
        f'{middle.html()}\n<details class="grokbook-seeds"><summary>{FOLDED}</summary>\n'
        f"{folded.html()}\n</details>"
    )
    text = Table(shown.assign(**{SENTENCE: sentences}), caption).text()
    return {"text/html": html, "text/plain": f"{text}\n\n{folded.text()}"}
