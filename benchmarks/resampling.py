"""10,000 patient-cluster resamples of 14 AUROCs on 25,000 images, beside what a user would write or install.

Every competitor runs as many resamples as patience allows, in turn with the others, and is scaled to
10,000: a loop's cost is linear in its resamples. This package runs all 10,000. Time is processor time, so
that other work on the machine does not count. Competitors that are not installed are left out and named.

    python benchmarks/resampling.py              # everything
    python benchmarks/resampling.py --rounds 1   # a quick look
    python benchmarks/resampling.py --targets    # only this package, with time and memory
"""

# ruff: noqa: E402 (the number of threads must be set before NumPy is imported)
import argparse
import os
import resource
import statistics
import subprocess
import sys
import warnings
from time import process_time

# One thread for all: processor time then compares work, not waiting.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from chexnet.statistics import (
    Decisions,
    Ranking,
    bootstrap,
    compare_aurocs,
    raters_of,
    reader_study,
    resample_counts,
    two_way_bootstrap,
)
from chexnet.statistics.delong import auroc_covariance

IMAGES, PATIENTS, SAMPLES = 25_000, 6_000, 10_000
PREVALENCE = (
    0.103,
    0.025,
    0.119,
    0.177,
    0.052,
    0.056,
    0.013,
    0.047,
    0.042,
    0.021,
    0.022,
    0.015,
    0.030,
    0.002,
)
"""Of the 14 pathologies in ChestX-ray14."""


def data():
    generator = np.random.default_rng(0)
    clusters = np.sort(generator.integers(0, PATIENTS, IMAGES))
    clusters = np.unique(clusters, return_inverse=True)[1]
    labels = np.stack([generator.random(IMAGES) < share for share in PREVALENCE], axis=1)
    scores = 1 / (1 + np.exp(-generator.normal(size=labels.shape) - labels))
    return labels, scores, clusters


LABELS, SCORES, CLUSTERS = data()
NUMBER = int(CLUSTERS.max()) + 1
ROWS_OF = np.split(np.arange(IMAGES), np.flatnonzero(np.diff(CLUSTERS)) + 1)


def ours(samples=SAMPLES):
    rankings = [Ranking(LABELS[:, one], SCORES[:, one], CLUSTERS) for one in range(14)]
    return bootstrap([ranking.auroc for ranking in rankings], NUMBER, samples)


def scikit_learn(samples):
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    for _ in range(samples):
        rows = np.concatenate([ROWS_OF[one] for one in generator.integers(0, NUMBER, NUMBER)])
        for one in range(14):
            roc_auc_score(LABELS[rows, one], SCORES[rows, one])


def scipy_bootstrap(samples):
    from scipy import stats

    def area(labels, scores):
        labels = labels.astype(bool)
        positive = labels.sum()
        ranks = stats.rankdata(scores)[labels].sum()
        return (ranks - positive * (positive + 1) / 2) / (positive * (labels.size - positive))

    for one in range(14):
        stats.bootstrap(
            (LABELS[:, one], SCORES[:, one]), area, paired=True, vectorized=False, n_resamples=samples,
            method="percentile", rng=0,
        )  # fmt: skip


def torchmetrics_bootstrapper(samples):
    import torch
    from torchmetrics.classification import MultilabelAUROC
    from torchmetrics.wrappers import BootStrapper

    torch.set_num_threads(1)
    wrapper = BootStrapper(MultilabelAUROC(14, average="none"), num_bootstraps=samples)
    wrapper.update(torch.from_numpy(SCORES), torch.from_numpy(LABELS.astype(int)))
    wrapper.compute()


def confidenceinterval_package(samples):
    from confidenceinterval import roc_auc_score

    for one in range(14):
        roc_auc_score(
            LABELS[:, one], SCORES[:, one], method="bootstrap_percentile", n_resamples=samples, random_state=0
        )


def mlstatkit(samples):
    from MLstatkit import Bootstrapping

    for one in range(14):
        Bootstrapping(LABELS[:, one].astype(int), SCORES[:, one], "roc_auc", n_bootstraps=samples)


def numpy_counts(samples):
    """Sort once, then a running sum of counts for each resample: the usual fast way in NumPy."""
    orders = [np.argsort(SCORES[:, one]) for one in range(14)]
    for counts in resample_counts(NUMBER, samples, np.random.default_rng(0), block=samples):
        for column in range(counts.shape[1]):
            weight = counts[CLUSTERS, column]
            for one, order in enumerate(orders):
                drawn, positive = weight[order], LABELS[order, one]
                below = np.cumsum(np.where(positive, 0, drawn))
                won = np.dot(below[positive], drawn[positive])
                _ = won / (below[-1] * drawn[positive].sum())


COMPETITORS = {
    "scikit-learn loop over patients": (scikit_learn, 5),
    "MLstatkit (images)": (mlstatkit, 5),
    "confidenceinterval (images)": (confidenceinterval_package, 5),
    "torchmetrics BootStrapper (images)": (torchmetrics_bootstrapper, 5),
    "SciPy bootstrap, ranks (images)": (scipy_bootstrap, 20),
    "NumPy, sorted once, counts (patients)": (numpy_counts, 50),
}


def seconds(work, *arguments):
    start = process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work(*arguments)
    return process_time() - start


