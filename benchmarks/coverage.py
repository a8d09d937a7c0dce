"""How often do 95 % intervals of an AUROC hold the true value when few patients have the finding?

Draws studies with normal scores of known AUROC and prints one row for each number of positive patients and
method: the coverage at each AUROC (mean of three spreads of the positives' scores: 0.6, 1 and 1.5 times that
of the negatives), the lowest of the 15, the mean width, and the share of studies where the interval exists.
With --images each patient has that many alike images.
The tables of docs/statistics.md are made by

    python benchmarks/coverage.py                  # one image per patient
    python benchmarks/coverage.py --images 3       # three
"""

# ruff: noqa: E402 (the number of threads must be set before NumPy is imported)
import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from statistics import NormalDist

import numpy as np

from chexnet.statistics import (
    NotEstimable,
    Ranking,
    auroc,
    auroc_interval,
    auroc_score_interval,
    bca_interval,
    bootstrap,
    jackknife,
    newcombe_interval,
    patients_of_classes,
    percentile_interval,
)

AUROCS = (0.6, 0.7, 0.8, 0.9, 0.95)
SPREADS = (0.6, 1.0, 1.5)
METHODS = ("percentile", "BCa", "DeLong, logit", "Newcombe 5", "score type")


def study(generator, positives, negatives, truth, spread, images=1, alike=0.5):
    """Labels, scores and patients of one study; ``alike`` is the share of variance between patients."""
    shift = NormalDist().inv_cdf(truth) * np.sqrt(1 + spread**2)
    labels = np.repeat(np.arange(positives + negatives) < positives, images)
    patients = np.repeat(np.arange(positives + negatives), images)
    shared = generator.normal(size=positives + negatives)[patients]
    noise = generator.normal(size=labels.size)
    share = alike if images > 1 else 0.0
    scores = np.sqrt(share) * shared + np.sqrt(1 - share) * noise
    return labels, np.where(labels, shift + spread * scores, scores), patients


def bootstrapped(labels, scores, patients, samples, seed):
    ranking, number = Ranking(labels, scores, patients), int(patients.max()) + 1
    distribution = bootstrap([ranking.auroc], number, samples, seed)[:, 0]
    yield lambda: percentile_interval(distribution)
    yield lambda: bca_interval(distribution, auroc(labels, scores), jackknife(ranking.auroc, number))


def intervals(labels, scores, patients, samples, seed):
    """The ends by each of METHODS, or None."""
    yield from bootstrapped(labels, scores, patients, samples, seed)
    yield lambda: auroc_interval(labels, scores, patients=patients).interval
    classes = patients_of_classes(labels, patients)
    yield lambda: newcombe_interval(auroc(labels, scores), *classes)
    yield lambda: auroc_score_interval(labels, scores, patients).interval


def measure(positives, truth, spread, options):
    """Coverage among the studies where the interval exists, mean width, and the share where it does."""
    held, width, exists = np.zeros((3, len(METHODS)))
    generator = np.random.default_rng([positives, round(100 * truth), round(10 * spread)])
    for seed in range(options.studies):
        data = study(generator, positives, options.negatives, truth, spread, options.images)
        for method, ends in enumerate(intervals(*data, options.samples, seed)):
            try:
                low, high = ends()
            except NotEstimable:
                continue
            exists[method] += 1
            held[method] += low <= truth <= high
            width[method] += high - low
    return held / np.maximum(exists, 1), width / np.maximum(exists, 1), exists / options.studies


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--samples", type=int, default=400, help="bootstrap resamples of each study")
    parser.add_argument("--negatives", type=int, default=150, help="patients without the finding")
    parser.add_argument("--positives", type=int, nargs="+", default=[3, 5, 10, 20, 50, 100])
    parser.add_argument("--images", type=int, default=1, help="images of each patient")
    options = parser.parse_args()
    truths = " | ".join(map(str, AUROCS))
    print(f"| positive patients | method | {truths} | lowest of 15 | mean width | exists |")
    print("|---|---|" + "---|" * (len(AUROCS) + 3))
    for positives in options.positives:
        cells = np.array(
            [[measure(positives, truth, spread, options) for spread in SPREADS] for truth in AUROCS]
        )
        for method, name in enumerate(METHODS):
            covered, width, exists = cells[:, :, :, method].transpose(2, 0, 1)
            shown = [*covered.mean(axis=1), covered.min(), width.mean(), exists.mean()]
            row = " | ".join(f"{one:.2f}" for one in shown)
            print(f"| {positives} | {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
