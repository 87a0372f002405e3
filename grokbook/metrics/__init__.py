"""Every metric of the paper, as pure functions of a network or its outputs and of tensors.

They take any `torch.nn.Module`, or any callable that maps a batch of inputs (n, ...) to a matrix
of outputs (n, d). Random numbers come from a generator that is passed in.

Metrics never change a network, and it must be a function. A module, or a method of one, with
dropout or batch normalisation in training mode is refused with an `InputError`; call
``model.eval()`` first. Modules without such layers may be in either mode. Metrics find other
randomness by running the network twice on a few samples. The network gets copies of the inputs, so
it may write into them. A metric that needs gradients switches them on, also inside `torch.no_grad`
and `torch.inference_mode`.
"""

from grokbook.metrics.accuracy import accuracy
from grokbook.metrics.commutativity import (
    MirrorAccuracy,
    abelian_accuracy,
    abelian_logit_distance,
    abelian_logit_mse,
    accuracy_by_mirror,
    commutes,
    mirror_share,
    mirror_split,
)
from grokbook.metrics.fourier import (
    embedding_entropy,
    embedding_spectrum,
    excluded_logits,
    key_frequencies,
    restricted_logits,
    spectral_overlap,
)
from grokbook.metrics.gradients import gradient_norm
from grokbook.metrics.group_laws import Group, GroupLaws, group_laws, group_of
from grokbook.metrics.information import (
    Information,
    matrix_entropy,
    matrix_mutual_information,
    representation_entropy,
    representation_information,
    representation_label_mutual_information,
    representation_mutual_information,
)
from grokbook.metrics.local_complexity import local_complexity
from grokbook.metrics.norms import layer_norms, logit_scale, spectral_norm, weight_norm
from grokbook.metrics.oscillation import hjorth_activity, hjorth_mobility
from grokbook.metrics.perturbed_information import (
    entropy_difference,
    label_mutual_information,
    mutual_information_difference,
    perturbed_entropy,
    perturbed_information,
    perturbed_mutual_information,
)
from grokbook.metrics.robustness import (
    JacobianNorms,
    input_jacobian,
    input_jacobian_norms,
    perturbation_error,
)
from grokbook.metrics.sharpness import (
    MLPSharpness,
    SharpnessEstimate,
    hutchinson_sharpness,
    mlp_sharpness,
)
from grokbook.metrics.similarity import linear_cka
from grokbook.metrics.spectra import (
    count_zero_features,
    entropy_of_spectrum,
    feature_spectrum,
    gram_eigenvalues,
    hadamard_spectrum,
    unit_features,
)

__all__ = [
    "Group",
    "GroupLaws",
    "Information",
    "JacobianNorms",
    "MLPSharpness",
    "MirrorAccuracy",
    "SharpnessEstimate",
    "abelian_accuracy",
    "abelian_logit_distance",
    "abelian_logit_mse",
    "accuracy",
    "accuracy_by_mirror",
    "commutes",
    "count_zero_features",
    "embedding_entropy",
    "embedding_spectrum",
    "entropy_difference",
    "entropy_of_spectrum",
    "excluded_logits",
    "feature_spectrum",
    "gradient_norm",
    "gram_eigenvalues",
    "group_laws",
    "group_of",
    "hadamard_spectrum",
    "hjorth_activity",
    "hjorth_mobility",
    "hutchinson_sharpness",
    "input_jacobian",
    "input_jacobian_norms",
    "key_frequencies",
    "label_mutual_information",
    "layer_norms",
    "linear_cka",
    "local_complexity",
    "logit_scale",
    "matrix_entropy",
    "matrix_mutual_information",
    "mirror_share",
    "mirror_split",
    "mlp_sharpness",
    "mutual_information_difference",
    "perturbation_error",
    "perturbed_entropy",
    "perturbed_information",
    "perturbed_mutual_information",
    "representation_entropy",
    "representation_information",
    "representation_label_mutual_information",
    "representation_mutual_information",
    "restricted_logits",
    "spectral_norm",
    "spectral_overlap",
    "unit_features",
    "weight_norm",
]
