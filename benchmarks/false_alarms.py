"""How often does a test find a difference where there is none? Nominal: 0.05.

The first table compares two equally good models with few positive patients. The second compares a model with
five readers, all drawn from one population; "sd" is the spread of the true sensitivities in it. The tables of
docs/statistics.md are made by

    python benchmarks/false_alarms.py
    python benchmarks/false_alarms.py --readings READINGS.csv

The second lets each real reader of a table play the model against the others, in the paper's F1.
"""

# ruff: noqa: E402 (the number of threads must be set before NumPy is imported)
import argparse
import os
from pathlib import Path
from statistics import NormalDist

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from chexnet.statistics import (
    NotEstimable,
    PairedF1,
    clusters_of,
    compare_aurocs,
    compare_with_readers,
    consensus,
    permutation_test_of_aurocs,
    standalone_tests,
)
from chexnet.tables import read_readings

QUESTIONS = ("these readers", "the average reader", "one more reader")
FINDINGS = ["Atelectasis", "Effusion", "Consolidation", "Pneumothorax", "Nodule", "Mass", "Cardiomegaly"]
"""The seven that at least 40 of the 810 images with five readers have."""


def two_models(generator, positives, negatives=100):
    """Labels and the scores of two equally good models that agree in part."""
    labels = np.arange(positives + negatives) < positives
    shared = generator.normal(size=labels.size) + labels
    return labels, *(shared + generator.normal(size=labels.size) for _ in range(2))


def paired_tests(positives, studies):
    """Share of studies that DeLong's and the permutation test call different; the latter may be refused."""
    generator = np.random.default_rng(positives)
    delong, exact = [], []
    for seed in range(studies):
        labels, first, second = two_models(generator, positives)
        delong.append(compare_aurocs(labels, first, second).p_value <= 0.05)
        try:
            tested = permutation_test_of_aurocs(labels, first, second, samples=400, seed=seed)
        except NotEstimable:
            continue
        exact.append(tested.p_value <= 0.05)
    return np.mean(delong), np.mean(exact) if exact else None


def reader_study(generator, sd, cases=400, readers=5):
    """Sensitivities of five readers and a model of one population, and their covariance over cases."""
    normal = NormalDist()
    positive = generator.random(cases) < 0.25
    sensitivity = np.clip(generator.normal(0.75, sd, readers + 1), 0.05, 0.98)
    # Half of the variance of a call belongs to the case, so readers err on the same ones.
    latent = (generator.normal(size=cases) + generator.normal(size=(readers + 1, cases))) / np.sqrt(2)
    cut = np.array([normal.inv_cdf(one) for one in sensitivity])
    right = (latent < cut[:, None])[:, positive].astype(float)
    return right.mean(axis=1), np.cov(right) / positive.sum(), cases


def verdicts(sd, studies):
    generator = np.random.default_rng(round(100 * sd))
    found = np.zeros(3)
    for _ in range(studies):
        found += [one.p_value <= 0.05 for one in standalone_tests(*reader_study(generator, sd))]
    return found / studies


def played(path, findings):
    """Each reader as the model: how often each question finds a difference from the others."""
    readings = read_readings(path, findings)
    owner = clusters_of(np.array(readings.patients), len(readings.images))
    print(f"| finding | positive images | verdicts | {' | '.join(QUESTIONS)} |")
    print("|---|---|---|---|---|---|")
    total = np.zeros(3, dtype=int)
    for finding in findings:
        values = readings.of(finding)
        found = np.zeros(3, dtype=int)
        for model in range(len(values)):
            paired = PairedF1(np.delete(values, model, axis=0), values[model], owner)
            result = compare_with_readers(paired.of_raters, int(owner.max()) + 1, samples=100)
            tests = result.these_readers, result.average_reader, result.one_more_reader
            found += [one.p_value <= 0.05 for one in tests]
        total += found
        shown = " | ".join(map(str, found))
        print(f"| {finding} | {int((consensus(values) == 1).sum())} | {len(values)} | {shown} |")
    print(f"| all | | {len(values) * len(findings)} | {' | '.join(map(str, total))} |")


def main():
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--readings", type=Path, help="a table of readings without missing ones")
    parser.add_argument("--findings", nargs="+", default=FINDINGS)
    options = parser.parse_args()
    if options.readings:
        played(options.readings, options.findings)
        return
    studies = options.studies
    print("| positive patients | DeLong | permutation |\n|---|---|---|")
    for positives in (2, 5, 10, 20):
        delong, exact = paired_tests(positives, studies)
        print(f"| {positives} | {delong:.3f} | {'refused' if exact is None else format(exact, '.3f')} |")
    print(f"\n| sd | {' | '.join(QUESTIONS)} |\n|---|---|---|---|")
    for sd in (0.0, 0.05, 0.1):
        print(f"| {sd:.2f} | " + " | ".join(f"{one:.3f}" for one in verdicts(sd, studies)) + " |")


if __name__ == "__main__":
    main()
