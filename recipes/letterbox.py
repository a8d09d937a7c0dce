"""A film between bars, as captures of a screen show it."""

import numpy as np

from chexnet.radiograph import resized


def between_bars(pictures: np.ndarray, value: np.ndarray | float, share: float = 9 / 16) -> np.ndarray:
    """Pictures (..., rows, columns), float32, each in the middle of one that is wider by bars at its sides.

    Args:
        value: of the bars; a number, or an array that broadcasts to the pictures.
        share: of the columns that the film keeps, squeezed into them as a network's square input has it.
    """
    columns = pictures.shape[-1]
    kept = round(columns * share)
    films = pictures.reshape(-1, *pictures.shape[-2:]).astype(np.float32)
    squeezed = np.stack([resized(film, kept, axes=(1,)) for film in films])
    barred = np.broadcast_to(np.float32(value), pictures.shape).copy()
    left = (columns - kept) // 2
    barred[..., left : left + kept] = squeezed.reshape(*pictures.shape[:-1], kept)
    return barred
