"""Every statement of the paper, its verdict, and the functions that compute it."""

from dataclasses import dataclass
from typing import Literal

from grokbook._support.errors import InputError

Verdict = Literal["true", "true as repaired", "false as printed", "vacuous where used"]


@dataclass(frozen=True)
class Statement:
    """One numbered statement of the paper.

    Attributes
    ----------
    name
        As the paper numbers it.
    title
        Its subject.
    verdict
        "true": as printed, even if its proof has a slip. "true as repaired": a hypothesis that its
        own terms need, or a degenerate case, is missing. "false as printed": a counterexample
        exists among the networks that the paper speaks of, and a repaired form is given. "vacuous
        where used": its premises cannot hold in the experiments it is applied to.
    reason
        One sentence.
    functions
        Dotted names of the functions that compute it.
    """

    name: str
    title: str
    verdict: Verdict
    reason: str
    functions: tuple[str, ...]


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        "Definition 2.1",
        "Matrix entropy",
        "true",
        "Well defined with 0 log 0 = 0, and between 0 and the logarithm of the rank.",
        ("grokbook.metrics.matrix_entropy", "grokbook.metrics.representation_entropy"),
    ),
    Statement(
        "Definition 2.2",
        "Matrix mutual information",
        "true",
        "Well defined because the entrywise product of Gram matrices is one again; I₂ can be "
        "negative.",
        (
            "grokbook.metrics.matrix_mutual_information",
            "grokbook.metrics.representation_mutual_information",
        ),
    ),
    Statement(
        "Lemma 3.1",
        "Weight norm and sharpness bound the input Jacobian",
        "true as repaired",
        "Needs a dense first layer without weight sharing or skip connection, a network twice "
        "differentiable in its weights, the squared loss summed over outputs, and no input zero; a "
        "transformer shares its embedding and has skip connections.",
        ("grokbook.theory.lemma_3_1.both_sides", "grokbook.theory.lemma_3_1.per_sample"),
    ),
    Statement(
        "Theorem 3.2",
        "Test points near the training set are classified rightly",
        "false as printed",
        "The near training point must have the test point's label; with that it holds, even with a "
        "larger radius, but the printed radius reaches no test point of either experiment.",
        (
            "grokbook.theory.theorem_3_2.epsilon",
            "grokbook.theory.theorem_3_2.certified_radius",
            "grokbook.theory.theorem_3_2.relu_radius",
            "grokbook.theory.theorem_3_2.certified_fraction",
            "grokbook.theory.interpolation.smallest_norm_times_sharpness",
            "grokbook.theory.interpolation.largest_epsilon",
            "grokbook.theory.modular_neighbours.reachable_test_pairs",
            "grokbook.theory.neighbouring_probability.nearest_distances",
            "grokbook.theory.neighbouring_probability.label_consistent_radius",
        ),
    ),
    Statement(
        "Corollary 3.3",
        "Predicted test accuracy against training steps",
        "vacuous where used",
        "The substitution is right, but inherits the theorem's missing label, and interpolation "
        "forces ‖W‖² S ≥ K, which the assumed decline breaks long before the predicted rise.",
        (
            "grokbook.theory.corollary_3_3.predicted_accuracy",
            "grokbook.theory.corollary_3_3.steps_at_accuracy",
            "grokbook.theory.corollary_3_3.transition_width",
            "grokbook.theory.corollary_3_3.feasible_until",
            "grokbook.theory.corollary_3_3.fit_predicted_accuracy",
            "grokbook.theory.neighbouring_probability.empirical",
            "grokbook.theory.neighbouring_probability.half_normal",
        ),
    ),
    Statement(
        "Corollary 3.4",
        "Theorem 3.2 with the ℓ₁ norm",
        "false as printed",
        "The theorem's counterexample is one here too; true given the repaired theorem, and never "
        "says more than that, since ‖W‖₁ ≥ ‖W‖₂.",
        ("grokbook.theory.corollary_3_4.epsilon",),
    ),
    Statement(
        "Definition 5.1",
        "Perturbed mutual information",
        "true as repaired",
        "Undefined where a representation is zero, which a ReLU layer can give; any fixed unit "
        "vector in its place keeps every bound.",
        ("grokbook.metrics.perturbed_mutual_information",),
    ),
    Statement(
        "Definition 5.2",
        "Perturbed entropy",
        "true as repaired",
        "As Definition 5.1; averaging over batches, as the paper does, is another quantity.",
        ("grokbook.metrics.perturbed_entropy",),
    ),
    Statement(
        "Definition 5.3",
        "Mutual information difference",
        "true as repaired",
        "As Definition 5.1.",
        ("grokbook.metrics.mutual_information_difference",),
    ),
    Statement(
        "Definition 5.4",
        "Entropy difference",
        "true as repaired",
        "As Definition 5.1.",
        ("grokbook.metrics.entropy_difference",),
    ),
    Statement(
        "Proposition 5.5",
        "Mutual information of order 2 by Frobenius norms",
        "true",
        "Two of the three terms 2 log n cancel.",
        ("grokbook.theory.proposition_5_5.both_sides",),
    ),
    Statement(
        "Proposition 5.6",
        "Entropy of order 2 by the Frobenius norm",
        "true as repaired",
        "Needs a symmetric matrix, since it is tr K² that equals the squared Frobenius norm.",
        ("grokbook.theory.proposition_5_6.both_sides",),
    ),
    Statement(
        "Lemma 5.7",
        "Inner products of unit vectors",
        "true",
        "The constant 4 can be 1, which is the best; the printed proof lacks a factor 1/2.",
        ("grokbook.theory.lemma_5_7.both_sides",),
    ),
    Statement(
        "Lemma 5.8",
        "Entropy moves with the representations",
        "true",
        "The printed proof only gives 16(n-1)/n for the constant 8; 4(n-1)/n holds, and sharper "
        "forms by sines and by geodesics.",
        (
            "grokbook.theory.lemma_5_8.both_sides",
            "grokbook.theory.von_neumann.entropy_bounds",
        ),
    ),
    Statement(
        "Theorem 5.9",
        "Robustness bounds the entropy difference",
        "false as printed",
        "The right side scales with the outputs and the left side does not; with relative changes "
        "it holds.",
        ("grokbook.theory.theorem_5_9.both_sides",),
    ),
    Statement(
        "Lemma 5.10",
        "Products of numbers in [-1, 1]",
        "true",
        "The constant 1 is the best.",
        ("grokbook.theory.lemma_5_10.both_sides",),
    ),
    Statement(
        "Lemma 5.11",
        "Mutual information moves with the representations",
        "true",
        "Its proof has the slip of Lemma 5.8; 8(n-1)/n holds for the constant 16, and sharper "
        "forms.",
        (
            "grokbook.theory.lemma_5_11.both_sides",
            "grokbook.theory.von_neumann.mutual_information_bounds",
        ),
    ),
    Statement(
        "Theorem 5.12",
        "Robustness bounds the mutual information difference",
        "false as printed",
        "Rescaling the first layer against the second shrinks the right side and leaves the left, "
        "even at interpolation; with relative changes it holds.",
        ("grokbook.theory.theorem_5_12.both_sides",),
    ),
)


def statement(name: str) -> Statement:
    """Return the statement of that name, such as "Lemma 3.1".

    Examples
    --------
    >>> statement("Lemma 5.7").verdict
    'true'
    """
    for entry in STATEMENTS:
        if entry.name == name:
            return entry
    raise InputError(
        f"There is no statement {name!r}; the paper has "
        f"{', '.join(entry.name for entry in STATEMENTS)}."
    )
