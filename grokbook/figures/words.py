"""The words of table columns and rows: a catalogue from names to words and units."""

from __future__ import annotations

import re
from typing import NamedTuple

from grokbook.figures.style import LABELS


class Words(NamedTuple):
    """The words that a reader sees in place of a name."""

    words: str
    unit: str = ""
    kind: str = ""
    """How numbers are written: "count" (no decimals), "step" (the same, and "before 1" below 1),
    "share" (in percent), "significant" (three digits each), "decades" (three decimals), or as they
    come, with one number of decimals a column. Over seeds, "counted" is on how many something is
    true. A column of "prose" is wide."""

    def __str__(self) -> str:
        return f"{self.words} ({self.unit})" if self.unit else self.words


def _step(words: str) -> Words:
    return Words(words, "step", "step")


def _share(words: str) -> Words:
    return Words(words, "", "share")


_LABELS = {name: Words(label, "", "significant") for name, label in LABELS.items()}

CATALOGUE: dict[str, Words] = _LABELS | {
    # moments of a run
    "train_100": _step("training accuracy reaches 100 %"),
    "norm_peak": _step("weight norm is largest"),
    "grokked": _step("network has grokked"),
    "halfway": _step("half of the change is over"),
    "peak_step": _step("step of the peak"),
    "step": Words("step", "", "count"),
    "steps": Words("steps", "", "count"),
    # comparisons
    "speed_up": Words("times as fast"),
    "reading": Words("the true ratio"),
    "ratio": Words("ratio", "", "significant"),
    "gap": _share("gap, share of the whole change"),
    "standard": Words("standard training", "", "significant"),
    "perturbed": Words("perturbed training", "", "significant"),
    "abelian": Words("abelian training", "", "significant"),
    # metrics that are not among the labels of figures
    "jacobian_frobenius_sq": Words("squared slope ‖∇f‖²", "", "significant"),
    "logit_scale": Words("length of the logits", "", "significant"),
    "relative_error": Words("relative perturbation error", "", "significant"),
    "relative error": Words("relative perturbation error", "", "significant"),
    "train_loss": Words("training loss", "", "significant"),
    "test_accuracy": _share("test accuracy"),
    "train_accuracy": _share("training accuracy"),
    "final_test_accuracy": _share("test accuracy at the end"),
    "epsilon": Words("radius ε", "", "significant"),
    "epsilon_l1": Words("radius ε with the ℓ₁ norm", "", "significant"),
    "first_layer_entropy": Words("entropy of the first layer", "nats"),
    "norm_query": Words("norm of the query weights", "", "significant"),
    "norm_key": Words("norm of the key weights", "", "significant"),
    "norm_position": Words("norm of the position embedding", "", "significant"),
    "norm_embedding": Words("norm of the embedding", "", "significant"),
    "norm_squared": Words("‖W‖²", "", "significant"),
    "product": Words("‖W‖² times sharpness", "", "significant"),
    "log_n": Words("log n", "nats"),
    "mean_cosine": Words("mean cosine"),
    # course of a metric, from the end of memorising to the end of the run
    "at_train_100": Words("at training accuracy 100 %", "", "significant"),
    "at_test_50": Words("at test accuracy 50 %", "", "significant"),
    "end": Words("at the end", "", "significant"),
    "start": Words("at the start", "", "significant"),
    "peak": Words("largest", "", "significant"),
    "largest": Words("largest", "", "significant"),
    "smallest": Words("smallest", "", "significant"),
    "min": Words("lowest", "", "significant"),
    "max": Words("highest", "", "significant"),
    "last": Words("last", "", "significant"),
    "falling": _share("share of logged steps at which it falls"),
    "rising": _share("share of logged steps at which it rises"),
    "delay": Words("delay after half of test accuracy's rise", "decades of steps", "decades"),
    "lag": Words("lag behind test accuracy", "decades of steps", "decades"),
    "sharpness_of_change": Words(
        "rate of change in the window over that outside", "", "significant"
    ),
    "share_in_window": _share("share of the change in the window"),
    # names of rows
    "column": Words("quantity"),
    "metric": Words("metric"),
    "moment": Words("when"),
    "alpha": Words("order α"),
    "coefficient": Words("coefficient"),
    "seed": Words("seed", "", "label"),
    "curve": Words("curve"),
    "refresh": Words("accuracy computed every", "steps", "label"),
    "batch": Words("samples a batch", "", "label"),
    "draws": Words("draws of noise", "", "label"),
    "test": Words("test pairs", "", "count"),
    "train": Words("training pairs", "", "count"),
    "I_1": Words("I₁", "nats"),
    "I_2": Words("I₂", "nats"),
    "weight decay": Words("weight decay", "", "label"),
    "mnist": Words("MNIST"),
    "modadd": Words("modulo addition"),
    # records
    "id": Words("identifier"),
    "data_sha256": Words("checksum of the data"),
    "log_sha256": Words("checksum of the log"),
    "manifest_sha256": Words("checksum of the manifest"),
    "git_commit": Words("commit"),
    "git_dirty": Words("uncommitted changes"),
    "cpu": Words("processor"),
    "seconds": Words("wall time", "s", "count"),
    "minutes": Words("wall time", "min"),
    "hours": Words("all runs", "h"),
    "alone": Words("one seed on a CPU", "min"),
    "cases": Words("cases", "", "count"),
    "failed": Words("failed", "", "count"),
    # benchmarks
    "ms": Words("a step", "ms", "significant"),
    "spread": Words("spread between rounds"),
    "gflops": Words("arithmetic", "GFLOP/s"),
    "peak_share": Words("share of the processor's peak"),
    "ceiling": Words("share of what its matrix products allow"),
    "way": Words("implementation"),
    "plain_way": Words("the plain way"),
    "plain_ms": Words("plain way", "ms", "significant"),
    "difference": Words("largest difference"),
    "cheap_ms": Words("cheap row", "ms"),
    "full_ms": Words("full row", "ms"),
    "cheap_points": Words("cheap rows", "", "count"),
    "full_points": Words("full rows", "", "count"),
    "process_a_core": Words("one process a core"),
}
"""Words of names with one meaning. A name that is not listed is shown unchanged."""

