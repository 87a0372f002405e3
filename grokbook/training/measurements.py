"""The metrics that a run logs: each group as a function of the network and its data.

Groups in ``CHEAP`` are computed at every logged step, those in ``DEAR`` at every ``dear_every``-th.
The noise of a metric comes from a stream named after the step, so it does not depend on how often a
run logs or whether it was resumed. All numbers are for the network in eager mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from grokbook import metrics
from grokbook._support.errors import InputError
from grokbook._support.seeding import generator
from grokbook.experiments.columns import ORDERS, by_order
from grokbook.experiments.schema import Experiment
from grokbook.models.base import Network
from grokbook.models.mlp import MLP
from grokbook.strategies.losses import criterion
from grokbook.tasks.base import Split
from grokbook.theory import lemma_3_1, theorem_3_2, theorem_5_9, theorem_5_12

THEORY_SAMPLES = 1000  # of the training set, for Theorems 5.9 and 5.12, which hold on any set
TEST_SAMPLES = 2000  # of the test set, for its entropies and information: ten batches of 200


@dataclass(eq=False)
class Measure:
    """Callable that measures one run: ``measure(step, dear=...) -> {column: value}``.

    Parameters
    ----------
    experiment : Experiment
        Its ``measurements`` say what to compute.
    model : Network
        The network being trained; read, never changed.
    split : Split
        Its data.
    """

    experiment: Experiment
    model: Network
    split: Split

    @cached_property
    def answers(self) -> Tensor:
        """The task's true answers, ``(p, p)``; only for inputs that are pairs."""
        table = self.experiment.task.label_table()
        if table is None:
            raise InputError(
                "groups has 'commutativity' or 'laws', which need pairs (a, b), but the inputs are"
                " vectors."
            )
        return table.to(self.split.train_y.device)

    @cached_property
    def of_a_group(self) -> bool:
        """Whether the answers are the table of a group."""
        return metrics.group_of(self.answers) is not None

    def __call__(self, step: int, *, dear: bool) -> dict[str, float]:
        """Measure now; if the training loss is not finite, only the accuracies are returned."""
        groups = self.experiment.measurements.groups
        moment = _Moment(self, step)
        row = _accuracy(moment)
        if not math.isfinite(row["train_loss"]):
            return row
        for table in (CHEAP, DEAR) if dear else (CHEAP,):
            for name in groups:
                if name in table:
                    row |= table[name](moment)
        return row


@dataclass(eq=False)
class _Moment:
    """The network at one step; what several groups need is computed once."""

    run: Measure
    step: int

    @property
    def experiment(self) -> Experiment:
        return self.run.experiment

    @property
    def model(self) -> Network:
        return self.run.model

    @property
    def split(self) -> Split:
        return self.run.split

    def noise(self, purpose: str) -> torch.Generator:
        """Return the generator of one metric at this step, on the CPU on every machine."""
        return generator(self.experiment.seed, f"metrics {purpose} {self.step}")

    @cached_property
    @torch.no_grad()
    def train_logits(self) -> Tensor:
        return self.model(self.split.train_x)

    @cached_property
    @torch.no_grad()
    def test_logits(self) -> Tensor:
        return self.model(self.split.test_x)

    @cached_property
    @torch.no_grad()
    def inputs(self) -> Tensor:
        """Continuous training inputs."""
        return self.model.inputs(self.split.train_x)

    @cached_property
    def pair_logits(self) -> Tensor:
        """Logits (p, p, K) of all pairs; 0 where a pair is not a question."""
        pairs = torch.cat((self.split.train_x, self.split.test_x))
        p, classes = len(self.run.answers), self.train_logits.shape[1]
        table = self.train_logits.new_zeros(p, p, classes)
        table[pairs[:, 0], pairs[:, 1]] = torch.cat((self.train_logits, self.test_logits))
        return table

    @cached_property
    def sharpness(self) -> metrics.MLPSharpness:
        """Exact trace for the MLP, shared by two groups."""
        return metrics.mlp_sharpness(self.model, self.inputs)


def _accuracy(moment: _Moment) -> dict[str, float]:
    """Accuracies and training losses on both sets (every figure's background)."""
    loss = criterion(moment.experiment.loss)
    row = {
        "train_accuracy": _share_correct(moment.train_logits, moment.split.train_y),
        "train_loss": float(loss(moment.train_logits, moment.split.train_y)),
    }
    if len(moment.split.test_x):
        row["test_accuracy"] = _share_correct(moment.test_logits, moment.split.test_y)
        row["test_loss"] = float(loss(moment.test_logits, moment.split.test_y))
    else:  # train_fraction = 1 leaves nothing to test on
        row |= {"test_accuracy": math.nan, "test_loss": math.nan}
    return row


def _share_correct(logits: Tensor, y: Tensor) -> float:
    # Not metrics.accuracy: that one refuses the NaN logits of a diverged run.
    return float((logits.argmax(dim=1) == y).double().mean())


