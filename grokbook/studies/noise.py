"""Study of noise: constant strength against the paper's rule, which follows training accuracy.

Rules are in ``rules/noise.toml``. The paper's rule is the arm ``add-free-noise`` of the study of
the mechanism.
"""

from __future__ import annotations

from dataclasses import replace

from grokbook.experiments.schema import Experiment
from grokbook.strategies.perturbation import Perturbed
from grokbook.studies.study import Study, seed_by_seed
from grokbook.studies.workhorse import workhorse


def recipe(arm: str, seed: int) -> Experiment:
    """Return the experiment of a run: the workhorse under noise of constant strength."""
    setting = STUDY.rules["setting"]
    base = workhorse(setting, seed, limit=STUDY.limit(arm))
    return replace(base, strategy=Perturbed(lambda_1=0.0, lambda_2=setting["lambda_2"]))


STUDY: Study = Study("noise", lambda _: seed_by_seed(STUDY.rules, recipe))
