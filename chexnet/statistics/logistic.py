"""Logistic regression with a covariance by patient, for calibration curves and baselines."""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics.calibration import sigmoid
from chexnet.statistics.estimate import NotEstimable

_STEPS = 50
"""Newton's method needs fewer than ten where the classes overlap."""


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients and their covariance.

    Attributes:
        covariance: the sandwich estimate, in which the images of a patient may depend on each other.
    """

    coefficients: Float[np.ndarray, " terms"]
    covariance: Float[np.ndarray, "terms terms"]

    def logits(self, design: Float[np.ndarray, "images terms"]) -> Float[np.ndarray, " images"]:
        """The fitted log-odds of other images."""
        fitted: Float[np.ndarray, " images"] = design @ self.coefficients
        return fitted

    def errors(self, design: Float[np.ndarray, "images terms"]) -> Float[np.ndarray, " images"]:
        """The standard error of each fitted log-odds."""
        variance: Float[np.ndarray, " images"] = np.einsum("it,tu,iu->i", design, self.covariance, design)
        return np.sqrt(np.maximum(variance, 0.0))


def fit_logistic(
    design: Float[np.ndarray, "images terms"],
    labels: Bool[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
    *,
    offset: Float[np.ndarray, " images"] | None = None,
    ridge: float = 0.0,
) -> LogisticFit:
    """Maximum likelihood by Newton's method.

    Args:
        design: one column per term; a column of ones gives the intercept.
        clusters: each image's patient, numbered from 0.
        offset: log-odds that are given, not fitted.
        ridge: penalty on the squared coefficients, for designs whose columns depend on each other.

    Raises:
        NotEstimable: the terms separate the classes, so that no finite maximum exists.
    """
    given = np.zeros(labels.size) if offset is None else offset
    penalty = (ridge + 1e-12 * labels.size) * np.eye(design.shape[1])
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        probability = sigmoid(design @ weights + given)
        hessian = (design * (probability * (1 - probability))[:, None]).T @ design + penalty
        step = np.linalg.solve(hessian, design.T @ (labels - probability) - ridge * weights)
        # A step of more than five on the log-odds overshoots; Newton then comes back from a flat end.
        weights = weights + step * min(1.0, 5.0 / max(float(np.abs(design @ step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-10 * (1 + float(np.abs(weights).max())):
            break
    else:
        raise NotEstimable("not estimable: the regression has no finite solution; the classes are separated")
    probability = sigmoid(design @ weights + given)
    return LogisticFit(weights, _sandwich(design, labels - probability, hessian, clusters))


def _sandwich(
    design: Float[np.ndarray, "images terms"],
    residuals: Float[np.ndarray, " images"],
    hessian: Float[np.ndarray, "terms terms"],
    clusters: Int[np.ndarray, " images"],
) -> Float[np.ndarray, "terms terms"]:
    patients = int(clusters.max()) + 1
    scores = np.stack([np.bincount(clusters, column * residuals, patients) for column in design.T], axis=1)
    bread = np.linalg.inv(hessian)
    sandwich: Float[np.ndarray, "terms terms"] = bread @ (scores.T @ scores) @ bread
    return sandwich * patients / max(patients - 1, 1)