def _norms(moment: _Moment) -> dict[str, float]:
    """ℓ₂ and ℓ₁ weight norms (Figure 1, Corollary 3.4), each parameter's, and the logits' scale."""
    row = {
        "weight_norm": metrics.weight_norm(moment.model, 2),
        "weight_norm_l1": metrics.weight_norm(moment.model, 1),
        "logit_scale": metrics.logit_scale(moment.train_logits),
    }
    if isinstance(moment.model, MLP):
        row["first_layer_spectral_norm"] = metrics.spectral_norm(moment.model.first_weight)
    return row | {
        f"norm_{name.replace('.', '_')}": value
        for name, value in metrics.layer_norms(moment.model).items()
    }


def _commutativity(moment: _Moment) -> dict[str, float]:
    """Abelian tests (Figures 5, 7) and the two parts of the test set (the staircase).

    The answers are those of the task's own table. If they do not commute, equal answers to (a, b)
    and (b, a) are a mistake, so the abelian tests are left out. Every task on pairs has the parts
    of the test set.
    """
    split, answers, table = moment.split, moment.run.answers, moment.pair_logits
    row: dict[str, float] = {}
    if metrics.commutes(answers):
        # If some pairs are not questions, compare only pairs whose mirror image is one.
        asked = (answers >= 0) & (answers.T >= 0)
        train = split.train_x[asked[split.train_x[:, 0], split.train_x[:, 1]]]
        for name, chosen in (("train", train), ("all", asked.nonzero())):
            if not len(chosen):
                continue
            row[f"abelian_accuracy_{name}"] = metrics.abelian_accuracy(table, chosen)
            row[f"abelian_logit_distance_{name}"] = metrics.abelian_logit_distance(table, chosen)
            row[f"abelian_logit_mse_{name}"] = metrics.abelian_logit_mse(table, chosen)
    parts = metrics.accuracy_by_mirror(table, answers, split.train_x)
    return row | {
        "test_accuracy_mirrored": parts.mirrored,
        "test_accuracy_unmirrored": parts.unmirrored,
    }


def _laws(moment: _Moment) -> dict[str, float]:
    """Shares of answers that obey the laws of a group (section 7); empty if there is no group."""
    if not moment.run.of_a_group:
        return {}
    laws = metrics.group_laws(moment.pair_logits, moment.run.answers)
    return {f"law_{name}": value for name, value in laws._asdict().items()}


def _robustness(moment: _Moment) -> dict[str, float]:
    """Perturbation error on the training set at the figure's σ (Figure 2 a, b)."""
    sigma = moment.experiment.measurements.error_sigma
    error = metrics.perturbation_error(
        moment.model.logits, moment.inputs, sigma, generator=moment.noise("error")
    )
    return {"perturbation_error": error}


def _sharpness(moment: _Moment) -> dict[str, float]:
    """Trace of the Hessian (Figure 2 c, d): the theory's loss for the MLP, else cross-entropy."""
    if isinstance(moment.model, MLP):
        return {"sharpness": moment.sharpness.total}
    estimate = metrics.hutchinson_sharpness(
        moment.model,
        criterion(moment.experiment.loss),
        moment.split.train_x,
        moment.split.train_y,
        moment.experiment.measurements.probes,
        generator=moment.noise("sharpness"),
    )
    return {"sharpness": estimate.estimate, "sharpness_standard_error": estimate.standard_error}


def _information(moment: _Moment) -> dict[str, float]:
    """PMI, PE, MID, ED for every α (Figures 8-11); on MNIST PMI′, test entropies (13, 12)."""
    settings, model, split = moment.experiment.measurements, moment.model, moment.split
    row: dict[str, float] = {}
    clean, noisy = _clean_and_perturbed(moment, moment.inputs, "information")
    for name, result in (("clean", clean), ("perturbed", noisy)):
        row[f"zero_features_{name}"] = float(sum(result.zero_features))
    row |= _by_order("mutual_information", clean.mutual_information)
    row |= _by_order("perturbed_mutual_information", noisy.mutual_information)
    row |= _by_order("entropy", clean.entropy_2)
    row |= _by_order("perturbed_entropy", noisy.entropy_2)
    row |= _by_order("first_layer_entropy", clean.entropy_1)
    row |= _differences(clean, noisy)
    row["perturbed_mutual_information_other_layer"] = float(
        metrics.perturbed_mutual_information(
            model.other_first_layer, model.logits, moment.inputs, settings.information_sigma, 1.0,
            settings.information_batch, generator=moment.noise("information"),
        )
    )  # fmt: skip
    if isinstance(model, MLP):
        row["perturbed_label_mutual_information"] = float(
            metrics.label_mutual_information(
                model.logits, moment.inputs, split.train_y, settings.information_sigma, 1.0,
                settings.information_batch, generator=moment.noise("information"),
            )
        )  # fmt: skip
        logits = moment.test_logits[:TEST_SAMPLES]
        row |= _by_order(
            "test_entropy",
            metrics.representation_entropy(logits, ORDERS, settings.information_batch),
        )
    return row


