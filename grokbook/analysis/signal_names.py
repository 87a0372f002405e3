"""Readable names of the early signals and the moments of the study of prediction."""

from __future__ import annotations

SHORT = {
    "mid": "MID",
    "ed": "ED",
    "mid_or_ed": "MID or ED, small or falling",
    "weight_norm": "weight norm",
    "weight_norm_rate": "rate of the weight norm",
    "train_loss": "training loss",
    "hjorth_mobility": "Hjorth mobility of the loss",
    "hjorth_activity": "Hjorth activity of the loss",
    "gradient_norm": "gradient norm",
    "sharpness": "sharpness",
    "perturbation_error": "perturbation error",
    "input_jacobian": "input Jacobian",
    "local_complexity": "local complexity",
    "restricted_loss": "restricted loss",
    "excluded_loss": "excluded loss",
    "spectral_entropy": "entropy of the embedding",
    "test_loss": "test loss",
}
"""Names of the signals in figures and tables."""


def moment_words(moment: str) -> str:
    """Return a moment as words.

    >>> moment_words("50"), moment_words("train_100")
    ('step 50', 'training accuracy 100 %')
    """
    return "training accuracy 100 %" if moment == "train_100" else f"step {moment}"


def listed(names: list[str], last: str = "and") -> str:
    """Return names as a list in a sentence.

    >>> listed(["MID"]), listed(["MID", "ED"]), listed(["MID", "ED", "sharpness"], "or")
    ('MID', 'MID and ED', 'MID, ED or sharpness')
    """
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
