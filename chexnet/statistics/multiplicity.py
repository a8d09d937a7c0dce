"""Many tests at once: fourteen pathologies are fourteen chances of a false alarm."""

import numpy as np

from chexnet.arrays import Float


def holm(p_values: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """p-values adjusted so that the chance of any false alarm stays below the level (Holm 1979).

    The smallest is multiplied by the number of tests, the next by one less, and so on, kept in order.

    Raises:
        ValueError: a p-value is NaN or outside [0, 1]; leave tests that could not be done out.
    """
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise ValueError(f"p-values must lie in [0, 1], got {p_values}")
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate(p_values[order] * np.arange(p_values.size, 0, -1))
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
