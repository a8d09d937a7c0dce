"""The learning rate: the plateau rule of section 2.2, as a function of the losses so far, or one cycle.

Nothing is remembered between epochs but the losses, so a resumed run cannot
disagree with an uninterrupted one.
"""

import math
from collections.abc import Sequence

from chexnet.training.config import TrainConfig

WARM_UP = 0.1
"""Share of one cycle in which the learning rate rises."""


def epochs_since_best(losses: Sequence[float]) -> int:
    """Epochs since the lowest validation loss; 0 before the first epoch."""
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def plateaus(losses: Sequence[float], patience: int) -> int:
    """How often the loss failed to fall below its lowest for `patience` epochs in a row."""
    best, waited, count = float("inf"), 0, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
            continue
        waited += 1
        if waited == patience:
            count, waited = count + 1, 0
    return count


def learning_rate(losses: Sequence[float], config: TrainConfig, reached: float = 0.0) -> float:
    """The rate of the next step: decayed once for each plateau so far, or where one cycle has got to.

    Args:
        losses: validation loss of each epoch so far.
        config: the recipe.
        reached: share of all steps that are done; the plateau rule does not ask.
    """
    if config.schedule == "one_cycle":
        if reached < WARM_UP:
            return config.learning_rate * (0.04 + 0.96 * reached / WARM_UP)
        return config.learning_rate * (1 + math.cos(math.pi * (reached - WARM_UP) / (1 - WARM_UP))) / 2
    return config.learning_rate * config.learning_rate_decay ** plateaus(losses, config.plateau_epochs)


def is_finished(losses: Sequence[float], config: TrainConfig) -> bool:
    """Whether training ends here: the epochs are used up, or the loss has long stopped falling."""
    if config.schedule == "one_cycle":
        return len(losses) >= config.max_epochs
    return len(losses) >= config.max_epochs or epochs_since_best(losses) >= config.stop_epochs
