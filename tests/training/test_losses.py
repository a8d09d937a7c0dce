import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from references import class_balanced_loss_by_labels

from chexnet.training.losses import (
    class_balanced_loss,
    count_labels,
    pathologies_loss,
    pneumonia_loss,
    pneumonia_weights,
)

NAN = float("nan")
logits = st.floats(-30, 30, width=32)
prevalences = st.floats(0.5, 99)
labels = st.one_of(st.sampled_from([0.0, 1.0, NAN]), st.floats(0, 1, width=32))


def cross_entropy(logit, label, positive=1.0, negative=1.0):
    """-w+ y log p(Y=1|X) - w- (1-y) log p(Y=0|X) with p = 1 / (1 + e^-logit)."""
    log_present = -math.log1p(math.exp(-logit))
    log_absent = -math.log1p(math.exp(logit))
    return -positive * label * log_present - negative * (1 - label) * log_absent


@given(st.lists(st.tuples(logits, labels), min_size=1, max_size=8), prevalences, prevalences)
def test_the_pneumonia_loss_is_section_2_1_averaged_over_known_labels(pairs, positives, negatives):
    weights = pneumonia_weights(positives, negatives)
    terms = [cross_entropy(x, y, *weights) for x, y in pairs if not math.isnan(y)]
    expected = sum(terms) / len(terms) if terms else 0.0
    x, y = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    loss = pneumonia_loss(x[:, None], y[:, None], weights)
    assert float(loss) == pytest.approx(expected, rel=1e-9, abs=1e-12)


batches = st.integers(1, 14).flatmap(
    lambda findings: st.lists(
        st.lists(st.tuples(logits, labels), min_size=findings, max_size=findings), min_size=1, max_size=5
    )
)


@given(batches)
def test_the_pathologies_loss_is_section_5_averaged_over_the_images(images):
    expected = sum(
        sum(cross_entropy(x, y) for x, y in findings if not math.isnan(y)) for findings in images
    ) / len(images)
    x, y = torch.tensor(images, dtype=torch.float64).unbind(2)
    assert float(pathologies_loss(x, y)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(batches)
def test_the_class_balanced_loss_is_wangs_averaged_over_the_images(images):
    expected = class_balanced_loss_by_labels(
        [[x for x, _ in film] for film in images],
        [[None if math.isnan(y) else y for _, y in film] for film in images],
    )
    x, y = torch.tensor(images, dtype=torch.float64).unbind(2)
    loss = class_balanced_loss(x, y, count_labels(y))
    assert float(loss) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_both_classes_weigh_the_same_in_the_class_balanced_loss():
    x, y = torch.zeros(5, 4), torch.zeros(5, 4)
    y[0, 1] = 1
    absent = class_balanced_loss(x[1:], y[1:], count_labels(y))
    both = class_balanced_loss(x, y, count_labels(y))
    # One positive label weighs as much as nineteen negative ones: 20 log 2 on each side, over five images.
    assert float(both) == pytest.approx(2 * 20 * math.log(2) / 5)
    assert float(absent) == pytest.approx(16 / 19 * 20 * math.log(2) / 4)


def test_weights_balance_the_two_classes():
    assert pneumonia_weights(1.0, 3.0) == (0.75, 0.25)
    # Both classes weigh the same in all, whatever the prevalence.
    positive, negative = pneumonia_weights(1_431.0, 110_689.0)
    assert 1_431 * positive == pytest.approx(110_689 * negative)


@pytest.mark.parametrize(("positives", "negatives"), [(0.0, 5.0), (5.0, 0.0), (0.0, 0.0), (NAN, 1.0)])
def test_a_missing_class_is_refused(positives, negatives):
    with pytest.raises(ValueError, match="the weighted loss needs both"):
        pneumonia_weights(positives, negatives)


def both(x, y):
    return [
        pneumonia_loss(x[:, :1], y[:, :1], (0.9, 0.1)),
        pathologies_loss(x, y),
        class_balanced_loss(x, y, count_labels(y)),
    ]


def test_the_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    y = torch.tensor([[0, 1, NAN, 0.3], [1, NAN, 0, 1], [NAN, 0, 1, 0.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: pathologies_loss(x, y), x)
    assert torch.autograd.gradcheck(lambda x: pneumonia_loss(x[:, :1], y[:, :1], (0.9, 0.1)), x)
    assert torch.autograd.gradcheck(lambda x: class_balanced_loss(x, y, count_labels(y)), x)


def test_an_unknown_label_adds_nothing_to_value_or_gradient():
    x = torch.tensor([[2.0, -1.0], [0.5, 3.0]], requires_grad=True)
    y = torch.tensor([[1.0, NAN], [0.0, 1.0]])
    for loss in both(x, y):
        (gradient,) = torch.autograd.grad(loss, x)
        assert gradient[0, 1] == 0
    x = x.detach()
    moved = x.clone()
    moved[0, 1] = 17.0
    assert [float(loss) for loss in both(x, y)] == [float(loss) for loss in both(moved, y)]


def test_a_batch_of_unknown_labels_gives_zero_and_no_gradient():
    x = torch.tensor([[2.0], [-1.0]], requires_grad=True)
    for loss in both(x, torch.full((2, 1), NAN)):
        assert float(loss.detach()) == 0
        assert torch.autograd.grad(loss, x)[0].abs().sum() == 0


@pytest.mark.parametrize("logit", [1e4, -1e4, 3e38, -3e38])
@pytest.mark.parametrize("label", [0.0, 1.0, 0.5, NAN])
def test_extreme_logits_keep_the_loss_and_its_gradient_finite(logit, label):
    x = torch.tensor([[logit]], requires_grad=True)
    for loss in both(x, torch.tensor([[label]])):
        assert torch.isfinite(loss)
        assert torch.isfinite(torch.autograd.grad(loss, x)[0]).all()


def test_the_mean_of_two_halves_is_the_whole():
    """Why processes with half a batch each, their gradients averaged, take the step of one with all of it."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(8, 14, generator=generator), torch.randint(0, 2, (8, 14), generator=generator).float()
    halves = torch.stack([pathologies_loss(x[:4], y[:4]), pathologies_loss(x[4:], y[4:])])
    torch.testing.assert_close(halves.mean(), pathologies_loss(x, y))
    counts = count_labels(y)
    halves = torch.stack([class_balanced_loss(x[part], y[part], counts) for part in (slice(4), slice(4, 8))])
    torch.testing.assert_close(halves.mean(), class_balanced_loss(x, y, counts))
