"""How much do labels mined from reports differ from adjudicated readings, and what does it do to an AUROC?"""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import SAMPLES, bootstrap, clusters_of, percentile_interval
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.few_positives import auroc_estimate
from chexnet.statistics.proportions import Rates, kappa_estimate, rates
from chexnet.statistics.resampled_auroc import Ranking


@dataclass(frozen=True)
class LabelComparison:
    """Two sets of labels of the same images, and one model measured against both.

    Attributes:
        rates: the mined labels as calls against the adjudicated ones; the PPV is the share of mined positives
            that the adjudication confirms.
        kappa: agreement beyond chance.
        adjudicated: the model's AUROC against the adjudicated labels.
        mined: against the mined labels.
        difference: adjudicated less mined, on the same resamples of patients.
    """

    rates: Rates
    kappa: Estimate
    adjudicated: Estimate
    mined: Estimate
    difference: Estimate


@validated(adjudicated=binary, mined=binary, scores=real, patients=identities)
def compare_labels(
    adjudicated: Bool[np.ndarray, " images"],
    mined: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> LabelComparison:
    """Measure mined labels against adjudicated ones, and one model against both.

    Raises:
        NotEstimable: one set of labels has one class only, or there is one patient only.
        ValueError: a score is NaN.
    """
    owner = clusters_of(patients, scores.size)
    number = int(owner.max()) + 1
    statistics = [Ranking(labels, scores, owner).auroc for labels in (adjudicated, mined)]
    resampled = bootstrap(statistics, number, samples, seed)
    first, second = (
        auroc_estimate(labels, scores, owner, column, confidence=confidence)
        for labels, column in zip((adjudicated, mined), resampled.T, strict=True)
    )
    value = float((first.value or 0.0) - (second.value or 0.0))
    try:
        difference = Estimate(value, *percentile_interval(resampled[:, 0] - resampled[:, 1], confidence))
    except NotEstimable as error:
        difference = Estimate(value, reason=str(error))
    return LabelComparison(
        rates(adjudicated, mined, owner, confidence=confidence),
        kappa_estimate(adjudicated.astype(float), mined.astype(float), owner, confidence=confidence),
        first,
        second,
        difference,
    )
