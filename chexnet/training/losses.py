"""The losses of sections 2.1 and 5, and of Wang et al. 2017. An unknown label (NaN) adds nothing."""

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


def count_labels(labels: Float[Tensor, "batch findings"]) -> Float[Tensor, "2"]:
    """|P| and |N| of a batch: labels that are 1, and 0, of all findings; a soft label counts in its parts."""
    return torch.stack([labels.nansum(), (1 - labels).nansum()])


def class_balanced_loss(
    logits: Float[Tensor, "batch findings"],
    labels: Float[Tensor, "batch findings"],
    counts: Float[Tensor, "2"],
) -> Float[Tensor, ""]:
    """W-CEL of Wang et al. 2017, averaged over the images.

    ``β_P sum_(y=1) -ln f + β_N sum_(y=0) -ln(1 - f)`` with ``β_P = (|P|+|N|)/|P|``, ``β_N = (|P|+|N|)/|N|``.

    Args:
        logits: of f.
        labels: 0, 1, a probability, or NaN where unknown.
        counts: |P| and |N| as `count_labels` gives them, of the whole batch where this is a process's share.
    """
    # A class without a label has an empty sum, whatever its weight.
    positive, negative = counts.sum() / torch.where(counts > 0, counts, 1.0)
    target = labels.nan_to_num(0.0)
    absent = (1 - labels).nan_to_num(0.0)
    present_loss = -(target * functional.logsigmoid(logits)).sum(dim=1)
    absent_loss = -(absent * functional.logsigmoid(-logits)).sum(dim=1)
    return (positive * present_loss + negative * absent_loss).mean()


def teacher_loss(
    logits: Float[Tensor, "batch findings"], teacher: Float[Tensor, "batch findings"]
) -> Float[Tensor, ""]:
    """Sum over the findings of the cross entropies with the teacher's probabilities, averaged over images.

    A teacher has an opinion on every finding, so nothing is masked (Hinton et al. 2015).
    """
    return pathologies_loss(logits, torch.sigmoid(teacher))


def hint_loss(
    projected: Float[Tensor, "batch k rows columns"], teacher: Float[Tensor, "batch k rows columns"]
) -> Float[Tensor, ""]:
    """One minus the cosine between feature vectors at the same place, averaged (after Romero et al. 2015)."""
    return (1 - functional.cosine_similarity(projected, teacher, dim=1)).mean()