TOPICS: dict[str, dict[str, Words]] = {
    "norm": {
        "peak": Words("largest norm"),
        "at_train_100": Words("norm at training accuracy 100 %"),
        "at_test_50": Words("norm at test accuracy 50 %"),
        "end": Words("norm at the end"),
        "fallen": _share("share of the fall that is over at test accuracy 50 %"),
    },
    "accuracy": {
        "groks": Words("networks that grok", "", "counted"),
        "end": _share("test accuracy at the end"),
    },
    "before": {name: Words(name, "", "prose") for name in ("check", "reason")},
    "orders": {"entropy": Words("entropy at α = 1", "nats")},
    "images": {"entropy": Words("entropy", "nats")},
    "laws": {"before": Words("seeds on which the law comes first", "", "count")},
    "rare": {"delay": Words("delay, as a ratio of steps")},
    "decays": {
        "fit": Words("networks that fit their training set"),
        "grok": Words("networks that grok"),
        "step": _step("they grok, median"),
        "norm": Words("ℓ₂ norm at the end, median", "", "significant"),
        "steps": Words("steps of the longest run", "", "count"),
    },
    "columns": {
        "name": Words("column"),
        "meaning": Words("what it is", "", "prose"),
        "source": Words("in the paper"),
        "orders": Words("also at α"),
    },
    "league": {
        "median": Words("steps, median", "", "count"),
        "mean": Words("steps, mean of those cut at the limit", "", "count"),
        "ratio": Words("steps over AdamW's", "", "significant"),
        "seconds": Words("seconds over AdamW's"),
        "came": Words("runs that grok"),
        "reads": Words("reads, beside the training pairs"),
        "chosen": Words("chosen settings"),
        "edge": Words("at the edge of its grid"),
        "lowest": Words("lowest", "", "count"),
        "highest": Words("highest", "", "count"),
        "late": Words("runs not within the limit", "", "count"),
        "accuracy": _share("test accuracy at the end, median"),
    },
    "final accuracy": {
        "max": _share("highest test accuracy"),
        "last": _share("last test accuracy"),
        "difference": Words("last one less that of standard training", "percentage points"),
    },
    "radius": {
        "within_epsilon": _share("test images within ε of a training image"),
        "relu_radius": Words("largest radius", "", "significant"),
        "certified": _share("test images that it certifies"),
        "test_accuracy": _share("test accuracy"),
    },
    "distance": {
        "distance": Words("to the nearest training image"),
        "same_label_distance": Words("to the nearest of the same label"),
    },
    "label": {
        "distance": Words("distance of the test point", "", "significant"),
        "delta": _share("test points within ε"),
        "accuracy": _share("test accuracy"),
        "certified": _share("test points that the repair certifies"),
        "epsilon_3_3": Words("radius of Corollary 3.3", "", "significant"),
        "epsilon_3_4": Words("radius of Corollary 3.4", "", "significant"),
    },
    "counterexample": {
        "dropped": Words("hypothesis left out"),
        "network": Words("network"),
        "left": Words("left side", "", "significant"),
        "printed": Words("right side", "", "significant"),
    },
    "predicted": {
        "rmse": Words("root mean square error"),
        "rmse_others": Words("root mean square error on the other seeds"),
        "mu": Words("μ", "", "significant"),
        "a": Words("a", "", "significant"),
        "b": Words("b", "", "significant"),
    },
    "radii": {
        "ratio": Words("ε over ε with the ℓ₁ norm", "", "significant"),
        "weight_norm": Words("‖W‖₂", "", "significant"),
        "weight_norm_l1": Words("‖W‖₁", "", "significant"),
    },
    "misread": {
        "variance": _step("μ a variance"),
        "deviation": _step("μ misread as a standard deviation"),
    },
    "abelian": {
        "abelian accuracy": _share("abelian accuracy"),
        "abelian_99": _step("abelian accuracy stays above 99 %"),
        "abelian_start": _share("abelian accuracy at the start"),
        "abelian_at_train_100": _share("abelian accuracy at training accuracy 100 %"),
    },
    "mirrored": {
        "mirrored": Words("mirrored test pairs", "", "count"),
        "share": _share("their share of the test set"),
        "expected": _share("share to be expected"),
        "free": _share("training pairs that agree whatever is learned, φ"),
    },
    "plateau": {
        "start": _step("begins"),
        "end": _step("ends"),
        "length": Words("length", "steps", "count"),
        "height": _share("height: test accuracy"),
        "share": _share("share of mirrored pairs"),
        "off": Words("height less share"),
        "mirrored": _share("accuracy on mirrored pairs"),
        "unmirrored": _share("accuracy on the others"),
    },
    "halves": {"unmirrored_then": _share("others, when mirrored pairs pass 50 %")},
    "logits": {
        "largest": Words("largest", "", "significant"),
        "train_100": Words("at training accuracy 100 %", "", "significant"),
        "grokked": Words("when grokked", "", "significant"),
        "lowest": Words("lowest", "", "significant"),
        "highest_after": Words("highest after grokking", "", "significant"),
    },
    "late": {
        "later": Words("steps after grokking", "", "count"),
        "median": Words("median of the seeds", "", "significant"),
        "low": Words("95 % interval from", "", "significant"),
        "high": Words("to", "", "significant"),
        "near_zero": Words("seeds below 0.1", "", "count"),
    },
    "restless": {
        "way": Words("way up and down, over the run's largest distance", "", "significant"),
    },
    "difference": {
        "left": _share("share left at the end of memorising"),
        "at_train_100": Words("at training accuracy 100 %", "", "significant"),
    },
    "speed": {
        name: _step(f"{name} training")
        for name in ("standard", "perturbed", "first", "second", "mirrored", "abelian")
    },
    "rates": {"test_accuracy": _share("test accuracy at the end")},
    "tightness": {
        "largest left / bound": Words("largest left side over bound", "", "significant"),
        "smallest bound / log n": Words("smallest bound over log n", "", "significant"),
        "left / printed": Words("left side over printed bound", "", "significant"),
        "left / repaired": Words("left side over repaired bound", "", "significant"),
        "printed / log n": Words("printed bound over log n", "", "significant"),
        "repaired / log n": Words("repaired bound over log n", "", "significant"),
    },
    "metrics": {
        "ms": Words("grokbook", "ms"),
        "ratio": Words("times as fast"),
    },
    "logging": {"share": Words("share of the run")},
    "scaling": {
        "varied": Words("what is varied"),
        "smallest": Words("from"),
        "largest": Words("to"),
        "time": Words("time"),
        "memory": Words("memory"),
        "products": Words("arithmetic"),
    },
    "batches": {
        "pmi_first": Words("PMI, first"),
        "pmi_last": Words("PMI, last"),
        "pmi_rank": Words("PMI, rank correlation"),
        "pmi_off": Words("PMI, largest difference"),
        "pe_first": Words("PE, first"),
        "pe_last": Words("PE, last"),
        "pe_rank": Words("PE, rank correlation"),
        "pe_off": Words("PE, largest difference"),
    },
    "twins": {
        "true labels": _share("true labels"),
        "random labels": _share("random labels"),
        "ratio": Words("random over true"),
    },
    "directions": {
        "first": Words("first logged step"),
        "last": Words("last logged step"),
        "at most": Words("at most", "", "count"),
    },
}
"""Words of names that have another meaning in tables of one topic."""

PATTERNS: dict[str, Words] = {
    r"test_([\d.]+)": _step("test accuracy stays above {} %"),
    r"mirrored_([\d.]+)": _step("mirrored pairs stay above {} %"),
    r"unmirrored_([\d.]+)": _step("other pairs stay above {} %"),
    r"t_([\d.]+)": _step("test accuracy {} %"),
    r"entropy_alpha_([\d.]+)": Words("entropy at α = {}", "nats"),
}
"""Words by the pattern of a name, whose number replaces the braces."""


def words(name: object, topic: str = "") -> Words:
    """Return the words of a column, of an index or of a value in one.

    >>> str(words("test_50"))
    'test accuracy stays above 50 % (step)'
    >>> str(words("fallen", "norm")), str(words("anything else"))
    ('share of the fall that is over at test accuracy 50 %', 'anything else')
    """
    text = "" if name is None else str(name)
    if topic and text in TOPICS[topic]:
        return TOPICS[topic][text]
    if text in CATALOGUE:
        return CATALOGUE[text]
    for pattern, template in PATTERNS.items():
        if match := re.fullmatch(pattern, text):
            return template._replace(words=template.words.format(match[1]))
    return Words(text)