def same_numbers(samples=3):
    """Largest difference from scikit-learn on the same resamples."""
    from sklearn.metrics import roc_auc_score

    counts = next(resample_counts(NUMBER, samples, np.random.default_rng(1)))
    largest = 0.0
    for one in range(14):
        found = Ranking(LABELS[:, one], SCORES[:, one], CLUSTERS).auroc(counts)
        for column in range(samples):
            rows = np.repeat(np.arange(IMAGES), counts[CLUSTERS, column].astype(int))
            largest = max(largest, abs(found[column] - roc_auc_score(LABELS[rows, one], SCORES[rows, one])))
    return largest


def memory_mb():
    """Peak memory of a fresh process that runs all resamples."""
    script = [sys.executable, __file__, "--memory"]
    return float(subprocess.run(script, capture_output=True, text=True, check=True).stdout)


def bootstrap_table(rounds):
    times = {name: [] for name in COMPETITORS}
    own, missing = [], {}
    for _ in range(rounds):
        own.append(seconds(ours))
        for name, (work, samples) in COMPETITORS.items():
            try:
                times[name].append(seconds(work, samples) * SAMPLES / samples)
            except ImportError as error:
                missing[name] = error.name
    print("| 10,000 resamples of 14 AUROCs on 25,000 images | processor seconds | times chexnet |")
    print("|---|---|---|")
    print(f"| **chexnet** (6,000 patients, all resamples run) | {statistics.median(own):.1f} | 1 |")
    for name, taken in times.items():
        if taken:
            ratio = statistics.median(slow / fast for slow, fast in zip(taken, own, strict=False))
            count = COMPETITORS[name][1]
            print(f"| {name}, scaled from {count} | {statistics.median(taken):,.0f} | {ratio:,.0f} |")
    for name, package in missing.items():
        print(f"\nleft out: {name} ({package} is not installed)")


def readers_table():
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    truth = generator.random(420) < 0.3
    raters = np.where(generator.random((5, 420)) < 0.85, truth, ~truth).astype(float)

    def loop(samples):
        for _ in range(samples):
            rows = generator.integers(0, 420, 420)
            for first in range(5):
                for second in range(first + 1, 5):
                    f1_score(raters[first, rows], raters[second, rows])

    own = seconds(lambda: reader_study(raters[:4], raters[4]))
    other = seconds(loop, 20) * SAMPLES / 20
    print(
        "\n| reader study, 420 images, 4 readers and a model, 10,000 resamples | processor seconds | ratio |"
    )
    print("|---|---|---|")
    print(f"| **chexnet** | {own:.2f} | 1 |")
    print(f"| scikit-learn f1_score loop, scaled from 20 | {other:,.0f} | {other / own:,.0f} |")


def delong_table():
    def all_findings():
        for one in range(14):
            auroc_covariance(LABELS[:, one], [SCORES[:, one]])

    def paired():
        for one in range(14):
            compare_aurocs(LABELS[:, one], SCORES[:, one], SCORES[:, one - 1], patients=CLUSTERS)

    print("\n| DeLong, 25,000 images | processor seconds |")
    print("|---|---|")
    print(f"| variance of 14 AUROCs | {seconds(all_findings):.3f} |")
    print(f"| 14 paired tests over patients | {seconds(paired):.3f} |")


def large_study(samples=SAMPLES):
    """14 AUROCs on 250,000 images of 60,000 patients."""
    generator = np.random.default_rng(0)
    owner = np.unique(np.sort(generator.integers(0, 60_000, 250_000)), return_inverse=True)[1]
    rankings = []
    for share in PREVALENCE:
        labels = generator.random(owner.size) < share
        rankings.append(Ranking(labels, generator.normal(size=owner.size) + labels, owner))
    bootstrap([ranking.auroc for ranking in rankings], int(owner.max()) + 1, samples)


def two_way_readers():
    """Sensitivities of five readers and a model on 400 images: 10,000 resamples of readers and images."""
    generator = np.random.default_rng(0)
    truth = generator.random(400) < 0.3
    calls = generator.random((6, 400)) < np.where(truth, 0.8, 0.1)
    everyone = np.arange(400)
    two_way_bootstrap(raters_of([Decisions(truth, one, everyone, 400).sensitivity for one in calls]), 400)


TARGETS = {
    "14 AUROCs, 25,000 images, 10,000 resamples": ("ours", 15, 300),
    "14 AUROCs, 250,000 images, 10,000 resamples": ("large_study", 100, 1000),
    "readers and images, 400 images, 5 readers, 10,000 resamples": ("two_way_readers", 5, 300),
}
"""What it must not cost: processor seconds and peak memory in MB, each in a process of its own."""


def targets_table():
    print("| work | processor seconds | at most | peak MB | at most |\n|---|---|---|---|---|")
    for name, (work, most_seconds, most_mb) in TARGETS.items():
        script = [sys.executable, __file__, "--one", work]
        spent, memory = subprocess.run(script, capture_output=True, text=True, check=True).stdout.split()
        print(
            f"| {name} | {float(spent):.2f} | {most_seconds} | {float(memory):.0f} | {most_mb} |", flush=True
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="print this process's peak memory in MB")
    parser.add_argument("--targets", action="store_true", help="only what this package must not exceed")
    parser.add_argument("--one", choices=[work for work, _, _ in TARGETS.values()], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(seconds(globals()[options.one]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    if options.targets:
        targets_table()
        return
    if options.memory:
        ours()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    bootstrap_table(options.rounds)
    print(f"\nlargest difference from scikit-learn on the same resamples: {same_numbers():.1e}")
    print(f"peak memory of a process that runs all 10,000: {memory_mb():.0f} MB")
    readers_table()
    delong_table()


if __name__ == "__main__":
    main()
