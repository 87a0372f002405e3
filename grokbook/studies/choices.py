"""Study of the choices that the paper leaves open, one changed at a time on the same seeds.

Rules are in ``rules/choices.toml``. An arm's name begins with that of its base, with which it is
compared: standard training, perturbed training or abelian degrok.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from grokbook._support.errors import InputError
from grokbook.experiments.schema import Experiment
from grokbook.models.transformer import TransformerConfig
from grokbook.optimizers.adamw import AdamW
from grokbook.strategies.base import Standard
from grokbook.strategies.commutativity import AbelianRegularized
from grokbook.strategies.perturbation import Perturbed
from grokbook.studies.study import Study, seed_by_seed
from grokbook.studies.workhorse import workhorse

T = TypeVar("T")


def recipe(arm: str, seed: int) -> Experiment:
    """Return what a run of an arm trains.

    Raises
    ------
    InputError
        If there is no such arm.
    """
    rules = STUDY.rules["setting"]
    base = workhorse(rules, seed, limit=STUDY.limit(arm))
    kind, _, change = arm.partition("-")
    if kind == "perturbed":
        return replace(base, strategy=_perturbed(change))
    if kind == "abelian":
        return replace(base, strategy=_abelian(change))
    if kind == "standard":
        return _standard(base, change)
    raise _unknown(arm)


def _perturbed(change: str) -> Perturbed:
    setting = STUDY.rules["setting"]
    base = Perturbed(setting["lambda_1"], setting["lambda_2"], setting["refresh"])
    if change.startswith("refresh-"):
        return replace(base, refresh=int(change.removeprefix("refresh-")))
    changed = {
        "": base,
        "operands-alone": replace(base, noise_on_equals=False),
        "noisy-accuracy": replace(base, noisy_accuracy=True),
    }
    return _one_of(changed, f"perturbed-{change}")


def _abelian(change: str) -> AbelianRegularized:
    setting = STUDY.rules["setting"]
    base = AbelianRegularized(setting["coefficient"])
    changed = {
        "": base,
        "training-mirrors": replace(base, test_mirrors=False),
        "sum": AbelianRegularized(setting["coefficient"] * setting["p"]),
    }
    return _one_of(changed, f"abelian-{change}")


def _standard(base: Experiment, change: str) -> Experiment:
    optimizer, model = base.optimizer, base.model
    assert isinstance(optimizer, AdamW) and isinstance(model, TransformerConfig)
    assert isinstance(base.strategy, Standard)
    if change.startswith("decay-"):
        decay = float(change.removeprefix("decay-"))
        return replace(base, optimizer=replace(optimizer, weight_decay=decay))
    changed = {
        "": base,
        "betas-0.999": replace(base, optimizer=replace(optimizer, betas=(0.9, 0.999))),
        "no-warmup": replace(base, optimizer=replace(optimizer, warmup_steps=0)),
        "loss-float32": replace(base, loss="cross_entropy_float32"),
        "float64": replace(base, dtype="float64"),
        "extra-output": replace(base, model=replace(model, extra_outputs=1)),
    }
    return _one_of(changed, f"standard-{change}")


def _one_of(changed: dict[str, T], arm: str) -> T:
    change = arm.partition("-")[2]
    if change not in changed:
        raise _unknown(arm)
    return changed[change]


def _unknown(arm: str) -> InputError:
    return InputError(f"There is no arm {arm!r}; known are {', '.join(STUDY.rules['arms'])}.")


STUDY: Study = Study("choices", lambda _: seed_by_seed(STUDY.rules, recipe))
