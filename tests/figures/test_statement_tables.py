import pandas as pd
import pytest
from bs4 import BeautifulSoup

from grokbook.claims import claim_table
from grokbook.figures.statement_tables import SHOWN, statement_tables


@pytest.fixture(scope="module")
def statements():
    row = {
        "the paper says": "The norm falls.",
        "task": "MNIST",
        "measured": "norm at the end / at the start",
        "estimate": "0.8",
        "95 % interval": "0.7 to 0.9",
        "claimed": "< 1",
        "outcome": "supported",
        "seeds": "6",
        "on the claim's side": "6",
        "unseen seeds alone": "undecided, 1 of 1 on the claim's side",
        "remark": "A remark.",
    }
    rows = {
        "C2.mnist.falls": row,
        "C2.mnist.first": row | {"the paper says": "The norm falls first."},
        "C2.modadd.falls": row | {"task": "modulo addition"},
        "C3.any": row | {"the paper says": "The error falls.", "task": "any", "seeds": ""},
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("statement")


@pytest.fixture(scope="module")
def soup(statements):
    return BeautifulSoup(statement_tables(statements, "A caption.")["text/html"], "html.parser")


def test_seven_columns_and_the_rest_folded(soup):
    shown, rest = soup.find_all("table")
    assert [th.text for th in shown.thead.find_all("th")] == list(SHOWN) and len(SHOWN) == 7
    assert rest.find_parent("details") and not shown.find_parent("details")
    assert [th.text for th in rest.thead.find_all("th")] == [
        "statement", "on the claim's side", "unseen seeds alone", "remark",
    ]  # fmt: skip


def test_each_sentence_stands_once_above_its_rows(soup):
    bodies = soup.table.find_all("tbody")
    heads = [body.find_all("th", scope="rowgroup") for body in bodies]
    assert [[th.text for th in each] for each in heads] == [
        ["C2: The norm falls."],
        ["C2: The norm falls first."],
        ["C3: The error falls."],
    ]
    assert [len(body.find_all("tr")) - 1 for body in bodies] == [2, 1, 1]
    assert {each[0]["colspan"] for each in heads} == {"7"}


def test_nothing_of_the_table_is_lost(statements, soup):
    told = statement_tables(statements, "A caption.")["text/plain"]
    for row in statements.reset_index().itertuples(index=False):
        for value in filter(None, row):
            assert value in told and value in soup.text


def test_of_the_recorded_runs_too():
    table = claim_table(["C6"], "smoke", [99])
    told = statement_tables(table, "Claim C6.")["text/plain"]
    assert all(name in told for name in table.index)
