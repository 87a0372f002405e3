import re
from pathlib import Path

import pytest

from grokbook import claims, experiment, load_runs, load_study
from grokbook.analysis.moments import moments
from grokbook.benchmarks import record, tables
from grokbook.figures import moving
from grokbook.studies import results_league, snapshots
from grokbook.widgets.network_explorer import kinds

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=["load", "metrics", "strategy"])
def test_examples_run_as_printed(example, tmp_path, monkeypatch, capsys):
    recorded = "load_runs(" in example
    monkeypatch.setenv("GROKBOOK_RUNS", str(ROOT / "runs" if recorded else tmp_path))
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.count("\n") >= example.count("print(") and "nan" not in printed


def test_links_and_pictures_are_there():
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_moving_picture_is_described_as_the_snapshots_are():
    """The picture itself is written beside its words, by `make notebooks`."""
    task = experiment("modadd-standard").dataset
    names = {"standard": "standard", "perturbed": "perturbed", "abelian degrok": "abelian"}
    seen = {title: snapshots.load(f"modadd-{name}") for title, name in names.items()}
    words = moving.in_words(seen, task.label_table().numpy(), kinds(task.load(), task.p))
    assert f"![{words}](docs/every_answer.gif)" in README


def test_every_verb_named_exists():
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set()
    for page in ("README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml"):
        text = (ROOT / page).read_text()
        named |= set(re.findall(r"(?:^|`|run: )make ([a-z-]+)", text, flags=re.MULTILINE))
    assert named <= verbs, named - verbs


def test_step_times_are_those_of_the_record():
    shown = re.search(r"<!-- step times -->\n\n(.*?)\n\n<!-- end", README, re.DOTALL)
    assert shown[1] == tables.markdown_table(record.load()), "run `make notebooks`"


def test_early_signals_fall_on_random_labels_as_on_true_ones():
    """The finding as README and the start page put it, at the paper's size."""
    judged = claims.evaluate(["C15"])
    drawn = judged["C15.modadd.disjunction.random-labels.paper"]
    assert drawn.outcome == "contradicted" and drawn.on_side == 0 and len(drawn.seeds) == 10
    assert judged["C15.modadd.disjunction.standard"].outcome == "supported"


def test_the_height_of_the_staircase_can_be_counted():
    height = claims.evaluate(["C10.modadd.height"])["C10.modadd.height"]
    assert f"on {height.on_side} of {len(height.seeds)} seeds" in " ".join(README.split())


def test_the_papers_task_is_solved_at_the_steps_that_readme_says():
    league = load_study("league", ROOT / "runs")
    found = results_league.on_papers_task(league, load_runs("modadd-standard", root=ROOT / "runs"))
    tuned, papers = (found.loc[name, "solved"] for name in ("tuned", "the paper's"))
    assert f"at step {tuned:,.0f} instead of {papers:,.0f}" in " ".join(README.split())
    usual = experiment("modadd-standard").optimizer
    chosen = results_league.settings(league).loc["AdamW", "chosen"]
    assert chosen == f"learning rate {10 * usual.lr:g}, decay {3 * usual.weight_decay:g}"


def test_mnist_groks_without_decay_later_and_with_a_norm_that_ends_where_it_began():
    """The finding as README and the start page put it, of every recorded seed."""
    with_decay, without = (
        load_runs(f"mnist-{name}", root=ROOT / "runs") for name in ("standard", "no-decay")
    )
    grokked = [moments(runs, (0.8,))["test_80"] for runs in (with_decay, without)]
    assert without["seed"].nunique() >= 3 and grokked[1].notna().all()
    assert grokked[1].min() > grokked[0].max()
    for _, run in without.sort_values("step").groupby("seed"):
        fitted = run[run["train_accuracy"].cummax() >= 1]
        norm = fitted["weight_norm"]
        assert norm.min() > 0.9 * norm.iloc[0]
        assert norm.iloc[-1] == pytest.approx(norm.iloc[0], rel=0.02)
        for falling in ("sharpness", "perturbation_error"):
            logged = fitted[falling].dropna()
            assert logged.iloc[-1] < 0.5 * logged.iloc[0], falling
