"""The columns that runs log: names, groups, meanings and sources."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from grokbook._support.errors import InputError

ORDERS = (0.5, 1.0, 2.0, 3.0)
"""Orders α of the entropies that runs log; most figures show α = 1, Figure 12 shows all."""


class Column(NamedTuple):
    """A column of a log, or a family of them.

    A part of the name in angle brackets stands for whatever the network or the task has there.
    """

    name: str
    group: str
    meaning: str
    unit: str = ""
    source: str = ""
    orders: bool = False
    """Whether it is also logged at the other :data:`ORDERS`, under ``<name>_alpha_<α>``."""


_FIT, _NORMS, _LAW, _LAWS = "accuracy", "norms", "commutativity", "laws"
_INFORMATION, _TEST, _THEORY = "information", "test_information", "theory"

COLUMNS = (
    Column("train_accuracy", _FIT, "share of training samples answered rightly, in [0, 1]"),
    Column("train_loss", _FIT, "mean loss on the training set, without noise or regulariser"),
    Column("test_accuracy", _FIT, "share of test samples answered rightly, in [0, 1]"),
    Column("test_loss", _FIT, "mean loss on the test set"),
    Column("weight_norm", _NORMS, "ℓ₂ norm of all weights and biases", source="Figure 1"),
    Column("weight_norm_l1", _NORMS, "ℓ₁ norm of all weights and biases", source="Corollary 3.4"),
    Column("logit_scale", _NORMS, "mean Euclidean length of the training set's logits"),
    Column("first_layer_spectral_norm", _NORMS, "largest singular value of the first layer (MLP)"),
    Column("norm_<parameter>", _NORMS, "ℓ₂ norm of one parameter of the network"),
    Column(
        "abelian_accuracy_<pairs>", _LAW,
        "share of pairs answered like their mirror image, in [0, 1]; <pairs> is train or all",
        source="section 4.1, Figure 5",
    ),
    Column(
        "abelian_logit_distance_<pairs>", _LAW,
        "mean Euclidean distance of the logits of a pair and its mirror image",
        source="section 4.2, Figure 7",
    ),
    Column(
        "abelian_logit_mse_<pairs>", _LAW,
        "mean square difference of these logits, the regulariser of abelian degrok",
        source="section 4.1",
    ),
    Column(
        "test_accuracy_mirrored", _LAW,
        "test accuracy on pairs whose mirror image is a training pair", source="section 4.1",
    ),
    Column(
        "test_accuracy_unmirrored", _LAW, "test accuracy on the other pairs", source="section 4.1"
    ),
    Column(
        "law_<law>", _LAWS,
        "share of answers that obey a law of the group, in [0, 1]: identity, inverse,"
        " associativity", source="abstract, section 7",
    ),
    Column(
        "perturbation_error", "robustness",
        "mean squared change of the logits under noise of error_sigma on the training inputs",
        source="section 3.1, Figure 2 a, b",
    ),
    Column(
        "sharpness", "sharpness",
        "trace of the Hessian of the loss: exact for the MLP with squared error, else by"
        " Hutchinson's estimator", source="section 3.1, Figure 2 c, d",
    ),
    Column("sharpness_standard_error", "sharpness", "standard error of that estimate"),
    Column(
        "mutual_information", _INFORMATION,
        "matrix mutual information of first layer and logits, without noise", "nats",
        "Definition 2.2", orders=True,
    ),
    Column(
        "perturbed_mutual_information", _INFORMATION, "PMI: the same at inputs with noise", "nats",
        "Definition 5.1, Figure 8", orders=True,
    ),
    Column(
        "entropy", _INFORMATION, "matrix entropy of the logits, without noise", "nats",
        "Definition 2.1, Figure 12", orders=True,
    ),
    Column(
        "perturbed_entropy", _INFORMATION, "PE: the same at inputs with noise", "nats",
        "Definition 5.2, Figure 9", orders=True,
    ),
    Column(
        "first_layer_entropy", _INFORMATION, "matrix entropy of the first layer, without noise",
        "nats", orders=True,
    ),
    Column(
        "mutual_information_difference", _INFORMATION, "MID: |PMI - its value without noise|",
        "nats", "Definition 5.3, Figure 10", orders=True,
    ),
    Column(
        "entropy_difference", _INFORMATION, "ED: |PE - its value without noise|", "nats",
        "Definition 5.4, Figure 11", orders=True,
    ),
    Column(
        "perturbed_mutual_information_other_layer", _INFORMATION,
        "PMI with the other reading of the first layer", "nats", "section 6",
    ),
    Column(
        "perturbed_label_mutual_information", _INFORMATION,
        "PMI′: mutual information of labels and logits at noisy inputs (MLP)", "nats",
        "appendix B, Figure 13",
    ),
    Column(
        "test_entropy", _INFORMATION, "matrix entropy of the test set's logits (MLP)", "nats",
        "Figure 12", orders=True,
    ),
    Column(
        "zero_features_<inputs>", _INFORMATION,
        "rows of zeros in first layer and logits, which have no direction; <inputs> is clean or"
        " perturbed",
    ),
    Column(
        "test_mutual_information", _TEST, "mutual information on the test set", "nats",
        "section 6", orders=True,
    ),
    Column(
        "test_perturbed_mutual_information", _TEST, "PMI on the test set", "nats", "section 6",
        orders=True,
    ),
    Column(
        "test_perturbed_entropy", _TEST, "PE on the test set", "nats", "section 6", orders=True
    ),
    Column(
        "test_mutual_information_difference", _TEST, "MID on the test set", "nats", "section 6",
        orders=True,
    ),
    Column(
        "test_entropy_difference", _TEST, "ED on the test set", "nats", "section 6", orders=True
    ),
    Column("theorem_5_9_left", _THEORY, "left side of Theorem 5.9", "nats", "Theorem 5.9"),
    Column("theorem_5_9_printed", _THEORY, "its right side as printed", "nats", "Theorem 5.9"),
    Column(
        "theorem_5_9_repaired", _THEORY, "its right side as it can be proved", "nats", "Theorem 5.9"
    ),
    Column("theorem_5_12_left", _THEORY, "left side of Theorem 5.12", "nats", "Theorem 5.12"),
    Column("theorem_5_12_printed", _THEORY, "its right side as printed", "nats", "Theorem 5.12"),
    Column(
        "theorem_5_12_repaired", _THEORY, "its right side as it can be proved", "nats",
        "Theorem 5.12",
    ),
    Column(
        "jacobian_frobenius_sq", _THEORY,
        "mean squared Frobenius norm of the input Jacobian: the left side of Lemma 3.1",
        source="Lemma 3.1",
    ),
    Column("lemma_3_1_printed", _THEORY, "right side of Lemma 3.1 as printed", source="Lemma 3.1"),
    Column(
        "lemma_3_1_first_layer", _THEORY, "the same with the first layer's norm and sharpness",
        source="Lemma 3.1",
    ),
    Column(
        "lemma_3_1_bias", _THEORY,
        "the same with the first layer's norm and its bias's sharpness", source="Lemma 3.1",
    ),
    Column("epsilon", _THEORY, "radius ε(W) around a training sample", source="Theorem 3.2"),
    Column(
        "largest_certified_radius_if_linear", _THEORY,
        "largest radius that would be certified if the network were linear", source="Theorem 3.2",
    ),
    Column(
        "relu_radius", _THEORY, "radius that the layers' spectral norms do certify",
        source="Theorem 3.2, repaired",
    ),
)  # fmt: skip
"""Every column that this package logs, beside ``step``."""


def by_order(column: str) -> dict[str, str]:
    """Return the columns that hold a quantity at every logged order, by order.

    >>> by_order("entropy")["0.5"], by_order("entropy")["1"]
    ('entropy_alpha_0.5', 'entropy')
    """
    return {f"{alpha:g}": column if alpha == 1 else f"{column}_alpha_{alpha:g}" for alpha in ORDERS}


def column_of(name: str) -> Column:
    """Return what is known of a logged column.

    Raises
    ------
    InputError
        If no run logs it.

    Examples
    --------
    >>> column_of("norm_query").meaning
    'ℓ₂ norm of one parameter of the network'
    >>> column_of("test_accuracy").group, column_of("test_accuracy_mirrored").group
    ('accuracy', 'commutativity')
    """
    for column, pattern in _patterns():
        if pattern.fullmatch(name):
            return column
    groups = ", ".join(dict.fromkeys(column.group for column in COLUMNS))
    raise InputError(
        f"There is no metric {name!r}; known are the groups {groups}, and the columns of a run's"
        " log."
    )


@cache
def _patterns() -> list[tuple[Column, re.Pattern[str]]]:
    others = "|".join(re.escape(f"{alpha:g}") for alpha in ORDERS if alpha != 1)
    return [
        (
            column,
            re.compile(
                re.sub("<[a-z]+>", r"\\w+", column.name)
                + (f"(_alpha_({others}))?" if column.orders else "")
            ),
        )
        for column in COLUMNS
    ]