def _test_information(moment: _Moment) -> dict[str, float]:
    """PMI, PE, MID, ED for every α on the first samples of the test set (section 6)."""
    samples = moment.split.test_x[:TEST_SAMPLES]
    if not len(samples):
        return {}
    with torch.no_grad():
        inputs = moment.model.inputs(samples)
    clean, noisy = _clean_and_perturbed(moment, inputs, "test information")
    row = _by_order("mutual_information", clean.mutual_information)
    row |= _by_order("perturbed_mutual_information", noisy.mutual_information)
    row |= _by_order("perturbed_entropy", noisy.entropy_2)
    row |= _differences(clean, noisy)
    return {f"test_{name}": value for name, value in row.items()}


def _clean_and_perturbed(
    moment: _Moment, inputs: Tensor, purpose: str
) -> tuple[metrics.Information, metrics.Information]:
    """Return the entropies without noise and at the σ of the information metrics."""
    settings, model = moment.experiment.measurements, moment.model
    clean, noisy = (
        metrics.perturbed_information(
            model.first_layer, model.logits, inputs, sigma, ORDERS, settings.information_batch,
            generator=moment.noise(purpose),
        )
        for sigma in (0.0, settings.information_sigma)
    )  # fmt: skip
    return clean, noisy


def _differences(clean: metrics.Information, noisy: metrics.Information) -> dict[str, float]:
    """Return MID and ED."""
    information = (noisy.mutual_information - clean.mutual_information).abs()
    entropy = (noisy.entropy_2 - clean.entropy_2).abs()
    return _by_order("mutual_information_difference", information) | _by_order(
        "entropy_difference", entropy
    )


def _by_order(name: str, values: Tensor) -> dict[str, float]:
    """Return α = 1 under the plain name, every other order with a suffix."""
    return dict(zip(by_order(name).values(), map(float, values), strict=True))


def _theory(moment: _Moment) -> dict[str, float]:
    """Both sides of Lemma 3.1 and ε(W) of Theorem 3.2 on the MLP; of 5.9 and 5.12 on both."""
    model, inputs = moment.model, moment.inputs[:THEORY_SAMPLES]
    noise = torch.randn(inputs.shape, generator=moment.noise("theory"), dtype=inputs.dtype)
    moved = inputs + moment.experiment.measurements.information_sigma * noise.to(inputs.device)
    with torch.no_grad():
        clean, perturbed = model.logits(inputs), model.logits(moved)
        first, first_moved = model.first_layer(inputs), model.first_layer(moved)
    entropy = theorem_5_9.both_sides(clean, perturbed)
    information = theorem_5_12.both_sides(first, clean, first_moved, perturbed)
    row = {
        "theorem_5_9_left": entropy.left,
        "theorem_5_9_printed": entropy.printed,
        "theorem_5_9_repaired": entropy.repaired,
        "theorem_5_12_left": information.left,
        "theorem_5_12_printed": information.printed,
        "theorem_5_12_repaired": information.repaired,
    }
    if not isinstance(model, MLP):
        return row
    inputs = moment.inputs
    jacobian = metrics.input_jacobian_norms(model.logits, inputs)
    norm = metrics.weight_norm(model, 2)
    smallest = float(torch.linalg.vector_norm(inputs.double(), dim=1).min())
    sides = lemma_3_1.both_sides(
        jacobian_frobenius_sq=float(jacobian.frobenius.square().mean()),
        weight_norm=norm,
        sharpness=moment.sharpness.total,
        first_layer_norm=metrics.spectral_norm(model.first_weight),
        first_layer_sharpness=moment.sharpness.first_weight,
        min_input_norm=smallest,
        bias_sharpness=moment.sharpness.first_bias,
    )
    row |= sides.as_columns()
    row["epsilon"] = theorem_3_2.epsilon(
        norm, moment.sharpness.total, n=len(inputs), min_input_norm=smallest
    )
    row["largest_certified_radius_if_linear"] = float(
        theorem_3_2.certified_radius(jacobian.spectral).max()
    )
    row["relu_radius"] = theorem_3_2.relu_radius(
        [metrics.spectral_norm(layer.weight) for layer in model.linear_layers()]
    )
    return row


CHEAP: dict[str, Callable[[_Moment], dict[str, float]]] = {
    "accuracy": _accuracy,
    "norms": _norms,
    "commutativity": _commutativity,
    "laws": _laws,
}
DEAR: dict[str, Callable[[_Moment], dict[str, float]]] = {
    "robustness": _robustness,
    "sharpness": _sharpness,
    "information": _information,
    "test_information": _test_information,
    "theory": _theory,
}
