"""The losses of sections 2.1 and 5. An unknown label (NaN) adds nothing."""

import torch
from torch import Tensor
from torch.nn import functional

from chexnet.arrays import Float


def pneumonia_weights(positives: float, negatives: float) -> tuple[float, float]:
    """Weights (w₊, w₋) = (|N|, |P|) / (|P|+|N|) that balance the pneumonia loss (section 2.1).

    Raises:
        ValueError: one class is missing from the training set; its weight would silence the other.
    """
    if not (positives > 0 and negatives > 0):
        raise ValueError(
            f"{positives:g} images with and {negatives:g} without pneumonia; the weighted loss needs both"
        )
    total = positives + negatives
    return negatives / total, positives / total


def pneumonia_loss(
    logits: Float[Tensor, "batch 1"], labels: Float[Tensor, "batch 1"], weights: tuple[float, float]
) -> Float[Tensor, ""]:
    """Weighted binary cross entropy (section 2.1), averaged over the images of known label."""
    positive, negative = weights
    known = ~torch.isnan(labels)
    target = labels.nan_to_num(0.0)
    weighted = -(
        positive * target * functional.logsigmoid(logits)
        + negative * (1 - target) * functional.logsigmoid(-logits)
    )
    return (weighted * known).sum() / known.sum().clamp(min=1)


def pathologies_loss(
    logits: Float[Tensor, "batch findings"], labels: Float[Tensor, "batch findings"]
) -> Float[Tensor, ""]:
    """Sum over the pathologies of unweighted binary cross entropies (section 5), averaged over the images."""
    known = ~torch.isnan(labels)
    losses = functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(0.0), reduction="none")
    return (losses * known).sum(dim=1).mean()
