"""How many images does a claim need? Planning numbers, rounded up; they assume one image a patient."""

import math

from chexnet.statistics.estimate import normal_quantile


def hanley_mcneil_variance(auroc: float, positives: int, negatives: int) -> float:
    """Variance of an AUROC when only its value is known (Hanley and McNeil, Radiology 143, 1982)."""
    if not 0 < auroc < 1 or positives < 1 or negatives < 1:
        raise ValueError(f"expected 0 < AUROC < 1 and both classes, got {auroc}, {positives}, {negatives}")
    two_positives = auroc / (2 - auroc)
    two_negatives = 2 * auroc**2 / (1 + auroc)
    return (
        auroc * (1 - auroc)
        + (positives - 1) * (two_positives - auroc**2)
        + (negatives - 1) * (two_negatives - auroc**2)
    ) / (positives * negatives)


def positives_for_auroc(
    auroc: float, half_width: float, negatives_per_positive: float = 1.0, confidence: float = 0.95
) -> int:
    """Positive images needed for an AUROC's interval to be +- ``half_width``."""
    if not 0 < half_width < 1:
        raise ValueError(f"half-width must lie between 0 and 1, got {half_width}")
    wanted = (half_width / normal_quantile(confidence)) ** 2
    high = 2
    while _variance(auroc, high, negatives_per_positive) > wanted:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if _variance(auroc, middle, negatives_per_positive) > wanted:
            low = middle
        else:
            high = middle
    return high


def images_for_proportion(share: float, half_width: float, confidence: float = 0.95) -> int:
    """Images needed for a share's interval to be +- ``half_width``.

    For a sensitivity these are positive images, for a specificity negative ones.
    """
    if not 0 <= share <= 1 or not 0 < half_width < 1:
        raise ValueError(f"expected a share in [0, 1] and a half-width below 1, got {share}, {half_width}")
    # Rounding must not turn 384.0000001 into 385.
    return max(1, math.ceil(normal_quantile(confidence) ** 2 * share * (1 - share) / half_width**2 - 1e-9))


def design_effect(images_per_patient: float, correlation: float) -> float:
    """Factor by which images of the same patients must outnumber independent ones (Kish)."""
    return 1 + (images_per_patient - 1) * correlation


def _variance(auroc: float, positives: int, negatives_per_positive: float) -> float:
    return hanley_mcneil_variance(auroc, positives, max(1, round(positives * negatives_per_positive)))
