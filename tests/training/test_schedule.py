from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chexnet.training import TrainConfig
from chexnet.training.schedule import WARM_UP, epochs_since_best, is_finished, learning_rate

# Few distinct values, so that ties and plateaus are frequent.
losses = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), max_size=30)


def torchs_rates(losses, config):
    """The rate before each epoch and after the last, by torch's scheduler with its threshold taken out."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=config.learning_rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=config.learning_rate_decay,
        patience=config.plateau_epochs - 1,
        threshold=0.0,
        eps=0.0,
    )
    rates = [config.learning_rate]
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@given(losses, st.integers(1, 4), st.sampled_from([0.1, 0.5]))
def test_rates_are_those_of_torchs_plateau_scheduler(losses, plateau_epochs, decay):
    config = TrainConfig(plateau_epochs=plateau_epochs, learning_rate_decay=decay)
    ours = [learning_rate(losses[:epoch], config) for epoch in range(len(losses) + 1)]
    assert ours == pytest.approx(torchs_rates(losses, config))


def test_the_papers_rate_is_divided_by_10_at_each_plateau():
    config = TrainConfig()
    rates = [learning_rate(seen, config) for seen in ([], [0.5], [0.5, 0.4], [0.5, 0.4, 0.4])]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4])


@given(losses)
def test_the_best_epoch_is_the_first_of_the_lowest_loss(losses):
    since = epochs_since_best(losses)
    if not losses:
        assert since == 0
        return
    best = len(losses) - 1 - since
    assert all(loss > losses[best] for loss in losses[:best])
    assert all(loss >= losses[best] for loss in losses[best:])


@given(losses.filter(len), st.integers(1, 40), st.integers(1, 10))
def test_training_ends_with_the_epochs_or_when_the_loss_has_long_stopped_falling(losses, most, patience):
    config = TrainConfig(max_epochs=most, stop_epochs=patience)
    stale = len(losses) > patience and min(losses[:-patience]) <= min(losses[-patience:])
    assert is_finished(losses, config) == (len(losses) >= most or stale)


def test_a_run_that_has_not_begun_is_not_finished():
    assert not is_finished([], TrainConfig(max_epochs=1, stop_epochs=1))


def test_one_cycle_rises_for_a_tenth_and_falls_to_nothing():
    config = TrainConfig(schedule="one_cycle", learning_rate=0.01)
    assert learning_rate([], config, WARM_UP) == pytest.approx(0.01)
    assert learning_rate([], config, 1.0) == pytest.approx(0)
    rates = [learning_rate([], config, step / 1000) for step in range(1001)]
    top = rates.index(max(rates))
    assert top == 100
    assert all(later > earlier > 0 for earlier, later in pairwise(rates[: top + 1]))
    assert all(later < earlier for earlier, later in pairwise(rates[top:]))
    # Rise and fall meet: no step is more than a hundredth of the whole.
    assert max(abs(later - earlier) for earlier, later in pairwise(rates)) < 1e-4


def test_one_cycle_goes_to_its_end_whatever_the_losses():
    config = TrainConfig(schedule="one_cycle", max_epochs=9, stop_epochs=1)
    assert not is_finished([0.1, *[0.9] * 7], config)
    assert is_finished([0.1, *[0.9] * 8], config)
