"""Slow, obviously right versions of the fast statistics: definitions written out as loops."""

import itertools
import math

import numpy as np


def auroc_by_pairs(labels, scores):
    """Count every (positive, negative) pair."""
    won = [
        1.0 if positive > negative else 0.5 if positive == negative else 0.0
        for positive in scores[labels]
        for negative in scores[~labels]
    ]
    return sum(won) / len(won)


def average_precision_by_thresholds(labels, scores):
    """Walk down the distinct scores, recounting everything at each."""
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        recall = (called & labels).sum() / labels.sum()
        area += (recall - recall_before) * (called & labels).sum() / called.sum()
        recall_before = recall
    return area


def delong_covariance_by_pairs(labels, scores):
    """DeLong 1988, equations for V10, V01, S10 and S01 as they stand, for a list of models."""
    positives, negatives = labels.sum(), (~labels).sum()
    wins = [
        (one[labels][:, None] > one[~labels]) + 0.5 * (one[labels][:, None] == one[~labels]) for one in scores
    ]
    v10 = np.stack([win.mean(axis=1) for win in wins])
    v01 = np.stack([win.mean(axis=0) for win in wins])
    return np.cov(v10).reshape(len(scores), -1) / positives + np.cov(v01).reshape(len(scores), -1) / negatives


def obuchowski_variance_by_patients(labels, scores, patients):
    """Obuchowski 1997: placements summed over each patient, three sums over patients."""
    win = (scores[labels][:, None] > scores[~labels]) + 0.5 * (scores[labels][:, None] == scores[~labels])
    area, everyone = win.mean(), np.unique(patients)
    m, n = win.shape
    x, y = [], []
    for patient in everyone:
        own_positive, own_negative = patients[labels] == patient, patients[~labels] == patient
        x.append(win.mean(axis=1)[own_positive].sum() - own_positive.sum() * area)
        y.append(win.mean(axis=0)[own_negative].sum() - own_negative.sum() * area)
    x, y = np.array(x), np.array(y)
    with_positive, with_negative = np.unique(patients[labels]).size, np.unique(patients[~labels]).size
    total = everyone.size
    s10 = with_positive / ((with_positive - 1) * m) * np.sum(x**2)
    s01 = with_negative / ((with_negative - 1) * n) * np.sum(y**2)
    s11 = total / (total - 1) * np.sum(x * y)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def expand(counts, clusters):
    """The image indices of one resample, each image repeated as often as its patient was drawn."""
    return np.repeat(np.arange(clusters.size), counts[clusters].astype(int))


def f1_by_counting(truth, calls):
    """2 TP / (2 TP + FP + FN), image by image."""
    tp = sum(1 for t, c in zip(truth, calls, strict=True) if t and c)
    wrong = sum(1 for t, c in zip(truth, calls, strict=True) if bool(t) != bool(c))
    return 2 * tp / (2 * tp + wrong) if tp + wrong else float("nan")


def log_sum_exp_by_places(values, r):
    """Wang et al. 2017's pooling in the form that does not overflow, place by place."""
    largest = max(abs(value) for value in values)
    total = sum(math.exp(r * (value - largest)) for value in values)
    return largest + math.log(total / len(values)) / r


def class_balanced_loss_by_labels(logits, labels):
    """W-CEL of Wang et al. 2017 over a batch, label by label; None is unknown."""
    known = [label for film in labels for label in film if label is not None]
    positives, negatives = sum(known), sum(1 - label for label in known)
    loss = 0.0
    for film, truth in zip(logits, labels, strict=True):
        for logit, label in zip(film, truth, strict=True):
            if label is None:
                continue
            if label > 0:
                loss += (positives + negatives) / positives * label * math.log1p(math.exp(-logit))
            if label < 1:
                loss += (positives + negatives) / negatives * (1 - label) * math.log1p(math.exp(logit))
    return loss / len(labels)


def label_marginals_by_enumeration(conditionals, labels):
    """P(y_t = 1) from P(y_t = 1 | y before t), summed over all 2^labels label vectors."""
    marginals = 0.0
    for y in itertools.product((0.0, 1.0), repeat=labels):
        given = conditionals(y)
        joint = np.prod(np.where(np.array(y) == 1, given, 1 - given), axis=1)
        marginals = marginals + joint[:, None] * np.array(y)
    return marginals
